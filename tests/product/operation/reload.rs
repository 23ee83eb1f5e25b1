//! Reloads change what the new configuration changes and nothing else.

use liveperson_exporter::simulator::{Fault, Target};

use super::{FIRST, QUICK, SECOND, account, all_up, backoff, calls, more_calls, reload, simulator};
use crate::common::cases::check_each;
use crate::common::{Exporter, data, eventually, sample, up};

#[tokio::test]
async fn a_reload_keeps_unchanged_accounts_and_drops_removed_ones() {
    let (first, second) = (simulator(FIRST).await, simulator(SECOND).await);
    // Calls of its wait times are counted: whatever else than the interval starts one is seen.
    let one = account(FIRST, &first, "sla: {interval: 1h}");
    let both = |more| {
        let two = account(SECOND, &second, more);
        format!("accounts:{one}{two}{QUICK}stale_after: 1d\n")
    };
    let exporter = Exporter::start_with(&both(""), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST, SECOND]).await;
    more_calls(&first, "engactivity", 2).await;

    let changed = both("engagement_activity: {windows: [10m]}");
    change_a_window_of_the_second(&exporter, &changed).await;

    // Gone from the very next page on.
    let (status, _) = reload(
        &exporter,
        &both("").replace(&account(SECOND, &second, ""), ""),
    )
    .await;
    let page = exporter.page().await;
    assert_eq!(status, 200);
    assert!(!page.contains(SECOND), "{page}");
    let left = calls(&second, "sla").len();
    more_calls(&first, "engactivity", 3).await;
    assert_eq!(
        calls(&second, "sla").len(),
        left,
        "a removed account is still polled"
    );

    // Through all of this the first account was polled as before: no restart, no extra call.
    assert_eq!(calls(&first, "token").len(), 1, "it authorised again");
    assert_eq!(calls(&first, "sla").len(), 1, "an extra call");
    eventually("both reloads are logged", async || {
        (exporter.log().matches("configuration reloaded").count() == 2).then_some(())
    })
    .await;
}

/// Engagement Activity of the second account changes: its wait times and all of the first stay
/// served.
async fn change_a_window_of_the_second(exporter: &Exporter, changed: &str) {
    let scrape = async {
        for _ in 0..20 {
            let page = exporter.page().await;
            let waits = |id| {
                format!("liveperson_window_account_waited_chats{{account=\"{id}\",window=\"5m\"}}")
            };
            for series in [
                waits(FIRST),
                waits(SECOND),
                up(FIRST, "sla"),
                up(SECOND, "sla"),
            ] {
                assert!(sample(&page, &series).is_some(), "{series} is missing");
            }
        }
    };
    let ((status, text), ()) = tokio::join!(reload(exporter, changed), scrape);
    assert_eq!((status, text.as_str()), (200, "Reloaded.\n"));
    let chats = |window| {
        format!(
            "liveperson_window_account_chats{{account=\"{SECOND}\",window=\"{window}\",kind=\"interactive\"}}"
        )
    };
    let page = eventually("the new window is served", async || {
        let page = exporter.page().await;
        sample(&page, &chats("10m")).map(|_| page)
    })
    .await;
    assert_eq!(
        sample(&page, &chats("5m")),
        None,
        "the old window is no longer asked for"
    );
}

