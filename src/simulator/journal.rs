//! The request log: the last calls, so that tests can count them and a user can see what a client
//! does. A call is recorded when it arrives, so that one cancelled by the client is seen, too.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How many calls are remembered.
const LENGTH: usize = 10_000;
/// How much of a URL is remembered.
const LONGEST_PATH: usize = 2_048;

/// One call of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The [name](super::apis::Api::name) of the API, such as `sla`, or `other` for a path of none.
    pub api: &'static str,
    /// The HTTP method.
    pub method: String,
    /// Path and query as they were sent, at most 2,048 bytes.
    pub path: String,
    /// The status of the response; `None` while the call is in progress, and for good when the
    /// connection was dropped or the client did not wait.
    pub status: Option<u16>,
    /// When it arrived, since the simulator started.
    pub at: Duration,
}

/// A call in the log, counted from the first since the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallNumber(usize);

/// The log.
pub(super) struct Journal {
    start: Instant,
    /// The lock is held to add, change or copy entries.
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// How many entries were removed from the front.
    removed: usize,
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

    /// Records a call that has arrived.
    pub(super) fn record_arrival(&self, api: &'static str, method: &str, path: &str) -> CallNumber {
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
        let mut entries = self.entries.lock();
        if entries.records.len() == LENGTH {
            entries.records.pop_front();
            entries.removed += 1;
        }
        entries.records.push_back(record);
        CallNumber(entries.removed + entries.records.len() - 1)
    }

    /// Records the response to a call, unless the call was removed already.
    pub(super) fn record_status(&self, number: CallNumber, status: u16) {
        let mut entries = self.entries.lock();
        let position = number.0.checked_sub(entries.removed);
        if let Some(record) = position.and_then(|position| entries.records.get_mut(position)) {
            record.status = Some(status);
        }
    }

    /// The calls, oldest first.
    pub(super) fn list(&self) -> Vec<RequestRecord> {
        let entries = self.entries.lock();
        entries.records.iter().cloned().collect()
    }

    /// Removes all calls.
    pub(super) fn clear(&self) {
        let mut entries = self.entries.lock();
        entries.removed += entries.records.len();
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
    fn the_log_keeps_the_last_calls_and_their_statuses() {
        let journal = Journal::new();
        let first = journal.record_arrival("sla", "GET", "/first");
        for _ in 0..LENGTH {
            journal.record_arrival("sla", "GET", "/x");
        }
        let last = journal.record_arrival("token", "POST", &"é".repeat(5_000));
        journal.record_status(first, 500);
        journal.record_status(last, 200);
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
        journal.record_status(last, 404);
        assert!(journal.list().is_empty());
    }
}
