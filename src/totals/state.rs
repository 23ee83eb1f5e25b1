//! What is kept on disk of an account's running totals: its form, versioned, and checked when read.
//!
//! Rows are lists and not mappings with names: an account can have a hundred thousand of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::book::BookState;
use super::counts::SeriesKey;
use super::ledger::{Ledger, Row};
use super::mark::Mark;
use super::resume::Lost;
use crate::vocabulary::Level;

/// The version of the form that is written, and the only one that is read.
const VERSION: u32 = 1;

/// How much of a damaged file's text an error repeats, in characters.
const LONGEST_EXCERPT: usize = 200;

/// The running totals of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountState {
    /// LivePerson's account id.
    pub account: String,
    /// When it was saved, in seconds since the epoch on our clock.
    pub saved_at: i64,
    /// The totals of each collector, by its label.
    pub collectors: BTreeMap<String, BookState>,
}

/// Why a saved state cannot be used.
#[derive(Debug)]
pub enum StateError {
    /// Not JSON, or not of this form.
    Unreadable(serde_json::Error),
    /// Another version of the form.
    Version(u64),
    /// The state of another account.
    Account(String),
    /// Numbers that cannot be.
    Inconsistent(&'static str),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => {
                write!(f, "it cannot be read: {}", excerpt(&error.to_string()))
            }
            Self::Version(version) => write!(
                f,
                "it has version {version}, and this exporter reads version {VERSION}"
            ),
            Self::Account(account) => {
                write!(f, "it belongs to account \"{}\"", excerpt(account))
            }
            Self::Inconsistent(what) => write!(f, "its numbers contradict each other: {what}"),
        }
    }
}

impl std::error::Error for StateError {}

/// The beginning of a text that may repeat what a damaged file holds, on one line.
fn excerpt(text: &str) -> String {
    let characters = text.chars().take(LONGEST_EXCERPT);
    characters
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

impl From<serde_json::Error> for StateError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    account: String,
    saved_at: i64,
    collectors: BTreeMap<String, CollectorState>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectorState {
    lost_seconds: i64,
    #[serde(default)]
    lost_from: i64,
    lost_until: i64,
    corrections: u64,
    requests: Vec<RequestState>,
}

/// The totals of one request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestState {
    anchor: Mark,
    answered: Option<i64>,
    layout: Vec<u32>,
    /// By level.
    totals: BTreeMap<String, Vec<RowState>>,
}

/// Ids, created, changed, base, served, and whether what is served was corrected, which is rare.
#[derive(Serialize, Deserialize)]
struct RowState(
    Vec<i64>,
    Mark,
    i64,
    Vec<f64>,
    Vec<Option<f64>>,
    #[serde(default, skip_serializing_if = "is_false")] bool,
);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Whether a number is a time, in seconds since the epoch, that a clock can show.
fn is_time(seconds: i64) -> bool {
    (0..=253_402_300_799).contains(&seconds)
}

/// Only the version, to tell an unknown one from a damaged file.
#[derive(Deserialize)]
struct AnyVersion {
    version: u64,
}

impl AccountState {
    /// Writes it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let collectors = self.collectors.iter();
        let file = File {
            version: VERSION,
            account: self.account.clone(),
            saved_at: self.saved_at,
            collectors: collectors
                .map(|(label, book_state)| (label.clone(), CollectorState::of(book_state)))
                .collect(),
        };
        serde_json::to_vec(&file)
    }

    /// Reads what was written for this account.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_json(account: &str, json: &[u8]) -> Result<Self, StateError> {
        let AnyVersion { version } = serde_json::from_slice(json)?;
        if version != u64::from(VERSION) {
            return Err(StateError::Version(version));
        }
        let file: File = serde_json::from_slice(json)?;
        if file.account != account {
            return Err(StateError::Account(file.account));
        }
        let mut collectors = BTreeMap::new();
        for (label, state) in file.collectors {
            collectors.insert(label, state.into_book_state()?);
        }
        Ok(Self {
            account: file.account,
            saved_at: file.saved_at,
            collectors,
        })
    }
}

impl CollectorState {
    fn of(book_state: &BookState) -> Self {
        let ledgers = book_state.ledgers.iter();
        Self {
            lost_seconds: book_state.lost.seconds,
            lost_from: book_state.lost.from,
            lost_until: book_state.lost.until,
            corrections: book_state.corrections,
            requests: ledgers
                .map(|(layout, ledger)| RequestState::of(layout, ledger))
                .collect(),
        }
    }

