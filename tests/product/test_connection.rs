//! `test-connection` with the real binary against the simulated LivePerson.

use std::path::Path;
use std::time::Duration;

use liveperson_exporter::clock::WallClock as _;
use liveperson_exporter::simulator::{Fault, Options, Simulator, SystemClock, Target};

use crate::common::cases::{check_each, check_each_async};
use crate::common::{self, COLLECTORS, configuration, liveperson, only};

const OAUTH2: &str = "oauth2: {client_id: demo, client_secret: demo-secret}";
const OAUTH1: &str = "oauth1: {app_key: demo-app-key, app_secret: demo-app-secret, \
    access_token: demo-access-token, access_token_secret: demo-token-secret}";
const LOGIN: &str = "login: {username: demo, password: demo-password}";

async fn simulator() -> Simulator {
    let options = Options {
        skills: 3,
        agents: 5,
        groups: 2,
        ..Options::in_process()
    };
    liveperson::simulator(options).await
}

fn yaml(simulator: &Simulator, auth: &str) -> String {
    format!("{}{}", yaml_for_all(simulator, auth), only(&COLLECTORS))
}

/// The same with all collectors that there are.
fn yaml_for_all(simulator: &Simulator, auth: &str) -> String {
    format!(
        "accounts: [{{id: \"12345678\", auth: {{{auth}}}}}]\ndomain_api: \"{}\"\n\
         limits: {{min_spacing: 100ms, request_timeout: 2s}}\n",
        simulator.base_url()
    )
}

/// Exit status and report.
async fn run(yaml: &str) -> (i32, String) {
    run_with(yaml, &[]).await
}

