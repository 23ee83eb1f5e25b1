//! How the requests of a task ended when they were made last, from one poll to the next.
//!
//! Some requests always fail: a group without permission, a skill that makes LivePerson time out.
//! They must cost little, and must keep no other request from being made, wherever they stand in the
//! plan. So those that were cut off come first the next time, and those that fail come last.

use std::collections::HashMap;

use super::RequestKey;

/// A request that so many polls in a row did not plan is forgotten.
const FORGOTTEN_AFTER: u64 = 100;

/// What is known of a task's requests.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    requests: HashMap<RequestKey, Record>,
    /// Polls that have ended.
    polls: u64,
    /// Whether nothing was answered in the last one.
    last_poll_failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    /// Given up when it was made last, in a poll in which others were answered.
    fails: bool,
    /// The poll in which it was made last.
    attempted: u64,
    /// The last poll that planned it.
    planned: u64,
}

impl History {
    /// The order in which requests start, as indices: those that succeeded, then those that fail;
    /// in each the one first whose last attempt is longest ago. When all succeed that is the plan's
    /// order.
    pub(super) fn order(&self, keys: &[RequestKey]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|index| match self.requests.get(&keys[*index]) {
            // One that is new, or back, was not cut off.
            None => (false, self.polls),
            Some(record) if record.planned < self.polls => (record.fails, self.polls),
            Some(record) => (record.fails, record.attempted),
        });
        order
    }

    /// Whether a request was given up when it was made last.
    pub(super) fn is_known_to_fail(&self, key: RequestKey) -> bool {
        let record = self.requests.get(&key);
        record.is_some_and(|record| record.fails)
    }

    /// Whether nothing was answered in the last poll.
    pub(super) fn last_poll_failed(&self) -> bool {
        self.last_poll_failed
    }

    /// Whether the last poll had a request that failed.
    pub(super) fn has_failures(&self) -> bool {
        self.last_poll_failed || self.requests.values().any(|record| record.fails)
    }

    /// A poll ended; [`History::record`] is to be called for each of its requests.
    pub(super) fn poll_ended(&mut self, answered: bool) {
        self.polls += 1;
        self.last_poll_failed = !answered;
        let polls = self.polls;
        self.requests
            .retain(|_, record| polls - record.planned <= FORGOTTEN_AFTER);
    }

    /// Records a request of the poll that ended. When nothing was answered the cause is LivePerson and
    /// not the request; and one that was not attempted keeps its record.
    pub(super) fn record(&mut self, key: RequestKey, attempted: bool, given_up: bool) {
        let polls = self.polls;
        let record = self.requests.entry(key).or_insert(Record {
            fails: false,
            attempted: polls - 1,
            planned: polls,
        });
        record.planned = polls;
        if attempted {
            record.attempted = polls;
            if !self.last_poll_failed {
                record.fails = given_up;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll in which each of these requests was planned; made unless cut off, answered unless bad.
    fn poll(history: &mut History, planned: &[u64], cut_off: &[u64], bad: &[u64]) {
        history.poll_ended(
            planned
                .iter()
                .any(|n| !cut_off.contains(n) && !bad.contains(n)),
        );
        for n in planned {
            let attempted = !cut_off.contains(n);
            history.record(RequestKey(*n), attempted, !attempted || bad.contains(n));
        }
    }

    fn order(history: &History, planned: &[u64]) -> Vec<usize> {
        let keys: Vec<_> = planned.iter().map(|n| RequestKey(*n)).collect();
        history.order(&keys)
    }

    #[test]
    fn requests_cut_off_come_first_and_failing_ones_last() {
        let mut history = History::default();
        let plan = [0, 1, 2, 3, 4];
        assert_eq!(order(&history, &plan), [0, 1, 2, 3, 4]);
        poll(&mut history, &plan, &[3, 4], &[1]);
        assert_eq!(order(&history, &plan), [3, 4, 0, 2, 1]);
        assert!(history.is_known_to_fail(RequestKey(1)));
        assert!(
            !history.is_known_to_fail(RequestKey(3)),
            "it was not attempted"
        );
        poll(&mut history, &plan, &[], &[]);
        assert_eq!(order(&history, &plan), [0, 1, 2, 3, 4]);
        assert!(!history.has_failures());
    }

    #[test]
    fn no_request_is_known_to_fail_when_nothing_was_answered() {
        let mut history = History::default();
        poll(&mut history, &[0, 1, 2], &[2], &[0, 1]);
        assert!(history.last_poll_failed() && history.has_failures());
        assert!((0..3).all(|n| !history.is_known_to_fail(RequestKey(n))));
        assert_eq!(order(&history, &[0, 1, 2]), [2, 0, 1]);
    }

    #[test]
    fn requests_not_planned_for_a_while_return_to_plan_order() {
        let mut history = History::default();
        poll(&mut history, &[0, 1, 2], &[], &[2]);
        poll(&mut history, &[0], &[], &[]);
        assert_eq!(order(&history, &[1, 0, 3, 2]), [0, 1, 2, 3]);
        for _ in 0..=FORGOTTEN_AFTER {
            poll(&mut history, &[0], &[], &[]);
        }
        assert!(!history.is_known_to_fail(RequestKey(2)), "forgotten");
        assert_eq!(history.requests.len(), 1);
    }
}
