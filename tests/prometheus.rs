//! The exporter under a real Prometheus.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use common::{Exporter, eventually, get};
use liveperson_exporter::simulator::{Fault, Options, Simulator, SystemClock, Target};
use serde_json::Value;

/// Whether Prometheus is there; when not, says so loudly, and in CI fails.
fn installed() -> bool {
    let found = |program: &str| {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if found("prometheus") && found("promtool") {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "prometheus and promtool must be installed in CI"
    );
    eprintln!("\nSKIPPED: prometheus and promtool are not installed; run tests/run instead\n");
    false
}

struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(exporter: &Exporter) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = exporter.base_url.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: liveperson\n    \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        }
    }

    /// The answer of its API.
    async fn ask(&self, what: &str) -> Option<Value> {
        let url = format!("{}/api/v1/{what}", self.url);
        let answer = common::http().get(url).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// The values of an instant query.
    async fn query(&self, query: &str) -> Option<Vec<f64>> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.ask(&format!("query?query={encoded}")).await?;
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        let results = answer["data"]["result"].as_array()?;
        let value = |result: &Value| result["value"][1].as_str()?.parse().ok();
        results.iter().map(value).collect()
    }

    async fn eventually(&self, query: &str, wanted: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        eventually(query, async || {
            self.query(query).await.filter(|values| wanted(values))
        })
        .await
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn exporter() -> (Simulator, Exporter) {
    let simulator = Simulator::start(Options::in_process(), Arc::new(SystemClock))
        .await
        .unwrap();
    let yaml = format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "{}"
engagement_activity: {{skill_agents: true}}
sla: {{windows: [5m, 1h], skills: all, groups: [11, 12]}}
names: {{skills: {{101: "quotes \" and \\ and 😀"}}}}
limits: {{min_spacing: 10ms}}
"#,
        simulator.base_url()
    );
    let exporter = Exporter::start(&yaml).await;
    for collector in ["engagement_activity", "sla"] {
        let up = format!("liveperson_up{{account=\"12345678\",collector=\"{collector}\"}}");
        exporter.page_with(&up, 1.0).await;
    }
    (simulator, exporter)
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it_and_quantiles_work_without_rate() {
    if !installed() {
        return;
    }
    let (_simulator, exporter) = exporter().await;
    let prometheus = Prometheus::scraping(&exporter);
    prometheus.eventually("up", |values| values == [1.0]).await;
    prometheus
        .eventually("count_over_time(up[1m])", |values| {
            values.first().is_some_and(|n| *n >= 3.0)
        })
        .await;
    assert_eq!(
        prometheus.query("min_over_time(up[1m])").await,
        Some(vec![1.0])
    );
    assert_eq!(
        prometheus.query("liveperson_up").await,
        Some(vec![1.0, 1.0])
    );
    // What was read is OpenMetrics: only there a histogram of a window has a type of its own.
    let metadata = "targets/metadata?metric=liveperson_window_account_wait_seconds";
    let kind = prometheus.ask(metadata).await.unwrap();
    assert_eq!(kind["data"][0]["type"], "gaugehistogram", "{kind}");
    assert_eq!(kind["data"][0]["unit"], "seconds", "{kind}");
    let metadata = "targets/metadata?metric=liveperson_api_requests";
    let kind = prometheus.ask(metadata).await.unwrap();
    assert_eq!(kind["data"][0]["type"], "counter", "{kind}");
    let quantile = "histogram_quantile(0.9, liveperson_window_account_wait_seconds_bucket)";
    let waits = prometheus.query(quantile).await.unwrap();
    assert_eq!(waits.len(), 2, "one for each window");
    assert!(
        waits.iter().all(|wait| (0.0..=120.0).contains(wait)),
        "{waits:?}"
    );
    // What the README says accumulated and percentageFromTotal are.
    let total = "liveperson_window_account_wait_seconds_bucket{le=\"+Inf\"} \
                 / ignoring(le) liveperson_window_account_waited_chats";
    assert_eq!(prometheus.query(total).await, Some(vec![1.0, 1.0]));
    let lost = "scrape_samples_scraped - scrape_samples_post_metric_relabeling";
    assert_eq!(prometheus.query(lost).await, Some(vec![0.0]));
}

#[tokio::test]
async fn promtool_has_nothing_to_say_about_the_page() {
    if !installed() {
        return;
    }
    let (_simulator, exporter) = exporter().await;
    let (_, page) = get(&format!("{}/metrics", exporter.base_url)).await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    let text = page.clone();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()));
    let output = promtool.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// Prometheus itself finds every odd name by exactly that name.
#[tokio::test]
async fn names_of_any_kind_reach_prometheus_as_they_are() {
    if !installed() {
        return;
    }
    let simulator = Simulator::start(Options::in_process(), Arc::new(SystemClock))
        .await
        .unwrap();
    let names = [
        "say \"hi\" \\ back\\\\slash \\n".to_owned(),
        "first line\nsecond line\n".to_owned(),
        " \u{1F468}\u{200D}\u{1F4BB} \u{1F980} ünïcödé {}=,# ".to_owned(),
        "ö\u{1F600}".repeat(250),
    ];
    let skills = names
        .iter()
        .zip(101..)
        .map(|(name, id)| serde_json::json!({ "id": id, "name": name, "deleted": false }));
    simulator.push_fault(Fault {
        api: Target::Names,
        contains: Some("/skills".to_owned()),
        body: Some(Value::from_iter(skills).to_string()),
        ..Fault::default()
    });
    let yaml = format!(
        "accounts: [{{id: \"12345678\", auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}}}]\n\
         domain_api: \"{}\"\nlimits: {{min_spacing: 10ms}}\n",
        simulator.base_url()
    );
    let exporter = Exporter::start(&yaml).await;
    let prometheus = Prometheus::scraping(&exporter);
    for (name, id) in names.iter().zip(101..) {
        // A text of PromQL is written as one of JSON.
        let quoted = serde_json::to_string(name).unwrap();
        let query = format!("liveperson_skill_info{{skill=\"{id}\",name={quoted}}}");
        prometheus
            .eventually(&query, |values| values == [1.0])
            .await;
    }
}
