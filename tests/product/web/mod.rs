//! The HTTP side over real sockets on loopback, as scrapers and others meet it.

mod client;
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use client::{Fake, LARGE, guarded, read_answer, stalled, stalled_more, start, start_with};
use liveperson_exporter::web::{Limits, Settings, Stopped};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn every_path_method_and_status() {
    let running = start().await;
    for (method, path, status, allow, text) in [
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
        ("GET", "/", 200, None, "<title>"),
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
    ] {
        let answer = running.ask(method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert!(answer.body.contains(text), "{method} {path}: {answer:?}");
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
    }
    assert_eq!(running.site.reloads.load(Ordering::SeqCst), 0);
    running.site.ready.store(true, Ordering::SeqCst);
    assert_eq!(running.ask("GET", "/-/ready", "").await.status, 200);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = start().await;
    for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"] {
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
    }
}

#[tokio::test]
async fn a_scrape_passes_on_what_decides_the_page() {
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
async fn keep_alive_and_pipelining() {
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
async fn malformed_and_oversized_requests() {
    let running = start().await;
    let long_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000));
    let long_header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    let endless_header = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(20_000));
    let many_headers = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X: y\r\n".repeat(500)
    );
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (long_path.as_str(), 431),
        (long_header.as_str(), 431),
        (endless_header.as_str(), 431),
        (many_headers.as_str(), 431),
    ] {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.status, status, "{request:.40}");
    }
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 200);
}

#[tokio::test]
async fn bodies_are_hardly_read() {
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
    assert_eq!(running.site.reloads.load(Ordering::SeqCst), 1);
}

fn reloadable() -> Settings {
    Settings {
        lifecycle: true,
        limits: Limits {
            reload_spacing: Duration::ZERO,
            ..Limits::default()
        },
        ..Settings::default()
    }
}

