//! What LivePerson's deployments are like, over HTTP: nodes that lag, numbers that change, a clock
//! that differs or runs fast.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use crate::simulator::world::MINUTE;
use crate::simulator::{
    DeploymentOptions, ManualClock, Node, NodeChoice, Options, Simulator, Truth,
};

use super::{BUSY, Caller, client, json, started};

const ACTIVITY: &str = "engactivity?v=1&timeframe=60";

fn deployed(deployment: DeploymentOptions) -> Options {
    Options {
        agents: 400,
        deployment,
        ..Options::in_process()
    }
}

fn connected(body: &Value) -> i64 {
    let totals = &body["metricsTotals"];
    totals["connectedEngagements"].as_i64().unwrap()
}

/// What a node knows of the last hour.
fn known(simulator: &Simulator, node: Node) -> i64 {
    let now = simulator.now_ms();
    let start = now - 60 * MINUTE - (now - 60 * MINUTE) % (5 * MINUTE);
    let truth: Truth = simulator.truth(start, node.as_of(now));
    truth.account().counts.connected
}

#[tokio::test]
async fn requests_or_connections_take_turns_with_the_nodes() {
    for node_choice in [NodeChoice::Request, NodeChoice::Connection] {
        let options = deployed(DeploymentOptions {
            nodes: 2,
            node_lag: Duration::from_secs(30),
            node_choice,
            ..DeploymentOptions::default()
        });
        let (simulator, _) = started(options).await;
        // One connection, kept: the token's.
        let caller = Caller::authorized(&simulator).await;
        let nodes = simulator.deployment().nodes.clone();
        let expected = match node_choice {
            NodeChoice::Request => [0, 1, 0, 1],
            NodeChoice::Connection => [0, 0, 0, 0],
        };
        let mut found = Vec::new();
        for _ in expected {
            found.push(connected(&caller.data(ACTIVITY).await));
        }
        assert_eq!(found, expected.map(|node| known(&simulator, nodes[node])));
        assert_ne!(known(&simulator, nodes[0]), known(&simulator, nodes[1]));
    }
}

#[tokio::test]
async fn late_and_corrected_chats_become_the_truth() {
    for (late_share, corrected_share) in [(0.3, 0.0), (0.0, 0.3)] {
        let options = deployed(DeploymentOptions {
            late_share,
            corrected_share,
            ..DeploymentOptions::default()
        });
        let (simulator, clock) = started(options).await;
        let caller = Caller::authorized(&simulator).await;
        let start = BUSY - BUSY % (5 * MINUTE) - 10 * MINUTE;
        let end = start + 5 * MINUTE;
        let truth = simulator.truth(start, end).account().counts.connected;
        let slot = async || {
            let now = simulator.now_ms();
            let minutes = (now - start).div_euclid(5 * MINUTE) * 5;
            let path = format!("engactivity?v=1&timeframe={minutes}&interval=5");
            let body = caller.data(&path).await;
            let slots = body["metricsByIntervals"].as_array().unwrap();
            let slot = slots.iter().find(|slot| slot["timestamp"] == end).unwrap();
            connected(&slot["metricsData"])
        };
        let early = slot().await;
        assert_eq!(early < truth, late_share > 0.0, "{early} of {truth}");
        assert_eq!(early > truth, corrected_share > 0.0, "{early} of {truth}");
        clock.advance(15 * MINUTE);
        assert_eq!(slot().await, truth);
    }
}

async fn date(simulator: &Simulator) -> String {
    let response = client().get(simulator.base_url()).send().await.unwrap();
    response.headers()["date"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_date_is_that_of_a_clock_that_differs() {
    let cases = [
        (0, "Tue, 03 Jun 2025 11:02:37 GMT"),
        (120, "Tue, 03 Jun 2025 11:04:37 GMT"),
        (-90, "Tue, 03 Jun 2025 11:01:07 GMT"),
    ];
    let mut found = Vec::new();
    for (seconds, _) in cases {
        let options = deployed(DeploymentOptions {
            clock_offset: SignedDuration::from_secs(seconds),
            ..DeploymentOptions::default()
        });
        let (simulator, _) = started(options).await;
        found.push((seconds, date(&simulator).await));
    }
    assert_eq!(
        found,
        cases.map(|(seconds, date)| (seconds, date.to_owned()))
    );
}

#[tokio::test]
async fn a_fast_clock_moves_windows_and_not_tokens() {
    let clock = Arc::new(ManualClock::at(BUSY));
    let options = deployed(DeploymentOptions {
        clock_speed: 60,
        ..DeploymentOptions::default()
    });
    let simulator = Simulator::start(options, clock.clone()).await.unwrap();
    let caller = Caller::authorized(&simulator).await;
    let before = caller.data(ACTIVITY).await;
    // Three simulated hours, and three minutes of the token's hour.
    clock.advance(3 * MINUTE);
    assert_eq!(simulator.now_ms(), BUSY + 180 * MINUTE);
    assert_eq!(date(&simulator).await, "Tue, 03 Jun 2025 14:02:37 GMT");
    let after = caller.data(ACTIVITY).await;
    assert_ne!(before, after);
    assert_eq!(connected(&after), known(&simulator, Node::default()));
    clock.advance(57 * MINUTE);
    assert_eq!(caller.operations(ACTIVITY).await.status(), 401);
}

#[tokio::test]
async fn the_clock_is_put_forward_over_the_control_path() {
    let (simulator, _) = started(deployed(DeploymentOptions::default())).await;
    let caller = Caller::authorized(&simulator).await;
    let post = async |query: &str| {
        let url = format!("{}/control/advance{query}", simulator.base_url());
        client().post(url).send().await.unwrap()
    };
    let body = json(post("?ms=90000000").await).await;
    assert_eq!(body["now_ms"], BUSY + 90_000_000);
    assert_eq!(date(&simulator).await, "Wed, 04 Jun 2025 12:02:37 GMT");
    let found = connected(&caller.data(ACTIVITY).await);
    assert_eq!(found, known(&simulator, Node::default()));
    let mut wrong = Vec::new();
    for query in ["", "?ms=-1", "?ms=x", "?ms=2678400001"] {
        let status = post(query).await.status();
        if status != 400 {
            wrong.push(format!("{query}: {status}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(simulator.now_ms(), BUSY + 90_000_000);
}
