//! Where running totals are kept, from the command line to the lock.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::{Exporter, command, configuration};

/// An account that answers nothing: what is kept is not asked for here.
const YAML: &str = r#"
accounts:
  - id: "1"
    auth: {oauth2: {client_id: demo, client_secret: demo-secret}}
domain_api: "http://127.0.0.1:1"
"#;

/// What a command that cannot start says.
fn run(mut command: Command) -> (Option<i32>, String) {
    command.arg("--web.listen-address=127.0.0.1:0");
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn on(file: &Path, folder: &Path) -> Command {
    let mut command = command();
    command.arg("--config.file").arg(file);
    command.arg("--state.dir").arg(folder);
    command
}

#[tokio::test]
async fn a_second_process_on_a_state_folder_exits_with_status_1() {
    let (folder, file) = configuration(YAML);
    let state = folder.path().join("state");
    let first = Exporter::spawn(on(&file, &state), folder).await;
    let (status, error) = run(on(&file, &state));
    assert_eq!(status, Some(1), "{error}");
    let expected = format!(
        "liveperson_exporter: the state folder {} is in use by another process ({}): stop that one, or give each \
         process a --state.dir of its own\n",
        state.display(),
        first.pid()
    );
    assert_eq!(error, expected);
    assert!(first.log().contains("totals are kept"), "{}", first.log());
}

#[tokio::test]
async fn the_lock_does_not_outlive_a_killed_process() {
    let (folder, file) = configuration(YAML);
    let state = tempfile::tempdir().unwrap();
    let mut first = Exporter::spawn(on(&file, state.path()), folder).await;
    let config = first.config_file();
    let copy = std::fs::read(&config).unwrap();
    first.signal("KILL");
    first.ended().await;
    let (folder, file) = configuration(std::str::from_utf8(&copy).unwrap());
    let second = Exporter::spawn(on(&file, state.path()), folder).await;
    assert_ne!(first.pid(), second.pid());
}

#[test]
fn a_state_folder_that_cannot_be_used_is_exit_status_1() {
    let (folder, file) = configuration(YAML);
    let missing = folder.path().join("misspelt/state");
    for (state, part) in [
        (missing.as_path(), "cannot open the state folder"),
        (&file, "cannot open the state folder"),
        (Path::new("/proc"), "cannot lock /proc/lock"),
    ] {
        let (status, error) = run(on(&file, state));
        assert_eq!(status, Some(1), "{error}");
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn systemds_state_folder_is_the_default() {
    let (folder, file) = configuration(YAML);
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    let mut command = command();
    command.arg("--config.file").arg(&file);
    let folders = format!("{}:{}", first.display(), second.display());
    command.env("STATE_DIRECTORY", folders);
    let _exporter = Exporter::spawn(command, folder).await;
    assert!(first.join("lock").exists() && !second.exists());
}

#[tokio::test]
async fn without_a_state_folder_one_log_line_says_so() {
    let exporter = Exporter::start(YAML).await;
    let log = exporter.log();
    let lines = log.lines().filter(|line| line.contains("--state.dir"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("level=info"), "{log}");
}

#[tokio::test]
async fn the_demo_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut command = command();
    command.arg("demo").env("STATE_DIRECTORY", &state);
    let exporter = Exporter::spawn(command, folder).await;
    assert!(!state.exists(), "{}", exporter.log());
}
