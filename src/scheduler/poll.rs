//! One running poll: how far each of its requests has come, and when the rest is not worth asking.

use std::time::{Duration, Instant};

use super::backoff::wait_after_failed_request;
use super::history::History;
use super::spread::start_offset;
use super::{NextAction, RequestKey};

/// A request that was refused with 429 this often is given up for its poll: one that is throttled
/// for good must not hold the end of the poll up.
const MOST_REFUSALS: u32 = 4;

/// So many requests given up in a row by failures, and none answered yet: LivePerson is down, and
/// the rest of the poll would only find out the same.
const FAILURES_WITHOUT_ANSWER: u32 = 3;

/// So many requests given up in a row for whatever reason end the poll even when some were answered
/// before. Many, because LivePerson that refuses some may well answer others.
const GIVEN_UP_IN_A_ROW: u32 = 20;

/// A poll under way.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    pub(super) began: Instant,
    /// Until when its requests are spread.
    spread_until: Instant,
    requests: Vec<Request>,
    /// Requests given up in a row by failures, and by anything; without those known to fail.
    failed_in_a_row: u32,
    given_up_in_a_row: u32,
    answered: bool,
    /// The last poll failed whole: one try each, until one is answered.
    probing: bool,
    /// In the background: whether something failed that may go well soon.
    pub(super) worth_another_try: bool,
}

#[derive(Clone, Debug)]
struct Request {
    key: RequestKey,
    progress: Progress,
    failures: u32,
    refusals: u32,
    /// Whether it had its one more try after a 401.
    retried_after_401: bool,
    /// Given up when it was asked last: it gets one try.
    known_to_fail: bool,
    tried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Pending { not_before: Instant },
    InFlight,
    Done,
    GivenUp,
}

/// How many requests of a poll ended how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) succeeded: usize,
    pub(super) given_up: usize,
}

impl Poll {
    /// A poll whose requests start evenly spread over `span`, from `now` on.
    pub(super) fn begin(
        now: Instant,
        span: Duration,
        keys: Vec<RequestKey>,
        history: &History,
    ) -> Self {
        let count = keys.len();
        let order = history.order(&keys);
        let mut requests: Vec<_> = keys
            .into_iter()
            .map(|key| Request::pending(key, now, history))
            .collect();
        for (place, index) in order.into_iter().enumerate() {
            let not_before = now + start_offset(span, place, count);
            requests[index].progress = Progress::Pending { not_before };
        }
        Self {
            began: now,
            spread_until: now + span,
            requests,
            failed_in_a_row: 0,
            given_up_in_a_row: 0,
            answered: false,
            probing: history.last_failed_whole(),
            worth_another_try: false,
        }
    }

    /// Adds requests, spread over what is left of the time that this poll's requests have.
    pub(super) fn extend(&mut self, now: Instant, keys: Vec<RequestKey>, history: &History) {
        let left = self.spread_until.saturating_duration_since(now);
        let count = keys.len();
        for (index, key) in keys.into_iter().enumerate() {
            let at = now + start_offset(left, index, count);
            self.requests.push(Request::pending(key, at, history));
        }
    }

    /// Requests it holds.
    pub(super) fn size(&self) -> usize {
        self.requests.len()
    }

    /// The pending request that may start first, and from when on.
    pub(super) fn next_pending(&self) -> Option<(Instant, usize)> {
        let pending = self.requests.iter().enumerate().filter_map(|(i, r)| {
            let Progress::Pending { not_before } = r.progress else {
                return None;
            };
            Some((not_before, i))
        });
        pending.min()
    }

    /// The waits of requests that failed.
    pub(super) fn retry_waits(&self) -> impl Iterator<Item = Instant> {
        self.requests.iter().filter_map(|r| match r.progress {
            Progress::Pending { not_before } if r.failures > 0 => Some(not_before),
            _ => None,
        })
    }

    /// The calls under way are gone, answers and all: they are made again.
    pub(super) fn requeue_in_flight(&mut self, now: Instant) {
        for request in &mut self.requests {
            if request.progress == Progress::InFlight {
                request.progress = Progress::Pending { not_before: now };
            }
        }
    }

    /// What made requests fail was mended: nobody waits for a retry any more.
    pub(super) fn clear_failures(&mut self, now: Instant) {
        for request in &mut self.requests {
            if let Progress::Pending { not_before } = &mut request.progress
                && request.failures > 0
            {
                *not_before = now;
            }
            request.failures = 0;
            request.known_to_fail = false;
        }
        self.probing = false;
        (self.failed_in_a_row, self.given_up_in_a_row) = (0, 0);
    }

