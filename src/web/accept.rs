//! The loop that accepts connections, and continues after errors.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::activity::Activity;
use super::connection;
use super::connection_table::{Admission, Registration};
use super::listener::{Client, Listener, Stream};
use super::state::Server;
use super::web_config::WebConfig;

/// Bytes that the socket may buffer beyond those on their way (TCP_NOTSENT_LOWAT). It accepts more
/// when half of them are sent, which a reader of 1 kB a second achieves within
/// `Limits::write_stall`, so that a slow reader differs from one that has stopped. With the default
/// of megabytes it would take a minute. A smaller value would cost large pages more system calls.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 8 * 1024;

/// A source of connections. Cancelling `accept` loses none.
pub(super) trait Acceptor: Send + 'static {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and the address of its client.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Client)>> + Send;
}

impl Acceptor for Listener {
    type Stream = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, Client)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Best effort: a response is written at once anyway.
                let _ = stream.set_nodelay(true);
                #[cfg(any(target_os = "linux", target_os = "android"))]
                let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
                Ok((Stream::Tcp(stream), Client::Address(address)))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Stream::Unix(stream), Client::Local))
            }
        }
    }
}

/// Accepts until `stop` holds a deadline, then waits for the connections until that deadline.
/// Returns how many were aborted.
pub(super) async fn accept_loop<A: Acceptor>(
    mut acceptor: A,
    server: Arc<Server>,
    mut stop: watch::Receiver<Option<Instant>>,
) -> usize {
    let mut tasks = JoinSet::new();
    let mut log = AcceptLog::default();
    let mut pause_until = None;
    let signal = stop.clone();
    loop {
        tokio::select! {
            _ = stop.wait_for(Option::is_some) => break,
            Some(ended) = tasks.join_next() => log_panic(ended),
            () = sleep_until(pause_until.unwrap_or_else(Instant::now)), if pause_until.is_some() => {
                pause_until = None;
            }
            accepted = acceptor.accept(), if pause_until.is_none() => match accepted {
                Ok((stream, peer)) => {
                    log.accepted();
                    let registration = register(&server, peer, &mut log);
                    let server = Arc::clone(&server);
                    tasks.spawn(connection::run(stream, peer, server, registration, signal.clone()));
                }
                Err(error) if concerns_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was closed before it was accepted");
                }
                Err(error) => {
                    log.failed(&error);
                    pause_until = Some(Instant::now() + server.settings.limits.accept_pause);
                }
            },
        }
    }
    drop(acceptor);
    let deadline = stop.borrow().unwrap_or_else(Instant::now);
    drain(tasks, deadline).await
}

fn register(server: &Server, peer: Client, log: &mut AcceptLog) -> Registration {
    let tls = server
        .web_config
        .as_ref()
        .is_some_and(WebConfig::tls_enabled);
    let (registration, admission) = server.connections.admit(peer.into(), Activity::new(tls));
    if admission == Admission::Evicted {
        log.full(server.settings.limits.connections);
    }
    registration
}

/// Waits for the connections until the deadline and aborts the rest. Returns how many that were.
async fn drain(mut tasks: JoinSet<()>, deadline: Instant) -> usize {
    while let Ok(Some(ended)) = timeout_at(deadline, tasks.join_next()).await {
        log_panic(ended);
    }
    let left = tasks.len();
    tasks.shutdown().await;
    left
}

/// Does not repeat the panic's message, which may contain anything.
fn log_panic(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a request handler panicked; its connection was closed, others continue");
    }
}

/// Whether the error is about one connection, so that the next one may be accepted at once.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Logs lasting conditions when they begin and end, or once a minute, not for every connection.
#[derive(Default)]
struct AcceptLog {
    failing: bool,
    full: Option<Instant>,
}

impl AcceptLog {
    /// Minimum time between two lines about a full table.
    const INTERVAL: Duration = Duration::from_secs(60);

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                %error,
                "cannot accept connections; retrying until it works (out of file descriptors?)"
            );
        }
    }

    fn accepted(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("accepting connections again");
        }
    }

    fn full(&mut self, limit: usize) {
        if self
            .full
            .is_none_or(|last| last.elapsed() >= Self::INTERVAL)
        {
            self.full = Some(Instant::now());
            tracing::warn!(
                limit,
                "too many open connections; those that wait longest are closed for new ones"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn the_socket_buffers_little_for_a_reader_that_has_stopped() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = tokio::net::TcpStream::connect(address).await.unwrap();
        let (stream, _) = Listener::from(listener).accept().await.unwrap();
        let Stream::Tcp(stream) = stream else {
            panic!("{stream:?}")
        };
        let limit = socket2::SockRef::from(&stream).tcp_notsent_lowat();
        assert_eq!(limit.unwrap(), UNSENT_BYTES);
    }
}
