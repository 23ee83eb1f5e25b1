//! Slow and silent clients exceed their time limits, and slow readers do not.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_closed_and_delays_no_other_client() {
    let running = start(Limits::default(), 0);
    let mut slow = running.connect().await;
    let start = Instant::now();
    for byte in b"GET /m" {
        slow.write_all(&[*byte]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert!(running.scrape().await.ends_with("up 1\n"));
    assert_eq!(rest(&mut slow).await, "");
    assert_eq!(seconds(start.elapsed()), 10);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let running = start(Limits::default(), 0);
    let mut silent = running.connect().await;
    let start = Instant::now();
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(seconds(start.elapsed()), 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_between_scrapes_for_a_while() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    let mut answer = vec![0; 1024];
    for _ in 0..3 {
        client
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let length = client.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"up 1\n"));
        sleep(Duration::from_secs(120)).await;
    }
    let start = Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(seconds(start.elapsed()), 60);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_is_disconnected() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    client
        .write_all(b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(seconds(time_to_close(&mut client).await), 5);
    assert!(rest(&mut client).await.len() < LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_disconnected() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    client
        .write_all(b"GET /metrics?huge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 100];
    let mut taken = 0;
    loop {
        let count = client.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        taken += count;
        sleep(Duration::from_secs(4)).await;
    }
    assert!(taken > HUGE, "cut off after {taken} bytes");
}

#[tokio::test(start_paused = true)]
async fn pipelining_gives_a_stalled_reader_no_time() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    let start = Instant::now();
    let request = b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n";
    while start.elapsed() < Duration::from_secs(100) && client.write_all(request).await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(seconds(start.elapsed()) <= 6, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_rejected() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    client
        .write_all(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .await
        .unwrap();
    let start = Instant::now();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(seconds(start.elapsed()), 10);
}
