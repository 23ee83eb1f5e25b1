//! The real binary in operation: reloads that nobody notices, a stop that cuts nothing off, and a
//! log that says each thing once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Exporter, data, eventually, http, sample};
use liveperson_exporter::simulator::{Fault, Options, Simulator, SystemClock, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

const FIRST: &str = "11111111";
const SECOND: &str = "22222222";

async fn simulator(account: &str) -> Simulator {
    let options = Options {
        account: account.to_owned(),
        ..Options::in_process()
    };
    Simulator::start(options, Arc::new(SystemClock))
        .await
        .unwrap()
}

fn account(id: &str, simulator: &Simulator, more: &str) -> String {
    let url = simulator.base_url();
    format!(
        r#"
  - id: "{id}"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
    hosts: {{leDataReporting: "{url}", sentinel: "{url}", accountConfigReadOnly: "{url}"}}
    {more}"#
    )
}

const QUICK: &str = "
limits: {min_spacing: 10ms}
engagement_activity: {interval: 1s, windows: [5m]}
sla: {interval: 1s, windows: [5m]}
";

fn up(id: &str, collector: &str) -> String {
    format!("liveperson_up{{account=\"{id}\",collector=\"{collector}\"}}")
}

fn backoff(id: &str) -> String {
    format!("liveperson_api_backoff_seconds{{account=\"{id}\"}}")
}

async fn all_up(exporter: &Exporter, ids: &[&str]) {
    for id in ids {
        exporter
            .page_with(&up(id, "engagement_activity"), 1.0)
            .await;
        exporter.page_with(&up(id, "sla"), 1.0).await;
    }
}

/// Writes a new configuration and has it loaded; the status and text of the answer.
async fn reload(exporter: &Exporter, yaml: &str) -> (u16, String) {
    std::fs::write(exporter.config_file(), yaml).unwrap();
    let url = format!("{}/-/reload", exporter.base_url);
    let answer = http().post(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn calls(simulator: &Simulator, api: &str) -> Vec<Duration> {
    let of = |record: &&liveperson_exporter::simulator::RequestRecord| record.api == api;
    simulator
        .requests()
        .iter()
        .filter(of)
        .map(|r| r.at)
        .collect()
}

/// Waits until a simulator has had so many more calls of an API.
async fn more_calls(simulator: &Simulator, api: &str, more: usize) {
    let wanted = calls(simulator, api).len() + more;
    eventually("further calls", async || {
        (calls(simulator, api).len() >= wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reload_leaves_unchanged_accounts_and_data_alone_and_removes_what_is_gone() {
    let (first, second) = (simulator(FIRST).await, simulator(SECOND).await);
    let one = account(FIRST, &first, "");
    let both = |more| format!("accounts:{one}{}{QUICK}", account(SECOND, &second, more));
    let exporter = Exporter::start_with(&both(""), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST, SECOND]).await;
    more_calls(&first, "sla", 2).await;

    // Engagement Activity of the second changes: its wait times and all of the first stay served.
    let scrape = async {
        for _ in 0..20 {
            let page = exporter.page().await;
            let waits = |id| {
                format!("liveperson_window_account_waited_chats{{account=\"{id}\",window=\"5m\"}}")
            };
            for series in [
                waits(FIRST),
                waits(SECOND),
                up(FIRST, "sla"),
                up(SECOND, "sla"),
            ] {
                assert!(sample(&page, &series).is_some(), "{series} is missing");
            }
        }
    };
    let changed = both("engagement_activity: {windows: [10m]}");
    let ((status, text), ()) = tokio::join!(reload(&exporter, &changed), scrape);
    assert_eq!((status, text.as_str()), (200, "Reloaded.\n"));
    let chats = |window| {
        format!(
            "liveperson_window_account_chats{{account=\"{SECOND}\",window=\"{window}\",kind=\"interactive\"}}"
        )
    };
    let page = eventually("the new window is served", async || {
        let page = exporter.page().await;
        sample(&page, &chats("10m")).map(|_| page)
    })
    .await;
    assert_eq!(
        sample(&page, &chats("5m")),
        None,
        "the old window is no longer asked for"
    );

    // Gone from the very next page on.
    let (status, _) = reload(&exporter, &format!("accounts:{one}{QUICK}")).await;
    let page = exporter.page().await;
    assert_eq!(status, 200);
    assert!(!page.contains(SECOND), "{page}");
    let left = calls(&second, "sla").len();
    more_calls(&first, "sla", 3).await;
    assert_eq!(
        calls(&second, "sla").len(),
        left,
        "a removed account is still polled"
    );

    // Through all of this the first account polled in its rhythm: nothing anew, nothing twice.
    assert_eq!(calls(&first, "token").len(), 1, "its session began anew");
    let starts = calls(&first, "sla");
    let distances = starts.windows(2).skip(1).map(|w| w[1] - w[0]);
    for distance in distances {
        assert!(
            distance > Duration::from_millis(400),
            "an extra call: {starts:?}"
        );
    }
    eventually("both reloads are told", async || {
        (exporter.log().matches("configuration reloaded").count() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_account_keeps_its_back_off_and_its_pause() {
    let (first, second) = (simulator(FIRST).await, simulator(SECOND).await);
    first.push_fault(Fault {
        api: Target::Sla,
        status: Some(403),
        ..Fault::default()
    });
    let yaml = |more| {
        let (one, two) = (account(FIRST, &first, ""), account(SECOND, &second, ""));
        format!("accounts:{one}{two}{QUICK}{more}")
    };
    let exporter = Exporter::start_with(&yaml(""), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[SECOND]).await;
    eventually("the collector backs off", async || {
        let left = sample(&exporter.page().await, &backoff(FIRST))?;
        (left > 60.0).then_some(())
    })
    .await;
    second.push_fault(Fault {
        api: Target::Sla,
        status: Some(429),
        retry_after: Some("100".to_owned()),
        count: Some(1),
        ..Fault::default()
    });
    eventually("the account pauses", async || {
        let left = sample(&exporter.page().await, &backoff(SECOND))?;
        (left > 60.0).then_some(())
    })
    .await;
    let paused = second.requests().len();
    assert_eq!(calls(&first, "sla").len(), 1);
    // Every account is affected by what all depend on. Twice: a wait must outlive any number.
    for more in ["stale_after: 4m\n", "stale_after: 3m\n"] {
        assert_eq!(reload(&exporter, &yaml(more)).await.0, 200);
        // A changed collector polls at once: its successor is at work.
        more_calls(&first, "engactivity", 2).await;
    }
    let page = exporter.page().await;
    for id in [FIRST, SECOND] {
        let left = sample(&page, &backoff(id)).unwrap();
        assert!(left > 30.0 && left <= 120.0, "{left} s left for {id}");
    }
    assert_eq!(calls(&first, "sla").len(), 1, "the back-off was forgotten");
    assert_eq!(second.requests().len(), paused, "the pause was forgotten");
    assert_eq!(sample(&page, &up(FIRST, "sla")), Some(0.0));
    assert_eq!(
        sample(&page, &up(SECOND, "sla")),
        Some(1.0),
        "still known from before"
    );
}

#[tokio::test]
async fn a_bad_file_changes_nothing_is_told_once_and_shows_in_the_metrics() {
    let first = simulator(FIRST).await;
    let good = format!("accounts:{}{QUICK}", account(FIRST, &first, ""));
    let exporter = Exporter::start_with(&good, &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST]).await;
    let before = exporter.page().await;
    let loaded = "liveperson_exporter_config_last_reload_success_timestamp_seconds";
    let successful = "liveperson_exporter_config_last_reload_successful";
    let bad = good.replace("1s", "soon");
    // Two at once: each waits for the other and has an answer of its own.
    let (one, two) = tokio::join!(reload(&exporter, &bad), reload(&exporter, &bad));
    for (status, text) in [one, two] {
        assert_eq!(status, 500);
        assert!(
            text.contains("engagement_activity.interval") && text.contains("soon"),
            "{text}"
        );
    }
    let page = exporter.page_with(successful, 0.0).await;
    assert_eq!(sample(&page, loaded), sample(&before, loaded));
    let told = || exporter.log().matches("configuration not reloaded").count();
    eventually("it is told once for each attempt", async || {
        (told() == 2).then_some(())
    })
    .await;
    assert!(!data(&page).is_empty());
    more_calls(&first, "sla", 2).await;
    assert_eq!(calls(&first, "token").len(), 1);
    assert_eq!(told(), 2);
    assert_eq!(reload(&exporter, &good).await.0, 200);
    let page = exporter.page_with(successful, 1.0).await;
    assert!(sample(&page, loaded) > sample(&before, loaded));
    assert_eq!(
        calls(&first, "token").len(),
        1,
        "the same file changes nothing either"
    );
}

#[tokio::test]
async fn a_failure_is_told_when_it_begins_and_when_it_ends_and_not_in_between() {
    let first = simulator(FIRST).await;
    let yaml = format!("accounts:{}{QUICK}", account(FIRST, &first, ""));
    let exporter = Exporter::start(&yaml).await;
    all_up(&exporter, &[FIRST]).await;
    let lines = |of: &str| -> Vec<String> {
        let log = exporter.log();
        log.lines()
            .filter(|l| l.contains(of))
            .map(str::to_owned)
            .collect()
    };
    first.push_fault(Fault {
        api: Target::Sla,
        status: Some(503),
        count: Some(2),
        ..Fault::default()
    });
    let recovered = eventually("the collector recovers", async || {
        lines("calls succeed again").pop()
    })
    .await;
    let begun = lines("calls fail");
    assert_eq!(begun.len(), 1, "{}", exporter.log());
    for part in [
        "level=warn",
        FIRST,
        "collector=sla",
        "api=sla",
        "status=503",
        "wait=5",
        "timeframe=5",
        "the same again",
    ] {
        assert!(begun[0].contains(part), "{part} is not in {}", begun[0]);
    }
    for part in [
        "level=info",
        FIRST,
        "collector=sla",
        "failures=2",
        "after=1",
    ] {
        assert!(recovered.contains(part), "{part} is not in {recovered}");
    }
    // A poll that fails whole says how long its collector waits, in the same single line.
    first.push_fault(Fault {
        api: Target::Sla,
        status: Some(403),
        count: Some(1),
        ..Fault::default()
    });
    exporter.page_with(&up(FIRST, "sla"), 0.0).await;
    more_calls(&first, "engactivity", 2).await;
    let begun = eventually("it is told", async || {
        Some(lines("calls fail")).filter(|l| l.len() > 1)
    })
    .await;
    assert_eq!(begun.len(), 2, "{}", exporter.log());
    assert!(
        begun[1].contains("status=403") && begun[1].contains("wait=120"),
        "{}",
        begun[1]
    );
    let warnings = lines("level=warn");
    let of_the_account = warnings.iter().filter(|line| line.contains(FIRST));
    assert_eq!(of_the_account.count(), 2, "{warnings:?}");
}

#[tokio::test]
async fn a_stop_lets_a_slow_reader_have_the_whole_page_and_does_not_wait_for_a_dead_one() {
    let options = Options {
        account: FIRST.to_owned(),
        agents: 8000,
        skills: 60,
        ..Options::in_process()
    };
    let big = Simulator::start(options, Arc::new(SystemClock))
        .await
        .unwrap();
    let more = "engagement_activity: {windows: [1h, 8h], skill_agents: true}";
    let yaml = format!("accounts:{}", account(FIRST, &big, more));
    let mut exporter = Exporter::start(&yaml).await;
    all_up(&exporter, &[FIRST]).await;
    let whole = exporter.page().await.len();
    assert!(whole > 4_000_000, "{whole} bytes are no big page");
    let address = exporter
        .base_url
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let connect = async || {
        let socket = TcpSocket::new_v4().unwrap();
        // So that the page does not fit into what lies between the two.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut start = vec![0; 1000];
        stream.read_exact(&mut start).await.unwrap();
        (stream, start)
    };
    let (mut slow, mut read) = connect().await;
    let (dead, _) = connect().await;
    exporter.signal("TERM");
    let signalled = Instant::now();
    eventually("it no longer accepts", async || {
        tokio::net::TcpStream::connect(address)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    slow.read_to_end(&mut read).await.unwrap();
    let head = read.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let header = String::from_utf8(read[..head].to_vec())
        .unwrap()
        .to_lowercase();
    let announced = header.split("content-length: ").nth(1).expect("a length");
    let announced: usize = announced
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(read.len() - head, announced, "half a page");
    assert!(read.ends_with(b"\n"));
    assert_eq!(exporter.ended().await.code(), Some(0), "{}", exporter.log());
    assert!(
        signalled.elapsed() < Duration::from_secs(5),
        "{:?}",
        signalled.elapsed()
    );
    drop(dead);
}
