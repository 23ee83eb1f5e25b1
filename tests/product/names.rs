//! Names for ids, from the simulated LivePerson to the page of the real binary.

use liveperson_exporter::simulator::{Fault, Options, Simulator, Target};

use crate::common::cases::check_each_async;
use crate::common::liveperson::{self, yaml};
use crate::common::{self, COLLECTORS, Exporter, sample, up};

async fn simulator() -> Simulator {
    let options = Options {
        skills: 3,
        agents: 5,
        groups: 2,
        ..Options::in_process()
    };
    liveperson::simulator(options).await
}

/// Which of the collectors are up.
fn are_up(page: &str) -> [Option<f64>; COLLECTORS.len()] {
    COLLECTORS.map(|collector| sample(page, &up("12345678", collector)))
}

fn info(page: &str, level: &str) -> Vec<String> {
    let start = format!("liveperson_{level}_info{{account=\"12345678\",{level}=\"");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start));
    lines.map(str::to_owned).collect()
}

fn requests(code: &str) -> String {
    format!("liveperson_api_requests_total{{account=\"12345678\",api=\"names\",code=\"{code}\"}}")
}

/// Names on the page: without deleted ones, escaped, whole, and the configuration's winning.
#[tokio::test]
async fn names_come_after_the_data_and_every_character_of_them() {
    let simulator = simulator().await;
    let long = "ö\u{1F600}".repeat(250);
    let odd = "say \"hi\" \\ back\nnext \u{1F980}";
    let body = serde_json::json!([
        { "id": 101, "name": odd, "deleted": false },
        { "id": 102, "name": long, "deleted": false },
        { "id": 103, "name": "From LivePerson", "deleted": false },
        { "id": 104, "name": "Gone", "deleted": true },
        { "id": -1, "name": "Unassigned" },
    ]);
    simulator.push_fault(Fault {
        api: Target::Api("names"),
        contains: Some("/skills".to_owned()),
        body: Some(body.to_string()),
        ..Fault::default()
    });
    let more = "names: {skills: {103: \"Mine\", 7: \"Only mine\"}, agents: {1001: Dummy}}";
    let exporter = Exporter::start(&yaml(&simulator, more)).await;
    // A call is counted a moment before its names are on the page.
    exporter.page_with(&requests("200"), 3.0).await;
    let page = common::eventually("names of all kinds are on the page", async || {
        let page = exporter.page().await;
        let counts = ["skill", "agent", "group"].map(|kind| info(&page, kind).len());
        (counts[0] >= 5 && counts[1] >= 5 && counts[2] >= 2).then_some(page)
    })
    .await;
    assert_eq!(
        info(&page, "skill"),
        [
            "-1\",name=\"Unassigned\"} 1".to_owned(),
            "7\",name=\"Only mine\"} 1".to_owned(),
            "101\",name=\"say \\\"hi\\\" \\\\ back\\nnext \u{1F980}\"} 1".to_owned(),
            format!("102\",name=\"{long}\"}} 1"),
            "103\",name=\"Mine\"} 1".to_owned(),
        ]
    );
    let agents = info(&page, "agent");
    assert_eq!(agents.len(), 5, "all but the deleted one: {agents:?}");
    assert_eq!(agents[0], "1001\",name=\"Dummy\"} 1");
    assert_eq!(info(&page, "group").len(), 2, "all but the deleted one");
    exporter.page_with_all_up("12345678").await;
    let calls = simulator.requests();
    let last_first_poll = calls.iter().rposition(|call| call.api == "sla").unwrap();
    let names = calls.iter().position(|call| call.api == "names").unwrap();
    assert!(names > last_first_poll, "data first: {calls:#?}");
    assert!(!exporter.log().contains("level=warn"), "{}", exporter.log());
}

/// Only what is missing is missing, and it is logged once.
#[tokio::test]
async fn no_permission_for_names_is_one_warning_and_nothing_else() {
    let status = |status| Fault {
        status: Some(status),
        ..Fault::default()
    };
    let html = Fault {
        html: true,
        ..Fault::default()
    };
    let drop = Fault {
        drop: true,
        ..Fault::default()
    };
    let faults = [status(403), status(500), status(401), html, drop];
    check_each_async(faults, check_fault_of_names).await;
}

