//! The real binary against the simulated LivePerson: true numbers, few calls, and no fault of
//! LivePerson's that takes the page down or an earlier good value out of service.

use std::collections::BTreeMap;
use std::sync::Arc;

use liveperson_exporter::simulator::{
    Fault, ManualClock, Numbers, Options, SectionName, Simulator, SystemClock, Target,
};
use serde_json::Value;

use crate::common::cases::{check_each, check_each_async};
use crate::common::{self, Exporter, configuration, data, eventually, get, http, sample, totals};

/// A Tuesday at noon, UTC: a busy hour that stands still, so that numbers can be compared.
const NOON: i64 = 1_773_144_132_000;

async fn simulator(options: Options) -> Simulator {
    Simulator::start(options, Arc::new(ManualClock::at(NOON)))
        .await
        .unwrap()
}

fn yaml(simulator: &Simulator, more: &str) -> String {
    format!(
        r#"
accounts:
  - id: "12345678"
    auth:
      oauth2: {{client_id: demo, client_secret: demo-secret}}
domain_api: "{}"
limits: {{min_spacing: 10ms}}
{more}"#,
        simulator.base_url()
    )
}

const EVERYTHING: &str = "
engagement_activity: {windows: [5m, 1h], skill_agents: true}
sla: {windows: [5m, 1h], skills: all, groups: [11, 12, 13]}
";

const UP: [&str; 2] = [
    "liveperson_up{account=\"12345678\",collector=\"engagement_activity\"}",
    "liveperson_up{account=\"12345678\",collector=\"sla\"}",
];

async fn page_with_all_data(exporter: &Exporter) -> String {
    exporter.page_with(UP[0], 1.0).await;
    exporter.page_with(UP[1], 1.0).await
}

/// Asks the simulated LivePerson itself, without the client under test.
struct Asker {
    base_url: String,
    token: String,
}

impl Asker {
    async fn new(simulator: &Simulator) -> Self {
        let base_url = simulator.base_url();
        let url = format!("{base_url}/sentinel/api/v2/account/12345678/app/token");
        let form = "client_id=demo&client_secret=demo-secret&grant_type=client_credentials";
        let request = http().post(url).body(form);
        let kind = "application/x-www-form-urlencoded";
        let answer = request.header("Content-Type", kind).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        Self {
            base_url,
            token: answer["access_token"].as_str().unwrap().to_owned(),
        }
    }

