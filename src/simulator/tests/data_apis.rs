//! The two data APIs counted from given chats, against the samples of LivePerson's documents, and
//! the sums that must agree whatever the chats are.

use serde_json::{Value, json};

use crate::simulator::Numbers;
use crate::simulator::apis::{engagement_activity, sla};
use crate::simulator::params::Params;
use crate::simulator::world::{Changes, Chat, HOUR, History, MINUTE, Node, Staff, View, Window};

use super::{BUSY, QUIET};
use crate::cases::check_each;

const NUMBERS: [&str; 5] = [
    "totalInteractiveChats",
    "totalNonInteractiveChats",
    "totalHandlingTime",
    "nonInteractiveTotalHandlingTime",
    "connectedEngagements",
];

pub(super) fn activity(now: i64, chats: &[Chat], query: &str) -> Value {
    let query = engagement_activity::Query::parse(&Params::parse(Some(query))).unwrap();
    let window = Window::ending(now, query.timeframe, Node::default());
    let style = engagement_activity::Style::default();
    query.body(window, settled(window).activity(chats.iter()), style)
}

fn histogram(now: i64, chats: &[Chat], query: &str) -> Value {
    let query = sla::Query::parse(&Params::parse(Some(query))).unwrap();
    let window = Window::ending(now, query.timeframe, Node::default());
    query.body(settled(window).waits(chats.iter()), Numbers::Integer)
}

/// A view in which numbers never change.
fn settled(window: Window) -> View<'static> {
    const NONE: &Changes = &Changes {
        seed: 0,
        late_share: 0.0,
        corrected_share: 0.0,
        settled_after_ms: 0,
    };
    View {
        window,
        changes: NONE,
    }
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn chat(
    skill: i64,
    agent: i64,
    answered_at: i64,
    handling_seconds: u32,
    interactive: bool,
) -> Chat {
    Chat {
        queued_at: answered_at - 2_000,
        answered_at: Some(answered_at),
        closed_at: answered_at + i64::from(handling_seconds) * 1000,
        skill,
        agent: Some(agent),
        group: Some(agent + 10),
        interactive,
        handling_seconds,
    }
}

/// The chats of the documents' samples with skill 2 and agent 3: 12 s, and 13 s in two.
fn sample(now: i64) -> [Chat; 3] {
    [
        chat(2, 3, now - 60_000, 12, true),
        chat(2, 3, now - 50_000, 5, false),
        chat(2, 3, now - 40_000, 8, false),
    ]
}

#[test]
fn the_samples_of_the_documents_are_reproduced() {
    // 2014-10-07 11:17, so that the intervals end as in the document.
    let now = 1_412_680_800_000 - 3 * MINUTE;
    let chats = sample(now);
    let query = |rest: &str| activity(now, &chats, &format!("v=1&timeframe=1200&{rest}"));
    assert_eq!(
        query(""),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/account.json"
        ))
    );
    assert_eq!(
        query("skillIds=all&agentIds=3"),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/all-skills-agent-3.json"
        ))
    );
    assert_eq!(
        query("skillIds=9&agentIds=9"),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/skill-and-agent-no-data.json"
        ))
    );
    assert_eq!(
        activity(now, &chats[..2], "v=1&timeframe=60&skillIds=2"),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/skill-2.json"
        ))
    );
    assert_eq!(
        query("interval=600"),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/account-intervals.json"
        ))
    );
    assert_eq!(
        query("interval=600&skillIds=9"),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/skill-no-data-intervals.json"
        ))
    );
    let of_agent_2 = chats.map(|chat| Chat {
        agent: Some(2),
        ..chat
    });
    assert_eq!(
        activity(
            now,
            &of_agent_2,
            "v=1&timeframe=1200&interval=600&agentIds=2"
        ),
        fixture(include_str!(
            "../../../tests/fixtures/engactivity/agent-2-intervals.json"
        ))
    );
}

