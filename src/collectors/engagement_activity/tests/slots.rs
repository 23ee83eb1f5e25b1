//! Answers that are split into slots.

use super::*;
use crate::vocabulary::Level;

/// The ends of the slots of a fixture, and the sum of the first field over all of them, by id.
fn slots_of(name: &str) -> Vec<(i64, Vec<(i64, f64)>)> {
    let (_, body, query) = fixtures()
        .into_iter()
        .find(|(fixture, ..)| *fixture == name)
        .unwrap();
    let query = EngagementQuery {
        levels: vec![Level::Account, Level::Skill, Level::Agent],
        ..query
    };
    let slots = read_slots(body.as_bytes(), &query).unwrap().value;
    let rows = |slot: &Slot| {
        let rows = slot.counts.iter();
        rows.map(|(key, row)| (key.ids[0], row[0])).collect()
    };
    slots.iter().map(|slot| (slot.end, rows(slot))).collect()
}

#[test]
fn slots_of_the_documents_come_ascending() {
    let ends = [1_412_608_800, 1_412_644_800, 1_412_680_800];
    let agent = slots_of("agent-2-intervals.json");
    assert_eq!(agent.iter().map(|slot| slot.0).collect::<Vec<_>>(), ends);
    assert_eq!(agent[2].1, [(2, 1.0)]);
    assert_eq!(agent[0].1, []);
    let skill = slots_of("skill-no-data-intervals.json");
    assert!(skill.iter().all(|slot| slot.1.is_empty()));
    assert!(
        slots_of("account-intervals.json")
            .iter()
            .all(|slot| slot.1.len() == 1)
    );
}

#[test]
fn slots_are_read_as_leniently_as_the_rest() {
    let body = r#"{"meta": {"responseCode": 200}, "body": {"metricsByIntervals": [
        {"timestamp": "1412680800000.0", "new": 1, "metricsData": {"metricsTotals": {"connectedEngagements": "3"}}},
        null,
        {"timestamp": 1412680500000, "metricsData": {"metricsTotals": {}}}
    ]}}"#;
    let query = EngagementQuery {
        levels: vec![Level::Account],
        ..query(None, None)
    };
    let slots = read_slots(body.as_bytes(), &query).unwrap().value;
    assert_eq!((slots[0].end, slots[1].end), (1_412_680_500, 1_412_680_800));
    let numbers = |slot: &Slot| slot.counts.iter().next().unwrap().1.to_vec();
    assert_eq!(numbers(&slots[1])[4], 3.0);
    assert!(numbers(&slots[0]).iter().all(|number| number.is_nan()));
}

#[test]
fn what_is_missing_of_slots_is_named() {
    let cases = [
        (
            r#"{"metricsTotals": {}}"#,
            "the answer has no metricsByIntervals section",
        ),
        (
            r#"{"metricsByIntervals": [{"metricsData": {}}]}"#,
            "metricsByIntervals.0 has no timestamp",
        ),
        (
            r#"{"metricsByIntervals": [{"timestamp": 300000}]}"#,
            "metricsByIntervals.0 has no metricsData",
        ),
    ];
    crate::cases::check_each(cases, |(body, expected)| {
        let error = read_slots(body.as_bytes(), &query(None, None)).unwrap_err();
        let text = description(&error, body);
        assert!(text.contains(expected), "{text}");
    });
}
