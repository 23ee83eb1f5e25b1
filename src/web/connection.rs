//! One connection from its first byte to its last, under its time limits.
//!
//! The limits depend on what the connection is doing (see [`Phase`]), which the byte stream and the
//! response bodies report to [`Activity`]. hyper's own limit for reading a head is not used, because
//! it also runs while the connection is idle, and a scraper is idle for a minute at a time.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Phase};
use super::connection_table::Registration;
use super::listener::Client;
use super::router;
use super::state::Server;

/// Serves one connection until it ends, exceeds a limit, is evicted, or `stop` holds a deadline and
/// the response under way is written.
pub(super) async fn run<S>(
    stream: S,
    peer: Client,
    server: Arc<Server>,
    registration: Registration,
    stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let registration = Arc::new(registration);
    tokio::select! {
        () = serve(stream, peer, server, Arc::clone(&registration), stop) => {}
        () = registration.evicted() => {
            tracing::debug!(%peer, "connection closed in favour of a new one");
        }
    }
}

async fn serve<S>(
    stream: S,
    peer: Client,
    server: Arc<Server>,
    registration: Arc<Registration>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = SocketStream {
        stream,
        activity: Arc::clone(registration.activity()),
    };
    let web_config = server.web_config.as_ref();
    let Some(web_config) = web_config.filter(|config| config.tls_enabled()) else {
        return serve_http(stream, peer, server, registration, stop).await;
    };
    let limits = &server.settings.limits;
    let handshake = timeout(limits.handshake_time, async {
        let loaded = web_config.current(limits.file_check).await;
        let tls = loaded.tls.as_ref().ok_or_else(|| {
            io::Error::other("the web configuration has no tls_server_config any more")
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
            registration.activity().handshake_done();
            serve_http(stream, peer, Arc::clone(&server), registration, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "connection closed: the TLS handshake took too long"),
    }
}

/// HTTP over a stream that is ready for it.
async fn serve_http<S>(
    stream: S,
    peer: Client,
    server: Arc<Server>,
    registration: Arc<Registration>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::clone(registration.activity());
    let limits = server.settings.limits.clone();
    let io = TokioIo::new(ActivityStream {
        stream,
        activity: Arc::clone(&activity),
    });
    let service = service_fn(move |request| {
        let (server, registration) = (Arc::clone(&server), Arc::clone(&registration));
        async move { Ok::<_, Infallible>(router::answer(&server, &registration, request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(limits.head_bytes)
            .serve_connection(io, service)
    );
    let mut stopped = pin!(stop.wait_for(Option::is_some));
    let mut stopping = false;
    let mut check = pin!(sleep(limits.shortest()));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection failed");
                }
                return;
            }
            () = check.as_mut() => {
                let (now, deadline) = (Instant::now(), activity.deadline(&limits));
                if deadline <= now {
                    let phase = activity.phase();
                    tracing::debug!(%peer, ?phase, "connection closed: it took too long");
                    return;
                }
                check.as_mut().reset(deadline.min(now + limits.shortest()));
            }
            _ = stopped.as_mut(), if !stopping => {
                stopping = true;
                // Without a whole request there is no response to wait for.
                if matches!(activity.phase(), Phase::Head(_)) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A socket that reports when it takes nothing more. TLS, if there is any, is above it.
struct SocketStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> SocketStream<S> {
    fn report<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.activity.set_blocked(outcome.is_pending());
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SocketStream<S> {
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

/// A stream that reports what HTTP reads from it and writes to it.
struct ActivityStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> ActivityStream<S> {
    fn report_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
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
        self.report_written(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.report_written(outcome)
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