#[test]
fn the_histogram_of_the_document_is_reproduced() {
    let waited = |seconds: i64| {
        let mut chat = chat(2, 3, BUSY - 60_000, 12, true);
        chat.queued_at = BUSY - 60_000 - seconds * 1000;
        chat
    };
    let chats = [2, 2, 7, 7, 27].map(waited);
    assert_eq!(
        histogram(BUSY, &chats, "v=1&timeframe=5&histogram=0,5,10,20,30"),
        fixture(include_str!(
            "../../../tests/fixtures/sla/buckets-0-5-10-20-30.json"
        ))
    );
    let edges = [5, 10, 29, 30, 31].map(waited);
    let range =
        histogram(BUSY, &edges, "v=1&timeframe=5&histogram=5,10,30")["slaDataRange"].clone();
    let counts = ["0", "5", "10", "30"].map(|limit| range[limit]["chats"].as_i64().unwrap());
    assert_eq!(counts, [0, 1, 2, 2]);
    let none = histogram(BUSY, &[], "v=1&timeframe=5");
    let empty = json!({ "accumulated": 0, "percentageFromTotal": 0, "chats": 0 });
    assert_eq!(none["slaDataRange"].as_object().unwrap().len(), 7);
    assert!(
        none["slaDataRange"]
            .as_object()
            .unwrap()
            .values()
            .all(|bucket| *bucket == empty)
    );
}

#[test]
fn the_histogram_is_restricted_by_skill_and_group() {
    let chats = [
        chat(2, 3, BUSY - 60_000, 12, true),
        chat(4, 3, BUSY - 60_000, 12, true),
        chat(4, 5, BUSY - 60_000, 12, true),
    ];
    let count = |rest: &str| {
        let body = histogram(BUSY, &chats, &format!("v=1&timeframe=5&{rest}"));
        body["slaDataRange"]["0"]["chats"].as_i64().unwrap()
    };
    assert_eq!(count(""), 3);
    assert_eq!(count("skillIds=4"), 2);
    assert_eq!(count("skillIds=2,4&groupIds=all"), 3);
    assert_eq!(count("groupIds=15"), 1);
    assert_eq!(count("groupIds=13&skillIds=4"), 1);
    assert_eq!(count("groupIds=99"), 0);
}

#[test]
fn ids_of_both_kinds_restrict_only_the_skill_section() {
    let mut abandoned = chat(2, 3, BUSY - 60_000, 0, false);
    abandoned.answered_at = None;
    abandoned.agent = None;
    let chats = [
        chat(2, 3, BUSY - 60_000, 12, true),
        chat(2, 4, BUSY - 60_000, 20, true),
        chat(5, 3, BUSY - 60_000, 30, true),
        abandoned,
    ];
    let body = activity(BUSY, &chats, "v=1&timeframe=60&skillIds=2&agentIds=3");
    let skills = &body["skillsMetricsPerAgent"];
    assert_eq!(skills["metricsTotals"]["totalHandlingTime"], 12);
    assert_eq!(
        skills["metricsPerSkill"]["2"]["metricsTotals"]["totalNonInteractiveChats"],
        0
    );
    assert!(
        skills["metricsPerSkill"]["2"]["metricsPerAgent"]
            .get("4")
            .is_none()
    );
    assert_eq!(
        body["agentsMetrics"]["metricsPerAgent"]["3"]["totalHandlingTime"],
        42
    );
    assert!(body.get("metricsTotals").is_none());

    let body = activity(BUSY, &chats, "v=1&timeframe=60&skillIds=2&agentIds=all");
    let totals = &body["skillsMetricsPerAgent"]["metricsTotals"];
    assert_eq!(totals["totalNonInteractiveChats"], 1);
    assert_eq!(totals["totalHandlingTime"], 32);
    assert_eq!(
        body["agentsMetrics"]["metricsTotals"]["totalNonInteractiveChats"],
        0
    );
    let body = activity(BUSY, &chats, "v=1&timeframe=60&skillIds=2");
    assert!(body.get("agentsMetrics").is_none());
    assert_eq!(body["skillsMetricsPerAgent"]["metricsTotals"], *totals);
}

