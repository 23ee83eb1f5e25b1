//! What a state folder needs of the file system, and the real one.
//!
//! Every step of a save is one call, so that the tests can stop between any two and show what a power
//! failure leaves behind. Names are those of files in the folder, never paths: all calls are relative
//! to the folder that was opened, and no symbolic link is followed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

/// Largest file that is read or written: far more than the state of any account.
pub(super) const MAX_BYTES: usize = 1 << 30;

/// Only for the user of this process.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The files of one folder.
pub(super) trait Disk: Send + Sync {
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Whether there is anything of this name.
    fn exists(&self, name: &str) -> io::Result<bool>;
    /// The content of a regular file of at most [`MAX_BYTES`].
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes a file that does not exist yet.
    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile + '_>>;
    /// Renames a file, in the place of what has the new name already.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns when all that was made, renamed and removed survives a power failure.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is being written.
pub(super) trait NewFile {
    /// Writes all of its content.
    fn write(&mut self, content: &[u8]) -> io::Result<()>;
    /// Returns when its content survives a power failure.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system, open.
pub(super) struct OpenFolder(File);

/// Why a folder could not be locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds the lock; what that one wrote into the file: its process id.
    InUse(Option<u32>),
    Io(io::Error),
}

impl OpenFolder {
    /// Opens a folder; makes it when it is missing, but not its parents: the path could be misspelt.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match std::fs::DirBuilder::new().mode(PRIVATE_FOLDER).create(path) {
            Ok(()) => sync_parent(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // The folder itself may be a symbolic link: systemd makes one for a dynamic user.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self(folder.into()))
    }

    /// Owner and permissions.
    pub(super) fn owner_and_mode(&self) -> io::Result<(u32, u32)> {
        let metadata = self.0.metadata()?;
        Ok((metadata.uid(), metadata.mode() & 0o7777))
    }

    /// Locks the folder until the file that is returned is closed, at the end of the process at the
    /// latest. The file stays: a process that waited for one that is removed would lock nothing.
    pub(super) fn lock(&self, name: &str) -> Result<File, LockError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK;
        let mut file: File = self.at(name, flags).map_err(LockError::Io)?.into();
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::InUse(process_id(&mut file))),
            Err(errno) => return Err(LockError::Io(errno.into())),
        }
        // For the message of the process that comes second; a full disk is no reason not to start.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(file)
    }

    fn at(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.0, name, flags, PRIVATE_FILE)?)
    }
}

/// The folder above a new one has to be written, too, or the new one is gone after a power failure.
/// Where that is not possible (no permission to read it) the system does it in its own time.
fn sync_parent(path: &Path) {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = File::open(parent.unwrap_or(Path::new(".")));
    let _ = parent.and_then(|parent| parent.sync_all());
}

fn process_id(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Disk for OpenFolder {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // Opening a named pipe would wait for a writer.
        let file: File = self.at(name, OFlags::RDONLY | OFlags::NONBLOCK)?.into();
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut content)?;
        if content.len() > MAX_BYTES {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn NewFile + '_>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(Box::new(File::from(self.at(name, flags)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        match self.0.sync_all() {
            // Some network file systems do it at once and refuse to be asked.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }
}

impl NewFile for File {
    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.write_all(content)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}
