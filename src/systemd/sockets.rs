//! Sockets that systemd opened and handed to this process, see sd_listen_fds(3).

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// Which sockets are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// All of them.
    All,
    /// Those of these names (`FileDescriptorName=` of the socket unit).
    Named(Vec<String>),
}

impl Sockets {
    /// From the names given, an empty one standing for all.
    pub fn from_names(names: &[String]) -> Self {
        if names.iter().any(String::is_empty) {
            Self::All
        } else {
            Self::Named(names.to_vec())
        }
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|wanted| wanted == name),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum PassedSocket {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, whose file systemd removes (`RemoveOnStop=`).
    Unix(UnixListener),
}

/// Takes the wanted sockets. Once per process, and before it has other threads, because what
/// announces the sockets is removed from the environment.
///
/// # Errors
/// That there is no wanted socket, one of a name is missing, or one is neither a listening TCP socket nor a
/// listening Unix stream socket.
pub fn take_sockets(wanted: &Sockets) -> Result<Vec<PassedSocket>, String> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    // Without the process they are meant for, they may be those of a parent.
    let given = match std::env::var_os("LISTEN_PID") {
        Some(_) => ListenFd::from_env(),
        None => ListenFd::empty(),
    };
    take(given, &names, wanted)
}

fn take(mut given: ListenFd, names: &str, wanted: &Sockets) -> Result<Vec<PassedSocket>, String> {
    let mut names = names.split(':');
    let (mut listeners, mut present) = (Vec::new(), Vec::new());
    for index in 0..given.len() {
        let name = names.next().unwrap_or_default();
        present.push(name.to_owned());
        if !wanted.includes(name) {
            continue;
        }
        let taken = take_one(&mut given, index);
        let taken = taken.map_err(|error| format!("the socket {name:?} of systemd: {error}"))?;
        listeners.extend(taken);
    }
    let missing = match wanted {
        Sockets::Named(names) => names.iter().find(|name| !present.contains(name)),
        Sockets::All => None,
    };
    if let Some(name) = missing {
        return Err(format!(
            "systemd passed no socket named {name:?}, but {present:?}; see FileDescriptorName= of the socket unit"
        ));
    }
    if listeners.is_empty() {
        return Err("systemd passed no socket; start the socket unit, not the program".to_owned());
    }
    Ok(listeners)
}

/// The socket at `index`, of either kind; `None` for one that was taken.
fn take_one(given: &mut ListenFd, index: usize) -> io::Result<Option<PassedSocket>> {
    match given.take_tcp_listener(index) {
        Ok(Some(socket)) => {
            check_listening(&socket)?;
            Ok(Some(PassedSocket::Tcp(socket)))
        }
        Ok(None) => Ok(None),
        // It is left in its place.
        Err(_) => match given.take_unix_listener(index)? {
            Some(socket) => {
                check_listening(&socket)?;
                Ok(Some(PassedSocket::Unix(socket)))
            }
            None => Ok(None),
        },
    }
}

/// A socket that is only bound takes no connection, ever.
fn check_listening(socket: impl AsFd) -> io::Result<()> {
    match socket_acceptconn(socket)? {
        true => Ok(()),
        false => Err(io::Error::other(
            "expected a listening socket, found one that is only bound",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_sockets_it_says_what_to_start() {
        let error = take(ListenFd::empty(), "", &Sockets::All).unwrap_err();
        assert!(error.contains("start the socket unit"), "{error}");
        let named = Sockets::from_names(&["metrics".to_owned()]);
        let error = take(ListenFd::empty(), "", &named).unwrap_err();
        assert!(error.contains("no socket named \"metrics\""), "{error}");
    }

    #[test]
    fn an_empty_name_stands_for_all_sockets() {
        let names = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Sockets::from_names(&names)
        };
        assert_eq!(names(&["", "a"]), Sockets::All);
        assert!(names(&["a", "b"]).includes("b"));
        assert!(!names(&["a"]).includes("b"));
    }
}
