//! The protocol of sd_notify(3): datagrams of `KEY=value` lines to the socket in `$NOTIFY_SOCKET`.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use crate::clock::monotonic_micros;

/// Longest wait while the queue of the socket is full because systemd is busy.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the service says its state.
#[derive(Debug)]
pub struct Notifier {
    address: SocketAddr,
    /// Whether the last state was not delivered, so that it is logged once.
    failing: AtomicBool,
    /// Whether READY was not delivered: systemd waits for it, and ends the service at last.
    ready_unsent: AtomicBool,
}

impl Notifier {
    /// That of the environment; `None` without `$NOTIFY_SOCKET`.
    ///
    /// # Errors
    /// That this is not the address of a socket.
    pub fn of_process() -> io::Result<Option<Self>> {
        match std::env::var("NOTIFY_SOCKET") {
            Ok(address) if !address.is_empty() => Self::new(&address).map(Some),
            _ => Ok(None),
        }
    }

    /// To a path, or with a leading `@` to an abstract name.
    fn new(address: &str) -> io::Result<Self> {
        let address = match address.strip_prefix('@') {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        Ok(Self {
            address,
            failing: AtomicBool::new(false),
            ready_unsent: AtomicBool::new(false),
        })
    }

    /// The service has started, or has reloaded.
    pub async fn ready(&self) {
        let sent = self.send("READY=1").await;
        self.ready_unsent.store(!sent, Ordering::Relaxed);
    }

    /// The same again, if it could not be delivered.
    pub async fn repeat_ready(&self) {
        if self.ready_unsent.load(Ordering::Relaxed) {
            self.ready().await;
        }
    }

    /// The service begins to reload; [`Self::ready`] says that it is done.
    pub async fn reloading(&self) {
        let now = monotonic_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"))
            .await;
    }

    /// The service begins to stop.
    pub async fn stopping(&self) {
        self.send("STOPPING=1").await;
    }

    /// The service works.
    pub async fn watchdog(&self) {
        self.send("WATCHDOG=1").await;
    }

    /// One line about the state of the service, for people.
    pub async fn status(&self, line: &str) {
        self.send(&format!("STATUS={}", line.replace('\n', " ")))
            .await;
    }

    /// Returns whether it was delivered.
    async fn send(&self, state: &str) -> bool {
        let sent = timeout(SEND_TIMEOUT, self.deliver(state)).await;
        let error = match sent {
            Ok(Ok(())) => {
                self.failing.store(false, Ordering::Relaxed);
                return true;
            }
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, state, "systemd cannot be notified at $NOTIFY_SOCKET");
        }
        false
    }

    /// Over a new socket each time, as sd_notify(3) does it: the other end may be another one than
    /// before.
    async fn deliver(&self, state: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&self.address)?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixDatagram::from_std(socket)?;
        socket.send(state.as_bytes()).await.map(drop)
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How often systemd expects [`Notifier::watchdog`] at the least; `None` when it does not.
pub fn watchdog_interval() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    let own = std::process::id();
    interval(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), own)
}

fn interval(micros: Option<String>, pid: Option<String>, own: u32) -> Option<Duration> {
    // A child inherits the variables of its parent.
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let micros = micros?.parse().ok().filter(|micros| *micros > 0);
    micros.map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn received(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn states_are_sent_as_systemd_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(path.to_str().unwrap()).unwrap();
        notifier.ready().await;
        assert_eq!(received(&listener), "READY=1");
        notifier.status("1 account:\nfresh").await;
        assert_eq!(received(&listener), "STATUS=1 account: fresh");
        notifier.watchdog().await;
        assert_eq!(received(&listener), "WATCHDOG=1");
        notifier.stopping().await;
        assert_eq!(received(&listener), "STOPPING=1");
        let before = monotonic_micros();
        notifier.reloading().await;
        let state = received(&listener);
        let micros = state.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() >= before, "{state}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_abstract_socket_is_reached() {
        let name = format!("liveperson-exporter-test-{}", std::process::id());
        let address = abstract_address(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::new(&format!("@{name}")).unwrap();
        notifier.ready().await;
        assert_eq!(received(&listener), "READY=1");
    }

    #[tokio::test]
    async fn a_socket_that_comes_back_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let notifier = Notifier::new(path.to_str().unwrap()).unwrap();
        notifier.ready().await;
        let listener = UnixDatagram::bind(&path).unwrap();
        notifier.ready().await;
        assert_eq!(received(&listener), "READY=1");
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        let listener = UnixDatagram::bind(&path).unwrap();
        notifier.watchdog().await;
        assert_eq!(received(&listener), "WATCHDOG=1");
    }

    #[tokio::test]
    async fn a_state_waits_while_the_queue_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        let mut waiting = 0;
        while filler.send_to(b"X", &path).is_ok() {
            waiting += 1;
        }
        let notifier = Notifier::new(path.to_str().unwrap()).unwrap();
        let sending = tokio::spawn(async move { notifier.ready().await });
        tokio::task::yield_now().await;
        for _ in 0..waiting {
            assert_eq!(received(&listener), "X");
        }
        sending.await.unwrap();
        assert_eq!(received(&listener), "READY=1");
    }

    #[test]
    fn the_watchdog_is_for_this_process_only() {
        let cases = [
            (Some("30000000"), None, Some(Duration::from_secs(30))),
            (Some("30000000"), Some("7"), Some(Duration::from_secs(30))),
            (Some("30000000"), Some("8"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, None, None),
        ];
        check_each(cases, |(micros, pid, want)| {
            let [micros, pid] = [micros, pid].map(|text| text.map(str::to_owned));
            assert_eq!(interval(micros, pid, 7), want);
        });
    }
}
