//! What can go wrong with a state folder, for those who can do something about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a state folder cannot be used, or a state not be saved.
#[derive(Debug)]
pub struct FolderError {
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Another process uses the folder; its process id, if it is known.
    InUse(Option<u32>),
    /// What was being done to the file or folder, and why it failed.
    Failed {
        action: &'static str,
        cause: io::Error,
        hint: String,
    },
}

impl FolderError {
    pub(super) fn in_use(path: &Path, process: Option<u32>) -> Self {
        Self {
            path: path.to_owned(),
            what: What::InUse(process),
        }
    }

    /// `action` is a verb that the path follows.
    pub(super) fn failed(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            what: What::Failed {
                action,
                cause,
                hint: String::new(),
            },
        }
    }

    /// Adds what the operator has to know besides.
    pub(super) fn with_hint(mut self, more: impl Into<String>) -> Self {
        if let What::Failed { hint, .. } = &mut self.what {
            *hint = more.into();
        }
        self
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::InUse(process) => {
                write!(f, "the state folder {path} is in use by another process")?;
                if let Some(process) = process {
                    write!(f, " ({process})")?;
                }
                write!(
                    f,
                    ": stop that one, or give each process a --state.dir of its own"
                )
            }
            What::Failed {
                action,
                cause,
                hint,
            } => {
                write!(f, "cannot {action} {path}: {cause}")?;
                if !hint.is_empty() {
                    write!(f, "; {hint}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for FolderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.what {
            What::InUse(_) => None,
            What::Failed { cause, .. } => Some(cause),
        }
    }
}
