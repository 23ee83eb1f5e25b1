//! Listen addresses, binding them, and the loop that accepts connections whatever happens.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::activity::Activity;
use super::connection_table::Admission;
use super::{Server, WebConfig, connection};

/// An address in the way Prometheus programs write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:PORT`: every address of the machine, IPv6 and IPv4.
    Any(u16),
    /// `127.0.0.1:PORT` or `[::1]:PORT`.
    Ip(SocketAddr),
    /// `localhost:PORT`: the first address of the name that can be bound, IPv4 before IPv6.
    Name(String, u16),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(port) => write!(f, ":{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// Reads `:10188`, `127.0.0.1:10188`, `[::1]:10188` or `localhost:10188`; port 0 takes a free one.
///
/// # Errors
/// What was met and what is allowed.
pub fn parse_listen_address(text: &str) -> Result<ListenAddress, String> {
    let refuse = |why: &str| {
        Err(format!(
            "{text:?} is not a listen address: {why}; allowed are :10188, 127.0.0.1:10188, \
             [::1]:10188 and localhost:10188"
        ))
    };
    let Some((host, port)) = text.rsplit_once(':') else {
        return refuse("it has no port");
    };
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return refuse("the port is not a number");
    }
    let Ok(port) = port.parse::<u16>() else {
        return refuse("the port is above 65535");
    };
    if host.is_empty() {
        return Ok(ListenAddress::Any(port));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(ListenAddress::Ip(address));
    }
    if host.contains([':', '[', ']']) {
        return refuse("an IPv6 address stands in brackets, and only that does");
    }
    let labels = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !host.chars().all(labels) {
        return refuse("the host is not a name");
    }
    // All digits and dots but no IPv4 address: a slip, which a resolver would read in odd ways.
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return refuse("the host is not an IPv4 address");
    }
    Ok(ListenAddress::Name(host.to_owned(), port))
}

/// Binds every address. One address can give two listeners, where the system keeps IPv6 apart.
///
/// # Errors
/// Every address that could not be bound, and why.
pub async fn bind(addresses: &[ListenAddress]) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    let mut mistakes = Vec::new();
    for address in addresses {
        let bound = match address {
            ListenAddress::Any(port) => bind_any(*port).await,
            ListenAddress::Ip(ip) => TcpListener::bind(ip).await.map(|one| vec![one]),
            ListenAddress::Name(name, port) => bind_name(name, *port).await,
        };
        match bound {
            Ok(more) => listeners.extend(more),
            Err(error) => mistakes.push(format!("cannot listen on {address}: {error}")),
        }
    }
    if mistakes.is_empty() {
        Ok(listeners)
    } else {
        Err(mistakes.join("; "))
    }
}

async fn bind_any(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = |port| (IpAddr::from(Ipv4Addr::UNSPECIFIED), port);
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(v6) => {
            // Normally this socket takes IPv4 too, and the next bind fails. It succeeds where
            // IPv6 sockets are IPv6 only (net.ipv6.bindv6only), and is needed there.
            let port = v6.local_addr()?.port();
            let also = TcpListener::bind(v4(port)).await.ok();
            Ok(std::iter::once(v6).chain(also).collect())
        }
        Err(error) => match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
            // IPv6 is compiled out or switched off.
            _ => TcpListener::bind(v4(port)).await.map(|one| vec![one]),
        },
    }
}

async fn bind_name(name: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    TcpListener::bind(found.as_slice())
        .await
        .map(|one| vec![one])
}

/// Bytes that the system may hold for a client beyond those on their way. It takes more when half
/// of them have gone, which a reader of 1 kB a second brings about within `Limits::write_stall`,
/// so that one that is slow can be told from one that has stopped. With the usual
/// megabytes it would take a minute. Less would make large pages cost more system calls.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 8 * 1024;

/// Where connections come from. Cancelling `accept` loses none.
pub(super) trait Acceptor: Send + 'static {
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and a name for it in the log.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}

impl Acceptor for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Best effort: a response is written in one go anyway.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        Ok((stream, peer))
    }
}

