//! What `check-config` and a bad configuration print.

use super::*;

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
        printed.contains("sla.buckets[2]: expected a multiple of 5, found 47"),
        "{printed}"
    );
    assert!(printed.contains("accounts"), "{printed}");
}

#[tokio::test]
async fn check_config_prints_the_plan_and_calls_nothing() {
    let simulator = simulator_at_noon(Options::in_process()).await;
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
    let simulator = simulator_at_noon(Options::in_process()).await;
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
