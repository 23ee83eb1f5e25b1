//! How the requests of a collector fared when they were asked last, from one poll to the next.
//!
//! Some requests may fail for good: a group without permission, a skill that makes LivePerson time
//! out. They must cost little, and must keep no other request from being asked, wherever they stand
//! in the plan. So whoever was cut off comes first the next time, and those that fail come last.

use std::collections::HashMap;

use super::RequestKey;

/// A request that no poll has asked for so long is forgotten.
const FORGOTTEN_AFTER: u64 = 100;

/// What is known of a collector's requests.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    requests: HashMap<RequestKey, Standing>,
    /// Polls that have ended.
    polls: u64,
    /// Whether nothing was answered in the last one.
    failed_whole: bool,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    /// Given up when it was tried last, in a poll in which others were answered.
    fails: bool,
    /// The poll in which it was tried last.
    tried: u64,
    /// The last poll that planned it.
    planned: u64,
}

impl History {
    /// The order in which requests start, as indices: those that went well, then those that fail;
    /// in each the one first whose last try is longest ago. In a healthy collector that is the
    /// plan's order.
    pub(super) fn order(&self, keys: &[RequestKey]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|index| match self.requests.get(&keys[*index]) {
            Some(standing) => (standing.fails, standing.tried),
            // One that is new was not cut off.
            None => (false, self.polls),
        });
        order
    }

    /// Whether a request was given up when it was tried last.
    pub(super) fn is_known_to_fail(&self, key: RequestKey) -> bool {
        let standing = self.requests.get(&key);
        standing.is_some_and(|standing| standing.fails)
    }

    /// Whether nothing was answered in the last poll.
    pub(super) fn last_failed_whole(&self) -> bool {
        self.failed_whole
    }

    /// Whether the last poll had a request that failed.
    pub(super) fn has_failures(&self) -> bool {
        self.failed_whole || self.requests.values().any(|standing| standing.fails)
    }

    /// A poll ended; [`History::record`] is to be called for each of its requests.
    pub(super) fn poll_ended(&mut self, answered: bool) {
        self.polls += 1;
        self.failed_whole = !answered;
        let polls = self.polls;
        self.requests
            .retain(|_, standing| polls - standing.planned <= FORGOTTEN_AFTER);
    }

    /// How a request of the poll that ended fared. When nothing was answered LivePerson is to blame
    /// and not the request, and one whose turn never came is what it was.
    pub(super) fn record(&mut self, key: RequestKey, tried: bool, failed: bool) {
        let (polls, failed_whole) = (self.polls, self.failed_whole);
        let standing = self.requests.entry(key).or_insert(Standing {
            fails: false,
            tried: polls - 1,
            planned: polls,
        });
        standing.planned = polls;
        if tried {
            standing.tried = polls;
            if !failed_whole {
                standing.fails = failed;
            }
        }
    }
}
