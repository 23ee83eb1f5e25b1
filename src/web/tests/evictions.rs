//! Too many clients at once: which are evicted, and that none is locked out.

use super::*;
use crate::cases::check_each_async;

/// More than the limit, in every state without a response.
#[tokio::test(start_paused = true)]
async fn a_thousand_silent_clients_do_not_lock_others_out() {
    let running = start(Limits::default(), 0);
    let requests: [&[u8]; 4] = [
        b"",
        b"GET /metr",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    check_each_async(requests, async |request| {
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let mut client = running.connect().await;
            client.write_all(request).await.unwrap();
            clients.push(client);
        }
        for _ in 0..100 {
            assert!(running.scrape().await.ends_with("up 1\n"));
        }
        let newest = clients.last_mut().unwrap();
        assert!(!is_closed(newest).await, "the newest was evicted");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn stalled_readers_are_evicted_for_the_next_scrape() {
    let running = start(Limits::default(), 0);
    let mut stalled = Vec::new();
    for _ in 0..200 {
        let mut client = running.connect().await;
        let request = b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(request).await.unwrap();
        stalled.push(client);
        let scrape = running.scrape().await;
        assert!(scrape.ends_with("up 1\n"), "{scrape}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_surplus_connection_evicts_the_one_that_waits_longest() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let running = start(limits, 0);
    let mut first = running.connect().await;
    sleep(Duration::from_secs(1)).await;
    let _second = running.connect().await;
    let start = Instant::now();
    assert!(running.scrape().await.ends_with("up 1\n"));
    assert_eq!(rest(&mut first).await, "");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_waiting_for_its_hash_is_not_evicted() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let hash = bcrypt::hash("secret", 10).unwrap();
    std::fs::write(&file, format!("basic_auth_users: {{alice: {hash}}}")).unwrap();
    let running = start_with(limits, 0, WebConfig::load(file.path()).ok());
    // After this the file is not checked for a while.
    assert!(running.scrape().await.starts_with("HTTP/1.0 401 "));
    let mut hashed = running.connect().await;
    let request = b"GET /metrics HTTP/1.0\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n";
    hashed.write_all(request).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..3 {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        silent.push(running.connect().await);
    }
    let answer = rest(&mut hashed).await;
    assert!(answer.ends_with("up 1\n"), "{answer}");
}
