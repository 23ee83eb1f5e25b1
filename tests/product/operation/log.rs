//! A log that says each thing once.

use liveperson_exporter::simulator::{Fault, Target};

use super::{FIRST, QUICK, account, all_up, more_calls, simulator, up};
use crate::common::cases::check_each;
use crate::common::{Exporter, eventually};

#[tokio::test]
async fn a_failure_is_logged_when_it_begins_and_when_it_ends() {
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
        api: Target::Api("sla"),
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
    // A poll that fails whole says how long its collector waits, in the same single line.
    first.push_fault(Fault {
        api: Target::Api("sla"),
        status: Some(403),
        count: Some(1),
        ..Fault::default()
    });
    exporter.page_with(&up(FIRST, "sla"), 0.0).await;
    more_calls(&first, "engactivity", 2).await;
    let begun = eventually("it is logged", async || {
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
