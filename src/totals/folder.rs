//! The state folder: where running totals outlive the process.
//!
//! One file for each account, replaced whole, so that it is always either the old one or the new one.
//! A file that cannot be used is renamed and never overwritten: what it holds may be repaired by hand.
//! One process at a time uses a folder. Its neighbours: [`super::state`] is the form of a file, `disk`
//! the file system.

mod disk;
mod error;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::disk::{Disk, LockError, MAX_BYTES, OpenFolder};
pub use self::error::FolderError;
use super::state::AccountState;

const LOCK: &str = "lock";
const CLEAN_STOP: &str = "clean-stop";
const PREFIX: &str = "account-";
const SUFFIX: &str = ".json";
/// Follows the name of a file that is being written; a number follows.
const NEW: &str = ".new-";
/// Follows the name of a file that cannot be used; the time follows.
const DAMAGED: &str = ".damaged-";

/// Anything else of an account's id is encoded, so that no id can name another file or folder.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The folder that holds the running totals of all accounts.
pub struct Folder {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// Keeps other processes out as long as it is open; none in tests without a file system.
    _lock: Option<File>,
    /// Accounts whose file may be replaced: it was read, or there is none.
    replaceable: Mutex<HashSet<String>>,
    /// The next number of a file that is being written.
    next: AtomicU64,
}

/// What a folder has of an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// What was saved last; `None` when there is nothing that can be used.
    pub state: Option<AccountState>,
    /// Whether there was a file that cannot be used: it was logged, and renamed if possible.
    pub rejected: bool,
}

