//! The protocol of sd_notify(3): datagrams of `KEY=value` lines to the socket in `$NOTIFY_SOCKET`.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::clock::monotonic_micros;

/// Where the service says its state.
#[derive(Debug)]
pub struct Notifier(UnixDatagram);

impl Notifier {
    /// That of the environment; `None` where nobody listens.
    ///
    /// # Errors
    /// That the socket cannot be used.
    pub fn of_process() -> io::Result<Option<Self>> {
        match std::env::var("NOTIFY_SOCKET") {
            Ok(address) if !address.is_empty() => Self::connect(&address).map(Some),
            _ => Ok(None),
        }
    }

    /// To a path, or with a leading `@` to an abstract name.
    fn connect(address: &str) -> io::Result<Self> {
        let address = match address.strip_prefix('@') {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // The daemon never waits for whoever listens.
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// The service has started, or has reloaded.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service begins to reload; [`Self::ready`] says that it is done.
    pub fn reloading(&self) {
        self.send(&format!(
            "RELOADING=1\nMONOTONIC_USEC={}",
            monotonic_micros()
        ));
    }

    /// The service begins to stop.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The service works.
    pub fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// One line about the state of the service, for people.
    pub fn status(&self, line: &str) {
        self.send(&format!("STATUS={}", line.replace('\n', " ")));
    }

    fn send(&self, state: &str) {
        if let Err(error) = self.0.send(state.as_bytes()) {
            tracing::debug!(%error, "systemd cannot be notified");
        }
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

    #[test]
    fn states_are_sent_as_systemd_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.to_str().unwrap()).unwrap();
        notifier.ready();
        assert_eq!(received(&listener), "READY=1");
        notifier.status("1 account:\nfresh");
        assert_eq!(received(&listener), "STATUS=1 account: fresh");
        notifier.watchdog();
        assert_eq!(received(&listener), "WATCHDOG=1");
        notifier.stopping();
        assert_eq!(received(&listener), "STOPPING=1");
        let before = monotonic_micros();
        notifier.reloading();
        let state = received(&listener);
        let micros = state.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() >= before, "{state}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_reached() {
        let name = format!("liveperson-exporter-test-{}", std::process::id());
        let address = abstract_address(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::connect(&format!("@{name}")).unwrap().ready();
        assert_eq!(received(&listener), "READY=1");
    }

    #[test]
    fn nobody_listening_is_an_error_and_then_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        assert!(Notifier::connect(path.to_str().unwrap()).is_err());
        let listener = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.to_str().unwrap()).unwrap();
        drop(listener);
        notifier.ready();
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
