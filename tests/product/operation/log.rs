//! A log that says each thing once.

use liveperson_exporter::simulator::{Fault, Target};

use super::{FIRST, QUICK, account, all_up, more_calls, simulator};
use crate::common::cases::check_each;
use crate::common::{Exporter, eventually, up};

/// The lines of the log that contain a string.
fn lines(exporter: &Exporter, text: &str) -> Vec<String> {
    let log = exporter.log();
    let lines = log.lines().filter(|line| line.contains(text));
    lines.map(str::to_owned).collect()
}

/// So many calls of one API fail with this status.
fn failing(status: u16, count: u64) -> Fault {
    Fault {
        api: Target::Api("sla"),
        status: Some(status),
        count: Some(count),
        ..Fault::default()
    }
}

#[tokio::test]
async fn a_failure_is_logged_when_it_begins_and_when_it_ends() {
    let first = simulator(FIRST).await;
    let yaml = format!("accounts:{}{QUICK}", account(FIRST, &first, ""));
    let exporter = Exporter::start(&yaml).await;
    all_up(&exporter, &[FIRST]).await;
    first.push_fault(failing(503, 2));
    let recovered = eventually("the collector recovers", async || {
        lines(&exporter, "calls succeed again").pop()
    })
    .await;
    let begun = lines(&exporter, "calls fail");
    assert_eq!(begun.len(), 1, "{}", exporter.log());
    let cases = [
        "level=warn",
        FIRST,
        "collector=sla",
        "api=sla",
        "status=503",
        "wait=5",
        "timeframe=5",
        "the same again",
    ];
    check_each(cases, |part| {
        assert!(begun[0].contains(part), "{part} is not in {}", begun[0]);
    });
    let cases = [
        "level=info",
        FIRST,
        "collector=sla",
        "failures=2",
        "after=1",
    ];
    check_each(cases, |part| {
        assert!(recovered.contains(part), "{part} is not in {recovered}");
    });
}

#[tokio::test]
async fn a_poll_that_fails_whole_says_how_long_it_waits() {
    let first = simulator(FIRST).await;
    let yaml = format!("accounts:{}{QUICK}", account(FIRST, &first, ""));
    let exporter = Exporter::start(&yaml).await;
    all_up(&exporter, &[FIRST]).await;
    first.push_fault(failing(403, 1));
    exporter.page_with(&up(FIRST, "sla"), 0.0).await;
    more_calls(&first, "engactivity", 2).await;
    let line = eventually("it is logged", async || {
        lines(&exporter, "calls fail").pop()
    })
    .await;
    assert!(
        line.contains("status=403") && line.contains("wait=120"),
        "{line}"
    );
    // The wait is said in the line of the failure, not in one of its own.
    let warnings = lines(&exporter, "level=warn");
    let of_the_account = warnings.iter().filter(|line| line.contains(FIRST));
    assert_eq!(of_the_account.count(), 1, "{warnings:?}");
}
