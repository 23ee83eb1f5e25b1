//! What reading a body gives: a value and what was left out of it, or why there is none, in words
//! for an operator.

use super::{Fault, Ignored};
use crate::liveperson::excerpt;
use crate::liveperson::redactor::Redactor;

/// Longest part of a path or value that is shown, in characters.
const SHOWN: usize = 80;
/// Longest body that is searched for the words of an error.
const SEARCHED: usize = 64 * 1024;

/// A body that was read.
#[derive(Debug, PartialEq)]
pub struct Content<T> {
    /// What the body says.
    pub value: T,
    /// `meta.responseCode`, when there was an envelope.
    pub status: Option<u16>,
    /// Entries that could not be read and were left out.
    pub ignored: Option<Ignored>,
}

impl<T> Content<T> {
    /// Something else made of the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Content<U> {
        Content {
            value: f(self.value),
            status: self.status,
            ignored: self.ignored,
        }
    }

    /// The same, if the value can be made into something else.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn try_map<U>(
        self,
        f: impl FnOnce(T) -> Result<U, ReadError>,
    ) -> Result<Content<U>, ReadError> {
        Ok(Content {
            value: f(self.value)?,
            status: self.status,
            ignored: self.ignored,
        })
    }
}

/// Why a body could not be read.
#[derive(Debug, PartialEq)]
pub enum ReadError {
    /// The envelope says that this is not a success.
    Status(u16),
    /// A value is not what the API promises.
    Fault(Fault),
    /// Not JSON, or not whole.
    Syntax(String),
    /// Readable, but what was asked for is not in it. Free of LivePerson's words.
    Missing(String),
}

impl ReadError {
    /// The same without any of the body's own words, for bodies that may hold a token.
    pub(in crate::liveperson) fn without_excerpt(self, body: &[u8]) -> Self {
        match self {
            Self::Syntax(error) if !body.trim_ascii().is_empty() && !excerpt::is_html(body) => {
                Self::Missing(format!("not JSON ({error})"))
            }
            Self::Fault(Fault { path, problem, .. }) => match path.as_str() {
                "" => Self::Missing(format!("the body: {}", problem.message_without_value())),
                path => Self::Missing(format!("{path}: {}", problem.message_without_value())),
            },
            other => other,
        }
    }

    /// For an operator: what was found instead, with an excerpt where that helps.
    pub(in crate::liveperson) fn describe(&self, body: &[u8], redactor: &Redactor) -> String {
        match self {
            Self::Status(status) => format!("meta.responseCode is {status}"),
            Self::Fault(fault) => describe(fault, redactor),
            Self::Syntax(_) if body.trim_ascii().is_empty() => "the body is empty".to_owned(),
            Self::Syntax(_) if excerpt::is_html(body) => {
                let title = redactor.message(body.get(..SEARCHED).unwrap_or(body), true);
                format!("an HTML page instead of JSON: {title}")
            }
            Self::Syntax(error) => {
                format!("not JSON ({error}): {}", redactor.excerpt(body))
            }
            Self::Missing(what) => what.clone(),
        }
    }
}

/// A fault in words for an operator.
pub(in crate::liveperson) fn describe(fault: &Fault, redactor: &Redactor) -> String {
    let path = match fault.path.as_str() {
        "" => "the body".to_owned(),
        path => redactor.line(path, 3 * SHOWN),
    };
    let found = redactor.line(&fault.found, SHOWN);
    format!("{path}: {}", fault.problem.message(&found))
}