/// Accepts until `stop` holds a deadline, then waits for the connections until that deadline.
/// Returns how many had to be cut off.
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
            Some(ended) = tasks.join_next() => report(ended),
            () = sleep_until(pause_until.unwrap_or_else(Instant::now)), if pause_until.is_some() => {
                pause_until = None;
            }
            accepted = acceptor.accept(), if pause_until.is_none() => match accepted {
                Ok((stream, peer)) => {
                    log.accepted();
                    let tls = server.web.as_ref().is_some_and(WebConfig::tls_enabled);
                    let activity = Activity::new(tls);
                    let (registration, admission) =
                        server.connections.admit(peer.into(), Arc::clone(&activity));
                    if admission == Admission::Displaced {
                        log.full(server.settings.limits.connections);
                    }
                    let server = Arc::clone(&server);
                    let signal = signal.clone();
                    tasks.spawn(connection::run(stream, peer, server, registration, activity, signal));
                }
                Err(error) if of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone before it was accepted");
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

async fn drain(mut tasks: JoinSet<()>, deadline: Instant) -> usize {
    while let Ok(Some(ended)) = timeout_at(deadline, tasks.join_next()).await {
        report(ended);
    }
    let left = tasks.len();
    tasks.shutdown().await;
    left
}

/// The panic's own words are not repeated: they may hold anything.
fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a request handler panicked; its connection was closed, others go on");
    }
}

/// Whether the error is about the one connection and the next one may come at once.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// What lasts is logged when it begins and when it ends, or once in a while, not for every
/// connection.
#[derive(Default)]
struct AcceptLog {
    failing: bool,
    full: Option<Instant>,
}

impl AcceptLog {
    /// Time between two lines about the same.
    const PAUSE: Duration = Duration::from_secs(60);

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                %error,
                "cannot accept connections; trying again until it works (out of file descriptors?)"
            );
        }
    }

    fn accepted(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("accepting connections again");
        }
    }

    fn full(&mut self, limit: usize) {
        if self.full.is_none_or(|last| last.elapsed() >= Self::PAUSE) {
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

    #[test]
    fn addresses() {
        let ip = |text: &str| ListenAddress::Ip(text.parse().unwrap());
        for (text, expected) in [
            (":10188", ListenAddress::Any(10188)),
            (":0", ListenAddress::Any(0)),
            ("127.0.0.1:10188", ip("127.0.0.1:10188")),
            ("0.0.0.0:1", ip("0.0.0.0:1")),
            ("[::1]:10188", ip("[::1]:10188")),
            (
                "localhost:10188",
                ListenAddress::Name("localhost".to_owned(), 10188),
            ),
        ] {
            let address = parse_listen_address(text).unwrap();
            assert_eq!(address, expected);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn refused_addresses() {
        for (text, why) in [
            ("10188", "no port"),
            ("localhost", "no port"),
            ("localhost:", "not a number"),
            ("localhost:http", "not a number"),
            (":+1", "not a number"),
            (":65536", "above 65535"),
            ("::1:10188", "brackets"),
            ("[::1:10188", "brackets"),
            ("[localhost]:1", "brackets"),
            ("127.0.0.300:1", "not an IPv4 address"),
            ("http://x:1", "brackets"),
            ("a b:1", "not a name"),
        ] {
            let error = parse_listen_address(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains(text), "{error}");
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn the_system_holds_little_for_a_reader_that_has_stopped() {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = Acceptor::accept(&mut listener).await.unwrap();
        let held = socket2::SockRef::from(&stream).tcp_notsent_lowat();
        assert_eq!(held.unwrap(), UNSENT_BYTES);
    }

    #[tokio::test]
    async fn any_takes_ipv4() {
        let listeners = bind(&[ListenAddress::Any(0)]).await.unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_a_taken_port_is_named() {
        let listeners = bind(&[parse_listen_address("localhost:0").unwrap()])
            .await
            .unwrap();
        let taken = ListenAddress::Ip(listeners[0].local_addr().unwrap());
        let error = bind(&[taken.clone(), taken.clone()]).await.unwrap_err();
        let each = format!("cannot listen on {taken}: ");
        assert_eq!(error.matches(&each).count(), 2, "{error}");
    }
}
