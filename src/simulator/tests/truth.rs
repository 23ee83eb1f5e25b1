//! The truth that tests compare a client's numbers with, in the process and over HTTP.

use serde_json::Value;

use crate::simulator::world::{DAY, HOUR};
use crate::simulator::{Options, Simulator, Totals};

use super::{BUSY, Caller, client, json, started};

async fn truth(simulator: &Simulator, query: &str) -> reqwest::Response {
    let url = format!("{}/control/truth{query}", simulator.base_url());
    client().get(url).send().await.unwrap()
}

fn assert_same(found: &Value, expected: &Totals, what: &str) {
    let counts = expected.counts;
    for (name, number) in [
        ("interactive", counts.interactive),
        ("noninteractive", counts.noninteractive),
        ("handling_seconds", counts.handling_seconds),
        (
            "noninteractive_handling_seconds",
            counts.noninteractive_handling_seconds,
        ),
        ("connected", counts.connected),
    ] {
        assert_eq!(found[name], number, "{what}: {name}");
    }
    let waits = found["waits"].as_object().unwrap();
    assert_eq!(waits.len(), expected.waits.len(), "{what}");
    for (seconds, chats) in &expected.waits {
        assert_eq!(waits[&seconds.to_string()], *chats, "{what}: {seconds} s");
    }
}

#[tokio::test]
async fn the_control_path_tells_the_truth_by_level() {
    let (simulator, _) = started(Options::in_process()).await;
    let (from, to) = (BUSY - 9 * DAY, BUSY - 8 * DAY - 3 * HOUR);
    let response = truth(&simulator, &format!("?from={from}&to={to}")).await;
    assert_eq!(response.status(), 200);
    let body = json(response).await;
    assert_eq!(
        (&body["from_ms"], &body["to_ms"]),
        (&from.into(), &to.into())
    );
    assert_eq!(body["now_ms"], BUSY);
    let truth = simulator.truth(from, to);
    assert!(truth.account().counts.connected > 1_000);
    assert_same(&body["account"], &truth.account(), "account");
    assert_same(&body["skills"]["-1"], &truth.skill(-1), "skill -1");
    assert_same(&body["agents"]["1002"], &truth.agent(1002), "agent");
    assert_same(&body["groups"]["12"], &truth.group(12), "group");
    let key = truth
        .keys()
        .find_map(|(key, _)| Some((key.skill, key.agent?)));
    let (skill, agent) = key.unwrap();
    let found = &body["skill_agents"][skill.to_string()][agent.to_string()];
    assert_same(found, &truth.skill_agent(skill, agent), "skill and agent");
}

#[tokio::test]
async fn the_truth_is_what_the_apis_count() {
    let (simulator, _) = started(Options::in_process()).await;
    let caller = Caller::authorized(&simulator).await;
    let from = BUSY - HOUR - (BUSY - HOUR) % 300_000;
    let truth = simulator.truth(from, BUSY - BUSY % 10_000);
    let body = caller.data("engactivity?v=1&timeframe=60").await;
    let account = truth.account();
    let totals = &body["metricsTotals"];
    assert_eq!(totals["connectedEngagements"], account.counts.connected);
    assert_eq!(totals["totalHandlingTime"], account.counts.handling_seconds);
    let body = caller.data("sla?v=1&timeframe=60&histogram=0,30").await;
    let soon = &body["slaDataRange"]["0"]["chats"];
    assert_eq!(*soon, account.answered_within(30));
}

#[tokio::test]
async fn without_a_span_the_truth_is_that_of_a_day() {
    let (simulator, _) = started(Options::in_process()).await;
    let body = json(truth(&simulator, "").await).await;
    assert_eq!(body["from_ms"], BUSY - DAY);
    assert_eq!(body["to_ms"], BUSY);
    let expected = simulator.truth(BUSY - DAY, BUSY).account();
    assert_same(&body["account"], &expected, "account");
}

#[tokio::test]
async fn a_span_that_cannot_be_is_refused() {
    let (simulator, _) = started(Options::in_process()).await;
    let mut wrong = Vec::new();
    for query in [
        "?from=x",
        "?to=-1",
        "?from=2&to=1",
        "?from=0",
        "?to=999999999999999999",
    ] {
        let status = truth(&simulator, query).await.status();
        if status != 400 {
            wrong.push(format!("{query}: {status}"));
        }
    }
    let url = format!("{}/control/truth", simulator.base_url());
    let posted = client().post(url).send().await.unwrap();
    assert_eq!((wrong, posted.status().as_u16()), (Vec::new(), 405));
}

#[tokio::test]
async fn old_days_do_not_displace_those_that_are_asked_about() {
    let (simulator, _) = started(Options::in_process()).await;
    let of = |days: i64| simulator.chats_between(BUSY - days * DAY, BUSY - (days - 1) * DAY);
    let yesterday = of(1);
    assert_eq!(of(400).is_empty(), of(400).is_empty());
    assert!(!of(400).is_empty());
    assert_eq!(of(1), yesterday);
    let whole = simulator.chats_between(BUSY - 3 * DAY, BUSY);
    let ordered = whole
        .windows(2)
        .all(|pair| pair[0].queued_at <= pair[1].queued_at);
    assert!(ordered && whole.len() > yesterday.len());
}
