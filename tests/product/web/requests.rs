//! Paths, methods, headers and bodies, valid and invalid.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use liveperson_exporter::web::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{self, FakeHandler, read_answer, start, start_with};
use crate::common::cases::check_each_async;

#[tokio::test]
async fn every_path_and_method_has_its_status() {
    let running = start().await;
    let cases = [
        ("GET", "/metrics", 200, None, "one two three\n"),
        ("GET", "/metrics?name[]=x", 200, None, "one two three\n"),
        ("POST", "/metrics", 405, Some("GET, HEAD"), "not allowed"),
        ("GET", "/-/healthy", 200, None, "Healthy."),
        (
            "DELETE",
            "/-/healthy",
            405,
            Some("GET, HEAD"),
            "not allowed",
        ),
        ("GET", "/-/ready", 503, None, "account 7 was never polled\n"),
        ("OPTIONS", "/-/ready", 405, Some("GET, HEAD"), "not allowed"),
        ("GET", "/", 200, None, "Page(Access"),
        ("GET", "/api/v1/status", 200, None, "Json"),
        (
            "POST",
            "/api/v1/status",
            405,
            Some("GET, HEAD"),
            "not allowed",
        ),
        ("GET", "/api/v1/status/", 404, None, "Not found"),
        ("PUT", "/", 405, Some("GET, HEAD"), "not allowed"),
        ("GET", "/-/reload", 405, Some("POST, PUT"), "not allowed"),
        ("POST", "/-/reload", 403, None, "--web.enable-lifecycle"),
        ("PUT", "/-/reload", 403, None, "--web.enable-lifecycle"),
        ("GET", "/metrics/", 404, None, "Not found"),
        ("GET", "//", 404, None, "Not found"),
        ("POST", "/nowhere", 404, None, "Not found"),
        ("GET", "http://elsewhere/-/healthy", 200, None, "Healthy."),
        ("OPTIONS", "*", 404, None, "Not found"),
        ("BREW", "/metrics", 405, Some("GET, HEAD"), "not allowed"),
    ];
    check_each_async(cases, async |(method, path, status, allow, text)| {
        let answer = running.ask(method, path, "").await;
        let length = answer.body.len().to_string();
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("allow"), allow, "{answer:?}");
        assert!(answer.body.contains(text), "{answer:?}");
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
    })
    .await;
    assert_eq!(running.handler.reloads.load(Ordering::SeqCst), 0);
    running.handler.ready.store(true, Ordering::SeqCst);
    assert_eq!(running.ask("GET", "/-/ready", "").await.status, 200);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = start().await;
    let cases = ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"];
    check_each_async(cases, async |path| {
        let get = running.ask("GET", path, "").await;
        let head = running.ask("HEAD", path, "").await;
        let names = |answer: &client::Answer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            headers
        };
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(names(&head), names(&get), "{path}");
        assert!(!get.body.is_empty() && head.body.is_empty(), "{path}");
    })
    .await;
}

#[tokio::test]
async fn a_scrape_passes_its_headers_and_query_on() {
    let running = start().await;
    let answer = running
        .ask(
            "GET",
            "/metrics?echo&x=%20",
            "Accept: a\r\nAccept: b;q=0.5\r\nAccept-Encoding: gzip\r\n",
        )
        .await;
    assert_eq!(answer.status, 203);
    assert_eq!(answer.header("content-type"), Some("text/echo"));
    assert_eq!(answer.header("content-encoding"), Some("identity"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(
        answer.body,
        "Some(\"a, b;q=0.5\") Some(\"gzip\") Some(\"echo&x=%20\")"
    );
    let answer = running.ask("GET", "/metrics?echo", "").await;
    assert_eq!(answer.body, "None None Some(\"echo\")");
}

#[tokio::test]
async fn connections_are_reused_and_pipelined() {
    let running = start().await;
    let mut stream = running.connect().await;
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3);
    stream.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..3 {
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.body, "one two three\n");
    }
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "HTTP/1.0 ends it");
}

#[tokio::test]
async fn malformed_and_oversized_requests_are_rejected() {
    let running = start().await;
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000));
    let long_header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    let endless_header = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(20_000));
    let many_headers = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X: y\r\n".repeat(500)
    );
    let cases = [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (long_path.as_str(), 431),
        (long_header.as_str(), 431),
        (endless_header.as_str(), 431),
        (many_headers.as_str(), 431),
    ];
    check_each_async(cases, async |(request, status)| {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.status, status);
    })
    .await;
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 200);
}