#[tokio::test]
async fn reload_tells_how_it_went() {
    let running = start_with(reloadable(), None).await;
    assert_eq!(running.ask("PUT", "/-/reload", "").await.status, 200);
    running.site.reload_fails.store(true, Ordering::SeqCst);
    let answer = running.ask("POST", "/-/reload", "").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("sla.buckets[2]: 47"), "{answer:?}");
    assert_eq!(running.site.reloads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_reload() {
    let running = start_with(reloadable(), None).await;
    let mut reloads = 0;
    for (headers, status) in [
        ("", 200),
        ("Origin: http://x\r\n", 200),
        ("Origin: HTTPS://X\r\n", 200),
        ("Origin: ftp://x\r\n", 403),
        ("Origin: http://evil\r\n", 403),
        ("Origin: http://x.evil\r\n", 403),
        ("Origin: http://x:81\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: same-origin\r\n", 200),
        ("Sec-Fetch-Site: none\r\n", 200),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nOrigin: http://x\r\n", 403),
        // A proxy in front may change the host; the browser knows better.
        ("Sec-Fetch-Site: same-origin\r\nOrigin: http://y\r\n", 200),
    ] {
        let answer = running.ask("POST", "/-/reload", headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        reloads += usize::from(status == 200);
    }
    assert_eq!(running.site.reloads.load(Ordering::SeqCst), reloads);
}

#[tokio::test]
async fn http_1_1_needs_exactly_one_valid_host() {
    let running = start().await;
    for (request, status) in [
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
    ] {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert_eq!(answer.status, status, "{request:?}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_trust_nothing() {
    let running = start().await;
    for path in ["/", "/metrics", "/-/healthy", "/nowhere"] {
        let answer = running.ask("GET", path, "").await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
    let home = running.ask("GET", "/", "").await;
    let policy = home.header("content-security-policy").unwrap();
    // What `default-src` does not stand in for has to be there by name.
    for part in [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("script"), "{policy}");
}

#[tokio::test]
async fn a_reload_goes_on_when_its_client_leaves() {
    let settings = Settings {
        lifecycle: true,
        ..Settings::default()
    };
    let running = start_with(settings, None).await;
    running.site.hold_reload.store(true, Ordering::SeqCst);
    let mut stream = running.connect().await;
    stream
        .write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    running.site.until(|site| &site.reloads_begun, 1).await;
    drop(stream);
    assert_eq!(running.ask("GET", "/-/healthy", "").await.status, 200);
    running.site.release_reload.notify_one();
    running.site.until(|site| &site.reloads, 1).await;
}

#[tokio::test]
async fn other_telemetry_paths() {
    let with_path = |path: &str| Settings {
        telemetry_path: path.to_owned(),
        ..Settings::default()
    };
    let running = start_with(with_path("/a/b"), None).await;
    assert_eq!(running.ask("GET", "/a/b", "").await.body, "one two three\n");
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 404);
    let home = running.ask("GET", "/", "").await;
    assert!(home.body.contains("href=\"/a/b\""), "{home:?}");

    let running = start_with(with_path("/"), None).await;
    assert_eq!(running.ask("GET", "/", "").await.body, "one two three\n");
    assert_eq!(running.ask("GET", "/-/healthy", "").await.status, 200);

    let refused = liveperson_exporter::web::serve(
        Vec::new(),
        with_path("/-/x"),
        None,
        Arc::new(Fake::default()),
        async {},
    );
    assert!(refused.await.unwrap_err().contains("/-/x"));
}

#[tokio::test]
async fn the_landing_page_escapes_what_it_shows() {
    let running = start().await;
    let answer = running.ask("GET", "/", "").await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(!answer.body.contains("<img"), "{answer:?}");
    assert!(answer.body.contains("&lt;img src=x&gt;"), "{answer:?}");
}

#[tokio::test]
async fn stuck_readers_make_room_for_scrapes() {
    let running = start().await;
    let stuck = stalled(&running, 40).await;
    for _ in 0..60 {
        let answer = running.ask("GET", "/metrics", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut more = stalled_more(&running, 20, 100).await;
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 200);
    drop(stuck);
    // The newest of them go on: they are read now.
    let newest = read_answer(&mut more[19]).await;
    assert_eq!(newest.body.len(), LARGE);
}

/// A thousand at a time, over real sockets, in every way of not being answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_lock_nobody_out() {
    // Both ends are in this process.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let running = start_with(reloadable(), None).await;
    let ways: [(&str, &[u8]); 4] = [
        ("silent", b""),
        ("slow heads", b"GET /metr"),
        (
            "slow bodies",
            b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        ),
        ("idle", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    for (way, bytes) in ways {
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let mut client = running.connect().await;
            client.write_all(bytes).await.unwrap();
            clients.push(client);
        }
        for path in ["/-/healthy", "/metrics"].repeat(120) {
            assert_eq!(running.ask("GET", path, "").await.status, 200, "{way}");
        }
    }
}

#[tokio::test]
async fn stalled_and_slow_clients_are_dropped_while_others_scrape() {
    let limits = Limits {
        write_stall: Duration::from_millis(300),
        head_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let running = start_with(settings, None).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /met").await.unwrap();
    let mut stalled = stalled(&running, 1).await;
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 200);
    let mut rest = Vec::new();
    // The end may be a reset, which is an end too.
    let _ = slow.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
    // Writing shows the end without reading, which would help the response along.
    while stalled[0].write_all(b"\r\n").await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_shutdown_lets_a_half_written_response_finish() {
    let running = start().await;
    let mut streams = stalled(&running, 1).await;
    let mut idle = running.connect().await;
    running.stop.send(()).unwrap();
    assert_eq!(
        idle.read(&mut [0]).await.unwrap(),
        0,
        "idle ones are closed"
    );
    let answer = read_answer(&mut streams[0]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), LARGE);
    assert_eq!(running.server.await.unwrap(), Ok(Stopped::Drained));
    assert!(
        tokio::net::TcpStream::connect(running.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn passwords_are_asked_for_everywhere() {
    let (_folder, web) = guarded(
        "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}",
    );
    assert!(web.authentication_enabled() && !web.tls_enabled());
    let running = start_with(Settings::default(), Some(web)).await;
    // alice:secret, alice:wrong, bob:secret
    for (token, status) in [
        ("YWxpY2U6c2VjcmV0", 200),
        ("YWxpY2U6c2VjcmV0", 200),
        ("YWxpY2U6d3Jvbmc=", 401),
        ("Ym9iOnNlY3JldA==", 401),
        ("", 401),
    ] {
        for path in ["/metrics", "/-/healthy", "/"] {
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
    }
    let nowhere = running.ask("GET", "/nowhere", "").await;
    assert_eq!(nowhere.status, 401, "strangers learn no paths");
}

#[tokio::test]
async fn the_rate_limit_answers_429() {
    let (_folder, web) = guarded("rate_limit: {interval: 1h, burst: 2}");
    let running = start_with(Settings::default(), Some(web)).await;
    let header = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";
    for status in [200, 200, 429, 429] {
        let answer = running.ask("GET", "/metrics", header).await;
        assert_eq!(answer.status, status);
    }
}
