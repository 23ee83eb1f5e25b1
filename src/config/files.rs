//! The files that a configuration names: how relative paths are resolved and files are read.
//!
//! Only regular files of a bounded size are read: opening a named pipe would wait for a writer
//! without end, and `/dev/zero` never ends.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;

use super::preview::path_preview;
use super::units::format_size;

/// A file of root certificates is a few hundred kilobytes at most.
pub(crate) const LARGEST_CA_FILE: u64 = 4 << 20;
/// Longest wait for a file that is read while the daemon runs: one on a network drive may hang.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Opening a named pipe that took the place of a file would otherwise wait for a writer.
const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// Resolves relative paths.
#[derive(Clone)]
pub(super) struct Files {
    folder: PathBuf,
    /// The folder of a further file, which names files beside itself.
    nearer: Option<PathBuf>,
    credentials: Option<PathBuf>,
}

impl Files {
    /// Relative to the folder of `config_file`, or to the working directory without one;
    /// `credentials` is systemd's `$CREDENTIALS_DIRECTORY`.
    pub(super) fn new(config_file: Option<&Path>, credentials: Option<&str>) -> Self {
        Self {
            folder: config_file
                .and_then(Path::parent)
                .map(Path::to_path_buf)
                .unwrap_or_default(),
            nearer: None,
            credentials: credentials.filter(|dir| !dir.is_empty()).map(PathBuf::from),
        }
    }

    /// For a further file of the configuration: what is not in its own folder is looked for in that
    /// of the configuration file.
    pub(super) fn of_further_file(&self, file: &Path) -> Self {
        Self {
            nearer: file.parent().map(Path::to_path_buf),
            ..self.clone()
        }
    }

    /// A path of the configuration as one that can be opened. What a further file names is looked for
    /// beside it first: files of two accounts in two folders may have the same name.
    pub(super) fn resolve(&self, text: &str) -> PathBuf {
        let path = Path::new(text);
        let nearest_first = self.nearer.iter().chain(&self.credentials);
        nearest_first
            .map(|dir| dir.join(path))
            .find(|candidate| path.is_relative() && candidate.exists())
            .unwrap_or_else(|| self.folder.join(path))
    }

    /// Whether a path lies among systemd's copies of credentials.
    pub(super) fn is_credential(&self, path: &Path) -> bool {
        let folder = self.credentials.as_deref();
        folder.is_some_and(|folder| path.starts_with(folder))
    }

    /// The folder of a further file, where a relative path was looked for besides what
    /// [`Self::resolve`] returns.
    pub(super) fn looked_beside(&self, text: &str) -> Option<&Path> {
        let nearer = self.nearer.as_deref()?;
        (Path::new(text).is_relative() && nearer != self.folder).then_some(nearer)
    }

    /// A pattern of paths as one from the root or the working directory.
    pub(super) fn resolve_pattern(&self, pattern: &str) -> String {
        // The folder is a path, in which nothing is a wildcard.
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        let joined = Path::new(&folder).join(pattern);
        joined.to_string_lossy().into_owned()
    }
}

/// The content of a file and who else can access it.
pub(crate) struct Content {
    /// All of it, wiped from memory when dropped: it may contain credentials.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Whether users other than owner and group may read the file.
    pub(crate) readable_by_others: bool,
    /// Whether users other than owner and group may change the file.
    pub(super) writable_by_others: bool,
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// A sentence that begins with the path and says what is wrong, without any content.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Content, String> {
    let name = path_preview(path);
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("{name} does not exist"),
        ErrorKind::PermissionDenied => format!(
            "{name} cannot be read: permission denied; make it readable for the user that runs the exporter"
        ),
        _ => format!("{name} cannot be read: {error}"),
    };
    // Before it is opened, because opening a device or a socket may do something; and after, because
    // another file may have replaced it since.
    check_regular(&fs::metadata(path).map_err(unreadable)?, &name)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(NON_BLOCKING)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check_regular(&metadata, &name)?;
    let bytes = read_whole(file, metadata.len(), limit).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > limit) {
        return Err(format!("{name} is larger than {}", format_size(limit)));
    }
    Ok(Content {
        bytes,
        readable_by_others: metadata.permissions().mode() & 0o004 != 0,
        writable_by_others: metadata.permissions().mode() & 0o002 != 0,
    })
}

fn check_regular(metadata: &fs::Metadata, name: &str) -> Result<(), String> {
    if metadata.is_dir() {
        return Err(format!("{name} is a directory, not a file"));
    }
    if !metadata.is_file() {
        return Err(format!("{name} is not a regular file"));
    }
    Ok(())
}

/// Reads to the end, or just past `limit`. The buffer has the length of the file from the start:
/// one that grows leaves copies of a secret in memory.
fn read_whole(file: File, length: u64, limit: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let max = limit.saturating_add(1);
    let capacity = usize::try_from(length.saturating_add(1).min(max)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_credentials_directory_is_preferred() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("here"), "x").unwrap();
        let credentials = dir.path().to_str().unwrap();
        let files = Files::new(Some(Path::new("/etc/x/x.yml")), Some(credentials));
        assert_eq!(files.resolve("here"), dir.path().join("here"));
        assert_eq!(files.resolve("other"), Path::new("/etc/x/other"));
        assert_eq!(files.resolve("/here"), Path::new("/here"));
        let without_folders = Files::new(None, Some(""));
        assert_eq!(without_folders.resolve("here"), Path::new("here"));
    }

    #[test]
    fn a_further_file_finds_what_is_beside_it_first() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("beside"), "x").unwrap();
        let credentials = tempfile::tempdir().unwrap();
        for name in ["beside", "passed"] {
            fs::write(credentials.path().join(name), "x").unwrap();
        }
        let files = Files::new(Some(Path::new("/etc/x/x.yml")), credentials.path().to_str());
        let files = files.of_further_file(&dir.path().join("eu.yml"));
        assert_eq!(files.resolve("beside"), dir.path().join("beside"));
        assert_eq!(files.resolve("passed"), credentials.path().join("passed"));
        assert_eq!(files.resolve("other"), Path::new("/etc/x/other"));
    }

    #[test]
    fn reads_only_regular_files_of_bounded_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_limited(&path, 5).unwrap().bytes.as_slice(), b"12345");
        let reason = |path: &Path, limit| read_limited(path, limit).err().unwrap();
        assert!(reason(&path, 4).ends_with("f is larger than 4B"));
        assert!(reason(&dir.path().join("g"), 4).ends_with("g does not exist"));
        assert!(reason(dir.path(), 4).ends_with(" is a directory, not a file"));
        assert_eq!(
            reason(Path::new("/dev/zero"), 4),
            "/dev/zero is not a regular file"
        );
    }

    #[test]
    fn a_named_pipe_is_an_error_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let error = read_limited(&path, 5).err().unwrap();
        assert!(error.ends_with("pipe is not a regular file"), "{error}");
        // One that replaces the file between the check and the opening does not block either.
        let open = OpenOptions::new()
            .read(true)
            .custom_flags(NON_BLOCKING)
            .open(&path);
        assert!(!open.unwrap().metadata().unwrap().is_file());
    }
}