    pub(super) fn started(&mut self, index: usize) {
        if let Some(request) = self.requests.get_mut(index) {
            request.progress = Progress::InFlight;
            request.tried = true;
        }
    }

    pub(super) fn succeeded(&mut self, index: usize) {
        (self.failed_in_a_row, self.given_up_in_a_row) = (0, 0);
        self.answered = true;
        if let Some(request) = self.requests.get_mut(index) {
            request.progress = Progress::Done;
        }
    }

    /// The request is wrong or not allowed: not to be tried again.
    pub(super) fn rejected(&mut self, index: usize) -> NextAction {
        self.give_up(index, false)
    }

    /// A 429: tried again as soon as the account speaks again, up to [`MOST_REFUSALS`]; `None` then.
    pub(super) fn refused(&mut self, index: usize, now: Instant) -> Option<NextAction> {
        let one_try = self.has_one_try(index);
        let request = self.requests.get_mut(index)?;
        request.refusals += 1;
        if request.refusals < MOST_REFUSALS && !one_try {
            request.progress = Progress::Pending { not_before: now };
            return None;
        }
        Some(self.give_up(index, true))
    }

    /// Whether a request is not to be tried again in this poll however it fails.
    fn has_one_try(&self, index: usize) -> bool {
        let known = |request: &Request| request.known_to_fail;
        self.requests.get(index).is_some_and(known) || (self.probing && !self.answered)
    }

    /// Tried again after 5, 10 and 15 s, then given up; at once when it was given up last time.
    pub(super) fn failed(&mut self, index: usize, now: Instant) -> NextAction {
        let one_try = self.has_one_try(index);
        let Some(request) = self.requests.get_mut(index) else {
            return NextAction::GiveUp;
        };
        request.failures += 1;
        let wait = wait_after_failed_request(request.failures).filter(|_| !one_try);
        let Some(wait) = wait else {
            return self.give_up(index, true);
        };
        let not_before = now + wait;
        request.progress = Progress::Pending { not_before };
        NextAction::RetryAfter(wait)
    }

    /// Whether a request may have another try with a fresh token: once a poll.
    pub(super) fn may_retry_after_401(&self, index: usize) -> bool {
        let request = self.requests.get(index);
        request.is_some_and(|request| !request.retried_after_401)
    }

    /// Whether a request was given up when it was asked last.
    pub(super) fn is_known_to_fail(&self, index: usize) -> bool {
        let request = self.requests.get(index);
        request.is_some_and(|request| request.known_to_fail)
    }

    /// A 401: the request has its one more try.
    pub(super) fn retry_after_401(&mut self, index: usize, now: Instant) -> NextAction {
        if let Some(request) = self.requests.get_mut(index) {
            request.retried_after_401 = true;
            request.progress = Progress::Pending { not_before: now };
        }
        NextAction::RetryWithNewToken
    }

    fn give_up(&mut self, index: usize, failed: bool) -> NextAction {
        if let Some(request) = self.requests.get_mut(index) {
            request.progress = Progress::GivenUp;
            // Those known to fail say nothing new about the rest.
            if !request.known_to_fail {
                self.given_up_in_a_row += 1;
                self.failed_in_a_row += u32::from(failed);
            }
        }
        let down = !self.answered && self.failed_in_a_row >= FAILURES_WITHOUT_ANSWER;
        if down || self.given_up_in_a_row >= GIVEN_UP_IN_A_ROW {
            self.give_up_pending();
        }
        NextAction::GiveUp
    }

    /// What the pending requests need cannot be had, or they are not worth asking.
    pub(super) fn give_up_pending(&mut self) {
        for request in &mut self.requests {
            if matches!(request.progress, Progress::Pending { .. }) {
                request.progress = Progress::GivenUp;
            }
        }
    }

    /// How it ended; `None` while a request is pending or under way.
    pub(super) fn ended(&self) -> Option<Tally> {
        let count = |wanted| {
            let of = self.requests.iter().filter(|r| r.progress == wanted);
            of.count()
        };
        let (succeeded, given_up) = (count(Progress::Done), count(Progress::GivenUp));
        (succeeded + given_up == self.requests.len()).then_some(Tally {
            succeeded,
            given_up,
        })
    }