    fn into_book_state(self) -> Result<BookState, StateError> {
        let times = [self.lost_seconds, self.lost_from, self.lost_until];
        if !times.into_iter().all(is_time) || self.lost_from > self.lost_until {
            return Err(StateError::Inconsistent("impossible lost time"));
        }
        let requests = self.requests.into_iter();
        let ledgers: Result<Vec<_>, _> = requests.map(RequestState::into_ledger).collect();
        Ok(BookState {
            ledgers: ledgers?,
            lost: Lost {
                seconds: self.lost_seconds,
                from: self.lost_from,
                until: self.lost_until,
            },
            corrections: self.corrections,
            ..BookState::default()
        })
    }
}

impl RequestState {
    fn of(layout: &[u32], ledger: &Ledger) -> Self {
        let mut totals: BTreeMap<String, Vec<RowState>> = BTreeMap::new();
        for row in ledger.rows() {
            let level = totals.entry(row.key.level.label().to_owned());
            level.or_default().push(RowState::of(row));
        }
        Self {
            anchor: ledger.anchor(),
            answered: ledger.answered(),
            layout: layout.to_vec(),
            totals,
        }
    }

    fn into_ledger(self) -> Result<(Vec<u32>, Ledger), StateError> {
        let times = [self.anchor.seconds(), self.answered.unwrap_or(0)];
        if !self.anchor.is_valid() || !times.into_iter().all(is_time) {
            return Err(StateError::Inconsistent(
                "an anchor that is not a multiple of 5 minutes",
            ));
        }
        let mut rows = Vec::new();
        for (label, states) in self.totals {
            let Some(level) = Level::ALL.into_iter().find(|level| level.label() == label) else {
                return Err(StateError::Inconsistent("a level that does not exist"));
            };
            for state in states {
                rows.push((state.key(level)?, state));
            }
        }
        rows.sort_by_key(|(key, _)| *key);
        let mut ledger = Ledger::restored(self.anchor, self.answered);
        for (key, state) in rows {
            state.add_to(&mut ledger, key)?;
        }
        Ok((self.layout, ledger))
    }
}

impl RowState {
    fn of(row: Row<'_>) -> Self {
        let served = row.served.iter().map(|v| Some(*v).filter(|v| !v.is_nan()));
        Self(
            row.key.ids().to_vec(),
            row.created,
            row.changed,
            row.base.to_vec(),
            served.collect(),
            row.corrected,
        )
    }

    fn key(&self, level: Level) -> Result<SeriesKey, StateError> {
        let mut key = SeriesKey { level, ids: [0, 0] };
        if key.ids().len() != self.0.len() {
            return Err(StateError::Inconsistent("the wrong number of ids"));
        }
        key.ids[..self.0.len()].copy_from_slice(&self.0);
        Ok(key)
    }

    fn add_to(self, ledger: &mut Ledger, key: SeriesKey) -> Result<(), StateError> {
        let Self(_, created, changed, base, served, corrected) = self;
        let served: Vec<f64> = served.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        let is_count = |value: &f64| value.is_nan() || (0.0..f64::INFINITY).contains(value);
        let times = [created.seconds(), changed];
        if !created.is_valid()
            || !times.into_iter().all(is_time)
            || !base.iter().chain(&served).all(is_count)
        {
            return Err(StateError::Inconsistent("an impossible total"));
        }
        let row = Row {
            key,
            created,
            changed,
            corrected,
            base: &base,
            served: &served,
        };
        if ledger.push(row) {
            Ok(())
        } else {
            Err(StateError::Inconsistent(
                "rows of different lengths, or twice the same",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn numbers_that_no_clock_can_show_are_refused() {
        let file = |lost: &str, anchor: i64| {
            format!(
                r#"{{"version":1,"account":"1","saved_at":0,"collectors":{{"sla":{{{lost},
                "corrections":0,"requests":[{{"anchor":{anchor},"answered":600,"layout":[],
                "totals":{{}}}}]}}}}}}"#
            )
        };
        let plain = r#""lost_seconds":60,"lost_from":0,"lost_until":60"#;
        let read = |json: String| AccountState::from_json("1", json.as_bytes());
        assert!(read(file(plain, 600)).is_ok());
        check_each(
            [
                file(plain, i64::MAX / 300 * 300),
                file(r#""lost_seconds":-1,"lost_from":0,"lost_until":60"#, 600),
                file(
                    r#""lost_seconds":9223372036854775807,"lost_from":0,"lost_until":60"#,
                    600,
                ),
                file(
                    r#""lost_seconds":1,"lost_from":-9223372036854775808,"lost_until":60"#,
                    600,
                ),
                file(r#""lost_seconds":1,"lost_from":70,"lost_until":60"#, 600),
            ],
            |json| {
                let refused = read(json.clone()).unwrap_err();
                assert!(
                    matches!(refused, StateError::Inconsistent(_)),
                    "{json}: {refused}"
                );
            },
        );
    }
}
