//! What the methods of the Operational Realtime API have in common: their paths and lists of ids.

use crate::liveperson::percent_encode;
use crate::vocabulary::{Id, Window};

/// The window of a probe, in minutes: the smallest answer there is.
pub const PROBE_MINUTES: u16 = 5;

/// The window of a probe.
pub const PROBE_WINDOW: Window = Window::Minutes(PROBE_MINUTES);

/// A list of ids in a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdFilter<I> {
    /// The word `all`.
    All,
    /// Ids, comma separated.
    Ids(Vec<I>),
}

impl<I: Id> IdFilter<I> {
    /// Whether the answer names this id, if LivePerson knows of it.
    pub fn contains(&self, id: I) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(&id),
        }
    }
}

/// Path and query of one call, with literal commas.
#[derive(Debug)]
pub struct OperationsPath {
    path: String,
    separator: char,
}

impl OperationsPath {
    /// `/operations/api/account/{account}/{method}`.
    pub fn new(account: &str, method: &str) -> Self {
        let account = percent_encode(account);
        Self {
            path: format!("/operations/api/account/{account}/{method}"),
            separator: '?',
        }
    }

    /// Adds a parameter. Names and values are the program's own words and numbers: nothing is escaped.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.path.push(self.separator);
        self.path.push_str(name);
        self.path.push('=');
        self.path.push_str(value);
        self.separator = '&';
        self
    }

    /// Adds a list of ids, if there is one.
    #[must_use]
    pub fn with_ids<I: Id>(self, name: &str, ids: Option<&IdFilter<I>>) -> Self {
        match ids {
            None => self,
            Some(IdFilter::All) => self.with(name, "all"),
            Some(IdFilter::Ids(ids)) => self.with(name, &commas(ids)),
        }
    }

    /// The path, with the version of the API at its end.
    pub fn version(self, version: &str) -> String {
        self.with("v", version).path
    }
}

/// Values with commas in between.
pub fn commas<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(",")
}

/// A number of chats as it is written for a reader: not `-0`, which is the sum of nothing, and no more
/// digits than mean anything.
pub fn count(number: f64) -> String {
    let hundredths = (number * 100.0).round() / 100.0;
    if hundredths.abs() < 1e15 {
        format!("{}", hundredths + 0.0)
    } else {
        format!("{number:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn numbers_of_chats_are_written_for_people() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (std::iter::empty::<f64>().sum(), "0"),
            (17.0, "17"),
            (0.1 + 0.2, "0.3"),
            (-0.001, "0"),
            (1e300, "1e300"),
        ];
        check_each(cases, |(number, text)| {
            assert_eq!(count(number), text, "{number:?}");
        });
    }
}
