//! A collector that the product does not have: the program of `examples/queuestate` adds one by a
//! folder and a line in each registry. Every part of the product has to find it there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::simulator::apis::Apis;
use liveperson_exporter::simulator::{Fault, ManualClock, Options, Simulator, Target};
use serde_json::Value;

use crate::common::cases::{check_each, check_each_async};
use crate::common::liveperson::{self, Asker, NOON, account_yaml};
use crate::common::{COLLECTORS, Exporter, configuration, http, only, sample, up};

#[path = "../../examples/queuestate/simulated.rs"]
mod simulated;

const ACCOUNT: &str = "12345678";

/// The name of the collector, of its section and of its API.
const NAME: &str = "queuestate";

const FAMILIES: [&str; 3] = [
    "queue_size",
    "available_slots",
    "queue_longest_wait_seconds",
];

/// A command of the example. `cargo test` builds examples, but not when it is asked for one test
/// binary alone.
fn command() -> Command {
    let this = std::env::current_exe().unwrap();
    let profile = this.parent().and_then(Path::parent).unwrap();
    let program: PathBuf = profile.join("examples").join(NAME);
    assert!(
        program.is_file(),
        "{} is missing; build it with `cargo build --example {NAME}`",
        program.display()
    );
    let mut command = Command::new(program);
    command.env_clear();
    command
}

async fn simulator() -> Simulator {
    let apis = Apis::standard().with(&simulated::QueueState);
    let clock = Arc::new(ManualClock::at(NOON));
    Simulator::start_with(apis, Options::in_process(), clock)
        .await
        .unwrap()
}

fn yaml(simulator: &Simulator, section: &str) -> String {
    let more =
        "engagement_activity: {interval: 1s, totals: false}\nsla: {interval: 1s, totals: false}\n";
    liveperson::yaml(simulator, &format!("{more}{section}\n"))
}

/// The same with the new collector alone.
fn yaml_for_it_alone(simulator: &Simulator, section: &str) -> String {
    // The example's registry is the product's, and the new one.
    format!("{}{}{section}\n", account_yaml(simulator), only(&[]))
}

async fn started(yaml: &str) -> Exporter {
    let (folder, file) = configuration(yaml);
    let mut command = command();
    command.arg("--config.file").arg(file);
    Exporter::spawn(command, folder).await
}

