//! Where the second reading stands, what it has left out, and why a value cannot be read.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::{Fault, Ignored, MAX_ENTRIES, Problem};

/// Longest key that is repeated in a path, in bytes. Every entry that cannot be read repeats the keys
/// above it, so that longer ones would make a hostile answer take hours.
const LONGEST_KEY: usize = 1_024;

/// Where the second reading stands, and what it has left out.
#[derive(Default)]
pub(super) struct Progress {
    /// Keys and indexes from the top to the value that is being read.
    path: Vec<String>,
    /// Entries of objects and arrays so far, unreadable ones included.
    entries: usize,
    /// How many of the enclosing values are entries, which may be left out.
    pub(super) inside_entries: usize,
    /// What was left out.
    pub(super) ignored: Option<Ignored>,
    /// What makes the whole answer unreadable.
    pub(super) fatal: Option<Fault>,
}

impl Progress {
    /// What was left out.
    pub(super) fn into_ignored(self) -> Option<Ignored> {
        self.ignored
    }

    /// Enters the value of a key or index. A key too long to be repeated is not cut, because part of
    /// a secret would not be recognised as one.
    pub(super) fn enter(&mut self, key: &str) {
        self.path.push(match key.len() {
            0..=LONGEST_KEY => key.to_owned(),
            length => format!("a key of {length} bytes"),
        });
    }

    /// Leaves it again.
    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// What is wrong with the value that is being read.
    pub(super) fn fault(&self, found: String, problem: Problem) -> Fault {
        Fault {
            path: self.path.join("."),
            found,
            problem,
        }
    }

    /// Adds to an error where it happened, if it does not say so yet.
    pub(super) fn locate(&self, error: Error, found: String) -> Error {
        match error {
            Error::Problem(problem) => Error::Fault(self.fault(found, problem)),
            located => located,
        }
    }

    /// Counts an entry that is left out; the first one is kept as an example.
    pub(super) fn count_ignored(&mut self, error: &Error) {
        match (&mut self.ignored, error) {
            (Some(ignored), _) => ignored.count += 1,
            (None, Error::Fault(first)) => {
                let first = first.clone();
                self.ignored = Some(Ignored { count: 1, first });
            }
            (None, _) => {}
        }
    }

    /// How many entries were left out so far.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored.as_ref().map_or(0, |ignored| ignored.count)
    }

    /// Counts an entry of an object or array.
    ///
    /// # Errors
    /// More entries than any account has, which makes the whole answer unreadable.
    pub(super) fn count_entry<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.entries += 1;
        if self.entries <= MAX_ENTRIES {
            return Ok(());
        }
        let found = format!("more than {MAX_ENTRIES} entries");
        let problem = Problem::Other("is more than any account has".to_owned());
        self.fatal = Some(self.fault(found, problem));
        Err(E::custom("too many entries"))
    }
}

/// Why a value cannot be read.
#[derive(Debug)]
pub(super) enum Error {
    /// What is wrong with a value, without its place.
    Problem(Problem),
    /// The same with its place.
    Fault(Fault),
    /// The text is not JSON.
    Syntax(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => f.write_str(&problem.message_without_value()),
            Self::Fault(fault) => f.write_str(&fault.problem.message_without_value()),
            Self::Syntax(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::Problem(Problem::Other(problem.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Problem(Problem::Expected(expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Problem(Problem::Expected(expected.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Problem(Problem::Other(format!("has no {field}")))
    }
}