#[tokio::test]
async fn a_changed_account_keeps_its_back_off_and_its_pause() {
    let (first, second) = (simulator(FIRST).await, simulator(SECOND).await);
    first.push_fault(Fault {
        api: Target::Api("sla"),
        status: Some(403),
        ..Fault::default()
    });
    let yaml = |more| {
        let (one, two) = (account(FIRST, &first, ""), account(SECOND, &second, ""));
        format!("accounts:{one}{two}{QUICK}{more}")
    };
    let exporter = Exporter::start_with(&yaml(""), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[SECOND]).await;
    eventually("the collector backs off", async || {
        let left = sample(&exporter.page().await, &backoff(FIRST))?;
        (left > 60.0).then_some(())
    })
    .await;
    second.push_fault(Fault {
        api: Target::Api("sla"),
        status: Some(429),
        retry_after: Some("100".to_owned()),
        count: Some(1),
        ..Fault::default()
    });
    eventually("the account pauses", async || {
        let left = sample(&exporter.page().await, &backoff(SECOND))?;
        (left > 60.0).then_some(())
    })
    .await;
    let paused = second.requests().len();
    assert_eq!(calls(&first, "sla").len(), 1);
    // Every account is affected by what all depend on. Twice: a wait must outlive any number.
    for more in ["stale_after: 4m\n", "stale_after: 3m\n"] {
        assert_eq!(reload(&exporter, &yaml(more)).await.0, 200);
        // A changed collector polls at once: its successor is at work.
        more_calls(&first, "engactivity", 2).await;
    }
    let page = exporter.page().await;
    check_each([FIRST, SECOND], |id| {
        let left = sample(&page, &backoff(id)).unwrap();
        assert!(left > 30.0 && left <= 120.0, "{left} s left for {id}");
    });
    assert_eq!(calls(&first, "sla").len(), 1, "the back-off was forgotten");
    assert_eq!(second.requests().len(), paused, "the pause was forgotten");
    assert_eq!(sample(&page, &up(FIRST, "sla")), Some(0.0));
    assert_eq!(
        sample(&page, &up(SECOND, "sla")),
        Some(1.0),
        "still known from before"
    );
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_reported_once() {
    let first = simulator(FIRST).await;
    let good = format!("accounts:{}{QUICK}", account(FIRST, &first, ""));
    let exporter = Exporter::start_with(&good, &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST]).await;
    let before = exporter.page().await;
    let loaded = "liveperson_exporter_config_last_reload_success_timestamp_seconds";
    let successful = "liveperson_exporter_config_last_reload_successful";
    let bad = good.replace("1s", "soon");
    // Two at once: each has an answer, be it of the same attempt.
    let (one, two) = tokio::join!(reload(&exporter, &bad), reload(&exporter, &bad));
    check_each([one, two], |(status, text)| {
        assert_eq!(status, 500);
        assert!(
            text.contains("engagement_activity.interval") && text.contains("soon"),
            "{text}"
        );
    });
    let page = exporter.page_with(successful, 0.0).await;
    assert_eq!(sample(&page, loaded), sample(&before, loaded));
    let logged = || exporter.log().matches("configuration not reloaded").count();
    let attempts = eventually("it is logged once for each attempt", async || {
        Some(logged()).filter(|count| (1..=2).contains(count))
    })
    .await;
    assert!(!data(&page).is_empty());
    more_calls(&first, "sla", 2).await;
    assert_eq!(calls(&first, "token").len(), 1);
    assert_eq!(logged(), attempts);
    assert_eq!(reload(&exporter, &good).await.0, 200);
    let page = exporter.page_with(successful, 1.0).await;
    assert!(sample(&page, loaded) > sample(&before, loaded));
    assert_eq!(
        calls(&first, "token").len(),
        1,
        "the same file changes nothing either"
    );
}

#[tokio::test]
async fn a_new_name_of_an_account_shows_at_once_and_costs_no_call() {
    let simulator = simulator(FIRST).await;
    let slow = "
limits: {min_spacing: 10ms}
engagement_activity: {interval: 1h, windows: [5m]}
sla: {interval: 1h, windows: [5m]}
stale_after: 1d
";
    let yaml = |name: &str| {
        let account = account(FIRST, &simulator, name);
        format!("accounts:{account}{slow}")
    };
    let exporter = Exporter::start_with(&yaml(""), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST]).await;
    assert!(!exporter.page().await.contains("liveperson_account_info"));
    let calls = simulator.requests().len();
    for name in ["Shop \\\"A\\\"", "Outlet"] {
        let configured = yaml(&format!("name: \"{name}\""));
        assert_eq!(reload(&exporter, &configured).await.0, 200);
        let page = exporter.page().await;
        let info = format!("liveperson_account_info{{account=\"{FIRST}\",name=\"{name}\"}} 1");
        let infos = page
            .lines()
            .filter(|line| line.starts_with("liveperson_account_info{"));
        assert_eq!(infos.collect::<Vec<_>>(), [info]);
    }
    assert_eq!(reload(&exporter, &yaml("")).await.0, 200);
    assert!(!exporter.page().await.contains("liveperson_account_info"));
    assert_eq!(
        simulator.requests().len(),
        calls,
        "a name is no new account"
    );
}

#[tokio::test]
async fn the_interval_of_a_collector_is_served_as_configured() {
    let simulator = simulator(FIRST).await;
    let yaml = |interval: &str| {
        let account = account(FIRST, &simulator, "");
        format!(
            "accounts:{account}\nlimits: {{min_spacing: 10ms}}\nsla: {{interval: {interval}, windows: [5m]}}\n"
        )
    };
    let exporter = Exporter::start_with(&yaml("2m"), &["--web.enable-lifecycle"]).await;
    all_up(&exporter, &[FIRST]).await;
    let series = |collector: &str| {
        format!("liveperson_poll_interval_seconds{{account=\"{FIRST}\",collector=\"{collector}\"}}")
    };
    exporter
        .page_with(&series("engagement_activity"), 30.0)
        .await;
    exporter.page_with(&series("sla"), 120.0).await;
    assert_eq!(reload(&exporter, &yaml("90s")).await.0, 200);
    exporter.page_with(&series("sla"), 90.0).await;
}
