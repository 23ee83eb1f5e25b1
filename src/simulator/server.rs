//! HTTP/1.1 over TCP: accepting connections, their limits, and a graceful shutdown.

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
/// Within this time the head of a request must have arrived, also on a connection kept alive:
/// longer than most clients keep one, so that none is closed while the next request is being sent.
const HEAD_TIMEOUT: Duration = Duration::from_secs(95);
/// How long responses in progress may take to finish after the stop.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until a message is sent to `stop` or its sender is dropped.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>, mut stop: watch::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Ended connections are removed from the set, or it would keep growing.
        while connections.try_join_next().is_some() {}
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((slot, listener.accept().await))
        };
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = next => accepted,
        };
        let (slot, stream) = match accepted {
            Some((slot, Ok((stream, _)))) => (slot, stream),
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
        let connection = state.load_balancer.connection();
        let service = service_fn(move |request| handle(Arc::clone(&state), connection, request));
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
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::debug!("responses were still in progress at the stop");
    }
    connections.shutdown().await;
}
