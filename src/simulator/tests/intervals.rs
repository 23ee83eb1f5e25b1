//! Engagement Activity split into slots of 5 minutes, which histories are made of.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::simulator::world::{Chat, History, MINUTE, Node, Staff, Window};

use super::data_apis::{activity, sum};
use super::{BUSY, QUIET};

/// The numbers of a level, by the path of its totals in the body.
fn levels(body: &Value) -> Vec<(String, [i64; 5])> {
    let mut levels = Vec::new();
    collect_levels("", body, &mut levels);
    levels.sort();
    levels
}

fn collect_levels(path: &str, value: &Value, levels: &mut Vec<(String, [i64; 5])>) {
    let Some(map) = value.as_object() else {
        return;
    };
    if map.contains_key("connectedEngagements") {
        levels.push((path.to_owned(), sum(std::iter::once(value))));
    }
    for (key, value) in map.iter().filter(|(key, _)| *key != "metricsByIntervals") {
        collect_levels(&format!("{path}/{key}"), value, levels);
    }
}

#[test]
fn five_minute_slots_of_a_day_add_up_at_every_level() {
    let history = History::new(Staff::new(1, 8, 40, 3));
    let queries = [
        "",
        "&skillIds=all",
        "&agentIds=all",
        "&skillIds=all&agentIds=all",
        "&skillIds=101,108,-1&agentIds=1001,1007",
    ];
    for now in [BUSY, QUIET, BUSY - BUSY % (5 * MINUTE)] {
        let chats = history.chats_around(Window::ending(now, 1440, Node::default()));
        let chats: Vec<Chat> = chats.iter().cloned().collect();
        for rest in queries {
            let query = format!("v=1&timeframe=1440&interval=5{rest}");
            let body = activity(now, &chats, &query);
            let slots = body["metricsByIntervals"].as_array().unwrap();
            let end = |slot: &Value| slot["timestamp"].as_i64().unwrap();
            let first = now - now % (5 * MINUTE) + 5 * MINUTE;
            let expected: Vec<i64> = (0..289).map(|slot| first - slot * 5 * MINUTE).collect();
            assert_eq!(
                slots.iter().map(end).collect::<Vec<_>>(),
                expected,
                "{query}"
            );
            let mut sums = BTreeMap::new();
            for (path, numbers) in slots.iter().flat_map(|slot| levels(&slot["metricsData"])) {
                let sum = sums.entry(path).or_insert([0; 5]);
                for (sum, number) in sum.iter_mut().zip(numbers) {
                    *sum += number;
                }
            }
            assert_eq!(
                sums.into_iter().collect::<Vec<_>>(),
                levels(&body),
                "{query}"
            );
        }
    }
}

#[test]
fn a_closed_slot_stays_as_it_is() {
    let history = History::new(Staff::new(1, 8, 40, 3));
    let slots = |now: i64| {
        let chats = history.chats_around(Window::ending(now, 1440, Node::default()));
        let chats: Vec<Chat> = chats.iter().cloned().collect();
        let body = activity(
            now,
            &chats,
            "v=1&timeframe=1440&interval=5&skillIds=all&agentIds=all",
        );
        body["metricsByIntervals"].as_array().unwrap().clone()
    };
    let now = BUSY - BUSY % (5 * MINUTE);
    let (before, after) = (slots(now), slots(now + 60 * MINUTE));
    // The newest is filling; twelve of the oldest have left the window.
    assert_eq!(before[1..277], after[13..289]);
    assert_ne!(before[0], after[12]);
}
