//! Listen addresses as Prometheus programs write them, and binding them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;

use super::listener::Listener;
use super::unix_socket::{LONGEST_FOLDER, LONGEST_PATH, SocketAccess, UnixSocket};

/// An address as Prometheus programs write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:PORT`: every address of the machine, IPv6 and IPv4.
    Any(u16),
    /// `127.0.0.1:PORT` or `[::1]:PORT`.
    Ip(SocketAddr),
    /// `localhost:PORT`: the first address of the name that can be bound, IPv4 first.
    Name(String, u16),
    /// `unix:/PATH`: a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(port) => write!(f, ":{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Reads `:10188`, `127.0.0.1:10188`, `[::1]:10188` or `localhost:10188`, where port 0 takes a free one,
/// or `unix:/PATH`.
///
/// # Errors
/// What was found, and what is allowed.
pub fn parse_listen_address(text: &str) -> Result<ListenAddress, String> {
    parse(text).map_err(|reason| {
        format!(
            "expected a listen address such as :10188, 127.0.0.1:10188, [::1]:10188, \
             localhost:10188 or unix:/run/liveperson_exporter/web.sock, found {text:?}: {reason}"
        )
    })
}

fn parse(text: &str) -> Result<ListenAddress, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return check_socket_path(path).map(|()| ListenAddress::Unix(path.into()));
    }
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    let port: u16 = port.parse().map_err(|_| "the port is above 65535")?;
    if host.is_empty() {
        return Ok(ListenAddress::Any(port));
    }
    if let Ok(address) = text.parse() {
        return Ok(ListenAddress::Ip(address));
    }
    check_host_name(host)?;
    Ok(ListenAddress::Name(host.to_owned(), port))
}

/// Whether a Unix socket can be made there and found again.
fn check_socket_path(text: &str) -> Result<(), &'static str> {
    let path = Path::new(text);
    let folder = path.parent().map_or(0, |folder| folder.as_os_str().len());
    let names_file = path.file_name().is_some() && !text.ends_with('/') && !text.ends_with("/.");
    if !path.is_absolute() || !names_file {
        Err("the path of a Unix socket begins with / and names a file")
    } else if text.len() > LONGEST_PATH || folder > LONGEST_FOLDER {
        Err("the path of a Unix socket has at most 107 bytes, and its folder at most 98")
    } else if path.is_dir() {
        Err("the path is that of a folder, not of a socket in it")
    } else {
        Ok(())
    }
}

fn check_host_name(host: &str) -> Result<(), &'static str> {
    if host.contains([':', '[', ']']) {
        return Err("an IPv6 address needs brackets, and nothing else has them");
    }
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !host.chars().all(is_valid) {
        return Err("the host is not a valid name");
    }
    // A mistyped IPv4 address, which a resolver may read as a different one.
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err("the host is not an IPv4 address");
    }
    Ok(())
}

/// [`bind_with`] the access to Unix sockets that is the default.
///
/// # Errors
/// Every address that could not be bound, and why.
pub async fn bind(addresses: &[ListenAddress]) -> Result<Vec<Listener>, String> {
    bind_with(addresses, &SocketAccess::default()).await
}

/// Binds every address. One address can give two listeners, where the system keeps IPv6 apart.
///
/// # Errors
/// Every address that could not be bound, and why.
pub async fn bind_with(
    addresses: &[ListenAddress],
    access: &SocketAccess,
) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    let mut errors = Vec::new();
    for address in addresses {
        let bound = match address {
            ListenAddress::Any(port) => bind_any(*port).await.map(tcp),
            ListenAddress::Ip(ip) => TcpListener::bind(ip)
                .await
                .map(|listener| tcp(vec![listener])),
            ListenAddress::Name(name, port) => bind_name(name, *port).await.map(tcp),
            ListenAddress::Unix(path) => {
                let socket = UnixSocket::bind(path, access).await;
                socket.map(|socket| vec![Listener::Unix(socket)])
            }
        };
        match bound {
            Ok(bound) => listeners.extend(bound),
            Err(error) => errors.push(format!("cannot listen on {address}: {error}")),
        }
    }
    if errors.is_empty() {
        Ok(listeners)
    } else {
        Err(errors.join("; "))
    }
}

