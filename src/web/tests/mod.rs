//! The whole server under paused time and over in-memory streams.

mod evictions;
mod lifecycle;
mod time_limits;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::accept::Acceptor;
use super::listener::Client;
use super::server::serve_on;
use super::*;

/// A page that the query chooses: small, larger than all buffers between server and client, or a
/// panic.
struct Pages;

const LARGE: usize = 64 * 1024;
/// What a reader of 100 bytes every 4 s reads in five hours.
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

    fn status<'a>(
        &'a self,
        _: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        Box::pin(async { StatusDocument::text(StatusCode::OK, "fine\n") })
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

    async fn accept(&mut self) -> io::Result<(DuplexStream, Client)> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(io::Error::from_raw_os_error(24));
        }
        match self.streams.recv().await {
            Some(stream) => {
                let address = SocketAddr::from(([127, 0, 0, 1], 1));
                Ok((stream, Client::Address(address)))
            }
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