impl Folder {
    /// Opens a folder for this process alone; makes it when it is missing. Logs what is unusual about
    /// it.
    ///
    /// # Errors
    /// Another process uses it, or files cannot be made in it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |action, cause| FolderError::failed(action, path, cause);
        let disk =
            OpenFolder::open(path).map_err(|cause| failed("open the state folder", cause))?;
        let (owner, mode) = disk
            .owner_and_mode()
            .map_err(|cause| failed("examine the state folder", cause))?;
        let user = rustix::process::geteuid().as_raw();
        if let Some(warning) = remark(owner, mode, user) {
            tracing::warn!(folder = %path.display(), "the state folder {warning}");
        }
        let lock = disk.lock(LOCK).map_err(|error| match error {
            LockError::InUse(process) => FolderError::in_use(path, process),
            LockError::Io(cause) => {
                FolderError::failed("lock", &path.join(LOCK), cause).with_hint(format!(
                    "the folder belongs to user {owner}, its mode is {mode:04o}, and this process \
                     runs as user {user}"
                ))
            }
        })?;
        Ok(Self::on(path, Box::new(disk), Some(lock)))
    }

    fn on(path: &Path, disk: Box<dyn Disk>, lock: Option<File>) -> Self {
        let folder = Self {
            path: path.to_owned(),
            disk,
            _lock: lock,
            replaceable: Mutex::default(),
            next: AtomicU64::new(0),
        };
        folder.remove_leftovers();
        folder
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a crash in the middle of a save left behind.
    fn remove_leftovers(&self) {
        let names = self.disk.names().unwrap_or_else(|error| {
            tracing::warn!(folder = %self.path.display(), %error, "cannot list the state folder");
            Vec::new()
        });
        for name in names.iter().filter(|name| is_leftover(name)) {
            let file = self.path.join(name);
            match self.disk.remove(name) {
                Ok(()) => {
                    tracing::info!(file = %file.display(), "removed a file of an unfinished save")
                }
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "cannot remove a file of an unfinished save");
                }
            }
        }
    }

    /// What was saved of an account. A file that cannot be used is renamed at `now`, seconds since the
    /// epoch, and logged.
    pub fn load(&self, account: &str, now: i64) -> Loaded {
        let name = file_name(account);
        let error = match self.disk.read(&name) {
            Ok(json) => match AccountState::from_json(account, &json) {
                Ok(state) => {
                    self.replaceable.lock().insert(account.to_owned());
                    return Loaded {
                        state: Some(state),
                        rejected: false,
                    };
                }
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.replaceable.lock().insert(account.to_owned());
                return Loaded::default();
            }
            Err(error) => error.to_string(),
        };
        self.reject(account, &name, &error, now);
        Loaded {
            state: None,
            rejected: true,
        }
    }

    /// Renames a file that cannot be used.
    fn reject(&self, account: &str, name: &str, error: &str, now: i64) {
        let file = self.path.join(name);
        match self.make_replaceable(account, name, now) {
            Ok(renamed) => tracing::error!(
                account,
                error,
                file = %file.display(),
                renamed_to = renamed.unwrap_or_default(),
                next = "totals begin again with the last 24 h",
                "saved totals cannot be used"
            ),
            Err(rename_error) => tracing::error!(
                account,
                error,
                file = %file.display(),
                %rename_error,
                next = "totals begin again with the last 24 h and are not saved until the file can be renamed",
                "saved totals cannot be used, nor can their file be renamed"
            ),
        }
    }

    /// Renames what stands where the state of the account belongs, unless it was read or is missing;
    /// returns its new name.
    fn make_replaceable(
        &self,
        account: &str,
        name: &str,
        now: i64,
    ) -> Result<Option<String>, FolderError> {
        if self.replaceable.lock().contains(account) {
            return Ok(None);
        }
        let failed = |cause| FolderError::failed("rename", &self.path.join(name), cause);
        let mut renamed = None;
        if self.disk.exists(name).map_err(failed)? {
            let to = self.damaged_name(name, now).map_err(failed)?;
            self.disk.rename(name, &to).map_err(failed)?;
            // Before anything takes its place.
            self.disk.sync().map_err(failed)?;
            renamed = Some(to);
        }
        self.replaceable.lock().insert(account.to_owned());
        Ok(renamed)
    }

    /// A name that is not taken. Between this look and the renaming it cannot be taken by another
    /// process: the folder is locked.
    fn damaged_name(&self, name: &str, now: i64) -> io::Result<String> {
        let time = Timestamp::from_second(now).unwrap_or_default();
        let first = format!("{name}{DAMAGED}{}", time.strftime("%Y%m%dT%H%M%SZ"));
        let mut free = first.clone();
        let mut number = 1;
        while self.disk.exists(&free)? {
            number += 1;
            free = format!("{first}-{number}");
        }
        Ok(free)
    }

    /// Saves an account's totals: when it returns they survive a power failure. Whatever fails or
    /// breaks off, the file is the old one or the new one. One save of an account at a time.
    ///
    /// # Errors
    /// A full disk, no permission, or a file in its place that cannot be used and not be renamed.
    pub fn save(&self, state: &AccountState) -> Result<(), FolderError> {
        let name = file_name(&state.account);
        let renamed = self.make_replaceable(&state.account, &name, state.saved_at)?;
        if let Some(renamed_to) = renamed {
            tracing::warn!(account = state.account, renamed_to, "renamed saved totals");
        }
        let file = self.path.join(&name);
        self.replace(&name, state)
            .map_err(|cause| FolderError::failed("save running totals to", &file, cause))
    }

    fn replace(&self, name: &str, state: &AccountState) -> io::Result<()> {
        let json = state.to_json()?;
        if json.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let new = format!("{name}{NEW}{}", self.next.fetch_add(1, Ordering::Relaxed));
        let written = self
            .write(&new, &json)
            .and_then(|()| self.disk.rename(&new, name));
        if let Err(error) = written {
            // If it cannot be removed now, the next start does it.
            let _ = self.disk.remove(&new);
            return Err(error);
        }
        self.disk.sync()
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = self.disk.create(name)?;
        file.write(content)?;
        // Renaming it first could leave an empty file after a power failure.
        file.sync()
    }

    /// Marks that everything was saved at the end of the process: call it last, after every save
    /// succeeded.
    ///
    /// # Errors
    /// A full disk, no permission.
    pub fn mark_clean_stop(&self) -> Result<(), FolderError> {
        let marked = match self.write(CLEAN_STOP, b"") {
            // The mark of an earlier stop, which no process has taken.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        };
        marked
            .and_then(|()| self.disk.sync())
            .map_err(|cause| FolderError::failed("write", &self.path.join(CLEAN_STOP), cause))
    }

    /// Whether the last process marked a clean stop. The mark is gone when this returns: it is true
    /// once for each stop, also when this process crashes. A mark that cannot be removed counts as
    /// none, because it would vouch for this process, too.
    pub fn take_clean_stop(&self) -> bool {
        let taken = match self.disk.remove(CLEAN_STOP) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            result => result.and_then(|()| self.disk.sync()),
        };
        if let Err(error) = &taken {
            let file = self.path.join(CLEAN_STOP);
            tracing::warn!(file = %file.display(), %error, "cannot remove the mark of a clean stop");
        }
        taken.is_ok()
    }
}

/// The name of an account's file.
fn file_name(account: &str) -> String {
    let account = utf8_percent_encode(account, ENCODED);
    format!("{PREFIX}{account}{SUFFIX}")
}

fn is_leftover(name: &str) -> bool {
    let number = name.rsplit_once(NEW).and_then(|(of, number)| {
        (of.starts_with(PREFIX) && of.ends_with(SUFFIX)).then_some(number)
    });
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// What is unusual about the owner or the permissions of a folder. None of it is an error: volumes of
/// containers often belong to root and are open to a group or to all.
fn remark(owner: u32, mode: u32, user: u32) -> Option<String> {
    if mode & 0o002 != 0 {
        return Some(format!(
            "can be written by every user of this machine (mode {mode:04o}), who can so forge or \
             remove running totals: make it private (chmod 700)"
        ));
    }
    (owner != user && owner != 0).then(|| {
        format!(
            "belongs to user {owner}, and this process runs as user {user}: that user can remove \
             running totals"
        )
    })
}

#[cfg(test)]
mod tests;
