//! Reading JSON the way LivePerson writes it: in an envelope or bare, numbers as integers, doubles
//! or strings, fields in any order, unknown ones in between, the same one twice.
//!
//! An API describes its answer with types that derive `Deserialize`; for single values it takes
//! [`number`], [`count`], [`integer`], [`text`] and [`flag`], for objects [`object`], for maps keyed
//! by ids [`numeric_map`] and for lists [`EntryList`]. [`read`] and [`read_list`] do the rest:
//!
//! 1. `envelope` has serde_json read the body once, straight into these types.
//! 2. Only a body that is refused is read a second time: `repair` replaces what no parser takes,
//!    and `second_reading` leaves out and counts entries of maps and lists that cannot be read, so
//!    that one odd agent does not take the numbers of all the others with it. What is not an entry has
//!    to be right, and is reported with its path.

mod collections;
mod content;
mod envelope;
mod object;
mod progress;
mod repair;
mod second_reading;
mod split;
#[cfg(test)]
pub(crate) mod testing;
mod values;

use std::borrow::Cow;

pub(super) use collections::ascending;
pub use collections::{EntryList, NumericKey, NumericMap, numeric_map};
pub(super) use content::describe;
pub use content::{Content, ReadError};
pub use envelope::{read, read_list};
pub use object::{object, object_or_default};
pub(super) use values::MaybeNumber;
pub use values::{count, flag, integer, number, required_integer, text};

/// Most ids, names or buckets that one answer may hold. Far above any account, and far below what
/// a body of `limits.max_response_bytes` full of empty objects would become in memory.
const MAX_ENTRIES: usize = 1_000_000;

/// The key of an object, borrowed from the body unless it has escapes.
#[derive(serde::Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

/// Entries that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignored {
    /// How many; never 0.
    pub count: u64,
    /// What is wrong with the first of them.
    pub first: Fault,
}

/// A value that is not what the API promises. Its strings are LivePerson's, unshortened: only a
/// redactor may let them out.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Field names, ids and indexes from the top, joined by dots.
    pub path: String,
    /// The value, or a word for its kind.
    pub found: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is not what is expected: `a number`.
    Expected(String),
    /// Anything else, to be read after the value: `is negative`.
    Other(String),
}

impl Problem {
    /// The message about a value that was found.
    fn message(&self, found: &str) -> String {
        match self {
            Self::Expected(what) => format!("expected {what}, found {found}"),
            Self::Other(text) => format!("{found} {text}"),
        }
    }

    /// The message about a value that is not repeated.
    fn message_without_value(&self) -> String {
        match self {
            Self::Expected(what) => format!("expected {what}"),
            Self::Other(text) => format!("the value {text}"),
        }
    }
}
