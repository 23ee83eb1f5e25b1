//! Reloads, panics, failures to accept, and shutdown.

use parking_lot::Mutex;

use super::*;
use crate::web::reload;

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

    fn status<'a>(
        &'a self,
        _: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        Box::pin(async { StatusDocument::text(StatusCode::OK, "fine\n") })
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