fn tcp(listeners: Vec<TcpListener>) -> Vec<Listener> {
    listeners.into_iter().map(Listener::Tcp).collect()
}

async fn bind_any(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = |port| (IpAddr::from(Ipv4Addr::UNSPECIFIED), port);
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(v6) => {
            // Normally this socket accepts IPv4 too, and the next bind fails. It succeeds, and is
            // needed, where IPv6 sockets are IPv6 only (net.ipv6.bindv6only).
            let port = v6.local_addr()?.port();
            let ipv4_only = TcpListener::bind(v4(port)).await.ok();
            Ok(std::iter::once(v6).chain(ipv4_only).collect())
        }
        Err(error) => match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
            // IPv6 is compiled out or disabled.
            _ => TcpListener::bind(v4(port))
                .await
                .map(|listener| vec![listener]),
        },
    }
}

async fn bind_name(name: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((name, port)).await?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    TcpListener::bind(found.as_slice())
        .await
        .map(|listener| vec![listener])
}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn listen_addresses_are_parsed() {
        let ip = |text: &str| ListenAddress::Ip(text.parse().unwrap());
        let cases = [
            (":10188", ListenAddress::Any(10188)),
            (":0", ListenAddress::Any(0)),
            ("127.0.0.1:10188", ip("127.0.0.1:10188")),
            ("0.0.0.0:1", ip("0.0.0.0:1")),
            ("[::1]:10188", ip("[::1]:10188")),
            (
                "localhost:10188",
                ListenAddress::Name("localhost".to_owned(), 10188),
            ),
            (
                "unix:/run/lp.sock",
                ListenAddress::Unix("/run/lp.sock".into()),
            ),
        ];
        check_each(cases, |(text, expected)| {
            let address = parse_listen_address(text).unwrap();
            assert_eq!(address, expected);
            assert_eq!(address.to_string(), text);
        });
    }

    #[test]
    fn invalid_listen_addresses_are_rejected() {
        let cases = [
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
            ("a b:1", "not a valid name"),
            ("unix:lp.sock", "begins with /"),
            ("unix:", "begins with /"),
            ("unix:/run/lp/", "names a file"),
            ("unix:/run/lp/.", "names a file"),
            ("unix:/", "names a file"),
            ("unix:/proc", "a folder"),
        ];
        check_each(cases, |(text, reason)| {
            let error = parse_listen_address(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains(text), "{error}");
        });
    }

    #[test]
    fn paths_of_sockets_are_as_long_as_clients_can_name() {
        let of = |folder: usize, file: usize| {
            let path = format!("unix:/{}/{}", "d".repeat(folder - 1), "f".repeat(file));
            parse_listen_address(&path)
        };
        check_each([(98, 8), (9, 97)], |(folder, file)| {
            assert!(of(folder, file).is_ok(), "{folder} {file}");
        });
        check_each([(98, 9), (9, 98), (99, 1)], |(folder, file)| {
            let error = of(folder, file).unwrap_err();
            assert!(error.contains("at most 107 bytes"), "{error}");
        });
    }

    #[tokio::test]
    async fn any_address_accepts_ipv4() {
        let listeners = bind(&[ListenAddress::Any(0)]).await.unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    }

    #[tokio::test]
    async fn names_are_resolved_and_errors_name_the_address() {
        let listeners = bind(&[parse_listen_address("localhost:0").unwrap()])
            .await
            .unwrap();
        let taken = ListenAddress::Ip(listeners[0].local_addr().unwrap());
        let error = bind(&[taken.clone(), taken.clone()]).await.unwrap_err();
        let each = format!("cannot listen on {taken}: ");
        assert_eq!(error.matches(&each).count(), 2, "{error}");
    }
}
