//! What is lenient for every API, shown by the parser of Engagement Activity: ids, entries that cannot
//! be read, envelopes, and messages for what is wrong.

use super::*;
use crate::cases::check_each;

#[test]
fn ids_are_exact_sorted_and_unique() {
    let body = r#"{"agentsMetrics":{"metricsPerAgent":{
        "9223372036854775807":{"connectedEngagements":1},
        "10":{"connectedEngagements":2}, "9":{"connectedEngagements":3},
        "-1":{"connectedEngagements":4}, "9007199254740993":{"connectedEngagements":5},
        "9":{"connectedEngagements":6}, "-9223372036854775808":{}, "\u0031\u0031":{}, "12":null
    },"metricsTotals":null}}"#;
    let answer = parse(body, &query(None, Some(IdFilter::All)));
    let agents = answer.agents.unwrap();
    let found: Vec<(i64, Option<f64>)> = agents
        .agents
        .iter()
        .map(|(id, activity)| (i64::from(*id), activity.connected_engagements))
        .collect();
    let expected = [
        (i64::MIN, None),
        (-1, Some(4.0)),
        (9, Some(6.0)),
        (10, Some(2.0)),
        (11, None),
        (9_007_199_254_740_993, Some(5.0)),
        (i64::MAX, Some(1.0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn wrong_values_are_named_with_their_path() {
    let value = |value: &str| {
        format!(
            r#"{{"skillsMetricsPerAgent":{{"metricsPerSkill":{{"2":{{"metricsTotals":
            {{"totalHandlingTime":{value}}}}}}}}}}}"#
        )
    };
    let query = query(ids(&[2]), None);
    let path = "skillsMetricsPerAgent.metricsPerSkill.2.metricsTotals.totalHandlingTime";
    let cases = [
        (r#""abc""#, r#"expected a number, found "abc""#),
        (r#""""#, r#"expected a number, found """#),
        (r#""NaN""#, r#"expected a number, found "NaN""#),
        (r#""-inf""#, r#"expected a number, found "-inf""#),
        (r#""1e999""#, r#"expected a number, found "1e999""#),
        (r#""12 13""#, r#"expected a number, found "12 13""#),
        ("true", "expected a number, found true"),
        ("{}", "expected a number, found an object"),
        ("[1]", "expected a number, found a list"),
        ("-3", "-3 is negative"),
        ("1e999", r#"expected a number, found "1e999""#),
        (r#""-0.5""#, r#""-0.5" is negative"#),
    ];
    check_each(cases, |(bad, expected)| {
        let error = read_error(&value(bad), &query);
        assert_eq!(error, format!("{path}: {expected}"));
    });
}

/// An unreadable agent or key loses itself and nothing else; what is not used may be anything.
#[test]
fn unreadable_entries_are_left_out_and_counted() {
    let all = || Some(IdFilter::All);
    let good = r#"{"metricsTotals":{"connectedEngagements":1}}"#;
    let odd = [
        (r#""x y":{}"#, 1),
        (r#""9223372036854775808":{"metricsTotals":{}}"#, 1),
        (r#""\ud800":{}"#, 1),
        (r#""5":"none""#, 1),
        (r#""5":[[1],{"x":[]}]"#, 1),
        (r#""5":{"metricsTotals":{"totalHandlingTime":"NaN"}}"#, 1),
        (
            r#""5":{"metricsTotals":{"totalHandlingTime":1e999,"connectedEngagements":[-1]}}"#,
            1,
        ),
        (r#""5":{"metricsTotals":[]}"#, 1),
        (r#""5":{"metricsPerAgent":7}"#, 1),
        (r#""5":-1,"6":true,"z":null"#, 3),
    ];
    check_each(odd, |(odd, count)| {
        for map in [format!("{odd},\"4\":{good}"), format!("\"4\":{good},{odd}")] {
            let body = format!(
                r#"{{"skillsMetrics":{{"metricsTotals":"NaN","metricsPerSkill":{{{map}}}}}}}"#
            );
            let read = engagement_activity::read(body.as_bytes(), &query(all(), None));
            let content = read.unwrap();
            let skills = content.value.skills.unwrap().skills;
            let ids: Vec<_> = skills.iter().map(|(id, _)| i64::from(*id)).collect();
            let ignored = content.ignored.map_or(0, |ignored| ignored.count);
            assert_eq!((ids, ignored), (vec![4], count), "{body}");
        }
    });
}

#[test]
fn duplicates_beside_unreadable_entries_count_as_they_come_last() {
    let body = r#"{"agentsMetrics":{"metricsPerAgent":{"1":{"connectedEngagements":7}}},
        "agentsMetrics":{"metricsPerAgent":{
            "3":{"connectedEngagements":1,"connectedEngagements":"2"},
            "4":{"connectedEngagements":"many"}, "3":{"connectedEngagements":[]},
            "5":{"connectedEngagements":{},"connectedEngagements":5}}}}"#;
    let content = engagement_activity::read(body.as_bytes(), &query(None, ids(&[3]))).unwrap();
    let agents = content.value.agents.unwrap().agents;
    let found: Vec<_> = agents
        .iter()
        .map(|(id, activity)| (i64::from(*id), activity.connected_engagements))
        .collect();
    assert_eq!(found, [(3, Some(2.0)), (5, Some(5.0))]);
    assert_eq!(content.ignored.unwrap().count, 2);
}

/// An unreadable agent inside of a skill does not make the skill unreadable.
#[test]
fn an_unreadable_agent_leaves_its_skill_readable() {
    let body = r#"{"skillsMetrics":{"metricsPerSkill":{"4":{"metricsTotals":{"connectedEngagements":3},
        "metricsPerAgent":{"1":{"connectedEngagements":"many"},"2":{"connectedEngagements":3}}},
        "5":{"metricsPerAgent":{"1":{"connectedEngagements":"many"}}}}}}"#;
    let content = engagement_activity::read(body.as_bytes(), &query(ids(&[4]), None)).unwrap();
    let skills = content.value.skills.unwrap().skills;
    assert_eq!(skills.len(), 2);
    assert_eq!(skills[0].1.totals.connected_engagements, Some(3.0));
    let agents = skills[0].1.agents.iter();
    let agents: Vec<_> = agents.map(|(id, _)| i64::from(*id)).collect();
    assert_eq!((agents, skills[1].1.agents.len()), (vec![2], 0));
    let ignored = content.ignored.unwrap();
    assert_eq!(ignored.count, 2);
    assert_eq!(
        json::describe(&ignored.first, &redactor::Redactor::default()),
        "skillsMetrics.metricsPerSkill.4.metricsPerAgent.1.connectedEngagements: expected a number, found \"many\""
    );
}

#[test]
fn wrong_shapes_are_named_with_their_path() {
    let cases = [
        ("[]", "the body: expected an object, found a list"),
        ("12", "the body: expected an object, found 12"),
        (
            r#"{"skillsMetrics":[]}"#,
            "skillsMetrics: expected an object, found a list",
        ),
        (
            r#"{"skillsMetrics":{"metricsPerSkill":{"x y":{}}}}"#,
            r#"skillsMetrics.metricsPerSkill.x y: expected a 64-bit integer, found "x y""#,
        ),
        (
            r#"{"skillsMetrics":{"metricsPerSkill":{"9223372036854775808":{}}}}"#,
            "skillsMetrics.metricsPerSkill.9223372036854775808: \
             expected a 64-bit integer, found \"9223372036854775808\"",
        ),
        (
            r#"{"skillsMetrics":{"metricsPerSkill":{"4":"none"}}}"#,
            r#"skillsMetrics.metricsPerSkill.4: expected an object, found "none""#,
        ),
        (
            r#"{"meta":{"responseCode":200},"body":{"metricsTotals":7}}"#,
            "body.metricsTotals: expected an object, found 7",
        ),
    ];
    check_each(cases, |(body, expected)| {
        assert_eq!(read_error(body, &query(ids(&[2]), None)), expected);
    });
}

#[test]
fn bodies_that_are_not_json_are_described() {
    let query = query(None, None);
    let cases = [
        ("", "the body is empty"),
        (" \r\n ", "the body is empty"),
        (
            " <html><title>Sign in</title>",
            "an HTML page instead of JSON: Sign in",
        ),
        (
            "upstream\ttimed\u{0} out",
            "not JSON (expected value at line 1 column 1): \"upstream timed out\"",
        ),
        (
            r#"{"metricsTotals":{}"#,
            "not JSON (EOF while parsing an object at line 1 column 19): \
             \"{\"metricsTotals\":{}\"",
        ),
        (
            r#"{"metricsTotals":{}} x"#,
            "not JSON (trailing characters at line 1 column 22): \"{\"metricsTotals\":{}} x\"",
        ),
    ];
    check_each(cases, |(body, expected)| {
        assert_eq!(read_error(body, &query), expected);
    });
    // A byte order mark is skipped.
    parse("\u{feff}{\"metricsTotals\":{}}", &query);
}

#[test]
fn the_status_of_an_envelope_counts() {
    let status = |body: &str| engagement_activity::read(body.as_bytes(), &query(None, None));
    check_each(["500", "\"500\"", "500.0", "5e2"], |code| {
        for body in ["null", "{}", "\"broken\"", "[]", r#"{"metricsTotals":{}}"#] {
            let first = format!(r#"{{"meta":{{"responseCode":{code}}},"body":{body}}}"#);
            let last = format!(r#"{{"body":{body},"meta":{{"responseCode":{code}}}}}"#);
            assert_eq!(status(&first), Err(ReadError::Status(500)), "{first}");
            assert_eq!(status(&last), Err(ReadError::Status(500)), "{last}");
        }
    });
    let accepted = status(r#"{"meta":{"responseCode":"202"},"body":{"metricsTotals":{}}}"#);
    assert_eq!(accepted.unwrap().status, Some(202));
    check_each(["0", "99", "600", "-1", "99999999999"], |code| {
        let body =
            format!(r#"{{"meta":{{"responseCode":{code}}},"body":{{"metricsTotals":{{}}}}}}"#);
        assert_eq!(
            read_error(&body, &query(None, None)),
            format!("meta.responseCode: expected an HTTP status, found {code}")
        );
    });
}

#[test]
fn the_number_of_entries_is_limited() {
    let entries: String = (0..1_000_001).map(|id| format!("\"{id}\":{{}},")).collect();
    let body = format!(r#"{{"agentsMetrics":{{"metricsPerAgent":{{{entries}"x":1}}}}}}"#);
    assert_eq!(
        read_error(&body, &query(None, Some(IdFilter::All))),
        "agentsMetrics.metricsPerAgent: more than 1000000 entries is more than any account has"
    );
}

/// Each unreadable agent repeating the id of its skill would copy a thousand gigabytes.
#[test]
fn unreadable_entries_below_a_long_key_take_no_time() {
    let skill = format!("{}4", "0".repeat(10_000_000));
    let agents = r#""x":1,"#.repeat(100_000);
    let body = format!(
        r#"{{"skillsMetricsPerAgent":{{"metricsPerSkill":{{"{skill}":{{"metricsPerAgent":{{{agents}
        "3":{{}}}}}}}}}}}}"#
    );
    let content = engagement_activity::read(body.as_bytes(), &query(ids(&[4]), None)).unwrap();
    assert_eq!(content.value.skills.unwrap().skills.len(), 1);
    let ignored = content.ignored.unwrap();
    assert_eq!(ignored.count, 100_000);
    let path = "skillsMetricsPerAgent.metricsPerSkill.a key of 10000001 bytes.metricsPerAgent.x";
    assert_eq!(ignored.first.path, path);
}
