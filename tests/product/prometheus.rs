//! The exporter under a real Prometheus.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use liveperson_exporter::simulator::{Fault, Options, Simulator, SystemClock, Target};
use serde_json::Value;

use crate::common::cases::check_each_async;
use crate::common::{self, Exporter, eventually, get};

/// What a program says its version is; `None` when it is not there.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    // Some print it on standard error.
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    output
        .status
        .success()
        .then(|| printed.split(' ').nth(2).unwrap().to_owned())
}

/// Says something that the test runner does not keep to itself.
fn loudly(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}\n");
}

/// The Prometheus servers to test with, a 2 and a 3 where they can be had. Says loudly what is not
/// there; in CI one of them must be.
pub(crate) fn servers() -> Vec<PathBuf> {
    let newest = std::env::var_os("LIVEPERSON_TEST_NEWEST").map(PathBuf::from);
    let newest = newest.map(|folder| folder.join("prometheus"));
    let mut found = Vec::new();
    for program in [Some("prometheus".into()), newest].into_iter().flatten() {
        if let Some(version) = version(&program) {
            eprintln!("testing with Prometheus {version}");
            found.push((program, version));
        }
    }
    assert!(
        !found.is_empty() || std::env::var_os("CI").is_none(),
        "prometheus must be installed in CI"
    );
    if !found.iter().any(|(_, version)| version.starts_with("3.")) {
        loudly("SKIPPED: THERE IS NO PROMETHEUS 3; run tests/run, which looks for one");
    }
    found.into_iter().map(|(program, _)| program).collect()
}

/// Whether promtool is there; when not, says so loudly, and in CI fails.
fn has_promtool() -> bool {
    let found = version(Path::new("promtool")).is_some();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "promtool must be installed in CI"
    );
    if !found {
        loudly("SKIPPED: promtool is not installed; run tests/run instead");
    }
    found
}

/// What promtool says about a page in the text format; `None` when it is not there, which is said
/// loudly.
pub(crate) fn complaints_of_promtool(page: &str) -> Option<String> {
    if !has_promtool() {
        return None;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    let text = page.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = promtool.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success() || !said.is_empty());
    Some(said)
}

pub(crate) struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    pub(crate) fn scraping(program: &Path, base_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = base_url.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: liveperson\n    \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let address = common::free_address();
        let child = Command::new(program)
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
    pub(crate) async fn query(&self, query: &str) -> Option<Vec<f64>> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.ask(&format!("query?query={encoded}")).await?;
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        let results = answer["data"]["result"].as_array()?;
        let value = |result: &Value| result["value"][1].as_str()?.parse().ok();
        results.iter().map(value).collect()
    }

    pub(crate) async fn eventually(
        &self,
        query: &str,
        wanted: impl Fn(&[f64]) -> bool,
    ) -> Vec<f64> {
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
async fn a_real_prometheus_scrapes_and_quantiles_work_without_rate() {
    let (_simulator, exporter) = exporter().await;
    for program in servers() {
        scrapes_and_quantiles_work_without_rate(&program, &exporter).await;
    }
}

async fn scrapes_and_quantiles_work_without_rate(program: &Path, exporter: &Exporter) {
    let prometheus = Prometheus::scraping(program, &exporter.base_url);
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
    // What docs/metrics.md says accumulated and percentageFromTotal are.
    let total = "liveperson_window_account_wait_seconds_bucket{le=\"+Inf\"} \
                 / ignoring(le) liveperson_window_account_waited_chats";
    assert_eq!(prometheus.query(total).await, Some(vec![1.0, 1.0]));
    let lost = "scrape_samples_scraped - scrape_samples_post_metric_relabeling";
    assert_eq!(prometheus.query(lost).await, Some(vec![0.0]));
}

#[tokio::test]
async fn promtool_has_nothing_to_say_about_the_page() {
    let (_simulator, exporter) = exporter().await;
    let (_, page) = get(&format!("{}/metrics", exporter.base_url)).await;
    assert_eq!(complaints_of_promtool(&page).unwrap_or_default(), "");
}

/// Prometheus itself finds every odd name by exactly that name.
#[tokio::test]
async fn names_of_any_kind_reach_prometheus_as_they_are() {
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
        api: Target::Api("names"),
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
    for program in servers() {
        let prometheus = Prometheus::scraping(&program, &exporter.base_url);
        for (name, id) in names.iter().zip(101..) {
            // A string of PromQL is written as one of JSON.
            let quoted = serde_json::to_string(name).unwrap();
            let query = format!("liveperson_skill_info{{skill=\"{id}\",name={quoted}}}");
            prometheus
                .eventually(&query, |values| values == [1.0])
                .await;
        }
    }
}

const FORMATS: [&str; 2] = [
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=1.0.0",
];

/// The page in one format, and its content type.
async fn page_in(format: &str, exporter: &Exporter) -> (String, String) {
    let request = common::http().get(format!("{}/metrics", exporter.base_url));
    let answer = request.header("accept", format).send().await.unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with(format.split(';').next().unwrap()));
    (content_type.to_owned(), answer.text().await.unwrap())
}

/// All `le` of a page.
fn limits(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once("le=\"")?.1.split('"').next())
        .collect()
}

/// A server that has one page and nothing else, so that a Prometheus of any version reads the
/// format that is wanted.
pub(crate) fn serve(content_type: &str, page: &str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn every_upper_limit_is_a_canonical_number_in_both_formats() {
    let (_simulator, exporter) = exporter().await;
    let wanted = BTreeSet::from([
        "0.05", "0.1", "0.25", "0.5", "1.0", "10.0", "120.0", "15.0", "2.5", "30.0", "45.0", "5.0",
        "60.0", "90.0", "+Inf",
    ]);
    check_each_async(FORMATS, async |format| {
        let (_, page) = page_in(format, &exporter).await;
        assert_eq!(limits(&page), wanted, "{format}");
    })
    .await;
}

/// Prometheus 3 rewrites the limits of some types and not those of others.
#[tokio::test]
async fn series_are_the_same_ones_whichever_format_a_prometheus_reads() {
    let (_simulator, exporter) = exporter().await;
    check_each_async(servers(), async |program| {
        for format in FORMATS {
            let (content_type, page) = page_in(format, &exporter).await;
            let prometheus = Prometheus::scraping(&program, &serve(&content_type, &page));
            prometheus.eventually("up", |values| values == [1.0]).await;
            let stored = prometheus.ask("label/le/values").await.unwrap();
            let stored = stored["data"].as_array().unwrap().iter();
            let stored: BTreeSet<_> = stored.map(|limit| limit.as_str().unwrap()).collect();
            assert_eq!(stored, limits(&page), "{program:?}, {format}");
            for (limit, count) in [("30.0", 2), ("30", 0)] {
                let name = "liveperson_window_account_wait_seconds_bucket";
                let found = prometheus.query(&format!("{name}{{le=\"{limit}\"}}")).await;
                assert_eq!(
                    found.unwrap().len(),
                    count,
                    "{program:?}, {format}, {limit}"
                );
            }
        }
    })
    .await;
}
