//! `increase()` over running totals, as a real Prometheus computes it while the exporter restarts.

use std::net::SocketAddr;
use std::path::Path;

use liveperson_exporter::simulator::{DeploymentOptions, Simulator, SystemClock, WallClock as _};

use super::page::{Series, openmetrics};
use super::truth::Judge;
use super::{Levels, on, simulator, stop, yaml};
use crate::common::{Exporter, command, configuration, free_address};
use crate::prometheus_server::{Prometheus, servers};

/// LivePerson's seconds per second.
const SPEED: u32 = 10;
/// By how much a sample may be behind LivePerson's clock, in milliseconds: a refresh, and polls of a
/// busy machine.
const BEHIND: i64 = 10_000 + 5_000 * SPEED as i64;

const COUNTERS: [&str; 4] = [
    "liveperson_account_chats_total{kind=\"interactive\"}",
    "liveperson_account_handling_seconds_total{kind=\"interactive\"}",
    "liveperson_account_connected_engagements_total{}",
    "liveperson_account_wait_seconds_bucket{le=\"30.0\"}",
];

/// How one process of the exporter is followed by another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
}

#[tokio::test]
async fn increase_is_the_truth_through_a_clean_restart() {
    for program in servers() {
        increase_is_the_truth(&program, End::Stop).await;
    }
}

#[tokio::test]
#[ignore = "takes more than a minute; tests/crash-safety runs it"]
async fn crash_safety_of_increase() {
    for program in servers() {
        increase_is_the_truth(&program, End::Kill).await;
    }
}

async fn increase_is_the_truth(program: &Path, end: End) {
    let deployment = DeploymentOptions {
        clock_speed: SPEED,
        ..DeploymentOptions::default()
    };
    // Enough agents for four chats in a second at the busiest hour, and two in three seconds at night.
    let simulator = simulator(3, 300, deployment).await;
    let yaml = yaml(&simulator, Levels::default());
    let state = tempfile::tempdir().unwrap();
    let (address, mut judge) = (free_address(), Judge::new(SPEED));
    let mut exporter = start_at(&yaml, state.path(), address).await;
    let prometheus = Prometheus::scraping(program, &exporter.base_url);
    let before = grown(&prometheus, 5.0).await;
    judge_one(&mut judge, &simulator, &exporter).await;
    match end {
        End::Stop => stop(exporter).await,
        End::Kill => {
            exporter.signal("KILL");
            exporter.ended().await;
        }
    }
    exporter = start_at(&yaml, state.path(), address).await;
    grown(&prometheus, before + 10.0).await;
    judge_one(&mut judge, &simulator, &exporter).await;
    for counter in COUNTERS {
        compare(&prometheus, counter, &simulator).await;
    }
}

async fn start_at(yaml: &str, state: &Path, address: SocketAddr) -> Exporter {
    let (folder, file) = configuration(yaml);
    Exporter::spawn_at(on(command(), &file, state), folder, address).await
}

async fn judge_one(judge: &mut Judge, simulator: &Simulator, exporter: &Exporter) {
    let page = openmetrics(exporter).await;
    assert!(judge.judge(simulator, &page).unwrap() > 0, "{page}");
}

/// Waits until Prometheus has seen the account grow by so many chats; by how many it has.
async fn grown(prometheus: &Prometheus, chats: f64) -> f64 {
    let seen = |function: &str| format!("{function}_over_time({}[5m])", COUNTERS[0]);
    let query = format!("{} - {}", seen("max"), seen("min"));
    let enough = |found: &[f64]| found.first().is_some_and(|found| *found >= chats);
    prometheus.eventually(&query, enough).await[0]
}

/// How old answers have been when they were scraped, at most: on a busy machine polls take longer.
const OLDEST: &str = "max(max_over_time((timestamp(liveperson_last_success_timestamp_seconds) \
                      - liveperson_last_success_timestamp_seconds)[5m:1s]))";

fn oldest(answer: &serde_json::Value) -> f64 {
    answer["value"][1].as_str().unwrap().parse().unwrap()
}

/// Compares what Prometheus makes of its samples with what happened.
async fn compare(prometheus: &Prometheus, counter: &str, simulator: &Simulator) {
    let (now, now_simulated) = (SystemClock.now().as_millisecond(), simulator.now_ms());
    let ask = async |query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let time = now as f64 / 1000.0;
        let answer = prometheus
            .ask(&format!("query?query={query}&time={time}"))
            .await;
        answer.unwrap()["data"]["result"][0].take()
    };
    let range = format!("{counter}[5m]");
    let samples: Vec<(f64, String)> =
        serde_json::from_value(ask(&range).await["values"].take()).unwrap();
    let samples = samples
        .iter()
        .map(|(at, value)| (*at, value.parse::<f64>().unwrap()));
    let samples: Vec<(f64, f64)> = samples.collect();
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    assert!(
        samples.is_sorted_by_key(|(_, value)| *value),
        "{counter} fell: {samples:?}"
    );
    let seen = last.1 - first.1;

    let series = Series::parse(&counter.replace('{', "{account=\"12345678\",")).unwrap();
    let simulated = |at: f64| now_simulated - (now - (at * 1000.0) as i64) * i64::from(SPEED);
    let truth = |from: i64, until: i64| series.expected(&simulator.truth(from, until)) as f64;
    let (from, until) = (simulated(first.0), simulated(last.0));
    let behind = BEHIND + (oldest(&ask(OLDEST).await) * 1000.0) as i64 * i64::from(SPEED);
    let (least, most) = (truth(from, until - behind), truth(from - behind, until));
    assert!(
        (least..=most).contains(&seen),
        "{counter}: grew by {seen}, but {least} to {most} happened"
    );

    let increase = ask(&format!("increase({range})")).await["value"][1].take();
    let increase: f64 = increase.as_str().unwrap().parse().unwrap();
    // Prometheus extrapolates by at most 1.1 times the mean distance of samples at either end.
    let length = last.0 - first.0;
    let distance = length / (samples.len() - 1) as f64;
    let most = seen * (1.0 + 2.2 * distance / length);
    let bounds = seen - 1e-6..=most + 1e-6;
    assert!(
        bounds.contains(&increase),
        "increase({range}) is {increase}, the counter grew by {seen}"
    );
}
