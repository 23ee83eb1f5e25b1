//! Why a command failed, and its exit status.

use std::process::ExitCode;

use super::output::print_error;

/// Something failed at run time.
const RUNTIME_STATUS: u8 = 1;
/// An error in usage or configuration; nothing was started.
const USAGE_STATUS: u8 = 2;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    status: u8,
    /// One per line; empty if they were printed already.
    errors: String,
}

impl Failure {
    /// A failure at run time: exit status 1.
    pub(super) fn runtime(errors: impl Into<String>) -> Self {
        Self {
            status: RUNTIME_STATUS,
            errors: errors.into(),
        }
    }

    /// An error in usage or configuration: exit status 2.
    pub(super) fn usage(errors: impl Into<String>) -> Self {
        Self {
            status: USAGE_STATUS,
            errors: errors.into(),
        }
    }

    /// The first error, and how many others there are.
    pub(super) fn summary(&self) -> String {
        let mut lines = self.errors.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        match lines.count() {
            0 => first,
            others => format!("{first} (and {others} more)"),
        }
    }

    /// Prints the errors and returns the exit status.
    pub(super) fn report(self) -> ExitCode {
        print_error(&self.errors);
        ExitCode::from(self.status)
    }
}
