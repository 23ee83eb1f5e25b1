//! HTTP/1.1 over TCP: accepting, limits, and an end that waits.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::State;
use super::router::handle;

/// Connections open at once; further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 1024;
/// Request line and headers, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// Within this time the head of a request must have come, also on a connection kept alive: longer
/// than usual clients keep one, so that none is closed just when the next request is on its way.
const HEAD_TIMEOUT: Duration = Duration::from_secs(95);
/// How long answers under way may take to finish at the end.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `stop` is sent to or its sender is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>, mut stop: watch::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Ended connections are taken off the set, or it would grow for ever.
        while connections.try_join_next().is_some() {}
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = next => accepted,
        };
        let (place, stream) = match accepted {
            Some((place, Ok((stream, _)))) => (place, stream),
            Some((_, Err(error))) => {
                // Out of file descriptors, for example: waiting is better than spinning or ending.
                tracing::warn!(%error, "the simulator could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            None => break,
        };
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        let service = service_fn(move |request| handle(Arc::clone(&state), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("answers were still under way at the end");
    }
    connections.shutdown().await;
}
