//! A history and the live series that follow it, in a real Prometheus.

use std::path::Path;
use std::process::Command;

use liveperson_exporter::simulator::{Options, Simulator, Totals};

use super::{configuration, history};
use crate::common::liveperson::simulator;
use crate::common::optional::has_program;
use crate::common::{self, Exporter, free_address};
use crate::prometheus_server::{Prometheus, servers};

const MORE: &str =
    "sla: {totals: true, skills: all}\nlimits: {min_spacing: 10ms, max_in_flight: 4}";

async fn backfill(config: &Path, output: &Path, state_dir: &str, address: &str) {
    let mut command = tokio::process::Command::from(common::command());
    command
        .arg("backfill")
        .arg(config)
        .arg("--output")
        .arg(output);
    command.args([state_dir, "--label=job=liveperson", "--label"]);
    command.arg(format!("instance={address}"));
    let ended = command.output().await.unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(ended.status.success(), "{printed}");
    assert!(printed.contains("failed: 0"), "{printed}");
}

fn blocks(output: &Path, folder: &Path) {
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(output)
        .arg(folder.join("data"))
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn float(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap())
}

/// What Prometheus has from the beginning of the history on equals what really happened.
async fn check(prometheus: &Prometheus, simulator: &Simulator, begin: i64) {
    for (series, of) in [
        (
            "liveperson_account_chats_total{kind=\"interactive\"}",
            (|totals| totals.counts.interactive) as fn(&Totals) -> i64,
        ),
        ("liveperson_account_connected_engagements_total", |totals| {
            totals.counts.connected
        }),
        (
            "liveperson_account_wait_seconds_bucket{le=\"30.0\"}",
            |totals| totals.answered_within(30),
        ),
    ] {
        let until = simulator.now_ms();
        let truth = |until| float(of(&simulator.truth(begin * 1000, until).account()));
        let latest = prometheus.query(&format!("max({series})")).await.unwrap();
        let now = truth(simulator.now_ms());
        let before = truth(until - 90_000);
        assert!(
            (before..=now).contains(&latest[0]),
            "{series}: {latest:?}, {before} to {now}"
        );
        // The increase is extrapolated to the end of the range, by no more than a scrape or two.
        let increase = prometheus
            .query(&format!("sum(increase({series}[1d]))"))
            .await
            .unwrap();
        let difference = (increase[0] - latest[0]).abs();
        assert!(
            difference <= 1.0 + 0.002 * now,
            "{series}: {increase:?}, {latest:?}"
        );
    }
}

#[tokio::test]
async fn history_and_live_series_join_without_a_reset() {
    if !has_program("promtool") {
        return;
    }
    for program in servers() {
        let simulator = simulator(Options::in_process()).await;
        let (folder, file) = common::configuration(&configuration(&simulator.base_url(), MORE));
        let (address, output) = (free_address(), folder.path().join("history.om"));
        let state_dir = format!("--state.dir={}", folder.path().join("state").display());
        backfill(&file, &output, &state_dir, &address.to_string()).await;
        let text = std::fs::read_to_string(&output).unwrap();
        let begin = *history(&text)
            .values()
            .filter_map(|points| points.keys().next())
            .min()
            .unwrap();
        let data = tempfile::tempdir().unwrap();
        blocks(&output, data.path());
        let mut command = common::command();
        command.arg("--config.file").arg(&file).arg(&state_dir);
        let exporter = Exporter::spawn_at(command, folder, address).await;
        let prometheus = Prometheus::continuing(&program, &[&exporter.base_url], data);
        for name in [
            "account_chats_total",
            "skill_agent_chats_total",
            "account_wait_seconds_bucket",
            "skill_wait_seconds_bucket",
        ] {
            // Live: scraped after the history had ended.
            let live = format!("min(count_over_time(liveperson_{name}[1m]))");
            let is_live = |values: &[f64]| values.first().is_some_and(|count| *count >= 2.0);
            prometheus.eventually(&live, is_live).await;
            let resets = format!("sum(resets(liveperson_{name}[1d]))");
            assert_eq!(prometheus.query(&resets).await, Some(vec![0.0]), "{name}");
            // The labels of the history are those of the scrape: every series continues.
            let ended = format!(
                "liveperson_{name} offset 12h unless last_over_time(liveperson_{name}[1m])"
            );
            prometheus.eventually(&ended, <[f64]>::is_empty).await;
        }
        check(&prometheus, &simulator, begin).await;
    }
}
