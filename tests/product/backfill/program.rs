//! The command: its exit status, and what it leaves alone when it cannot do its work.

use std::path::Path;
use std::process::Output;

use liveperson_exporter::simulator::{Fault, Options, Target};

use super::configuration;
use crate::common::liveperson::simulator;
use crate::common::{self, Exporter};

const QUICK: &str = "sla: {enabled: false}\nlimits: {min_spacing: 10ms}";

/// Runs the command to its end; what it printed.
async fn run(file: &Path, output: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = tokio::process::Command::from(common::command());
    command
        .arg("backfill")
        .arg(file)
        .arg("--output")
        .arg(output)
        .args(more);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let printed = [stdout, stderr].concat();
    (status.code(), String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn a_folder_that_is_in_use_is_refused_before_any_call() {
    let simulator = simulator(Options::in_process()).await;
    let state = tempfile::tempdir().unwrap();
    let state_dir = format!("--state.dir={}", state.path().display());
    let yaml = configuration(&simulator.base_url(), QUICK);
    let exporter = Exporter::start_with(&yaml, &[&state_dir]).await;
    let output = state.path().join("history.om");
    let (status, printed) = run(&exporter.config_file(), &output, &[&state_dir]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(
        printed.contains("is in use by another process"),
        "{printed}"
    );
    assert!(!output.exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_costs_no_call() {
    let simulator = simulator(Options::in_process()).await;
    let (folder, file) = common::configuration(&configuration(&simulator.base_url(), QUICK));
    let output = folder.path().join("missing/history.om");
    let (status, printed) = run(&file, &output, &[]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("cannot write"), "{printed}");
    assert_eq!(simulator.requests().len(), 0);
}

#[tokio::test]
async fn nothing_is_written_by_a_clock_that_is_wrong() {
    let mut options = Options::in_process();
    options.deployment.clock_offset = jiff::SignedDuration::from_mins(-20);
    let simulator = simulator(options).await;
    let (folder, file) = common::configuration(&configuration(&simulator.base_url(), QUICK));
    let output = folder.path().join("history.om");
    let state_dir = format!("--state.dir={}", folder.path().join("state").display());
    let (status, printed) = run(&file, &output, &[&state_dir]).await;
    assert_eq!(status, Some(1), "{printed}");
    let differs = "this machine's clock differs from LivePerson's by 12";
    assert!(printed.contains(differs), "{printed}");
    assert!(!output.exists());
    let state = folder.path().join("state/account-12345678.json");
    assert!(!state.exists(), "the daemon begins as if nothing had been");
}

#[tokio::test]
async fn without_any_answer_there_is_no_file_and_status_1() {
    let simulator = simulator(Options::in_process()).await;
    simulator.push_fault(Fault {
        api: Target::Api("engactivity"),
        status: Some(403),
        count: None,
        ..Fault::default()
    });
    let (folder, file) = common::configuration(&configuration(&simulator.base_url(), QUICK));
    let output = folder.path().join("history.om");
    let (status, printed) = run(&file, &output, &[]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(
        printed.contains("left out: asked for /operations"),
        "{printed}"
    );
    assert!(
        printed.contains("there is no history to write"),
        "{printed}"
    );
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the configuration");
}

#[tokio::test]
async fn without_totals_the_setting_is_named() {
    let yaml = configuration("http://127.0.0.1:1", QUICK).replace("totals: true", "totals: false");
    let (folder, file) = common::configuration(&yaml);
    let (status, printed) = run(&file, &folder.path().join("history.om"), &[]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(
        printed.contains("no collector counts running totals (totals: true)"),
        "{printed}"
    );
}