async fn check_fault_of_names(fault: Fault) {
    let simulator = simulator().await;
    let status = fault.status;
    simulator.push_fault(Fault {
        api: Target::Api("names"),
        ..fault
    });
    let quick = "
engagement_activity: {interval: 1s, windows: [5m], totals: false}
sla: {interval: 1s, windows: [5m], totals: false}
names: {groups: {11: Mine}}
";
    let exporter = Exporter::start(&yaml(&simulator, quick)).await;
    common::eventually("names were asked for", async || {
        let page = exporter.page().await;
        let mut counters = page.lines().filter(|line| line.contains("\"names\""));
        let counted = counters.any(|line| line.starts_with("liveperson_api_requests_total"));
        counted.then_some(())
    })
    .await;
    // Polls of data continue after it.
    let calls = |api| {
        let calls = simulator.requests().into_iter();
        calls.filter(|call| call.api == api).count()
    };
    let before = calls("sla");
    common::eventually("polls continue", async || {
        (calls("sla") > before + 2).then_some(())
    })
    .await;
    let page = exporter.page().await;
    if let Some(status) = status {
        let counted = sample(&page, &requests(&status.to_string()));
        assert!(counted.unwrap() >= 1.0, "{page}");
    }
    assert_eq!(are_up(&page), [Some(1.0); 2]);
    assert!(info(&page, "skill").is_empty());
    assert_eq!(info(&page, "group"), ["11\",name=\"Mine\"} 1"]);
    let backoff = "liveperson_api_backoff_seconds{account=\"12345678\"}";
    assert_eq!(sample(&page, backoff), Some(0.0));
    let (ready, _) = exporter.get("/-/ready").await;
    assert_eq!(ready, 200);
    let log = exporter.log();
    let warnings = log.lines().filter(|line| line.contains("account=12345678"));
    let warnings = warnings.filter(|line| line.contains("level=warn"));
    assert_eq!(warnings.count(), 1, "{log}");
    assert_eq!(
        calls("token"),
        1,
        "no token is fetched for the sake of names"
    );
}

/// The host of the account configuration is its own: without it there is all but names.
#[tokio::test]
async fn a_firewall_before_the_account_configuration_costs_names_only() {
    let simulator = simulator().await;
    let unreachable = common::free_address();
    let yaml = yaml(&simulator, "").replace(
        "domain_api",
        &format!("    hosts: {{accountConfigReadOnly: \"http://{unreachable}\"}}\ndomain_api"),
    );
    let exporter = Exporter::start(&yaml).await;
    let page = exporter.page_with_at_least(&requests("connect"), 1.0).await;
    assert_eq!(are_up(&page), [Some(1.0); 2]);
    assert_eq!(exporter.get("/-/ready").await.0, 200);
}

/// A reload forgets no names, and asks for them again.
#[tokio::test]
async fn a_reload_leaves_no_gap_in_the_names() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "")).await;
    let page = exporter.page_with(&requests("200"), 3.0).await;
    let before = info(&page, "skill");
    assert!(!before.is_empty());
    simulator.push_fault(Fault {
        api: Target::Api("names"),
        status: Some(403),
        ..Fault::default()
    });
    // Another time limit takes another client, which asks for the names again.
    let text = std::fs::read_to_string(exporter.config_file()).unwrap();
    let changed = text.replace(
        "min_spacing: 10ms",
        "min_spacing: 10ms, request_timeout: 14s",
    );
    std::fs::write(exporter.config_file(), changed + "names: {refresh: 50m}\n").unwrap();
    exporter.signal("HUP");
    let page = exporter.page_with(&requests("403"), 3.0).await;
    assert_eq!(info(&page, "skill"), before);
}

/// What takes no new client stops no account: no call is aborted, no host and no token asked for again.
#[tokio::test]
async fn names_stale_after_and_time_zone_change_without_a_restart() {
    let simulator = simulator().await;
    let exporter = Exporter::start(&yaml(&simulator, "")).await;
    let page = exporter.page_with(&requests("200"), 3.0).await;
    let session = |page: &str| {
        ["token", "domain"].map(|api| {
            let labels = format!("account=\"12345678\",api=\"{api}\",code=\"200\"");
            sample(page, &format!("liveperson_api_requests_total{{{labels}}}"))
        })
    };
    let before = session(&page);
    let text = std::fs::read_to_string(exporter.config_file()).unwrap();
    let more = "stale_after: 4m\ntimezone: Asia/Tokyo\nnames: {skills: {424242: Mine}}\n";
    std::fs::write(exporter.config_file(), text + more).unwrap();
    exporter.signal("HUP");
    let mine = "liveperson_skill_info{account=\"12345678\",skill=\"424242\",name=\"Mine\"}";
    let page = exporter.page_with(mine, 1.0).await;
    assert!(info(&page, "agent").len() > 1, "theirs are gone");
    assert_eq!(session(&page), before);
    assert_eq!(sample(&page, &requests("200")), Some(3.0));
    assert_eq!(are_up(&page), [Some(1.0); 2], "{page}");
}
