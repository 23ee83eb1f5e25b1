//! Slow, stalled and many clients, and shutdown.

use std::time::Duration;

use liveperson_exporter::web::{Limits, Settings, Stopped};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{LARGE, read_answer, reloadable, stalled, stalled_more, start, start_with};
use crate::common::cases::check_each_async;

#[tokio::test]
async fn stalled_readers_are_evicted_for_scrapes() {
    let running = start().await;
    let old = stalled(&running, 40).await;
    for _ in 0..60 {
        let answer = running.ask("GET", "/metrics", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut more = stalled_more(&running, 20, 100).await;
    assert_eq!(running.ask("GET", "/metrics", "").await.status, 200);
    drop(old);
    // The newest of them are still served: they are read now.
    let newest = read_answer(&mut more[19]).await;
    assert_eq!(newest.body.len(), LARGE);
}

/// A thousand at a time, over real sockets, in every state without a response.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_do_not_lock_others_out() {
    // Both ends are in this process.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let running = start_with(reloadable(), None).await;
    let clients_that_stall: [(&str, &[u8]); 4] = [
        ("silent", b""),
        ("slow heads", b"GET /metr"),
        (
            "slow bodies",
            b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        ),
        ("idle", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    check_each_async(clients_that_stall, async |(name, bytes)| {
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let mut client = running.connect().await;
            client.write_all(bytes).await.unwrap();
            clients.push(client);
        }
        for path in ["/-/healthy", "/metrics"].repeat(120) {
            assert_eq!(running.ask("GET", path, "").await.status, 200, "{name}");
        }
    })
    .await;
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
    // The connection may end with a reset.
    let _ = slow.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:?}");
    // Writing shows the end without reading, which would let the response progress.
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
