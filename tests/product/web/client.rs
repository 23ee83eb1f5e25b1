//! A handler for tests, a server for it, and a client that sends bytes as they are.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use liveperson_exporter::web::{
    self, Handler, Limits, MetricsPage, MetricsRequest, Readiness, Settings, StatusDocument,
    StatusForm, StatusRequest, Stopped, WebConfig, bind, parse_listen_address,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// More than the buffers of a loopback connection take.
pub(crate) const LARGE: usize = 32 * 1024 * 1024;

fn large_page() -> Bytes {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; LARGE].into());
    PAGE.clone()
}

/// A handler whose state the tests set.
#[derive(Default)]
pub(crate) struct FakeHandler {
    pub(crate) ready: AtomicBool,
    pub(crate) scrapes: AtomicUsize,
    pub(crate) reloads_begun: AtomicUsize,
    pub(crate) reloads: AtomicUsize,
    pub(crate) reload_fails: AtomicBool,
    pub(crate) hold_reload: AtomicBool,
    pub(crate) release_reload: Notify,
    changed: Notify,
}

impl FakeHandler {
    fn count(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Waits until a counter has reached `count`.
    pub(crate) async fn until(&self, counter: fn(&Self) -> &AtomicUsize, count: usize) {
        while counter(self).load(Ordering::SeqCst) < count {
            self.changed.notified().await;
        }
    }
}

impl Handler for FakeHandler {
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage {
        self.count(&self.scrapes);
        let query = request.query.unwrap_or_default();
        let echo = query.starts_with("echo");
        let chunks = if query == "large" {
            vec![large_page()]
        } else if echo {
            let (accept, encoding) = (request.accept, request.accept_encoding);
            vec![format!("{accept:?} {encoding:?} {:?}", request.query).into()]
        } else {
            ["one ", "", "two ", "three\n"].map(Bytes::from).into()
        };
        MetricsPage {
            status: match echo {
                true => StatusCode::NON_AUTHORITATIVE_INFORMATION,
                false => StatusCode::OK,
            },
            content_type: if echo { "text/echo" } else { "text/plain" },
            content_encoding: echo.then_some("identity"),
            chunks: chunks.into(),
            retry_after: echo.then_some(7),
        }
    }

    fn ready(&self) -> Readiness {
        match self.ready.load(Ordering::SeqCst) {
            true => Readiness::Ready,
            false => Readiness::NotReady(vec!["account 7 was never polled".to_owned()]),
        }
    }

    fn status<'a>(
        &'a self,
        request: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>> {
        let mut document = StatusDocument::text(StatusCode::OK, format!("{:?}\n", request));
        document.content_encoding = request.accept_encoding.map(|_| "identity");
        document.policy = match request.form {
            StatusForm::Page(_) => Some("default-src 'none'"),
            StatusForm::Json => None,
        };
        Box::pin(async { document })
    }

    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async {
            self.count(&self.reloads_begun);
            if self.hold_reload.load(Ordering::SeqCst) {
                self.release_reload.notified().await;
            }
            self.count(&self.reloads);
            match self.reload_fails.load(Ordering::SeqCst) {
                true => Err("sla.buckets[2]: expected a multiple of 5, found 47".to_owned()),
                false => Ok(()),
            }
        })
    }
}

/// A server under test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handler: Arc<FakeHandler>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) server: JoinHandle<Result<Stopped, String>>,
}

pub(crate) async fn start() -> Running {
    start_with(Settings::default(), None).await
}

pub(crate) async fn start_with(settings: Settings, web_config: Option<WebConfig>) -> Running {
    let address = parse_listen_address("127.0.0.1:0").unwrap();
    let listeners = bind(&[address]).await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let handler = Arc::new(FakeHandler::default());
    let (stop, stopped) = oneshot::channel();
    let served: Arc<dyn Handler> = Arc::<FakeHandler>::clone(&handler);
    let server = tokio::spawn(web::serve(listeners, settings, web_config, served, async {
        // A test that ends without stopping drops the runtime anyway.
        let _ = stopped.await;
    }));
    Running {
        address,
        handler,
        stop,
        server,
    }
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a new connection. `more` is header lines and, if there is one, a body.
    pub(crate) async fn ask(&self, method: &str, target: &str, more: &str) -> Answer {
        ask_on(self.connect().await, method, target, more).await
    }
}

pub(crate) async fn ask_on<S>(mut stream: S, method: &str, target: &str, more: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let end = if more.contains("\r\n\r\n") {
        ""
    } else {
        "\r\n"
    };
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}{end}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = read_head(&mut stream).await;
    stream.read_to_string(&mut answer.body).await.unwrap();
    answer
}

/// A response as it was received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }
}

/// Reads a response head byte by byte.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("the head has an end"));
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: String::new(),
    }
}

/// Reads one response and leaves what follows it.
pub(crate) async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Answer {
    let mut answer = read_head(stream).await;
    let length = answer.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

/// Connections that have requested a large page and read nothing.
pub(crate) async fn stalled(running: &Running, count: usize) -> Vec<TcpStream> {
    stalled_more(running, count, 0).await
}

/// [`stalled`], after `before` scrapes of other connections.
pub(crate) async fn stalled_more(running: &Running, count: usize, before: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for index in 1..=count {
        let mut stream = running.connect().await;
        stream
            .write_all(b"GET /metrics?large HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        streams.push(stream);
        let count = before + index;
        running
            .handler
            .until(|handler| &handler.scrapes, count)
            .await;
    }
    streams
}

/// A web configuration file for alice, whose password is `secret`.
pub(crate) fn with_alice(more: &str) -> (tempfile::TempDir, WebConfig) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let hash = bcrypt::hash("secret", 4).unwrap();
    std::fs::write(
        &path,
        format!("basic_auth_users: {{alice: {hash}}}\n{more}"),
    )
    .unwrap();
    let web = WebConfig::load(&path).unwrap();
    (folder, web)
}

/// Settings that allow reloads one right after the other.
pub(crate) fn reloadable() -> Settings {
    Settings {
        lifecycle: true,
        limits: Limits {
            reload_spacing: Duration::ZERO,
            ..Limits::default()
        },
        ..Settings::default()
    }
}
