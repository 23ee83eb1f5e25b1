//! Scrapes of the real binary: formats, compression, selections, limits.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::simulator::{Options, Simulator};
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::common::cases::{check_each, check_each_async};
use crate::common::liveperson::simulator_at_noon;
use crate::common::optional::{has_program, has_python_package, python_packages};
use crate::common::{self, COLLECTORS, Exporter, data, eventually, only, sample};

pub(crate) const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

pub(crate) async fn exporter(more: &str) -> (Simulator, Exporter) {
    exporter_with(more, true).await
}

async fn exporter_with(more: &str, totals: bool) -> (Simulator, Exporter) {
    // Two scrapes have the same numbers.
    let simulator = simulator_at_noon(Options::in_process()).await;
    let yaml = format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "{}"
engagement_activity: {{skill_agents: true, totals: {totals}}}
sla: {{windows: [5m, 1h], skills: all, groups: [11, 12], totals: {totals}}}
names: {{skills: {{101: "quotes \" and \\ and 😀"}}}}
limits: {{min_spacing: 10ms, {more}}}
{}"#,
        simulator.base_url(),
        only(&COLLECTORS)
    );
    (simulator, Exporter::start(&yaml).await)
}

pub(crate) async fn with_data(exporter: &Exporter) {
    exporter.page_with_all_up("12345678").await;
}

pub(crate) struct Answer {
    status: u16,
    pub(crate) kind: String,
    encoding: Option<String>,
    pub(crate) length: usize,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The page, unpacked.
    pub(crate) fn plain(&self) -> Vec<u8> {
        match self.encoding.as_deref() {
            None => self.body.clone(),
            Some("gzip") => {
                // One member: curl and browsers read no more.
                let mut rest = &self.body[..];
                let mut member = flate2::bufread::GzDecoder::new(&mut rest);
                let mut plain = Vec::new();
                member.read_to_end(&mut plain).unwrap();
                assert!(rest.is_empty(), "more than one member");
                plain
            }
            Some(other) => panic!("{other}"),
        }
    }

    /// The page, unpacked, of a format that is text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.plain()).unwrap()
    }
}

pub(crate) async fn scrape(
    exporter: &Exporter,
    query: &str,
    accept: &str,
    encoding: &str,
) -> Answer {
    scrape_by(Method::GET, exporter, query, accept, encoding).await
}