#[tokio::test]
async fn only_small_bodies_are_read() {
    let running = start_with(
        Settings {
            lifecycle: true,
            ..Settings::default()
        },
        None,
    )
    .await;
    let small = "Content-Length: 3\r\n\r\nabc";
    let answer = running.ask("POST", "/-/reload", small).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let announced = "Content-Length: 99999999999\r\n\r\n";
    let answer = running.ask("POST", "/-/reload", announced).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));

    let mut stream = running.connect().await;
    stream
        .write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(4096));
    let mut sent = 0_usize;
    while sent < 1 << 30 && stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
    }
    assert!(sent < 1 << 28, "{sent} bytes of an endless body were taken");
    assert_eq!(running.handler.reloads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn http_1_1_needs_exactly_one_valid_host() {
    let running = start().await;
    let cases = [
        ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: x:81\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: 192.0.2.1:\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: a_b.example\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET /metrics HTTP/1.0\r\nHost:\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: :81\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a b,c\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: x:y\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: x:99999\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\n\r\n", 400),
        ("GET http://x/metrics HTTP/1.1\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("GET /metrics HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ];
    check_each_async(cases, async |(request, status)| {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.status, status);
    })
    .await;
}

#[tokio::test]
async fn security_headers_are_sent() {
    let running = start().await;
    let cases = ["/", "/metrics", "/-/healthy", "/nowhere"];
    check_each_async(cases, async |path| {
        let answer = running.ask("GET", path, "").await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    })
    .await;
    let home = running.ask("GET", "/", "").await;
    let policy = home.header("content-security-policy").unwrap();
    assert_eq!(policy, "default-src 'none'");
    assert_eq!(home.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(home.header("cache-control"), Some("no-store"));
    assert_eq!(home.header("set-cookie"), None);
}

#[tokio::test]
async fn the_telemetry_path_is_configurable() {
    let with_path = |path: &str| Settings {
        telemetry_path: path.to_owned(),
        ..Settings::default()
    };
    let running = start_with(with_path("/a/b"), None).await;
    assert_eq!(running.ask("GET", "/a/b", "").await.body, "one two three\n");
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 404);
    let home = running.ask("GET", "/", "").await;
    assert!(home.body.contains("telemetry_path: \"/a/b\""), "{home:?}");

    let running = start_with(with_path("/"), None).await;
    assert_eq!(running.ask("GET", "/", "").await.body, "one two three\n");
    assert_eq!(running.ask("GET", "/-/healthy", "").await.status, 200);

    let served = liveperson_exporter::web::serve(
        Vec::new(),
        with_path("/-/x"),
        None,
        Arc::new(FakeHandler::default()),
        async {},
    );
    assert!(served.await.unwrap_err().contains("/-/x"));
}

#[tokio::test]
async fn everything_is_below_the_route_prefix() {
    let settings = |external_url: Option<&str>| Settings {
        route_prefix: "/lp".to_owned(),
        external_url: external_url.map(|url| url.parse().unwrap()),
        lifecycle: true,
        ..Settings::default()
    };
    let running = start_with(settings(None), None).await;
    let cases = [
        ("GET", "/lp/metrics", 200, None),
        ("GET", "/lp/-/healthy", 200, None),
        ("GET", "/lp/-/ready", 503, None),
        ("GET", "/lp/api/v1/status", 200, None),
        ("POST", "/lp/-/reload", 200, None),
        ("GET", "/lp/", 200, None),
        ("GET", "/lp", 302, Some("./lp/")),
        ("GET", "/", 302, Some("./lp/")),
        ("GET", "/metrics", 404, None),
        ("GET", "/lpx/metrics", 404, None),
        ("GET", "/-/healthy", 404, None),
    ];
    check_each_async(cases, async |(method, path, status, location)| {
        let answer = running.ask(method, path, "").await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("location"), location, "{answer:?}");
    })
    .await;
}

/// A redirect leads to the page, directly and behind a proxy that adds to the path or removes from it.
#[tokio::test]
async fn redirects_lead_to_the_page_with_any_external_url() {
    let urls = [
        None,
        Some("https://proxy.example/"),
        Some("https://proxy.example/tools/lp/"),
    ];
    for url in urls {
        for prefix in ["/lp", "/a/lp", "/a:b"] {
            let settings = Settings {
                route_prefix: prefix.to_owned(),
                external_url: url.map(|url| url.parse().unwrap()),
                ..Settings::default()
            };
            let running = start_with(settings, None).await;
            for path in ["/", prefix] {
                let answer = running.ask("GET", path, "").await;
                assert_eq!(answer.status, 302, "{answer:?}");
                let location = answer.header("location").unwrap();
                for before in ["", "/tools"] {
                    let asked: url::Url = format!("http://host{before}{path}").parse().unwrap();
                    let led = asked.join(location).unwrap();
                    assert_eq!(led.path(), format!("{before}{prefix}/"), "{url:?}");
                }
                let led = running.ask("GET", &format!("{prefix}/"), "").await;
                assert_eq!(led.status, 200, "{led:?}");
            }
        }
    }
}
