//! Every query of every panel of the dashboards against a real Prometheus: a variable is resolved as
//! Grafana resolves it, each query answers, no id is there twice, and tiles are empty after an outage.
//!
//! `tests/dashboards/queries.py` asks; here are the servers that it asks, with two kinds of data: what
//! the real exporter serves now, and the history that `tests/dashboards/history.py` makes, with hours
//! and a week before.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::tz::TimeZone;
use liveperson_exporter::simulator::{
    Fault, Options, Simulator, SystemClock, Target, WallClock as _,
};

use crate::common::liveperson;
use crate::common::optional::has_program;
use crate::common::{COLLECTORS, Exporter, only};
use crate::prometheus_server::{Prometheus, servers};

/// When the histories end: a Monday at 14:13 UTC.
const END: u32 = 1_790_000_000;
/// Series by account and collector, or by account and kind of chat: two by two in each of two replicas.
const SERIES: f64 = 8.0;
/// The accounts, as they are chosen in turn.
const CHOICES: [&str; 3] = ["12345678", "12345678,12345679", "all"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Asks every query of every dashboard; fails with all that is wrong.
fn ask(prometheus: &Prometheus, at: &str, more: &[&str]) {
    let dashboards = std::fs::read_dir(repository("grafana/dashboards")).unwrap();
    let dashboards = dashboards.map(|entry| entry.unwrap().path());
    let json = dashboards.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let output = Command::new("python3")
        .arg(repository("tests/dashboards/queries.py"))
        .args(["--prometheus", &prometheus.url, "--at", at])
        .args(more)
        .args(json)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{more:?}:\n{printed}");
}

/// A Prometheus that holds a history.
async fn with_history(program: &Path, history: &[&str]) -> Prometheus {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::File::create(folder.path().join("history.txt")).unwrap();
    let made = Command::new("python3")
        .arg(repository("tests/dashboards/history.py"))
        .args(["--end", &END.to_string(), "--hours", "3", "--week-before"])
        .args(["--skills", "4", "--agents", "6", "--pairs"])
        .args(history)
        .stdout(text)
        .status();
    assert!(made.unwrap().success());
    let blocks = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args(["history.txt", "data"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .status();
    assert!(blocks.unwrap().success());
    let prometheus = Prometheus::holding(program, folder);
    let names = prometheus.eventually("vector(1)", |values| values == [1.0]);
    names.await;
    prometheus
}

/// Waits for what all queries look back at: scrapes, totals, and a skill that two replicas name differently.
async fn has_seen_enough(prometheus: &Prometheus) {
    prometheus
        .eventually("count_over_time(up[1m])", |values| {
            values.iter().all(|scrapes| *scrapes >= 15.0)
        })
        .await;
    for anchored in [
        "liveperson_totals_anchor_timestamp_seconds",
        "liveperson_account_chats_total",
    ] {
        let expected = format!("count({anchored})");
        prometheus
            .eventually(&expected, |values| values == [SERIES])
            .await;
    }
    let disagreeing = "count(count by (name) (liveperson_skill_info{skill=\"101\"}))";
    prometheus
        .eventually(disagreeing, |values| values == [2.0])
        .await;
}

#[tokio::test]
async fn every_query_answers_about_a_day_and_the_week_before() {
    if !has_program("promtool") || !has_program("python3") {
        return;
    }
    for program in servers() {
        let calm = ["--accounts", "2", "--replicas", "2"];
        let prometheus = with_history(&program, &calm).await;
        for accounts in CHOICES {
            let served = [
                "--scrape",
                "60",
                "--since",
                "2h",
                "--expect",
                "served",
                "--accounts",
            ];
            ask(
                &prometheus,
                &END.to_string(),
                &[&served[..], &[accounts]].concat(),
            );
        }
        let outage = ["--accounts", "2", "--replicas", "2", "--outage", "25"];
        let prometheus = with_history(&program, &outage).await;
        for accounts in CHOICES {
            let empty = ["--scrape", "60", "--expect", "outage", "--accounts"];
            ask(
                &prometheus,
                &END.to_string(),
                &[&empty[..], &[accounts]].concat(),
            );
        }
    }
}

/// A time zone in which half of the day is over: after midnight, `today` has not seen a chat yet.
fn where_it_is_noon() -> String {
    let hour = SystemClock.now().to_zoned(TimeZone::UTC).hour();
    // In these names, what lies west of Greenwich has a plus.
    format!("Etc/GMT{:+}", hour - 12)
}

/// Two replicas of two accounts. The second has another name for a skill, as after a rename that it
/// has read and the first has not.
async fn replicas(simulators: &[Simulator; 2], states: &[tempfile::TempDir; 2]) -> [Exporter; 2] {
    let accounts: String = ["12345678", "12345679"]
        .iter()
        .zip(simulators)
        .map(|(id, simulator)| {
            let url = simulator.base_url();
            format!(
                r#"
  - id: "{id}"
    name: "Shop {id}"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
    hosts: {{leDataReporting: "{url}", sentinel: "{url}", accountConfigReadOnly: "{url}"}}"#
            )
        })
        .collect();
    let timezone = where_it_is_noon();
    let others = only(&COLLECTORS);
    let yaml = |renamed: &str| {
        format!(
            "accounts:{accounts}
limits: {{min_spacing: 5ms, max_in_flight: 4}}
engagement_activity: {{interval: 5s, windows: [5m, 1h, today], skill_agents: true}}
sla: {{interval: 5s, windows: [5m, 1h, today], skills: all, groups: [11, 12, 13]}}
stale_after: 20s
timezone: {timezone}
names: {{skills: {{{renamed}}}}}
{others}"
        )
    };
    let state = |index: usize| ["--state.dir", states[index].path().to_str().unwrap()];
    let first = Exporter::start_with(&yaml(""), &state(0)).await;
    let second = Exporter::start_with(
        &yaml("101: \"Renamed\", 102: \"say \\\"hi\\\"\""),
        &state(1),
    )
    .await;
    [first, second]
}

/// An account with so many agents that there are chats in every five minutes of a Sunday night, too.
async fn simulator(account: &str) -> Simulator {
    let options = Options {
        account: account.to_owned(),
        agents: 120,
        ..Options::in_process()
    };
    liveperson::simulator(options).await
}

async fn now(prometheus: &Prometheus) -> String {
    prometheus.query("vector(time())").await.unwrap()[0].to_string()
}

#[tokio::test]
async fn every_query_answers_about_disagreeing_replicas_and_outages() {
    if !has_program("python3") {
        return;
    }
    let simulators = [simulator("12345678").await, simulator("12345679").await];
    let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let exporters = replicas(&simulators, &states).await;
    let urls = [&*exporters[0].base_url, &*exporters[1].base_url];
    let servers = servers();
    let running: Vec<_> = servers
        .iter()
        .map(|program| Prometheus::scraping_all(program, &urls))
        .collect();
    for prometheus in &running {
        prometheus
            .eventually("sum(liveperson_up)", |values| values == [SERIES])
            .await;
        has_seen_enough(prometheus).await;
        for accounts in CHOICES {
            // Longer than between two scrapes, so that a busy machine that misses some fails nothing.
            let answers = [
                "--scrape",
                "5",
                "--since",
                "10s",
                "--expect",
                "served",
                // In ten seconds no chat may have begun.
                "--may-be-empty",
                "Service level,Error budget left,Percentiles of the wait,Within each limit",
                "--accounts",
                accounts,
            ];
            ask(prometheus, &now(prometheus).await, &answers);
        }
    }
    for simulator in &simulators {
        simulator.push_fault(Fault {
            api: Target::Any,
            status: Some(503),
            ..Fault::default()
        });
    }
    for prometheus in &running {
        prometheus
            .eventually("sum(liveperson_series)", |values| values == [0.0])
            .await;
        let empty = ["--scrape", "1", "--expect", "outage"];
        ask(prometheus, &now(prometheus).await, &empty);
    }
}
