//! `/-/reload`: its outcome, cross-site requests, clients that disconnect.

use std::sync::atomic::Ordering;

use liveperson_exporter::web::Settings;
use tokio::io::AsyncWriteExt;

use super::client::{reloadable, start_with};
use crate::common::cases::check_each_async;

#[tokio::test]
async fn a_reload_answers_with_its_outcome() {
    let running = start_with(reloadable(), None).await;
    assert_eq!(running.ask("PUT", "/-/reload", "").await.status, 200);
    running.handler.reload_fails.store(true, Ordering::SeqCst);
    let answer = running.ask("POST", "/-/reload", "").await;
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .body
            .contains("sla.buckets[2]: expected a multiple of 5"),
        "{answer:?}"
    );
    assert_eq!(running.handler.reloads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_reload() {
    let running = start_with(reloadable(), None).await;
    let mut reloads = 0;
    let cases = [
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
    ];
    check_each_async(cases, async |(headers, status)| {
        let answer = running.ask("POST", "/-/reload", headers).await;
        reloads += usize::from(status == 200);
        assert_eq!(answer.status, status);
    })
    .await;
    assert_eq!(running.handler.reloads.load(Ordering::SeqCst), reloads);
}

#[tokio::test]
async fn a_reload_continues_when_its_client_disconnects() {
    let settings = Settings {
        lifecycle: true,
        ..Settings::default()
    };
    let running = start_with(settings, None).await;
    running.handler.hold_reload.store(true, Ordering::SeqCst);
    let mut stream = running.connect().await;
    stream
        .write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    running
        .handler
        .until(|handler| &handler.reloads_begun, 1)
        .await;
    drop(stream);
    assert_eq!(running.ask("GET", "/-/healthy", "").await.status, 200);
    running.handler.release_reload.notify_one();
    running.handler.until(|handler| &handler.reloads, 1).await;
}
