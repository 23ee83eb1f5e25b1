//! The request log: the last calls, so that tests can count them and people can see what a client
//! does. A call is noted when it arrives, so that one given up by the client is seen, too.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// How many calls are remembered.
const LENGTH: usize = 10_000;
/// How much of a URL is remembered.
const LONGEST_PATH: usize = 2_048;

/// One call of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// `engactivity`, `sla`, `token`, `domain`, `names`, or `other` for a path that is no API's.
    pub api: &'static str,
    /// The HTTP method.
    pub method: String,
    /// Path and query as they were sent, at most 2,048 bytes.
    pub path: String,
    /// The status answered; none while it is under way, and for ever when the connection was
    /// dropped or the client did not wait.
    pub status: Option<u16>,
    /// When it arrived, since the simulator started.
    pub at: Duration,
}

/// The log.
pub(super) struct Journal {
    start: Instant,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// How many entries are gone from the front.
    gone: usize,
    records: VecDeque<RequestRecord>,
}

impl Journal {
    /// An empty log whose time begins now.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
        }
    }

    /// Notes a call that has arrived; its number is for [`Self::answered`].
    pub(super) fn arrived(&self, api: &'static str, method: &str, path: &str) -> usize {
        let mut cut = path.len().min(LONGEST_PATH);
        while !path.is_char_boundary(cut) {
            cut -= 1;
        }
        let record = RequestRecord {
            api,
            method: method.chars().take(32).collect(),
            path: path[..cut].to_owned(),
            status: None,
            at: self.start.elapsed(),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.records.len() == LENGTH {
            entries.records.pop_front();
            entries.gone += 1;
        }
        entries.records.push_back(record);
        entries.gone + entries.records.len() - 1
    }

    /// Notes how the call was answered, unless it is forgotten already.
    pub(super) fn answered(&self, number: usize, status: u16) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let place = number.checked_sub(entries.gone);
        if let Some(record) = place.and_then(|place| entries.records.get_mut(place)) {
            record.status = Some(status);
        }
    }

    /// The calls, oldest first.
    pub(super) fn list(&self) -> Vec<RequestRecord> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.records.iter().cloned().collect()
    }

    /// Forgets all calls.
    pub(super) fn clear(&self) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.gone += entries.records.len();
        entries.records.clear();
    }
}

/// The log as the control path shows it; `at_ms` is milliseconds since the start.
pub(super) fn json(records: &[RequestRecord]) -> Value {
    let record = |record: &RequestRecord| {
        json!({
            "api": record.api,
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "at_ms": u64::try_from(record.at.as_millis()).unwrap_or(u64::MAX),
        })
    };
    records.iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_calls_and_its_numbers() {
        let journal = Journal::new();
        let first = journal.arrived("sla", "GET", "/first");
        for _ in 0..LENGTH {
            journal.arrived("sla", "GET", "/x");
        }
        let last = journal.arrived("token", "POST", &"é".repeat(5_000));
        journal.answered(first, 500);
        journal.answered(last, 200);
        let records = journal.list();
        assert_eq!(records.len(), LENGTH);
        assert!(records.iter().all(|record| record.path != "/first"));
        assert_eq!(records[LENGTH - 1].status, Some(200));
        assert_eq!(records[LENGTH - 1].path.len(), LONGEST_PATH);
        assert_eq!(
            records
                .iter()
                .filter(|record| record.status.is_some())
                .count(),
            1
        );
        journal.clear();
        journal.answered(last, 404);
        assert!(journal.list().is_empty());
    }
}