/// Exit status and output of a command that ends by itself.
async fn run(subcommand: &str, yaml: &str) -> (i32, String) {
    let (folder, file) = configuration(yaml);
    let mut command = command();
    command.arg(subcommand).arg(file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    drop(folder);
    let text = [output.stdout, output.stderr].concat();
    let status = output.status.code().unwrap();
    (status, String::from_utf8(text).unwrap())
}

/// What the simulator says of the queues, asked without the program under test.
async fn queues(simulator: &Simulator) -> Value {
    let asker = Asker::new(simulator).await;
    asker.ask(&format!("{NAME}?v=2")).await
}

/// The series of a queue as they should be on the page.
fn expected(level: &str, labels: &str, queue: &Value) -> Vec<(String, f64)> {
    let number = |field: &str| queue[field].as_f64().unwrap();
    let wait = number("currentMaxWaitTimeInQueue").max(0.0) / 1000.0;
    let values = [
        number("currentQueueSize"),
        number("currentAvailableSlots"),
        wait,
    ];
    let series = FAMILIES.map(|family| format!("liveperson_{level}_{family}{{{labels}}}"));
    series.into_iter().zip(values).collect()
}

/// The series of a page that are the collector's data.
fn data_lines(page: &str) -> Vec<&str> {
    let prefixes = ["account", "skill"].map(|level| format!("liveperson_{level}_"));
    let is_data = |line: &&str| {
        prefixes.iter().any(|prefix| line.starts_with(prefix)) && !line.contains("_info{")
    };
    page.lines().filter(is_data).collect()
}

#[tokio::test]
async fn its_series_hold_what_liveperson_answers() {
    let simulator = simulator().await;
    let exporter = started(&yaml(&simulator, "")).await;
    let page = exporter.page_with(&up(ACCOUNT, NAME), 1.0).await;
    let answer = queues(&simulator).await;
    let mut series = expected("account", "account=\"12345678\"", &answer["totals"]);
    for (id, queue) in answer["skills"].as_object().unwrap() {
        let labels = format!("account=\"12345678\",skill=\"{id}\"");
        series.extend(expected("skill", &labels, queue));
    }
    assert!(series.len() >= 3 * 5, "{answer}");
    assert!(series.iter().any(|(_, value)| *value > 0.0), "{answer}");
    for (series, value) in &series {
        assert_eq!(sample(&page, series), Some(*value), "{series}");
    }
    assert_eq!(data_lines(&page).len(), series.len());
    check_each(FAMILIES, |family| {
        assert!(page.contains(&format!("# TYPE liveperson_skill_{family} gauge")));
    });
}

#[tokio::test]
async fn no_data_is_no_sample() {
    let simulator = simulator().await;
    let no_state =
        r#"{"currentQueueSize": -1, "currentAvailableSlots": -1, "currentMaxWaitTimeInQueue": -1}"#;
    let idle =
        r#"{"currentQueueSize": 0, "currentAvailableSlots": 4, "currentMaxWaitTimeInQueue": -1}"#;
    simulator.push_fault(Fault {
        api: Target::Api(NAME),
        body: Some(format!(
            r#"{{"skills": {{"1": {no_state}, "2": {idle}, "3": {idle}}}, "totals": {idle}}}"#
        )),
        ..Fault::default()
    });
    let exporter = started(&yaml(&simulator, "queuestate: {skills: [1, 2]}")).await;
    let page = exporter.page_with(&up(ACCOUNT, NAME), 1.0).await;
    let of = |level: &str, labels: &str| {
        let values = ["0", "4", "0"];
        let lines = FAMILIES.iter().zip(values);
        let line = |(family, value)| format!("liveperson_{level}_{family}{{{labels}}} {value}");
        lines.map(line).collect::<Vec<_>>()
    };
    let mut lines = of("account", "account=\"12345678\"");
    lines.extend(of("skill", "account=\"12345678\",skill=\"2\""));
    let mut found = data_lines(&page);
    lines.sort();
    found.sort_unstable();
    assert_eq!(found, lines);
}

#[tokio::test]
async fn every_page_shows_the_new_collector_and_faults_of_its_api() {
    let simulator = simulator().await;
    let exporter = started(&yaml(&simulator, "queuestate: {interval: 1s}")).await;
    exporter.page_with_all_up(ACCOUNT).await;
    exporter.page_with(&up(ACCOUNT, NAME), 1.0).await;
    assert_eq!(exporter.get("/-/ready").await.0, 200);
    let (_, status_page) = exporter.get("/").await;
    assert!(status_page.contains(NAME), "{status_page}");
    let (status, page) = exporter.get("/metrics?collect[]=queuestate").await;
    assert_eq!(status, 200, "{page}");
    assert!(!data_lines(&page).is_empty(), "{page}");
    assert!(!page.contains("liveperson_window_"), "{page}");
    let (_, page) = exporter.get("/metrics?collect[]=sla").await;
    assert_eq!(data_lines(&page), Vec::<&str>::new());
    let (status, message) = exporter.get("/metrics?collect[]=queue").await;
    assert_eq!(status, 400);
    let registry = Registry::standard();
    let labels = registry.about().map(|about| about.label);
    let known: Vec<_> = labels.chain([NAME]).collect();
    assert!(message.contains(&known.join(", ")), "{message}");

    let faults = format!("{}/control/faults", simulator.base_url());
    let fault = r#"[{"api": "queuestate", "status": 403}]"#;
    let added = http().post(faults).body(fault).send().await.unwrap();
    assert_eq!(added.status(), 200);
    let page = exporter.page_with(&up(ACCOUNT, NAME), 0.0).await;
    check_each(COLLECTORS, |collector| {
        assert_eq!(sample(&page, &up(ACCOUNT, collector)), Some(1.0), "{page}");
    });
    let refused =
        "liveperson_api_requests_total{account=\"12345678\",api=\"queuestate\",code=\"403\"}";
    assert!(sample(&page, refused) >= Some(1.0), "{page}");
    let log = exporter.log();
    assert!(log.contains("collector=queuestate"), "{log}");
}

#[tokio::test]
async fn the_demo_polls_the_new_collector() {
    let mut command = command();
    command.arg("demo");
    let exporter = Exporter::spawn(command, tempfile::tempdir().unwrap()).await;
    let page = exporter.page_with(&up(ACCOUNT, NAME), 1.0).await;
    let size = sample(&page, "liveperson_account_queue_size{account=\"12345678\"}");
    assert!(size >= Some(0.0), "{page}");
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
}

#[tokio::test]
async fn check_config_prints_its_plan_bound_and_mistakes() {
    let simulator = simulator().await;
    let cases = [
        (
            "",
            "data series: 3 + 3 for each skill that LivePerson names",
        ),
        ("queuestate: {skills: [4, 15]}", "data series: at most 9"),
        ("queuestate: {skills: none}", "data series: at most 3"),
    ];
    check_each_async(cases, async |(section, bound)| {
        let (status, plan) = run("check-config", &yaml_for_it_alone(&simulator, section)).await;
        assert_eq!(status, 0, "{plan}");
        let path =
            "GET /operations/api/account/12345678/queuestate?skillIds=all&v=2  (now: account";
        for part in ["queuestate: 1 request every 30s", path, bound] {
            assert!(plan.contains(part), "{part} in {plan}");
        }
    })
    .await;
    let (status, text) = run(
        "check-config",
        &yaml_for_it_alone(&simulator, "queuestate: {skils: all}"),
    )
    .await;
    assert_eq!(status, 2, "{text}");
    let mistake = "queuestate.skils: unknown key; did you mean skills?";
    assert!(text.contains(mistake), "{text}");
}

#[tokio::test]
async fn test_connection_probes_the_new_collector() {
    let simulator = simulator().await;
    let (status, report) = run("test-connection", &yaml(&simulator, "")).await;
    assert_eq!(status, 0, "{report}");
    let line = report
        .lines()
        .find(|line| line.contains("Current Queue State"));
    let line = line.unwrap_or_else(|| panic!("{report}"));
    assert!(
        line.contains(" ok: ") && line.contains(" free slots now"),
        "{line}"
    );
    simulator.push_fault(Fault {
        api: Target::Api(NAME),
        status: Some(403),
        ..Fault::default()
    });
    let (status, report) = run("test-connection", &yaml(&simulator, "")).await;
    assert_eq!(status, 1, "{report}");
    let cases = [
        "missing permission for the Current Queue State",
        "1 step failed.",
    ];
    check_each(cases, |part| {
        assert!(report.contains(part), "{part} in {report}");
    });
}

#[test]
fn the_product_does_not_know_the_example() {
    fn search(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(&path, found);
            } else {
                let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
                if text.contains(NAME) {
                    found.push(path);
                }
            }
        }
    }
    let mut found = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    search(&source, &mut found);
    assert_eq!(found, Vec::<PathBuf>::new());
}
