//! One connection from its first byte to its last, under its time limits.
//!
//! The limits depend on what the connection is doing (see [`Phase`]), which the byte stream and the
//! response bodies report to [`Activity`]. hyper's own limit for reading a head is not used, because
//! it also runs while the connection is idle, and a scraper is idle for a minute at a time.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::Phase;
use super::activity_stream::{ActivityStream, HttpObserver, SocketObserver};
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
    let stream = ActivityStream::new(stream, SocketObserver(Arc::clone(registration.activity())));
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
    let observer = HttpObserver(Arc::clone(&activity));
    let io = TokioIo::new(ActivityStream::new(stream, observer));
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
