//! Passwords and the rate limit of the web configuration file.

use liveperson_exporter::web::Settings;

use super::client::{start_with, with_alice};
use crate::common::cases::check_each_async;

#[tokio::test]
async fn every_path_requires_the_password() {
    let (_folder, web) = with_alice(
        "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}",
    );
    assert!(!web.tls_enabled());
    let running = start_with(Settings::default(), Some(web)).await;
    // alice:secret, alice:wrong, bob:secret
    let cases = [
        ("YWxpY2U6c2VjcmV0", 200),
        ("YWxpY2U6c2VjcmV0", 200),
        ("YWxpY2U6d3Jvbmc=", 401),
        ("Ym9iOnNlY3JldA==", 401),
        ("", 401),
    ];
    check_each_async(cases, async |(token, status)| {
        for path in ["/metrics", "/-/healthy", "/", "/api/v1/status"] {
            let header = match token {
                "" => String::new(),
                token => format!("Authorization: Basic {token}\r\n"),
            };
            let answer = running.ask("GET", path, &header).await;
            assert_eq!(answer.status, status, "{token} {path}");
            let challenge = (status == 401).then_some("Basic");
            assert_eq!(answer.header("www-authenticate"), challenge);
            assert_eq!(answer.header("x-frame-options"), Some("deny"));
            assert_eq!(
                answer.header("strict-transport-security"),
                Some("max-age=1")
            );
        }
    })
    .await;
    let nowhere = running.ask("GET", "/nowhere", "").await;
    assert_eq!(nowhere.status, 401, "paths are not revealed");
}

#[tokio::test]
async fn the_rate_limit_answers_429() {
    let (_folder, web) = with_alice("rate_limit: {interval: 1h, burst: 2}");
    let running = start_with(Settings::default(), Some(web)).await;
    let header = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";
    for status in [200, 200, 429, 429] {
        let answer = running.ask("GET", "/metrics", header).await;
        assert_eq!(answer.status, status);
    }
}
