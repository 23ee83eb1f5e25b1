//! Listening on a Unix socket: its mode and owner, and what an earlier process left in its place.
//!
//! The socket is made under another name, and renamed when it has its mode and owner and is listened on:
//! no one can open it before, and a socket in its place is replaced without a gap.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// How long a process that may be listening has to accept.
const PROBE: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted; as many as tokio and the standard library allow.
const BACKLOG: i32 = 1024;

/// Bytes of the longest path that a client can name: `sun_path` has 108, of which the last is 0.
pub(super) const LONGEST_PATH: usize = 107;

/// Bytes of the longest folder: after it comes the name under which a socket is made, `/.` and a
/// process id, which Linux keeps below 4194305.
pub(super) const LONGEST_FOLDER: usize = LONGEST_PATH - "/.4194304".len();

/// Who may open the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketAccess {
    /// `--web.unix-socket-mode`.
    pub mode: u32,
    /// `--web.unix-socket-owner`; as the process has it where it says nothing.
    pub owner: Owner,
}

impl Default for SocketAccess {
    fn default() -> Self {
        Self {
            mode: 0o660,
            owner: Owner::default(),
        }
    }
}

/// A user and a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub user: Option<u32>,
    /// Group id.
    pub group: Option<u32>,
}

/// Reads a mode such as `0660`.
///
/// # Errors
/// What was found, and what is allowed.
pub fn parse_socket_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777);
    let mode = mode.ok_or_else(|| {
        format!("expected a mode of up to three octal digits such as 0660, found {text:?}")
    })?;
    // Whoever may write may connect.
    match mode & 0o222 {
        0 => Err(format!(
            "expected a mode that lets someone write, and so connect, such as 0660, found {text:?}"
        )),
        _ => Ok(mode),
    }
}

/// Reads `USER`, `USER:GROUP` or `:GROUP`, by name or number; names are those of `/etc/passwd` and
/// `/etc/group`.
///
/// # Errors
/// What was found, and what is allowed.
pub fn parse_socket_owner(text: &str) -> Result<Owner, String> {
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    if user.is_empty() && group.is_empty() {
        return Err(format!(
            "expected USER, USER:GROUP or :GROUP, found {text:?}"
        ));
    }
    Ok(Owner {
        user: id(user, "user", "/etc/passwd")?,
        group: id(group, "group", "/etc/group")?,
    })
}

/// The number of a name: the third field of its line.
fn id(name: &str, what: &str, file: &str) -> Result<Option<u32>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    let lines = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let mut lines = lines.lines();
    let found = lines.find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        fields.nth(1).filter(|_| is_it)?.parse().ok()
    });
    match found {
        Some(number) => Ok(Some(number)),
        None => Err(format!(
            "expected a {what} of {file} or a number, found {name:?}"
        )),
    }
}

/// A Unix socket that is listened on. Its file is removed with it, unless another process has put one
/// in its place.
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and number of its file; `None` when it is another's to remove.
    file: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Listens at `path`.
    ///
    /// # Errors
    /// A file there that is not a socket, a process that listens there, and what the system refuses.
    pub(super) async fn bind(path: &Path, access: &SocketAccess) -> io::Result<Self> {
        check_place(path).await?;
        let made = made_as(path)?;
        // Left by a process of the same number that was killed.
        let _ = fs::remove_file(&made);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(&made)?)?;
        let installed = install(&socket, &made, path, access);
        if installed.is_err() {
            let _ = fs::remove_file(&made);
        }
        let file = installed?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            listener: UnixListener::from_std(socket.into())?,
            path: path.to_owned(),
            file: Some(file),
        })
    }

    /// Listens on a socket that is open already; whoever opened it has to remove its file.
    pub(super) fn adopt(socket: net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self {
            listener: UnixListener::from_std(socket)?,
            // One of the abstract name space has no path.
            path: address.as_pathname().unwrap_or(Path::new("@")).to_owned(),
            file: None,
        })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let Some(own) = self.file else { return };
        if number(&self.path).is_ok_and(|file| file == own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name under which it is made, beside its own and no longer: names of sockets are short.
fn made_as(path: &Path) -> io::Result<PathBuf> {
    if path.file_name().is_none() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path names no file",
        ));
    }
    Ok(path.with_file_name(format!(".{}", std::process::id())))
}

fn install(
    socket: &Socket,
    made: &Path,
    path: &Path,
    access: &SocketAccess,
) -> io::Result<(u64, u64)> {
    let Owner { user, group } = access.owner;
    if user.is_some() || group.is_some() {
        chown(made, user, group)?;
    }
    fs::set_permissions(made, fs::Permissions::from_mode(access.mode))?;
    // Until now connections were refused, whatever the umask allows.
    socket.listen(BACKLOG)?;
    let file = number(made)?;
    fs::rename(made, path)?;
    Ok(file)
}

fn number(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Whether a socket may be put there: nothing is, or a socket that no process listens on.
async fn check_place(path: &Path) -> io::Result<()> {
    let file_type = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !file_type.is_socket() {
        let text = "there is a file that is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match timeout(PROBE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        // One that does not accept in time, or has as many waiting as it may, is listened on all the same.
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn modes_and_owners_are_parsed() {
        assert_eq!(parse_socket_mode("0660"), Ok(0o660));
        let owner = |user, group| Ok(Owner { user, group });
        let cases = [
            ("root", owner(Some(0), None)),
            ("root:root", owner(Some(0), Some(0))),
            (":7", owner(None, Some(7))),
            ("65534:", owner(Some(65534), None)),
        ];
        check_each(cases, |(text, expected)| {
            assert_eq!(parse_socket_owner(text), expected)
        });
        let wrong = [
            parse_socket_mode("rw").unwrap_err(),
            parse_socket_mode("1777").unwrap_err(),
            parse_socket_mode("0").unwrap_err(),
            parse_socket_mode("0555").unwrap_err(),
            parse_socket_owner(":").unwrap_err(),
            parse_socket_owner("no-such-user").unwrap_err(),
        ];
        check_each(wrong, |error| assert!(error.contains('"'), "{error}"));
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lp.sock");
        let access = SocketAccess {
            mode: 0o600,
            ..SocketAccess::default()
        };
        // What a killed process leaves.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = UnixSocket::bind(&path, &access).await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let error = UnixSocket::bind(&path, &access).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).await.unwrap();
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left over"
        );
        drop(first);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        let error = UnixSocket::bind(&path, &access).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_with_a_full_backlog_is_listened_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lp.sock");
        let full = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        full.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        full.listen(0).unwrap();
        // What does not wait is refused when no more may wait.
        let clients = std::iter::repeat_with(|| {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let connected = client.connect(&SockAddr::unix(&path).unwrap());
            connected.map(|()| client)
        });
        let _waiting: Vec<Socket> = clients.map_while(Result::ok).collect();
        let error = UnixSocket::bind(&path, &SocketAccess::default()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lp.sock");
        let socket = UnixSocket::bind(&path, &SocketAccess::default())
            .await
            .unwrap();
        fs::remove_file(&path).unwrap();
        let _successor = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
    }
}
