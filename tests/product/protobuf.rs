//! Prometheus' protobuf format, decoded by Google's library.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::cases::check_each_async;
use crate::common::optional::{has_python_package, python_packages};
use crate::common::{self, data, eventually, totals};
use crate::scrape::{OPENMETRICS, exporter, scrape, with_data};

const PROTOBUF: &str = "application/vnd.google.protobuf;\
                        proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// What the decoder found: types and units by family, values by series. `None` when there is no decoder
/// here.
fn decoded(page: Vec<u8>) -> Option<Value> {
    let root = env!("CARGO_MANIFEST_DIR");
    if !has_python_package("google/protobuf") {
        return None;
    }
    let mut python = Command::new("python3")
        .arg(format!("{root}/tests/product/protobuf.py"))
        .arg(python_packages())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&page));
    let output = python.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    writer.join().unwrap().unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The samples of a page of text that are LivePerson's: windows, totals and names.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let info = page.lines().filter(|line| line.contains("_info{"));
    let info = info.map(|line| (line.rsplit_once(' ').unwrap().0.to_owned(), 1.0));
    let numbers = data(page).into_iter().chain(totals(page));
    numbers.chain(info).collect()
}

/// The same of a page in protobuf.
fn decoded_samples(decoded: &Value) -> BTreeMap<String, f64> {
    let all = decoded["samples"].as_object().unwrap();
    let lines = all
        .iter()
        .map(|(series, value)| format!("{series} {}\n", value.as_f64().unwrap()));
    samples(&lines.collect::<String>())
}

#[tokio::test]
async fn protobuf_has_the_samples_of_openmetrics() {
    let (_simulator, exporter) = exporter("").await;
    with_data(&exporter).await;
    let queries = ["", "?collect[]=sla", "?collect[]=names"];
    check_each_async(queries, async |query| {
        let openmetrics =
            async || samples(&scrape(&exporter, query, OPENMETRICS, "gzip").await.text());
        for encoding in ["identity", "gzip"] {
            // Names and totals may still come in.
            let (answer, expected) = eventually(query, async || {
                let before = openmetrics().await;
                let answer = scrape(&exporter, query, PROTOBUF, encoding).await;
                (before.len() > 5 && before == openmetrics().await).then_some((answer, before))
            })
            .await;
            assert!(
                answer.kind.starts_with("application/vnd.google.protobuf;"),
                "{}",
                answer.kind
            );
            assert_eq!(answer.length, answer.body.len());
            let Some(decoded) = decoded(answer.plain()) else {
                return;
            };
            assert_eq!(decoded_samples(&decoded), expected, "{query} {encoding}");
        }
    })
    .await;
}

#[tokio::test]
async fn protobuf_keeps_types_units_and_created_times() {
    let (_simulator, exporter) = exporter("").await;
    with_data(&exporter).await;
    let page = scrape(&exporter, "", PROTOBUF, "gzip").await.plain();
    let Some(decoded) = decoded(page) else {
        return;
    };
    let cases = [
        ("liveperson_window_account_chats", "GAUGE", ""),
        (
            "liveperson_window_account_wait_seconds",
            "GAUGE_HISTOGRAM",
            "seconds",
        ),
        ("liveperson_account_wait_seconds", "HISTOGRAM", "seconds"),
        (
            "liveperson_account_handling_seconds_total",
            "COUNTER",
            "seconds",
        ),
        ("liveperson_skill_info", "GAUGE", ""),
        ("liveperson_api_requests_total", "COUNTER", ""),
        (
            "liveperson_api_request_duration_seconds",
            "HISTOGRAM",
            "seconds",
        ),
        ("process_resident_memory_bytes", "GAUGE", "bytes"),
    ];
    common::cases::check_each(cases, |(name, kind, unit)| {
        assert_eq!(decoded["types"][name], serde_json::json!([kind, unit]));
    });
    let samples = decoded["samples"].as_object().unwrap();
    let created = [
        "liveperson_account_wait_seconds_created{",
        "liveperson_account_chats_created{",
        "liveperson_api_requests_created{",
        "process_cpu_seconds_created",
    ];
    common::cases::check_each(created, |prefix| {
        let mut found = samples
            .iter()
            .filter(|(series, _)| series.starts_with(prefix));
        let (_, at) = found.next().unwrap();
        assert!(at.as_f64().unwrap() > 1.7e9, "{at}");
    });
}
