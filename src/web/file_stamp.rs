//! Whether files have changed, by their metadata.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What distinguishes one version of a file from another: length, time of modification and, where
/// the system has them, inode and time of change, for a file that was replaced by an older one or
/// whose permissions were changed.
#[derive(Debug, PartialEq)]
struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, i64, i64),
}

impl FileStamp {
    /// None when the file cannot be found.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(&metadata),
        })
    }
}

/// Files, and what they looked like when they were added.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FileStamps(Vec<(PathBuf, Option<FileStamp>)>);

impl FileStamps {
    /// Adds a file as it is now, before it is read.
    pub(super) fn add(&mut self, path: &Path) {
        self.0.push((path.to_owned(), FileStamp::of(path)));
    }

    /// Whether no file has changed since.
    pub(super) fn are_current(&self) -> bool {
        let mut stamps = self.0.iter();
        stamps.all(|(path, stamp)| FileStamp::of(path) == *stamp)
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, i64, i64) {
    (0, 0, 0)
}
