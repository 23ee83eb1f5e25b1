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
            // One that is new, or back, was not cut off.
            None => (false, self.polls),
            Some(standing) if standing.planned < self.polls => (standing.fails, self.polls),
            Some(standing) => (standing.fails, standing.tried),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll in which each of these requests was planned; tried unless cut off, and well unless bad.
    fn poll(history: &mut History, planned: &[u64], cut_off: &[u64], bad: &[u64]) {
        history.poll_ended(
            planned
                .iter()
                .any(|n| !cut_off.contains(n) && !bad.contains(n)),
        );
        for n in planned {
            let tried = !cut_off.contains(n);
            history.record(RequestKey(*n), tried, !tried || bad.contains(n));
        }
    }

    fn order(history: &History, planned: &[u64]) -> Vec<usize> {
        let keys: Vec<_> = planned.iter().map(|n| RequestKey(*n)).collect();
        history.order(&keys)
    }

    #[test]
    fn who_was_cut_off_comes_first_and_who_fails_comes_last() {
        let mut history = History::default();
        let plan = [0, 1, 2, 3, 4];
        assert_eq!(order(&history, &plan), [0, 1, 2, 3, 4]);
        poll(&mut history, &plan, &[3, 4], &[1]);
        assert_eq!(order(&history, &plan), [3, 4, 0, 2, 1]);
        assert!(history.is_known_to_fail(RequestKey(1)));
        assert!(!history.is_known_to_fail(RequestKey(3)), "it had no turn");
        poll(&mut history, &plan, &[], &[]);
        assert_eq!(order(&history, &plan), [0, 1, 2, 3, 4]);
        assert!(!history.has_failures());
    }

    #[test]
    fn nobody_is_to_blame_when_nothing_was_answered() {
        let mut history = History::default();
        poll(&mut history, &[0, 1, 2], &[2], &[0, 1]);
        assert!(history.last_failed_whole() && history.has_failures());
        assert!((0..3).all(|n| !history.is_known_to_fail(RequestKey(n))));
        assert_eq!(order(&history, &[0, 1, 2]), [2, 0, 1]);
    }

    #[test]
    fn who_was_not_planned_for_a_while_takes_its_place_in_the_plan() {
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
