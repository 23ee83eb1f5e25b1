//! Time limits, failures and floods, under paused time and over in-memory streams.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::accept::Acceptor;
use super::reload;
use super::server::serve_on;
use super::*;

/// A page larger than all buffers between server and client, small or panicking by query.
struct Pages;

const LARGE: usize = 64 * 1024;
/// What a reader of 100 bytes every 4 s has after five hours.
const HUGE: usize = 450_000;

impl Handler for Pages {
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage {
        let chunk = match request.query {
            Some("panic") => panic!("as asked"),
            Some("huge") => Bytes::from(vec![b'x'; HUGE]),
            Some("large") => Bytes::from(vec![b'x'; LARGE]),
            _ => Bytes::from_static(b"up 1\n"),
        };
        MetricsPage {
            status: StatusCode::OK,
            content_type: "text/plain",
            content_encoding: None,
            chunks: vec![chunk].into(),
            retry_after: None,
        }
    }

    fn ready(&self) -> Readiness {
        Readiness::Ready
    }

    fn status_page(&self) -> StatusPage {
        StatusPage::default()
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(pending())
    }
}

/// Accepts what the test sends; the first `failures` calls fail with EMFILE.
struct Injected {
    streams: mpsc::Receiver<DuplexStream>,
    failures: usize,
    calls: Arc<AtomicUsize>,
}

impl Acceptor for Injected {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(io::Error::from_raw_os_error(24));
        }
        match self.streams.recv().await {
            Some(stream) => Ok((stream, SocketAddr::from(([127, 0, 0, 1], 1)))),
            None => pending().await,
        }
    }
}

struct Running {
    streams: mpsc::Sender<DuplexStream>,
    accept_calls: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<Stopped, String>>,
}

fn start(limits: Limits, failures: usize) -> Running {
    start_with(limits, failures, None)
}

fn start_with(limits: Limits, failures: usize, web_config: Option<WebConfig>) -> Running {
    let (streams, incoming) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    let accept_calls = Arc::new(AtomicUsize::new(0));
    let acceptor = Injected {
        streams: incoming,
        failures,
        calls: Arc::clone(&accept_calls),
    };
    let settings = Settings {
        lifecycle: true,
        limits,
        ..Settings::default()
    };
    let server = tokio::spawn(serve_on(
        vec![acceptor],
        settings,
        web_config,
        Arc::new(Pages),
        async {
            let _ = stopped.await;
        },
    ));
    Running {
        streams,
        accept_calls,
        stop,
        server,
    }
}

impl Running {
    async fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(1024);
        self.streams.send(server).await.unwrap();
        client
    }

    /// One scrape on a new connection.
    async fn scrape(&self) -> String {
        let mut client = self.connect().await;
        client
            .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// How long the server keeps the connection open when the client sends and reads nothing more.
async fn time_to_close(client: &mut DuplexStream) -> Duration {
    let start = Instant::now();
    // Not a read: that would take bytes and so help a stalled response along.
    while client.write(b"").await.is_ok() && !is_closed(client).await {
        sleep(Duration::from_millis(100)).await;
    }
    start.elapsed()
}

async fn is_closed(client: &mut DuplexStream) -> bool {
    client.write_all(b"\r").await.is_err()
}

/// Reads until the end or an error.
async fn rest(client: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    let _ = client.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(500)).as_secs()
}

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

/// More than the limit, in every state without a response.
#[tokio::test(start_paused = true)]
async fn a_thousand_silent_clients_do_not_lock_others_out() {
    let running = start(Limits::default(), 0);
    let ways: [&[u8]; 4] = [
        b"",
        b"GET /metr",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for way in ways {
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let mut client = running.connect().await;
            client.write_all(way).await.unwrap();
            clients.push(client);
        }
        for _ in 0..100 {
            assert!(running.scrape().await.ends_with("up 1\n"));
        }
        let newest = clients.last_mut().unwrap();
        assert!(!is_closed(newest).await, "the newest was evicted");
    }
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

#[tokio::test(start_paused = true)]
async fn simultaneous_reload_requests_share_one_reload() {
    let reloads = reload::Reloads::new(Duration::from_secs(1));
    let counted = Arc::new(Counted::default());
    let served: Arc<dyn Handler> = Arc::<Counted>::clone(&counted);
    let start = Instant::now();
    for round in 1..=3 {
        let requests: Vec<_> = (0..1000)
            .map(|_| {
                let (reloads, served) = (Arc::clone(&reloads), Arc::clone(&served));
                tokio::spawn(async move { reloads.run(&served).await })
            })
            .collect();
        for outcome in requests {
            let failed = reload::Outcome::Failed(format!("reload {round}"));
            assert_eq!(outcome.await.unwrap(), failed, "the same for all");
        }
        assert_eq!(counted.0.load(Ordering::SeqCst), round);
    }
    assert_eq!(seconds(start.elapsed()), 2);
}

/// Fails every reload with its number.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Handler for Counted {
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage {
        Pages.metrics(request)
    }

    fn ready(&self) -> Readiness {
        Readiness::Ready
    }

    fn status_page(&self) -> StatusPage {
        StatusPage::default()
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move { Err(format!("reload {count}")) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_closes_one_connection_only() {
    let running = start(Limits::default(), 0);
    let mut client = running.connect().await;
    client
        .write_all(b"GET /metrics?panic HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert!(running.scrape().await.ends_with("up 1\n"));
    assert!(!running.server.is_finished());
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_a_stalled_response_for_a_while() {
    let running = start(Limits::default(), 0);
    let mut stalled = running.connect().await;
    stalled
        .write_all(b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut idle = running.connect().await;
    let mut half = running.connect().await;
    half.write_all(b"GET /metr").await.unwrap();
    // Less than it takes for the stall to end it.
    sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    running.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut half).await, "");
    assert_eq!(start.elapsed(), Duration::ZERO, "the idle ones waited");
    assert_eq!(running.server.await.unwrap(), Ok(Stopped::CutOff(1)));
    assert_eq!(seconds(start.elapsed()), 4);
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_idle_connections_and_finishes_responses() {
    let running = start(Limits::default(), 0);
    let mut idle = running.connect().await;
    idle.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut busy = running.connect().await;
    busy.write_all(b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    running.stop.send(()).unwrap();
    assert!(rest(&mut idle).await.ends_with("up 1\n"));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let answer = rest(&mut busy).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), LARGE);
    assert_eq!(running.server.await.unwrap(), Ok(Stopped::Drained));
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn failures_to_accept_are_retried_and_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let start_time = Instant::now();
    let running = start(Limits::default(), 50);
    assert!(running.scrape().await.ends_with("up 1\n"));
    assert_eq!(seconds(start_time.elapsed()), 10, "50 pauses of 200 ms");
    // Other events restart the last, waiting call.
    let calls = running.accept_calls.load(Ordering::SeqCst);
    assert!((51..=55).contains(&calls), "{calls}");
    let text = String::from_utf8(log.0.lock().clone()).unwrap();
    assert_eq!(
        text.matches("cannot accept connections").count(),
        1,
        "{text}"
    );
    assert_eq!(
        text.matches("accepting connections again").count(),
        1,
        "{text}"
    );
}