    /// What later polls must know of this one.
    pub(super) fn record(&self, history: &mut History) {
        let answered = self.requests.iter().any(|r| r.progress == Progress::Done);
        history.poll_ended(answered);
        for request in &self.requests {
            let failed = request.progress == Progress::GivenUp;
            history.record(request.key, request.tried, failed);
        }
    }
}

impl Request {
    fn pending(key: RequestKey, not_before: Instant, history: &History) -> Self {
        Self {
            key,
            progress: Progress::Pending { not_before },
            failures: 0,
            refusals: 0,
            retried_after_401: false,
            known_to_fail: history.is_known_to_fail(key),
            tried: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn keys(count: u64) -> Vec<RequestKey> {
        (0..count).map(RequestKey).collect()
    }

    fn begin(now: Instant, count: u64) -> Poll {
        Poll::begin(now, 60 * SECOND, keys(count), &History::default())
    }

    #[test]
    fn a_request_is_given_up_after_four_refusals_of_its_own() {
        let now = Instant::now();
        let mut poll = begin(now, 2);
        poll.succeeded(1);
        for refusal in 1..=4 {
            assert_eq!(poll.ended(), None, "before refusal {refusal}");
            poll.started(0);
            let given_up = poll.refused(0, now);
            assert_eq!(given_up, (refusal == 4).then_some(NextAction::GiveUp));
        }
        let (succeeded, given_up) = (1, 1);
        let tally = Tally {
            succeeded,
            given_up,
        };
        assert_eq!(poll.ended(), Some(tally));
    }

    #[test]
    fn a_request_given_up_last_time_gets_one_try() {
        let now = Instant::now();
        let mut poll = begin(now, 2);
        poll.started(1);
        poll.succeeded(1);
        for _ in 0..3 {
            poll.started(0);
            assert!(matches!(poll.failed(0, now), NextAction::RetryAfter(_)));
        }
        poll.started(0);
        assert_eq!(poll.failed(0, now), NextAction::GiveUp);
        let mut history = History::default();
        poll.record(&mut history);
        let mut next = Poll::begin(now, SECOND, keys(2), &history);
        assert!(next.is_known_to_fail(0) && !next.is_known_to_fail(1));
        next.started(0);
        assert_eq!(next.failed(0, now), NextAction::GiveUp);
        next.started(1);
        assert_eq!(next.failed(1, now), NextAction::RetryAfter(5 * SECOND));
    }

    #[test]
    fn three_failures_without_an_answer_end_the_poll_and_the_next_one_probes() {
        let now = Instant::now();
        let mut poll = begin(now, 5);
        for index in 0..3 {
            assert_eq!(poll.ended(), None);
            for _ in 0..4 {
                poll.started(index);
                poll.failed(index, now);
            }
        }
        assert_eq!(poll.ended().map(|tally| tally.given_up), Some(5));
        let mut history = History::default();
        poll.record(&mut history);
        let mut next = Poll::begin(now, 5 * SECOND, keys(5), &history);
        let at = |index: usize| match next.requests[index].progress {
            Progress::Pending { not_before } => not_before - now,
            _ => unreachable!(),
        };
        assert_eq!([3, 4, 0, 1, 2].map(at), [0, 1, 2, 3, 4].map(|n| n * SECOND));
        next.started(3);
        assert_eq!(next.failed(3, now), NextAction::GiveUp, "one try each");
        next.started(4);
        next.succeeded(4);
        next.started(0);
        assert_eq!(
            next.failed(0, now),
            NextAction::RetryAfter(5 * SECOND),
            "it is back"
        );
    }

    #[test]
    fn rejections_cut_off_the_rest_after_twenty_in_a_row_and_known_ones_never() {
        let now = Instant::now();
        let mut history = History::default();
        let mut poll = begin(now, 50);
        for index in 0..19 {
            poll.started(index);
            poll.rejected(index);
        }
        poll.started(19);
        poll.succeeded(19);
        for index in 20..40 {
            assert_eq!(poll.ended(), None, "before {index}");
            poll.started(index);
            poll.rejected(index);
        }
        assert_eq!(poll.ended().map(|tally| tally.succeeded), Some(1));
        poll.record(&mut history);
        let mut next = Poll::begin(now, SECOND, keys(50), &history);
        for index in (0..19).chain(20..40) {
            next.started(index);
            next.rejected(index);
            assert_eq!(next.ended(), None, "after {index}");
        }
    }
}