async fn scrape_by(
    method: Method,
    exporter: &Exporter,
    query: &str,
    accept: &str,
    encoding: &str,
) -> Answer {
    common::http();
    let client = reqwest::Client::builder().no_proxy().no_gzip();
    let request = client
        .build()
        .unwrap()
        .request(method, format!("{}/metrics{query}", exporter.base_url))
        .header(ACCEPT, accept)
        .header(ACCEPT_ENCODING, encoding);
    let answer = request.send().await.unwrap();
    let header = |name| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    Answer {
        status: answer.status().as_u16(),
        kind: header(CONTENT_TYPE).unwrap(),
        encoding: header(CONTENT_ENCODING),
        length: header(CONTENT_LENGTH).unwrap().parse().unwrap(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

/// What the strict parser found: a line for each family. `None` when there is no such parser here.
pub(crate) fn strictly_parsed(page: &str) -> Option<Vec<String>> {
    let root = env!("CARGO_MANIFEST_DIR");
    if !has_python_package("prometheus_client") {
        return None;
    }
    let mut python = Command::new("python3")
        .arg(format!("{root}/tests/product/openmetrics.py"))
        .arg(python_packages())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let text = page.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\nabout\n{page}");
    let families = String::from_utf8(output.stdout).unwrap();
    Some(families.lines().map(str::to_owned).collect())
}

fn series(page: &str) -> BTreeSet<&str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[tokio::test]
async fn every_format_and_encoding_has_the_same_data_and_its_length() {
    let (_simulator, exporter) = exporter("").await;
    with_data(&exporter).await;
    let plain = scrape(&exporter, "", "*/*", "identity").await.text();
    assert!(data(&plain).len() > 500);
    let cases = [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            OPENMETRICS,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ];
    check_each_async(cases, async |(accept, kind)| {
        for (asked, got) in [
            ("identity", None),
            ("gzip", Some("gzip")),
            ("gzip;q=0.1, zstd;q=0.2", Some("gzip")),
            ("br, gzip;q=0", None),
        ] {
            let answer = scrape(&exporter, "", accept, asked).await;
            assert_eq!((answer.status, answer.kind.as_str()), (200, kind));
            assert_eq!(answer.encoding.as_deref(), got, "{asked}");
            assert_eq!(answer.length, answer.body.len(), "{asked}");
            let text = answer.text();
            let mut expected = data(&plain);
            if accept == OPENMETRICS {
                assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
                expected.retain(|series, _| !series.contains("_wait_seconds_count{"));
            }
            assert_eq!(data(&text), expected, "{accept}, {asked}");
            let head = scrape_by(Method::HEAD, &exporter, "", accept, asked).await;
            assert!(head.body.is_empty() && head.length > 0);
        }
    })
    .await;
}

#[tokio::test]
async fn every_openmetrics_page_passes_the_strict_parser() {
    let (_simulator, exporter) = exporter("").await;
    let early = scrape(&exporter, "", OPENMETRICS, "identity").await.text();
    if strictly_parsed(&early).is_none() {
        return;
    }
    with_data(&exporter).await;
    let page = scrape(&exporter, "", OPENMETRICS, "gzip").await.text();
    let families = strictly_parsed(&page).unwrap();
    let cases = [
        "liveperson_window_account_chats gauge - ",
        "liveperson_window_skill_agent_handling_seconds gauge seconds ",
        "liveperson_window_account_wait_seconds gaugehistogram seconds ",
        "liveperson_skill info - ",
        "liveperson_api_requests counter - ",
        "liveperson_api_response_bytes counter bytes ",
        "liveperson_api_request_duration_seconds histogram seconds ",
        "liveperson_exporter_build info - 1",
        "process_cpu_seconds counter seconds 2",
    ];
    check_each(cases, |wanted| {
        let found = families.iter().any(|family| family.starts_with(wanted));
        assert!(found, "no {wanted:?} in {families:#?}");
    });
    let cases = ["?collect[]=sla", "?collect[]=names", "?account[]=12345678"];
    check_each_async(cases, async |query| {
        let page = scrape(&exporter, query, OPENMETRICS, "gzip").await.text();
        assert!(strictly_parsed(&page).unwrap().len() > 10, "{query}");
    })
    .await;
}

#[tokio::test]
async fn a_scrape_selects_and_an_unknown_name_lists_the_known_ones() {
    let (_simulator, exporter) = exporter("").await;
    with_data(&exporter).await;
    let whole = scrape(&exporter, "", "*/*", "identity").await.text();
    let sla = scrape(
        &exporter,
        "?collect[]=sla&account%5B%5D=12345678",
        "*/*",
        "gzip",
    )
    .await
    .text();
    assert!(series(&sla).is_subset(&series(&whole)));
    let data_of = |page: &str| data(page).into_keys().collect::<Vec<_>>();
    assert!(data_of(&sla).iter().all(|series| series.contains("_wait")));
    assert!(data_of(&sla).len() > 50);
    assert!(sla.contains("liveperson_up{account=\"12345678\",collector=\"sla\"} 1"));
    assert!(!sla.contains("engagement_activity") && !sla.contains("liveperson_skill_info"));
    assert!(!sla.contains("api=\"engactivity\"") && !sla.contains("api=\"names\""));
    assert!(sla.contains("api=\"sla\"") && sla.contains("api=\"token\""));
    assert!(sla.contains("process_cpu_seconds_total"));
    let two = scrape(&exporter, "?collect[]=sla&collect[]=names", "*/*", "gzip")
        .await
        .text();
    assert!(two.contains("liveperson_skill_info{") && two.contains("_wait_seconds_bucket{"));

    let wrong = scrape(&exporter, "?collect[]=cpu", "*/*", "gzip").await;
    assert_eq!(wrong.status, 400);
    let registry = Registry::standard();
    let labels: Vec<_> = registry.about().map(|about| about.label).collect();
    let known = format!("known are {}, names", labels.join(", "));
    assert!(wrong.text().contains(&known), "{}", wrong.text());
    let wrong = scrape(&exporter, "?account[]=1", OPENMETRICS, "identity").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("known are 12345678"));
}

#[tokio::test]
async fn too_many_series_are_dropped_by_level_and_logged_once() {
    let (_simulator, exporter) = exporter_with("max_series: 400", false).await;
    with_data(&exporter).await;
    let logged = || exporter.log().matches("limits.max_series").count();
    eventually("it is logged", async || (logged() > 0).then_some(())).await;
    let page = exporter.page().await;
    assert!(!page.contains("liveperson_window_skill_agent_"));
    assert!(page.contains("liveperson_window_account_chats{"));
    let of = |name: &str, collector: &str| {
        let labels = format!("{{account=\"12345678\",collector=\"{collector}\"}}");
        sample(&page, &format!("{name}{labels}")).unwrap()
    };
    let series = COLLECTORS.map(|collector| of("liveperson_series", collector));
    assert!(series.iter().sum::<f64>() <= 400.0, "{series:?}");
    assert!(of("liveperson_series_dropped", "engagement_activity") > 0.0);
    assert!(
        logged() <= 2,
        "once, or twice when the second collector adds a level:\n{}",
        exporter.log()
    );
}

#[tokio::test]
async fn curl_reads_compressed_pages() {
    if !has_program("curl") {
        return;
    }
    let (_simulator, exporter) = exporter("").await;
    with_data(&exporter).await;
    let url = format!("{}/metrics", exporter.base_url);
    let wanted = data(&exporter.page().await);
    let output = Command::new("curl")
        .args(["-sS", "--compressed", "-H", "Accept-Encoding: gzip", &url])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(data(&page), wanted);
}