    async fn ask(&self, api: &str, query: &str) -> Value {
        let url = format!(
            "{}/operations/api/account/12345678/{api}?v=1&{query}",
            self.base_url
        );
        let request = http().get(&url).bearer_auth(&self.token);
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        match answer.get_mut("body") {
            Some(body) => body.take(),
            None => answer,
        }
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

/// Over which time numbers are asked for: a window of the page, or what running totals begin with.
#[derive(Clone, Copy)]
enum Span {
    Window(&'static str),
    Totals,
}

impl Span {
    /// What to ask LivePerson for, in minutes.
    fn minutes(self) -> u32 {
        match self {
            Self::Window("5m") => 5,
            Self::Window(_) => 60,
            // The window that began at the mark 23 h before noon.
            Self::Totals => 23 * 60,
        }
    }

    /// A series of the page; `name` is that of a gauge, `kind` a label at the end or nothing.
    fn series(self, level: &str, name: &str, ids: &str, kind: &str) -> String {
        let labels = format!("account=\"12345678\"{ids}");
        match self {
            Self::Window(window) => {
                format!("liveperson_window_{level}_{name}{{{labels},window=\"{window}\"{kind}}}")
            }
            Self::Totals if name.ends_with("_bucket") => {
                format!("liveperson_{level}_{name}{{{labels}{kind}}}")
            }
            Self::Totals => format!("liveperson_{level}_{name}_total{{{labels}{kind}}}"),
        }
    }
}

type Series = BTreeMap<String, f64>;

fn activity(span: Span, level: &str, ids: &str, numbers: &Value, into: &mut Series) {
    for (series, kind, field) in [
        ("chats", ",kind=\"interactive\"", "totalInteractiveChats"),
        (
            "chats",
            ",kind=\"noninteractive\"",
            "totalNonInteractiveChats",
        ),
        (
            "handling_seconds",
            ",kind=\"interactive\"",
            "totalHandlingTime",
        ),
        (
            "handling_seconds",
            ",kind=\"noninteractive\"",
            "nonInteractiveTotalHandlingTime",
        ),
        ("connected_engagements", "", "connectedEngagements"),
    ] {
        let series = span.series(level, series, ids, kind);
        into.insert(series, number(&numbers[field]));
    }
}

fn waits(span: Span, level: &str, ids: &str, answer: &Value, into: &mut Series) {
    let range = answer["slaDataRange"].as_object().unwrap();
    let chats = |limit: u32| number(&range[&limit.to_string()]["chats"]);
    let limits = [0, 15, 30, 45, 60, 90, 120];
    let bucket =
        |le: &str| span.series(level, "wait_seconds_bucket", ids, &format!(",le=\"{le}\""));
    for limit in &limits[1..] {
        let below = limits.iter().filter(|l| *l < limit);
        let below = below.map(|l| chats(*l)).sum();
        into.insert(bucket(&format!("{limit}.0")), below);
    }
    let total: f64 = limits.iter().map(|limit| chats(*limit)).sum();
    into.insert(bucket("+Inf"), total);
    if let Span::Window(_) = span {
        for name in ["wait_seconds_count", "waited_chats"] {
            into.insert(span.series(level, name, ids, ""), total);
        }
    }
}

/// Every data series that `EVERYTHING` must give, computed from the simulator's raw answers.
async fn expected(simulator: &Simulator) -> Series {
    let asker = Asker::new(simulator).await;
    let mut series = Series::new();
    for span in [Span::Window("5m"), Span::Window("1h"), Span::Totals] {
        expected_activity(&asker, span, &mut series).await;
        expected_waits(&asker, span, &mut series).await;
    }
    series
}

/// The part of an answer about skills, whatever its name.
fn skills(answer: &Value) -> &serde_json::Map<String, Value> {
    let section = answer.get("skillsMetricsPerAgent");
    let section = section.or(answer.get("skillsMetrics")).unwrap();
    section["metricsPerSkill"].as_object().unwrap()
}

async fn expected_activity(asker: &Asker, span: Span, into: &mut Series) {
    let frame = format!("timeframe={}", span.minutes());
    let whole = asker.ask("engactivity", &frame).await;
    activity(span, "account", "", &whole["metricsTotals"], into);
    let all = format!("{frame}&skillIds=all&agentIds=all");
    let by_id = asker.ask("engactivity", &all).await;
    let empty = serde_json::Map::new();
    for (skill, numbers) in skills(&by_id) {
        let ids = format!(",skill=\"{skill}\"");
        activity(span, "skill", &ids, &numbers["metricsTotals"], into);
        for (agent, numbers) in numbers["metricsPerAgent"].as_object().unwrap_or(&empty) {
            let ids = format!("{ids},agent=\"{agent}\"");
            activity(span, "skill_agent", &ids, numbers, into);
        }
    }
    let agents = &by_id["agentsMetrics"]["metricsPerAgent"];
    for (agent, numbers) in agents.as_object().unwrap() {
        let ids = format!(",agent=\"{agent}\"");
        activity(span, "agent", &ids, numbers, into);
    }
}

async fn expected_waits(asker: &Asker, span: Span, into: &mut Series) {
    let minutes = span.minutes();
    let sla = format!("timeframe={minutes}&histogram=0,15,30,45,60,90,120");
    waits(span, "account", "", &asker.ask("sla", &sla).await, into);
    for group in [11, 12, 13] {
        let answer = asker.ask("sla", &format!("{sla}&groupIds={group}")).await;
        waits(span, "group", &format!(",group=\"{group}\""), &answer, into);
    }
    // The skills come from the longest window.
    let all = asker.ask("engactivity", "timeframe=60&skillIds=all").await;
    for skill in skills(&all).keys() {
        let answer = asker.ask("sla", &format!("{sla}&skillIds={skill}")).await;
        waits(span, "skill", &format!(",skill=\"{skill}\""), &answer, into);
    }
}

#[tokio::test]
async fn every_series_is_true_in_every_shape_of_answer() {
    let cases = [
        (Numbers::Integer, false, SectionName::SkillsMetricsPerAgent),
        (Numbers::Double, true, SectionName::SkillsMetrics),
        (Numbers::String, false, SectionName::SkillsMetrics),
    ];
    check_each_async(cases, async |(numbers, envelope, section_name)| {
        let options = Options {
            numbers,
            envelope,
            section_name,
            ..Options::in_process()
        };
        let simulator = simulator(options).await;
        let exporter = Exporter::start(&yaml(&simulator, EVERYTHING)).await;
        let page = page_with_all_data(&exporter).await;
        let (mut got, expected) = (data(&page), expected(&simulator).await);
        got.extend(totals(&page));
        assert!(
            expected.len() > 1000,
            "only {} series to compare",
            expected.len()
        );
        let missing: Vec<_> = expected.keys().filter(|s| !got.contains_key(*s)).collect();
        let extra: Vec<_> = got.keys().filter(|s| !expected.contains_key(*s)).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "missing {missing:?}, extra {extra:?}"
        );
        for (series, value) in &expected {
            assert_eq!(got[series], *value, "{series}");
        }
        let served: f64 = ["engagement_activity", "sla"]
            .map(|collector| {
                let labels = format!("account=\"12345678\",collector=\"{collector}\"");
                sample(&page, &format!("liveperson_series{{{labels}}}")).unwrap()
            })
            .iter()
            .sum();
        assert_eq!(served, got.values().map(|_| 1.0).sum::<f64>());
    })
    .await;
}

#[tokio::test]
async fn a_poll_makes_the_fewest_calls_and_the_session_one_of_each() {
    let simulator = simulator(Options::in_process()).await;
    let exporter = Exporter::start(&yaml(&simulator, "names: {lookup: false}")).await;
    page_with_all_data(&exporter).await;
    let mut calls: Vec<_> = simulator.requests().into_iter().map(|r| r.path).collect();
    calls.sort();
    let api = "/operations/api/account/12345678";
    let histogram = "histogram=0,15,30,45,60,90,120";
    let mut expected = vec![
        "/api/account/12345678/service/leDataReporting/baseURI.json?version=1.0".to_owned(),
        "/api/account/12345678/service/sentinel/baseURI.json?version=1.0".to_owned(),
        "/sentinel/api/v2/account/12345678/app/token".to_owned(),
    ];
    // The windows, and the one that began at the mark 23 h ago.
    for minutes in [5, 60, 1380] {
        expected.push(format!("{api}/engactivity?timeframe={minutes}&v=1"));
        let all = "skillIds=all&agentIds=all";
        expected.push(format!("{api}/engactivity?timeframe={minutes}&{all}&v=1"));
        expected.push(format!("{api}/sla?timeframe={minutes}&{histogram}&v=1"));
    }
    expected.sort();
    assert_eq!(calls, expected);
}

/// Faults of the next call of the SLA Histogram, with the code that counts it.
fn faults_of_sla() -> [(Fault, &'static str); 9] {
    let fault = || fault(Target::Api("sla"));
    let status = |status| Fault {
        status: Some(status),
        ..fault()
    };
    let body = |body: &str| Fault {
        body: Some(body.to_owned()),
        ..fault()
    };
    let html = Fault {
        html: true,
        ..fault()
    };
    let truncate = Fault {
        truncate: true,
        ..fault()
    };
    let drop = Fault {
        drop: true,
        ..fault()
    };
    let throttled = Fault {
        retry_after: Some("0".to_owned()),
        ..status(429)
    };
    [
        (html, "decode"),
        (truncate, "decode"),
        (drop, "connect"),
        (status(500), "500"),
        (status(403), "403"),
        (status(302), "302"),
        (body("{\"slaDataRange\": {\"x\": 1}}"), "decode"),
        (body(""), "decode"),
        (throttled, "429"),
    ]
}

#[tokio::test]
async fn faults_of_liveperson_keep_the_page_and_good_values_served() {
    let simulator = simulator(Options::in_process()).await;
    let quick = "
engagement_activity: {interval: 1s, windows: [5m]}
sla: {interval: 1s, windows: [5m]}
";
    let exporter = Exporter::start(&yaml(&simulator, quick)).await;
    let good = data(&page_with_all_data(&exporter).await);
    check_each_async(faults_of_sla(), async |(fault, code)| {
        let counted = format!(
            "liveperson_api_requests_total{{account=\"12345678\",api=\"sla\",code=\"{code}\"}}"
        );
        let before = sample(&exporter.page().await, &counted).unwrap_or(0.0);
        simulator.push_fault(fault);
        let page = exporter.page_with(&counted, before + 1.0).await;
        assert_eq!(data(&page), good, "after {code}");
        assert_eq!(
            sample(&page, UP[0]),
            Some(1.0),
            "the other API is still polled"
        );
        if ["403", "302"].contains(&code) {
            // No retry: the poll is over, and nothing of it succeeded.
            exporter.page_with(UP[1], 0.0).await;
        }
        // The next fault must not hit this one's retry.
        restart_polls(&exporter).await;
        page_with_all_data(&exporter).await;
    })
    .await;
    assert_eq!(
        get(&format!("{}/-/healthy", exporter.base_url)).await.0,
        200
    );
}

fn fault(api: Target) -> Fault {
    Fault {
        api,
        count: Some(1),
        ..Fault::default()
    }
}

/// A new account is polled at once, even when the old one was waiting.
async fn restart_polls(exporter: &Exporter) {
    let file = exporter.config_file();
    let with = std::fs::read_to_string(&file).unwrap();
    let without = with.replace("id: \"12345678\"", "id: \"12345679\"");
    for text in [without, with] {
        std::fs::write(&file, text).unwrap();
        let before = exporter.log().matches("configuration reloaded").count();
        exporter.signal("HUP");
        eventually("the configuration is reloaded", async || {
            (exporter.log().matches("configuration reloaded").count() > before).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_outage_at_start_is_reported_and_caught_up_with() {
    // Nothing listens there yet.
    let address = common::free_address();
    let yaml = format!(
        r#"
accounts:
  - id: "12345678"
    auth: {{oauth2: {{client_id: demo, client_secret: demo-secret}}}}
domain_api: "http://{address}"
"#
    );
    let exporter = Exporter::start(&yaml).await;
    let connect =
        "liveperson_api_requests_total{account=\"12345678\",api=\"domain\",code=\"connect\"}";
    let page = exporter.page_with(connect, 1.0).await;
    assert_eq!(
        [sample(&page, UP[0]), sample(&page, UP[1])],
        [Some(0.0), Some(0.0)]
    );
    assert!(data(&page).is_empty());
    let backoff = sample(
        &page,
        "liveperson_api_backoff_seconds{account=\"12345678\"}",
    )
    .unwrap();
    assert!(backoff > 0.0 && backoff <= 5.0, "{backoff}");
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    let (status, reasons) = exporter.get("/-/ready").await;
    assert_eq!(status, 503);
    assert!(reasons.contains("could not connect"), "{reasons}");
    let warnings = || {
        exporter
            .log()
            .lines()
            .filter(|line| line.contains("warn"))
            .count()
    };
    assert_eq!(warnings(), 1, "{}", exporter.log());
    let options = Options {
        listen: address,
        ..Options::in_process()
    };
    let _simulator = Simulator::start(options, Arc::new(SystemClock))
        .await
        .unwrap();
    let page = page_with_all_data(&exporter).await;
    assert!(!data(&page).is_empty());
    assert_eq!(warnings(), 1, "{}", exporter.log());
    assert_eq!(exporter.get("/-/ready").await.0, 200);
}

#[tokio::test]
async fn a_wrong_secret_is_reported_without_the_secret() {
    let simulator = simulator(Options::in_process()).await;
    let yaml = yaml(&simulator, "").replace("demo-secret", "not-the-right-one");
    let exporter = Exporter::start_with(&yaml, &["--log.level=debug"]).await;
    let refused = "liveperson_api_requests_total{account=\"12345678\",api=\"token\",code=\"401\"}";
    let page = exporter.page_with(refused, 1.0).await;
    let (_, status_page) = exporter.get("/").await;
    let (_, ready) = exporter.get("/-/ready").await;
    assert!(status_page.contains("401"), "{status_page}");
    assert!(exporter.log().contains("401"), "{}", exporter.log());
    check_each([&page, &status_page, &ready, &exporter.log()], |text| {
        assert!(!text.contains("not-the-right-one"), "{text}");
    });
}

#[tokio::test]
async fn bad_configuration_ends_with_status_2_before_anything_starts() {
    let (_folder, bad) = configuration("accounts: []\nsla: {buckets: [15, 30, 47]}\n");
    let cases = [
        vec!["--config.file", bad.to_str().unwrap()],
        vec!["--config.file", "/nonexistent/liveperson_exporter.yml"],
        vec!["check-config", bad.to_str().unwrap()],
        vec!["--log.level=loud"],
        vec!["--web.config.file", "/nonexistent/web.yml", "demo"],
    ];
    check_each(cases, |arguments| {
        let output = common::command().args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{arguments:?}"
        );
    });
    let output = common::command()
        .arg("check-config")
        .arg(&bad)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(
        printed.contains("sla.buckets[2]: 47 is not a multiple of 5"),
        "{printed}"
    );
    assert!(printed.contains("accounts"), "{printed}");
}

#[tokio::test]
async fn check_config_prints_the_plan_and_calls_nothing() {
    let simulator = simulator(Options::in_process()).await;
    let (_folder, file) = configuration(&yaml(&simulator, "sla: {skills: [4], groups: [7]}"));
    let output = common::command()
        .arg("check-config")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let plan = String::from_utf8(output.stdout).unwrap();
    let cases = [
        "account 12345678",
        "engagement_activity: 6 requests every 30s, one starts every 5 s",
        "/operations/api/account/12345678/engactivity?timeframe=5&skillIds=all&agentIds=all&v=1",
        "/operations/api/account/12345678/sla?timeframe=60&groupIds=7",
        "names: 3 requests every 1h, after everything else",
        "requests per minute: 21.05; limits.min_spacing allows 6000",
        "for each skill that LivePerson names",
    ];
    check_each(cases, |words| {
        assert!(plan.contains(words), "{words:?} is not in\n{plan}");
    });
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn check_config_shows_running_totals_if_they_are_asked_for() {
    let simulator = simulator(Options::in_process()).await;
    let plan = |totals: bool| {
        let more =
            format!("engagement_activity: {{totals: {totals}}}\nsla: {{totals: {totals}}}\n");
        let (_folder, file) = configuration(&yaml(&simulator, &more));
        let mut command = common::command();
        let output = command.arg("check-config").arg(&file).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (with, without) = (plan(true), plan(false));
    let mut missing = Vec::new();
    for (plan, words) in [
        (&with, "engagement_activity: 6 requests every 30s"),
        (&with, "engactivity?timeframe=1440&v=1  (totals: account)"),
        (
            &with,
            "engactivity?timeframe=1440&skillIds=all&agentIds=all&v=1  (totals: skill, agent)",
        ),
        (&with, "sla: 3 requests every 1m"),
        (
            &with,
            "sla?timeframe=1440&histogram=0,15,30,45,60,90,120&v=1  (totals: wait times)",
        ),
        (
            &with,
            "data series: 40 + 15 for each skill that LivePerson names + 15 for each agent",
        ),
        (&without, "engagement_activity: 4 requests every 30s"),
        (&without, "sla: 2 requests every 1m"),
        (
            &without,
            "data series: 28 + 10 for each skill that LivePerson names + 10 for each agent",
        ),
    ] {
        if !plan.contains(words) {
            missing.push(words);
        }
    }
    assert_eq!(missing, Vec::<&str>::new(), "{with}\n{without}");
    assert!(!without.contains("totals"), "{without}");
}

#[tokio::test]
async fn it_stops_cleanly_even_while_a_call_hangs() {
    let simulator = simulator(Options::in_process()).await;
    let delay = Some(std::time::Duration::from_secs(600));
    simulator.push_fault(Fault {
        delay,
        ..fault(Target::Any)
    });
    check_each_async(["TERM", "INT"], async |signal| {
        let mut exporter = Exporter::start(&yaml(&simulator, "")).await;
        exporter.page().await;
        exporter.signal(signal);
        assert_eq!(exporter.ended().await.code(), Some(0), "{}", exporter.log());
    })
    .await;
}

#[tokio::test]
async fn a_reload_applies_a_good_file_and_refuses_a_bad_one() {
    let simulator = simulator(Options::in_process()).await;
    let exporter = Exporter::start_with(&yaml(&simulator, ""), &["--web.enable-lifecycle"]).await;
    page_with_all_data(&exporter).await;
    let reload = format!("{}/-/reload", exporter.base_url);
    let good = "liveperson_exporter_config_last_reload_successful";
    let old = std::fs::read_to_string(exporter.config_file()).unwrap();
    std::fs::write(exporter.config_file(), "nonsense: 1\n").unwrap();
    let answer = http().post(&reload).send().await.unwrap();
    assert!(answer.status().is_client_error() || answer.status().is_server_error());
    assert!(answer.text().await.unwrap().contains("nonsense"));
    let page = exporter.page_with(good, 0.0).await;
    assert!(
        !data(&page).is_empty(),
        "the old configuration stays in force"
    );
    let new = old.replace("domain_api", "sla: {windows: [10m]}\ndomain_api");
    std::fs::write(exporter.config_file(), new).unwrap();
    assert_eq!(http().put(&reload).send().await.unwrap().status(), 200);
    let waited = "liveperson_window_account_waited_chats{account=\"12345678\",window=\"10m\"}";
    let page = eventually("the new window is served", async || {
        let page = exporter.page().await;
        sample(&page, waited).map(|_| page)
    })
    .await;
    assert_eq!(sample(&page, good), Some(1.0));
}

#[tokio::test]
async fn the_demo_shows_data_by_itself() {
    let mut command = common::command();
    command.arg("demo");
    let demo = Exporter::spawn(command, tempfile::tempdir().unwrap()).await;
    let page = page_with_all_data(&demo).await;
    let cases = ["account", "skill", "agent", "skill_agent", "group"];
    check_each(cases, |level| {
        for series in [
            format!("liveperson_window_{level}_"),
            format!("liveperson_{level}_"),
        ] {
            assert!(
                page.lines().any(|line| line.starts_with(&series)),
                "no {series}"
            );
        }
    });
    let (status, status_page) = demo.get("/").await;
    assert!(status == 200 && status_page.contains("12345678"));
    assert!(!demo.log().contains("level=warn"), "{}", demo.log());
}
