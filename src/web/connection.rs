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

use super::{Limits, Server, router};

/// What a connection is doing, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// It is new, or a request head has begun.
    Head(Instant),
    /// It has served a request and rests.
    Idle(Instant),
    /// A request is being served.
    Busy {
        /// Start of the newest request.
        since: Instant,
        /// Requests whose responses are not written out; more than one only when pipelined.
        requests: usize,
        /// Whether bytes came in since then: most likely the next head's beginning.
        read_ahead: bool,
    },
}

impl Phase {
    fn deadline(self, limits: &Limits) -> Instant {
        match self {
            Self::Head(since) => since + limits.head_time,
            Self::Idle(since) => since + limits.idle_time,
            Self::Busy { since, .. } => since + limits.response_time,
        }
    }
}

/// Where the parts of a connection report what it is doing.
pub(super) struct Activity(watch::Sender<Phase>);

impl Activity {
    /// A new connection, which has yet to send its first head.
    pub(super) fn new() -> (Arc<Self>, watch::Receiver<Phase>) {
        let (sender, receiver) = watch::channel(Phase::Head(Instant::now()));
        (Arc::new(Self(sender)), receiver)
    }

    fn bytes_read(&self) {
        self.0.send_if_modified(|phase| match phase {
            Phase::Head(_) => false,
            Phase::Idle(_) => {
                *phase = Phase::Head(Instant::now());
                true
            }
            Phase::Busy { read_ahead, .. } => {
                *read_ahead = true;
                false
            }
        });
    }

    /// A head is complete and its request is being served.
    pub(super) fn request_started(&self) {
        self.0.send_modify(|phase| {
            let before = match *phase {
                Phase::Busy { requests, .. } => requests,
                Phase::Head(_) | Phase::Idle(_) => 0,
            };
            *phase = Phase::Busy {
                since: Instant::now(),
                requests: before + 1,
                read_ahead: false,
            };
        });
    }

    /// The last byte of a response went to the socket, or the response was given up.
    pub(super) fn response_written(&self) {
        self.0.send_modify(|phase| match phase {
            Phase::Busy { requests, .. } if *requests > 1 => *requests -= 1,
            Phase::Busy {
                read_ahead: true, ..
            } => *phase = Phase::Head(Instant::now()),
            _ => *phase = Phase::Idle(Instant::now()),
        });
    }
}

/// Serves one connection until it ends, breaks a limit, or `stop` says to finish.
pub(super) async fn run<S>(
    stream: S,
    peer: SocketAddr,
    server: Arc<Server>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(server.settings.limits.write_stall));
    let stream = Box::pin(stream);
    let Some(web) = server.web.as_ref().filter(|web| web.tls_enabled()) else {
        return converse(stream, peer, server, stop).await;
    };
    let limits = &server.settings.limits;
    let handshake = timeout(limits.handshake_time, async {
        let loaded = web.current(limits.file_check).await;
        let config = loaded.tls.clone().ok_or_else(|| {
            io::Error::other("the web configuration has lost its tls_server_config")
        })?;
        TlsAcceptor::from(config).accept(stream).await
    });
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        _ = stop.wait_for(Option::is_some) => return,
    };
    match outcome {
        Ok(Ok(stream)) => converse(stream, peer, Arc::clone(&server), stop).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "TLS handshake took too long; connection closed"),
    }
}

/// HTTP over a stream that is ready for it.
async fn converse<S>(
    stream: S,
    peer: SocketAddr,
    server: Arc<Server>,
    mut stop: watch::Receiver<Option<Instant>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (activity, mut phase) = Activity::new();
    let limits = server.settings.limits.clone();
    let io = TokioIo::new(Tap {
        stream,
        activity: Arc::clone(&activity),
    });
    let service = service_fn(move |request| {
        let (server, activity) = (Arc::clone(&server), Arc::clone(&activity));
        async move { Ok::<_, Infallible>(router::answer(&server, activity, request).await) }
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
                tracing::debug!(%peer, ?now_doing, "connection closed: it took too long");
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

/// A stream that reports what is read from it.
struct Tap<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_follow_bytes_and_responses() {
        let (activity, phase) = Activity::new();
        let start = Instant::now();
        let current = || *phase.borrow();
        assert_eq!(current(), Phase::Head(start));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        activity.bytes_read();
        assert_eq!(
            current(),
            Phase::Head(start),
            "a trickling head gains no time"
        );
        activity.request_started();
        activity.response_written();
        let rest = Instant::now();
        assert_eq!(current(), Phase::Idle(rest));
        activity.bytes_read();
        assert_eq!(current(), Phase::Head(rest));

        activity.request_started();
        activity.bytes_read();
        activity.response_written();
        assert_eq!(current(), Phase::Head(rest), "the next head began early");
        activity.request_started();
        activity.request_started();
        activity.response_written();
        assert!(matches!(current(), Phase::Busy { requests: 1, .. }));
        activity.response_written();
        assert_eq!(current(), Phase::Idle(rest));
    }
}
