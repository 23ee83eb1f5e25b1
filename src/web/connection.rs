//! One connection from its first byte to its last, under its time limits.
//!
//! The limits hang on what the connection is doing (see [`Phase`]), which the byte stream and the
//! response bodies report to [`Activity`]. hyper has a limit of its own for reading a head, but it
//! also runs while the connection rests, and a scraper rests for a minute at a time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;

use super::Server;
use super::activity::{Activity, Phase};
use super::connection_table::Registration;
use super::router::{self, Client};

/// Serves one connection until it ends, breaks a limit, has to make room, or `stop` says to finish.
pub(super) async fn run<S>(
    stream: S,
    peer: SocketAddr,
    server: Arc<Server>,
    registration: Registration,
    activity: Arc<Activity>,
    stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = Arc::new(Client {
        registration: Arc::new(registration),
        activity,
    });
    tokio::select! {
        () = serve(stream, peer, server, Arc::clone(&client), stop) => {}
        () = client.registration.cut() => {
            tracing::debug!(%peer, "connection closed to make room for another one");
        }
    }
}

async fn serve<S>(
    stream: S,
    peer: SocketAddr,
    server: Arc<Server>,
    client: Arc<Client>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(server.settings.limits.write_stall));
    let stream = Box::pin(stream);
    let Some(web) = server.web.as_ref().filter(|web| web.tls_enabled()) else {
        return serve_http(stream, peer, server, client, stop).await;
    };
    let limits = &server.settings.limits;
    let handshake = timeout(limits.handshake_time, async {
        let loaded = web.current(limits.file_check).await;
        let tls = loaded.tls.as_ref().ok_or_else(|| {
            io::Error::other("the web configuration has lost its tls_server_config")
        })?;
        TlsAcceptor::from(Arc::clone(&tls.config))
            .accept(stream)
            .await
    });
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        _ = stop.wait_for(Option::is_some) => return,
    };
    match outcome {
        Ok(Ok(stream)) => {
            client.activity.handshake_done();
            serve_http(stream, peer, Arc::clone(&server), client, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "TLS handshake took too long; connection closed"),
    }
}

/// HTTP over a stream that is ready for it.
async fn serve_http<S>(
    stream: S,
    peer: SocketAddr,
    server: Arc<Server>,
    client: Arc<Client>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut phase = client.activity.watch();
    let limits = server.settings.limits.clone();
    let io = TokioIo::new(ActivityStream {
        stream,
        activity: Arc::clone(&client.activity),
    });
    let service = service_fn(move |request| {
        let (server, client) = (Arc::clone(&server), Arc::clone(&client));
        async move { Ok::<_, Infallible>(router::answer(&server, &client, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(limits.head_bytes)
            .serve_connection(io, service)
    );
    let mut stopping = false;
    loop {
        let now_doing = *phase.borrow_and_update();
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended early");
                }
                return;
            }
            changed = phase.changed() => if changed.is_err() { return },
            () = sleep_until(now_doing.deadline(&limits)) => {
                // Progress moves the deadline without a word.
                let still = *phase.borrow();
                if still.deadline(&limits) > Instant::now() {
                    continue;
                }
                tracing::debug!(%peer, ?still, "connection closed: it took too long");
                return;
            }
            _ = stop.wait_for(Option::is_some), if !stopping => {
                stopping = true;
                // Nobody waits for an answer on a connection without a whole request.
                if matches!(*phase.borrow(), Phase::Head(_)) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A stream that reports what is read from it and written to it.
struct ActivityStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> ActivityStream<S> {
    fn report(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.activity.bytes_written();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ActivityStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_read();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ActivityStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.report(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.report(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
