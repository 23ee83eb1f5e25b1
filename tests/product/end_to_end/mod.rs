//! The real binary against the simulated LivePerson: true numbers, few calls, and no fault of
//! LivePerson's that takes the page down or an earlier good value out of service.

mod check_config;
mod failures;
mod truth;

use liveperson_exporter::simulator::{Fault, Numbers, Options, SectionName, Simulator, Target};
use serde_json::Value;

use crate::common::cases::{check_each, check_each_async};
use crate::common::liveperson::{Asker, simulator_at_noon, yaml};
use crate::common::{
    self, COLLECTORS, Exporter, configuration, data, eventually, get, http, sample, totals, up,
};

const EVERYTHING: &str = "
engagement_activity: {windows: [5m, 1h], skill_agents: true}
sla: {windows: [5m, 1h], skills: all, groups: [11, 12, 13]}
";

fn fault(api: Target) -> Fault {
    Fault {
        api,
        count: Some(1),
        ..Fault::default()
    }
}

async fn page_with_all_data(exporter: &Exporter) -> String {
    exporter.page_with_all_up("12345678").await
}

#[tokio::test]
async fn a_poll_makes_the_fewest_calls_and_the_session_one_of_each() {
    let simulator = simulator_at_noon(Options::in_process()).await;
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

#[tokio::test]
async fn it_stops_cleanly_even_while_a_call_hangs() {
    let simulator = simulator_at_noon(Options::in_process()).await;
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
    let simulator = simulator_at_noon(Options::in_process()).await;
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
        "the old configuration stays in use"
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