#[test]
fn a_chat_is_connected_and_closed_in_different_buckets() {
    let now = BUSY - BUSY % (5 * MINUTE);
    let chats = [chat(2, 3, now - 4 * MINUTE, 600, true)];
    let before = activity(now, &chats, "v=1&timeframe=5")["metricsTotals"].clone();
    assert_eq!(
        (
            &before["connectedEngagements"],
            &before["totalInteractiveChats"]
        ),
        (&json!(1), &json!(0))
    );
    let later = activity(now + 8 * MINUTE, &chats, "v=1&timeframe=5")["metricsTotals"].clone();
    assert_eq!(
        (
            &later["connectedEngagements"],
            &later["totalInteractiveChats"]
        ),
        (&json!(0), &json!(1))
    );
    assert_eq!(later["totalHandlingTime"], 600);
}

pub(super) fn sum<'a>(parts: impl Iterator<Item = &'a Value>) -> [i64; 5] {
    let mut total = [0; 5];
    for part in parts {
        for (total, name) in total.iter_mut().zip(NUMBERS) {
            *total += part[name].as_i64().unwrap();
        }
    }
    total
}

fn values(map: &Value) -> impl Iterator<Item = &Value> {
    map.as_object().unwrap().values()
}

#[test]
fn all_levels_agree_at_any_time() {
    let history = History::new(Staff::new(1, 8, 40, 3));
    check_each([BUSY, QUIET, BUSY + 4 * 24 * HOUR], |now| {
        for minutes in [5, 60, 1440] {
            let chats = history.chats_around(Window::ending(now, minutes, Node::default()));
            let chats: Vec<Chat> = chats.iter().cloned().collect();
            assert_levels_agree(now, minutes, &chats);
        }
    });
}

fn assert_levels_agree(now: i64, minutes: i64, chats: &[Chat]) {
    let account = activity(now, chats, &format!("v=1&timeframe={minutes}"));
    let account = sum([&account["metricsTotals"]].into_iter());
    let both = format!("v=1&timeframe={minutes}&skillIds=all&agentIds=all");
    let body = activity(now, chats, &both);
    let skills = &body["skillsMetricsPerAgent"];
    let agents = &body["agentsMetrics"];
    assert_eq!(sum([&skills["metricsTotals"]].into_iter()), account);
    let of_skills = values(&skills["metricsPerSkill"]).map(|skill| &skill["metricsTotals"]);
    assert_eq!(sum(of_skills), account);
    assert_eq!(
        sum(values(&agents["metricsPerAgent"])),
        sum([&agents["metricsTotals"]].into_iter())
    );

    let window = Window::ending(now, minutes, Node::default());
    for (id, skill) in skills["metricsPerSkill"].as_object().unwrap() {
        let mut expected = sum(values(&skill["metricsPerAgent"]));
        let abandoned = chats.iter().filter(|chat| {
            chat.agent.is_none() && chat.skill.to_string() == *id && window.contains(chat.closed_at)
        });
        expected[1] += i64::try_from(abandoned.count()).unwrap();
        assert_eq!(
            sum([&skill["metricsTotals"]].into_iter()),
            expected,
            "skill {id}"
        );
    }

    let sla = histogram(now, chats, &format!("v=1&timeframe={minutes}"));
    let waited: i64 = values(&sla["slaDataRange"])
        .map(|bucket| bucket["chats"].as_i64().unwrap())
        .sum();
    assert_eq!(waited, account[4]);
    let groups: i64 = [11, 12, 13]
        .iter()
        .map(|group| {
            let query = format!("v=1&timeframe={minutes}&groupIds={group}");
            let body = histogram(now, chats, &query);
            values(&body["slaDataRange"])
                .map(|bucket| bucket["chats"].as_i64().unwrap())
                .sum::<i64>()
        })
        .sum();
    assert_eq!(groups, waited);

    let split = activity(now, chats, &format!("v=1&timeframe={minutes}&interval=5"));
    let intervals = split["metricsByIntervals"].as_array().unwrap();
    assert_eq!(intervals.len(), usize::try_from(minutes / 5 + 1).unwrap());
    let parts = intervals
        .iter()
        .map(|interval| &interval["metricsData"]["metricsTotals"]);
    assert_eq!(sum(parts), account);
    assert!(intervals[0]["timestamp"].as_i64().unwrap() > now);
}
