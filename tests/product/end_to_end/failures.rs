//! What LivePerson's failures do to the page and to the log.

use super::*;
use crate::common::{liveperson, only};

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
    let simulator = simulator_at_noon(Options::in_process()).await;
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
            sample(&page, &up("12345678", "engagement_activity")),
            Some(1.0),
            "the other API is still polled"
        );
        if ["403", "302"].contains(&code) {
            // No retry: the poll is over, and nothing of it succeeded.
            exporter.page_with(&up("12345678", "sla"), 0.0).await;
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
{}"#,
        only(&COLLECTORS)
    );
    let exporter = Exporter::start(&yaml).await;
    let connect =
        "liveperson_api_requests_total{account=\"12345678\",api=\"domain\",code=\"connect\"}";
    let page = exporter.page_with_at_least(connect, 1.0).await;
    let are_up = COLLECTORS.map(|collector| sample(&page, &up("12345678", collector)));
    assert_eq!(are_up, [Some(0.0); 2]);
    assert!(data(&page).is_empty());
    let backoff = sample(
        &page,
        "liveperson_api_backoff_seconds{account=\"12345678\"}",
    )
    .unwrap();
    assert!(backoff > 0.0, "{backoff}");
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
    let _simulator = liveperson::simulator(options).await;
    let page = page_with_all_data(&exporter).await;
    assert!(!data(&page).is_empty());
    assert_eq!(warnings(), 1, "{}", exporter.log());
    assert_eq!(exporter.get("/-/ready").await.0, 200);
}

#[tokio::test]
async fn a_wrong_secret_is_reported_without_the_secret() {
    let simulator = simulator_at_noon(Options::in_process()).await;
    let yaml = yaml(&simulator, "").replace("demo-secret", "not-the-right-one");
    let exporter = Exporter::start_with(&yaml, &["--log.level=debug"]).await;
    let refused = "liveperson_api_requests_total{account=\"12345678\",api=\"token\",code=\"401\"}";
    let page = exporter.page_with_at_least(refused, 1.0).await;
    let (_, status_page) = exporter.get("/").await;
    let (_, ready) = exporter.get("/-/ready").await;
    assert!(status_page.contains("401"), "{status_page}");
    assert!(exporter.log().contains("401"), "{}", exporter.log());
    check_each([&page, &status_page, &ready, &exporter.log()], |text| {
        assert!(!text.contains("not-the-right-one"), "{text}");
    });
}
