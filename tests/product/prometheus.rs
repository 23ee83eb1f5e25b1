//! The exporter under a real Prometheus.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use liveperson_exporter::simulator::{Fault, Options, Simulator, Target};

use crate::common::cases::check_each_async;
use crate::common::liveperson::{simulator, yaml};
use crate::common::optional::has_program;
use crate::common::{self, Exporter, eventually, get};
use crate::prometheus_server::{Prometheus, servers};

/// What promtool says about a page in the text format; `None` when it is not there, which is said
/// loudly.
pub(crate) fn complaints_of_promtool(page: &str) -> Option<String> {
    if !has_program("promtool") {
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
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success() || !printed.is_empty());
    Some(printed)
}

/// Quantiles are asked for, which need chats in every window of wait times: at night there is not one
/// in every five minutes.
async fn exporter() -> (Simulator, Exporter) {
    let simulator = simulator(Options::in_process()).await;
    let more = r#"
engagement_activity: {skill_agents: true}
sla: {windows: [8h, 1d], skills: all, groups: [11, 12]}
names: {skills: {101: "quotes \" and \\ and 😀"}}
"#;
    let exporter = Exporter::start(&yaml(&simulator, more)).await;
    exporter.page_with_all_up("12345678").await;
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
    let simulator = simulator(Options::in_process()).await;
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
        body: Some(serde_json::Value::from_iter(skills).to_string()),
        ..Fault::default()
    });
    let exporter = Exporter::start(&yaml(&simulator, "")).await;
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

/// Every series has the same value as for one that reads OpenMetrics, and types survive. One before 2.45
/// asks for protobuf and would lose the names of buckets: it gets OpenMetrics.
#[tokio::test]
async fn a_prometheus_that_asks_for_protobuf_reads_the_same() {
    let (_simulator, exporter) = exporter().await;
    check_each_async(servers(), async |program| {
        let protobuf = Prometheus::asking_for_protobuf(&program, &exporter.base_url);
        let text = Prometheus::scraping(&program, &exporter.base_url);
        for prometheus in [&protobuf, &text] {
            prometheus.eventually("up", |values| values == [1.0]).await;
        }
        let is_misread = crate::prometheus_server::version(&program)
            .unwrap()
            .starts_with("2.4");
        let requests = match is_misread {
            true => "liveperson_api_requests",
            // Only there a counter is known by the whole name of its series.
            false => "liveperson_api_requests_total",
        };
        for (family, kind) in [
            ("liveperson_window_account_wait_seconds", "gaugehistogram"),
            ("liveperson_account_wait_seconds", "histogram"),
            (requests, "counter"),
        ] {
            let metadata = format!("targets/metadata?metric={family}");
            let found = protobuf.ask(&metadata).await.unwrap();
            assert_eq!(found["data"][0]["type"], kind, "{family}: {found}");
        }
        let same = [
            "count({__name__=~\"liveperson_window_.*_bucket\"})",
            "count({__name__=~\"liveperson_.*_wait_seconds_bucket\"})",
            "count({__name__=~\"liveperson_window_.*_(chats|handling_seconds)\"})",
            "count({__name__=~\"liveperson_.*_total\"})",
            "count(liveperson_skill_info)",
            "count(liveperson_api_request_duration_seconds_bucket)",
            "liveperson_window_account_wait_seconds_bucket{le=\"+Inf\",window=\"8h\"}",
            "liveperson_account_wait_seconds_bucket{le=\"30.0\"}",
        ];
        for query in same {
            // Numbers change while both read on.
            eventually(query, async || {
                let found = (protobuf.query(query).await?, text.query(query).await?);
                (!found.0.is_empty() && found.0 == found.1).then_some(())
            })
            .await;
        }
    })
    .await;
}

/// Prometheus makes one native histogram with custom buckets of each classic one.
#[tokio::test]
async fn native_histograms_are_made_of_protobuf() {
    let (_simulator, exporter) = exporter().await;
    check_each_async(servers(), async |program| {
        if crate::prometheus_server::version(&program)
            .unwrap()
            .starts_with("2.")
        {
            return;
        }
        let prometheus = Prometheus::making_native_histograms(&program, &exporter.base_url);
        for (query, least) in [
            ("histogram_count(liveperson_account_wait_seconds)", 1.0),
            // A sum that is no number would make it infinite.
            (
                "histogram_quantile(0.5, liveperson_account_wait_seconds)",
                0.001,
            ),
        ] {
            let is_one = |values: &[f64]| matches!(values, [v] if *v >= least && v.is_finite());
            prometheus.eventually(query, is_one).await;
        }
    })
    .await;
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
