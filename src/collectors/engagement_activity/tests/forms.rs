//! Equal content must be read equally in every form of JSON; what is missing must be noticed.

use serde_json::Value;

use super::*;
use crate::cases::check_each;
use crate::liveperson::json::testing::{styles, write};

#[test]
fn every_form_of_every_fixture_reads_the_same() {
    check_each(fixtures(), |(name, body, query)| {
        let expected = parse(body, &query);
        let value: Value = serde_json::from_str(body).unwrap();
        for style in styles() {
            let text = write(&value, style);
            assert_eq!(parse(&text, &query), expected, "{name} {style:?}\n{text}");
        }
    });
}

#[test]
fn missing_and_null_numbers_are_none() {
    let body = r#"{"metricsTotals":{"totalHandlingTime":null,"connectedEngagements":-0.0}}"#;
    let account = parse(body, &query(None, None)).account.unwrap();
    assert_eq!(
        account,
        Activity {
            connected_engagements: Some(0.0),
            ..Activity::default()
        }
    );
    assert!(account.connected_engagements.unwrap().is_sign_positive());
}

#[test]
fn null_and_missing_maps_are_empty() {
    let cases = ["", r#""metricsPerAgent":null"#, r#""metricsPerAgent":{}"#];
    check_each(cases, |map| {
        let body = format!(r#"{{"agentsMetrics":{{{map}}}}}"#);
        let answer = parse(&body, &query(None, ids(&[1])));
        assert_eq!(answer.agents, Some(AgentsActivity::default()));
    });
}

#[test]
fn an_empty_second_name_does_not_hide_the_first() {
    let cases = [
        r#"{"skillsMetrics":{"metricsPerSkill":{"4":{}}},"skillsMetricsPerAgent":null}"#,
        r#"{"skillsMetrics":null,"skillsMetricsPerAgent":{"metricsPerSkill":{"4":{}}}}"#,
        r#"{"skillsMetricsPerAgent":{"metricsPerSkill":{"4":{}}},"skillsMetrics":null}"#,
        r#"{"skillsMetricsPerAgent":{},"skillsMetrics":{"metricsPerSkill":{"4":{}}}}"#,
        r#"{"skillsMetricsPerAgent":{"metricsPerSkill":{"4":{}}},"skillsMetrics":{}}"#,
    ];
    check_each(cases, |body| {
        let answer = parse(body, &query(ids(&[4]), None));
        assert_eq!(answer.skills.unwrap().skills.len(), 1, "{body}");
    });
}

/// LivePerson answers with intervals only when they are asked for, which the client never does.
#[test]
fn intervals_in_an_answer_are_ignored() {
    let cases = [
        "null",
        "7",
        "[[]]",
        r#"[{"timestamp":1.5,"metricsData":[]}]"#,
    ];
    check_each(cases, |intervals| {
        let body = format!(r#"{{"metricsByIntervals":{intervals},"metricsTotals":{{}}}}"#);
        let answer = parse(&body, &query(None, None));
        assert_eq!(answer.account, Some(Activity::default()), "{body}");
    });
}

#[test]
fn what_was_asked_for_must_be_in_the_answer() {
    let account = r#"{"metricsTotals":{}}"#;
    let all = || Some(IdFilter::All);
    let cases = [
        (
            account,
            query(all(), None),
            "asked for skillIds but the answer has no skillsMetricsPerAgent section",
        ),
        (
            r#"{"skillsMetrics":{},"agentsMetrics":null}"#,
            query(all(), Some(IdFilter::All)),
            "asked for agentIds but the answer has no agentsMetrics section",
        ),
        (
            "{}",
            query(None, None),
            "asked for the whole account but the answer has no metricsTotals section",
        ),
        (
            "null",
            query(None, None),
            "asked for the whole account but the answer has no metricsTotals section",
        ),
    ];
    check_each(cases, |(body, query, expected)| {
        assert_eq!(read_error(body, &query), expected);
    });
}
