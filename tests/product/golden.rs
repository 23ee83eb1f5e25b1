//! Fixtures in, golden pages out: LivePerson's own samples through the real binary, compared with
//! what the page must then say, byte for byte.
//!
//! The LivePerson here is neither the client's nor the simulator's: it hands out files.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::common::{COLLECTORS, Exporter, only};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path)
}

/// Serves fixtures by what the request line asks for.
fn livepersons_samples(fixtures: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, fixtures));
        }
    });
    format!("http://{address}")
}

fn answer(stream: TcpStream, fixtures: &[(&str, &str)]) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            let header = header.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let (status, body) = body(&request, fixtures);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(&body).ok()?;
    }
}

fn body(request: &str, fixtures: &[(&str, &str)]) -> (&'static str, Vec<u8>) {
    if request.starts_with("POST /sentinel/api/v2/account/1/app/token ") {
        return (
            "200 OK",
            b"{\"access_token\":\"t\",\"token_type\":\"Bearer\"}".to_vec(),
        );
    }
    let request = with_totals_named(request);
    let found = fixtures.iter().find(|(words, _)| request.contains(words));
    match found {
        Some((_, fixture)) => (
            "200 OK",
            std::fs::read(file("fixtures").join(fixture)).unwrap(),
        ),
        None => ("404 Not Found", b"{}".to_vec()),
    }
}

/// A request line in which the time since the first anchor of running totals, 23 hours and up to a slot
/// and its half, is the word `totals`.
fn with_totals_named(request: &str) -> String {
    let mut words = request.splitn(2, "timeframe=");
    let (before, after) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let minutes: String = after.chars().take_while(char::is_ascii_digit).collect();
    match minutes.parse() {
        Ok(1377..=1383) => format!("{before}timeframe=totals{}", &after[minutes.len()..]),
        _ => request.to_owned(),
    }
}

async fn page(fixtures: &'static [(&'static str, &'static str)], more: &str) -> String {
    let url = livepersons_samples(fixtures);
    let yaml = format!(
        "accounts:\n  - id: 1\n    auth: {{oauth2: {{client_id: c, client_secret: s}}}}\n    \
         hosts: {{leDataReporting: \"{url}\", sentinel: \"{url}\"}}\n\
         limits: {{min_spacing: 10ms}}\n{}{more}",
        only(&COLLECTORS)
    );
    let exporter = Exporter::start(&yaml).await;
    let page = exporter.page_with_all_up("1").await;
    let of_data = |line: &&str| {
        let series = line
            .split(' ')
            .nth(if line.starts_with('#') { 2 } else { 0 })
            .unwrap();
        let levels = ["window", "account", "skill", "agent", "group"];
        let mut starts = levels
            .map(|level| format!("liveperson_{level}_"))
            .into_iter();
        starts.any(|start| series.starts_with(&start))
    };
    page.lines()
        .filter(of_data)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// An answer of the SLA Histogram.
const BUCKETS: &str = "sla/buckets-0-5-10-20-30.json";

fn compare(name: &str, got: &str) {
    let golden = std::fs::read_to_string(file("golden").join(name)).unwrap_or_default();
    assert!(got == golden, "tests/golden/{name} should be:\n{got}");
}

#[tokio::test]
async fn all_skills_and_all_agents() {
    let fixtures = &[
        (
            "/engactivity?timeframe=5&skillIds=all&agentIds=all&v=1",
            "engactivity/all-skills-agent-3.json",
        ),
        ("/engactivity?timeframe=5&v=1", "engactivity/account.json"),
        ("/sla?timeframe=5&histogram=0,5,10,20,30&v=1", BUCKETS),
        (
            "/engactivity?timeframe=totals&skillIds=all&agentIds=all&v=1",
            "engactivity/all-skills-agent-3.json",
        ),
        (
            "/engactivity?timeframe=totals&v=1",
            "engactivity/account.json",
        ),
        ("/sla?timeframe=totals&histogram=0,5,10,20,30&v=1", BUCKETS),
    ];
    let more = "
engagement_activity: {windows: [5m], skill_agents: true}
sla: {windows: [5m], buckets: [5, 10, 20, 30]}
names: {skills: {2: Sales}, agents: {3: \"Ann \\\"Q\\\" O\\\\Neil\"}}
";
    compare("all-skills-and-all-agents.txt", &page(fixtures, more).await);
}

#[tokio::test]
async fn named_skills_and_agents_in_several_windows() {
    let fixtures = &[
        (
            "/engactivity?timeframe=1200&skillIds=2&v=1",
            "engactivity/skill-2.json",
        ),
        (
            "/engactivity?timeframe=1200&agentIds=2&v=1",
            "engactivity/agent-2-intervals.json",
        ),
        (
            "/engactivity?timeframe=1200&v=1",
            "engactivity/account-intervals.json",
        ),
        (
            "/engactivity?timeframe=1440&skillIds=2&v=1",
            "engactivity/skill-no-data-intervals.json",
        ),
        (
            "/engactivity?timeframe=1440&agentIds=2&v=1",
            "engactivity/agent-2-intervals.json",
        ),
        (
            "/engactivity?timeframe=1440&v=1",
            "engactivity/account.json",
        ),
        (
            "/sla?timeframe=60&skillIds=2&histogram=0,5,10,20,30&v=1",
            BUCKETS,
        ),
        (
            "/sla?timeframe=60&groupIds=7&histogram=0,5,10,20,30&v=1",
            BUCKETS,
        ),
        (
            "/engactivity?timeframe=totals&skillIds=2&v=1",
            "engactivity/skill-2.json",
        ),
        (
            "/engactivity?timeframe=totals&agentIds=2&v=1",
            "engactivity/agent-2-intervals.json",
        ),
        (
            "/engactivity?timeframe=totals&v=1",
            "engactivity/account-intervals.json",
        ),
        (
            "/sla?timeframe=totals&skillIds=2&histogram=0,5,10,20,30&v=1",
            BUCKETS,
        ),
        (
            "/sla?timeframe=totals&groupIds=7&histogram=0,5,10,20,30&v=1",
            BUCKETS,
        ),
    ];
    let more = "
engagement_activity: {windows: [20h, 1d], skills: [2], agents: [2]}
sla: {windows: [60m], buckets: [5, 10, 20, 30], account: false, skills: [2], groups: [7]}
";
    compare("named-skills-and-agents.txt", &page(fixtures, more).await);
}

#[tokio::test]
async fn no_level_has_any_data() {
    let fixtures = &[
        (
            "/engactivity?timeframe=5&skillIds=all&agentIds=all&v=1",
            "engactivity/skill-and-agent-no-data.json",
        ),
        ("/engactivity?timeframe=5&v=1", "engactivity/account.json"),
        ("/sla?timeframe=5&histogram=0,5,10,20,30&v=1", BUCKETS),
        (
            "/engactivity?timeframe=totals&skillIds=all&agentIds=all&v=1",
            "engactivity/skill-and-agent-no-data.json",
        ),
        (
            "/engactivity?timeframe=totals&v=1",
            "engactivity/account.json",
        ),
        ("/sla?timeframe=totals&histogram=0,5,10,20,30&v=1", BUCKETS),
    ];
    let more = "
engagement_activity: {windows: [5m]}
sla: {windows: [5m], buckets: [5, 10, 20, 30]}
";
    compare("no-data.txt", &page(fixtures, more).await);
}