async fn run_with(yaml: &str, flags: &[&str]) -> (i32, String) {
    let (folder, file) = configuration(yaml);
    let mut command = common::command();
    command.arg("test-connection").arg(&file).args(flags);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    drop(folder);
    let printed = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

#[tokio::test]
async fn every_step_of_every_auth_method_once_and_status_0() {
    let cases = [
        (OAUTH2, "OAuth 2.0", 9),
        (OAUTH1, "OAuth 1.0", 7),
        (LOGIN, "user login", 9),
    ];
    check_each_async(cases, async |(auth, method, calls)| {
        let simulator = simulator().await;
        let (status, report) = run(&yaml(&simulator, auth)).await;
        assert_eq!(status, 0, "{report}");
        assert!(
            report.contains("account 12345678") && report.contains(method),
            "{report}"
        );
        assert!(report.contains("All steps succeeded."), "{report}");
        let steps = [
            "host of leDataReporting",
            "Engagement Activity",
            "SLA Histogram",
        ];
        let names = [
            "names of skills",
            "names of agent groups",
            "names of agents",
        ];
        for step in steps.iter().chain(&names) {
            let line = report
                .lines()
                .find(|line| line.trim_start().starts_with(step));
            let line = line.unwrap_or_else(|| panic!("{step} is not in\n{report}"));
            assert!(line.contains(" ms  ok: "), "{line}");
            assert!(line.contains("127.0.0.1:"), "{line}");
        }
        let requests = simulator.requests();
        assert_eq!(requests.len(), calls, "{requests:#?}");
        // Without it they would follow each other at once. Half, because the first may arrive late.
        let whole = requests[calls - 1].at - requests[0].at;
        let least = Duration::from_millis(50 * (calls as u64 - 1));
        assert!(whole >= least, "min_spacing is 100 ms: {whole:?}");
        let data = requests
            .iter()
            .filter(|r| ["engactivity", "sla"].contains(&r.api));
        assert!(
            data.clone().all(|r| r.path.contains("timeframe=5&")),
            "{requests:#?}"
        );
        assert_eq!(data.count(), 2);
    })
    .await;
}

/// A configuration, a fault that one call meets, and what the report says of both.
type Failure = (String, Option<Fault>, [&'static str; 3]);

fn failures_of_credentials(simulator: &Simulator) -> [Failure; 4] {
    let oauth2 = yaml(simulator, OAUTH2);
    [
        (
            oauth2.replace("demo-secret", "not-this-one"),
            None,
            [
                "FAILED: refused (401): invalid_client: Client",
                "wrong client id or secret",
                "5 could not be tried",
            ],
        ),
        (
            oauth2.replace("12345678", "87654321"),
            None,
            [
                "LivePerson does not know account 87654321",
                "unknown account",
                "not tried: the host of",
            ],
        ),
        (
            yaml(simulator, OAUTH1).replace("demo-token-secret", "not-this-one"),
            None,
            [
                "signature_invalid",
                "compare all four parts",
                "5 steps failed.",
            ],
        ),
        (
            yaml(simulator, LOGIN).replace("demo-password", "not-this-one"),
            None,
            [
                "Login failed",
                "wrong user name or password",
                "not tried: there is no token",
            ],
        ),
    ]
}

fn failures_of_calls(simulator: &Simulator) -> [Failure; 3] {
    let fails = |fault, expected: [&'static str; 2]| {
        let [error, advice] = expected;
        let expected = [error, advice, "1 step failed."];
        (yaml(simulator, OAUTH2), Some(fault), expected)
    };
    let forbidden = |api| Fault {
        api: Target::Api(api),
        count: Some(1),
        status: Some(403),
        ..Fault::default()
    };
    let html = Fault {
        api: Target::Api("sla"),
        count: Some(1),
        html: true,
        ..Fault::default()
    };
    let refused = "FAILED: refused (403)";
    [
        fails(
            forbidden("sla"),
            [refused, "missing permission for the SLA"],
        ),
        fails(forbidden("names"), [refused, "names.lookup to false"]),
        fails(html, ["an HTML page instead of JSON", "a sign-in page"]),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do_and_status_1() {
    let simulator = simulator().await;
    let credentials = failures_of_credentials(&simulator).into_iter();
    let cases = credentials.chain(failures_of_calls(&simulator));
    check_each_async(cases, async |(yaml, fault, expected)| {
        simulator.clear_faults();
        fault
            .into_iter()
            .for_each(|fault| simulator.push_fault(fault));
        let (status, report) = run(&yaml).await;
        assert_eq!(status, 1, "{report}");
        for words in expected {
            assert!(report.contains(words), "{words:?} is not in\n{report}");
        }
        assert!(!report.contains("not-this-one"), "{report}");
    })
    .await;
}

#[tokio::test]
async fn all_tries_collectors_that_are_off() {
    let simulator = simulator().await;
    let yaml = format!(
        "accounts: [{{id: \"12345678\", auth: {{{OAUTH2}}}}}]\ndomain_api: \"{}\"\n\
         sla: {{enabled: false}}\nnames: {{lookup: false}}\nlimits: {{min_spacing: 10ms}}\n",
        simulator.base_url()
    );
    let row = |report: &str| {
        let mut lines = report.lines();
        let row = lines.find(|line| line.contains("SLA Histogram"));
        row.unwrap().to_owned()
    };
    let (status, report) = run(&yaml).await;
    assert_eq!(status, 0, "{report}");
    assert!(row(&report).contains("not used: sla.enabled is false (--all tries it)"));
    let (status, report) = run_with(&yaml, &["--all"]).await;
    assert_eq!(status, 0, "{report}");
    assert!(row(&report).contains(" ok: "), "{report}");
}

#[tokio::test]
async fn accounts_come_in_turn_and_one_that_fails_holds_none_up() {
    let simulator = simulator().await;
    let yaml = format!(
        "accounts:\n- {{id: \"1\", auth: {{{OAUTH2}}}}}\n- {{id: \"12345678\", auth: {{{LOGIN}}}, \
         sla: {{enabled: false}}}}\ndomain_api: \"{}\"\nnames: {{lookup: false}}\n\
         limits: {{min_spacing: 10ms}}\n{}",
        simulator.base_url(),
        only(&COLLECTORS)
    );
    let (status, report) = run(&yaml).await;
    assert_eq!(status, 1, "{report}");
    let (first, second) = report.split_once("account 12345678").unwrap();
    assert!(
        first.contains("account 1,") && first.contains("FAILED"),
        "{report}"
    );
    assert!(
        second.contains("login") && !second.contains("FAILED"),
        "{report}"
    );
    assert!(
        second.contains("not used: sla.enabled is false"),
        "{report}"
    );
    assert!(
        second.contains("not used: names.lookup is false"),
        "{report}"
    );
}

#[tokio::test]
async fn no_way_to_liveperson() {
    let unreachable = common::free_address();
    let yaml = format!(
        "accounts: [{{id: \"1\", auth: {{{OAUTH1}}}}}]\ndomain_api: \"http://{unreachable}\"\n\
         names: {{lookup: false}}\n"
    );
    let (status, report) = run(&yaml).await;
    assert_eq!(status, 1, "{report}");
    let cases = [
        "could not connect",
        "cannot connect to 127.0.0.1",
        "set HTTPS_PROXY",
    ];
    check_each(cases, |words| {
        assert!(report.contains(words), "{words:?} is not in\n{report}");
    });
    let (status, printed) = run("accounts: []\n").await;
    assert_eq!(status, 2, "{printed}");
}

/// The sample in docs/operations.md has the steps of the program, in its wording and columns.
#[tokio::test]
async fn the_documented_sample_is_what_the_command_prints() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let document = std::fs::read_to_string(document).unwrap();
    let sample = document
        .split("<!-- test-connection sample, checked against the program -->\n```\n")
        .nth(1)
        .unwrap();
    let sample = sample.split("```").next().unwrap();
    let simulator = simulator().await;
    simulator.push_fault(Fault {
        api: Target::Api("names"),
        contains: Some("/skills".to_owned()),
        status: Some(403),
        ..Fault::default()
    });
    let (_, report) = run(&yaml_for_all(&simulator, OAUTH2)).await;
    let first_column = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines().map(|line| match line.get(..33) {
            Some(step) if line.starts_with("  ") && !line.contains("what to do") => step.to_owned(),
            _ => line.to_owned(),
        });
        lines.collect()
    };
    assert_eq!(first_column(sample), first_column(&report));
    let columns = sample.lines().nth(1).unwrap();
    assert!(report.contains(columns), "{columns}");
}

#[tokio::test]
async fn numbers_and_durations_are_readable() {
    let simulator = simulator().await;
    let yaml = yaml(&simulator, OAUTH2);
    let fault = |fault: Fault| Fault {
        api: Target::Api("sla"),
        count: Some(1),
        ..fault
    };
    let throttled = |retry_after: String| {
        fault(Fault {
            status: Some(429),
            retry_after: Some(retry_after),
            ..Fault::default()
        })
    };
    let no_chats = fault(Fault {
        body: Some("{\"slaDataRange\":{}}".to_owned()),
        ..Fault::default()
    });
    // So long that a busy machine leaves four minutes of it.
    let in_five_minutes = std::time::SystemTime::from(SystemClock.now()) + Duration::from_secs(300);
    let until = httpdate::fmt_http_date(in_five_minutes);
    let cases = [
        (no_chats, 0, &["ok: 0 chats in 0 buckets"][..]),
        (throttled("0".to_owned()), 1, &["asked to wait 0s"]),
        (
            throttled(until),
            1,
            &["asked to wait 4m", "asked to wait 5m"],
        ),
    ];
    check_each_async(cases, async |(fault, status, expected)| {
        simulator.clear_faults();
        simulator.push_fault(fault);
        let (found, report) = run(&yaml).await;
        assert_eq!(found, status, "{report}");
        let line = |line: &&str| line.trim_start().starts_with("SLA Histogram");
        let line = report.lines().find(line).unwrap();
        assert!(
            expected.iter().any(|words| line.contains(words)),
            "{expected:?} is not in {line}"
        );
        let wait = line.split_once("wait ").map_or("", |(_, wait)| wait);
        assert!(!wait.contains('.'), "{line}");
    })
    .await;
}
