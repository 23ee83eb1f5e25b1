//! What becomes of running totals when a process ends and another one continues, and when they cannot
//! be kept.

use std::collections::BTreeSet;
use std::path::Path;

use liveperson_exporter::simulator::{DeploymentOptions, Fault, Simulator, Target};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use tokio::time::Instant;

use super::page::{openmetrics, totals};
use super::truth::Judge;
use super::{ACCOUNT, Levels, WITHHELD, on, polled, simulator, start, stop, yaml};
use crate::common::{Exporter, command, configuration, eventually, sample};

/// LivePerson's data APIs answer nothing any more.
fn fail(simulator: &Simulator) {
    for api in ["engactivity", "sla"] {
        simulator.push_fault(Fault {
            api: Target::Api(api),
            status: Some(503),
            ..Fault::default()
        });
    }
}

async fn usual() -> (Simulator, String, tempfile::TempDir) {
    let simulator = simulator(1, 30, DeploymentOptions::default()).await;
    let yaml = yaml(&simulator, Levels::ALL);
    (simulator, yaml, tempfile::tempdir().unwrap())
}

/// A series about the totals of the account, not of one collector.
fn of_account(name: &str) -> String {
    format!("{name}{{account=\"{ACCOUNT}\"}}")
}

/// The files of a folder whose names have this in them.
fn files(folder: &Path, part: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(part)).collect()
}

/// The skills whose wait times are in the file.
fn skills_saved(folder: &Path) -> Option<BTreeSet<i64>> {
    let json = std::fs::read(folder.join(format!("account-{ACCOUNT}.json"))).ok()?;
    let state: Value = serde_json::from_slice(&json).unwrap();
    let requests = state["collectors"]["sla"]["requests"].as_array()?.iter();
    let rows = requests.filter_map(|request| request["totals"]["skill"].as_array());
    rows.flatten().map(|row| row[0][0].as_i64()).collect()
}

#[tokio::test]
async fn what_is_served_is_what_happened_and_a_lie_is_noticed() {
    let (simulator, yaml, state) = usual().await;
    let exporter = start(&yaml, state.path()).await;
    let page = polled(&exporter).await;
    let mut judge = Judge::new(1);
    assert!(judge.judge(&simulator, &page).unwrap() > 100);
    for (series, total) in totals(&page) {
        // By one more or less it may be what it was a moment before or after.
        for change in [-7.0, 7.0] {
            let mut lie = totals(&page);
            lie.get_mut(&series).unwrap().value += change;
            let found = Judge::new(1).judge_totals(&simulator, &page, lie);
            assert!(found.is_err(), "{series:?}: {total:?} changed by {change}");
        }
    }
}

#[tokio::test]
async fn totals_continue_at_once_after_a_clean_stop() {
    let (simulator, yaml, state) = usual().await;
    let exporter = start(&yaml, state.path()).await;
    let mut judge = Judge::new(1);
    let before = polled(&exporter).await;
    judge.judge(&simulator, &before).unwrap();
    stop(exporter).await;
    fail(&simulator);
    let exporter = start(&yaml, state.path()).await;
    let after = openmetrics(&exporter).await;
    judge.judge(&simulator, &after).unwrap();
    let series = |page: &str| totals(page).into_keys().collect::<Vec<_>>();
    let missing = series(&before)
        .into_iter()
        .filter(|s| !series(&after).contains(s));
    assert_eq!(missing.count(), 0, "{after}");
    simulator.clear_faults();
    let page = polled(&exporter).await;
    judge.judge(&simulator, &page).unwrap();
}

#[tokio::test]
async fn totals_wait_for_slow_nodes_after_a_crash() {
    let (simulator, yaml, state) = usual().await;
    let mut exporter = start(&yaml, state.path()).await;
    let mut judge = Judge::new(1);
    // Otherwise they would begin again at a later mark.
    eventually("the totals of every skill are saved", async || {
        let page = openmetrics(&exporter).await;
        judge.judge(&simulator, &page).unwrap();
        let series = totals(&page).into_keys();
        let waits = series.filter(|series| series.answer().starts_with("waits of skill"));
        let served: BTreeSet<i64> = waits.filter_map(|series| series.ids()[0]).collect();
        (!served.is_empty() && skills_saved(state.path()) == Some(served)).then_some(())
    })
    .await;
    exporter.signal("KILL");
    exporter.ended().await;
    // The next one has polled, and still does not serve them. It stops before it has seen whether
    // LivePerson knows as much again, so the one after it waits, too.
    for _ in 0..2 {
        let before = Instant::now();
        let exporter = start(&yaml, state.path()).await;
        let page = polled(&exporter).await;
        assert!(page.contains("liveperson_window_account_chats"), "{page}");
        // On a machine that takes longer to start it, it may serve them.
        if before.elapsed() < WITHHELD {
            assert_eq!(totals(&page).len(), 0, "{page}");
        }
        stop(exporter).await;
    }
    assert_eq!(files(state.path(), ".damaged-"), Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_file_is_renamed_and_counted() {
    let (simulator, yaml, state) = usual().await;
    let exporter = start(&yaml, state.path()).await;
    polled(&exporter).await;
    stop(exporter).await;
    let file = state.path().join(format!("account-{ACCOUNT}.json"));
    let half = std::fs::read(&file).unwrap();
    let half = &half[..half.len() / 2];
    std::fs::write(&file, half).unwrap();
    let rejected = of_account("liveperson_totals_state_rejected_total");
    for (count, files_renamed) in [(1.0, 1), (0.0, 1)] {
        let exporter = start(&yaml, state.path()).await;
        let page = polled(&exporter).await;
        assert_eq!(sample(&page, &rejected), Some(count), "{page}");
        assert!(Judge::new(1).judge(&simulator, &page).unwrap() > 100);
        let renamed = files(state.path(), ".damaged-");
        assert_eq!(renamed.len(), files_renamed);
        assert_eq!(std::fs::read(state.path().join(&renamed[0])).unwrap(), half);
        let is_said = exporter.log().contains("level=error");
        assert_eq!(is_said, count > 0.0, "{}", exporter.log());
        stop(exporter).await;
    }
}

#[tokio::test]
async fn a_full_disk_stops_nothing_and_totals_are_saved_later() {
    let (simulator, yaml, state) = usual().await;
    let (folder, file) = configuration(&yaml);
    // No file may have any content, which is an error to whoever writes, as on a full disk.
    let mut shell = std::process::Command::new("sh");
    shell
        .env_clear()
        .args(["-c", "trap '' XFSZ; ulimit -S -f 0; exec \"$@\"", "sh"]);
    shell.arg(command().get_program());
    let exporter = Exporter::spawn(on(shell, &file, state.path()), folder).await;
    let page = polled(&exporter).await;
    assert!(
        Judge::new(1).judge(&simulator, &page).unwrap() > 100,
        "{page}"
    );
    let failures = of_account("liveperson_totals_save_failures_total");
    eventually("a save fails", async || {
        sample(&exporter.page().await, &failures).filter(|count| *count >= 1.0)
    })
    .await;
    let log = exporter.log();
    assert!(log.contains("running totals cannot be saved"), "{log}");
    assert_eq!(files(state.path(), ".json"), Vec::<String>::new());
    let pid = Pid::from_raw(i32::try_from(exporter.pid()).unwrap());
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, unlimited).unwrap();
    stop(exporter).await;
    assert_eq!(
        files(state.path(), ".json"),
        [format!("account-{ACCOUNT}.json")]
    );
}
