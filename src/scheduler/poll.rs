//! One running poll: the progress of each of its requests, and when the rest is not worth making.

use std::time::{Duration, Instant};

use super::backoff::wait_after_failed_request;
use super::history::History;
use super::{NextAction, PlannedRequest, RequestIndex, RequestKey};

#[cfg(test)]
mod tests;

/// A request that was refused with 429 this often is given up for its poll: one that is always
/// throttled must not delay the end of the poll.
const MAX_REFUSALS: u32 = 4;

/// So many requests given up in a row by failures, and none answered yet: LivePerson is down, and
/// the rest of the poll would only find out the same.
const FAILURES_WITHOUT_ANSWER: u32 = 3;

/// So many requests given up in a row for any reason end the poll even when some were answered
/// before. Many, because LivePerson that refuses some may well answer others.
const GIVEN_UP_IN_A_ROW: u32 = 20;

/// A poll under way.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    began: Instant,
    /// Until when its requests are spread.
    spread_until: Instant,
    requests: Vec<Request>,
    /// Requests given up in a row by failures, and by anything; without those known to fail.
    failed_in_a_row: u32,
    given_up_in_a_row: u32,
    answered: bool,
    /// Nothing was answered in the last poll: one attempt each, until one is answered.
    probing: bool,
    /// Whether something failed that may succeed soon, in a poll that does not retry requests.
    transient_failure: bool,
}

#[derive(Clone, Debug)]
struct Request {
    key: RequestKey,
    progress: Progress,
    failures: u32,
    refusals: u32,
    /// Whether it has been tried once more after a 401.
    retried_after_401: bool,
    /// Given up when it was asked last: it gets one attempt.
    known_to_fail: bool,
    attempted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Pending { not_before: Instant },
    InFlight,
    Done,
    GivenUp,
}

/// How the requests of a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PollResult {
    pub(super) succeeded: usize,
    pub(super) given_up: usize,
    /// Whether something failed that may succeed soon; only known of polls that do not retry.
    pub(super) transient_failure: bool,
}

impl Poll {
    /// A poll whose requests start evenly spread over `span`, from `now` on.
    pub(super) fn begin(
        now: Instant,
        span: Duration,
        plan: Vec<PlannedRequest>,
        history: &History,
    ) -> Self {
        let count = plan.len();
        let keys: Vec<RequestKey> = plan.iter().map(|planned| planned.key).collect();
        let mut requests: Vec<_> = keys
            .iter()
            .map(|key| Request::pending(*key, now, history))
            .collect();
        for (place, index) in history.order(&keys).into_iter().enumerate() {
            let not_before = plan[index].start.moment(now, span, place, count);
            requests[index].progress = Progress::Pending { not_before };
        }
        Self {
            began: now,
            spread_until: now + span,
            requests,
            failed_in_a_row: 0,
            given_up_in_a_row: 0,
            answered: false,
            probing: history.last_poll_failed(),
            transient_failure: false,
        }
    }

    /// Adds requests, spread over what is left of the time that this poll's requests have.
    pub(super) fn extend(&mut self, now: Instant, added: Vec<PlannedRequest>, history: &History) {
        let left = self.spread_until.saturating_duration_since(now);
        let count = added.len();
        for (place, planned) in added.into_iter().enumerate() {
            let at = planned.start.moment(now, left, place, count);
            self.requests
                .push(Request::pending(planned.key, at, history));
        }
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Requests it holds.
    pub(super) fn size(&self) -> usize {
        self.requests.len()
    }

    /// The pending request that may start first, and from when on.
    pub(super) fn next_pending(&self) -> Option<(Instant, RequestIndex, RequestKey)> {
        let pending = self.requests.iter().enumerate().filter_map(|(i, r)| {
            let Progress::Pending { not_before } = r.progress else {
                return None;
            };
            Some((not_before, RequestIndex::new(i), r.key))
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

    /// What made requests fail was repaired: no retry is waited for any more.
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

    pub(super) fn started(&mut self, index: RequestIndex) {
        if let Some(request) = self.requests.get_mut(index.index()) {
            request.progress = Progress::InFlight;
            request.attempted = true;
        }
    }

    pub(super) fn succeeded(&mut self, index: RequestIndex) {
        (self.failed_in_a_row, self.given_up_in_a_row) = (0, 0);
        self.answered = true;
        if let Some(request) = self.requests.get_mut(index.index()) {
            request.progress = Progress::Done;
        }
    }

    /// The request is wrong or not allowed: not to be tried again.
    pub(super) fn rejected(&mut self, index: RequestIndex) -> NextAction {
        self.give_up(index, false)
    }

    /// A 429: tried again as soon as the account may call, up to [`MAX_REFUSALS`]; `None` then.
    pub(super) fn refused(&mut self, index: RequestIndex, now: Instant) -> Option<NextAction> {
        let single_attempt = self.has_single_attempt(index);
        let request = self.requests.get_mut(index.index())?;
        request.refusals += 1;
        if request.refusals < MAX_REFUSALS && !single_attempt {
            request.progress = Progress::Pending { not_before: now };
            return None;
        }
        Some(self.give_up(index, true))
    }

    /// Whether a request is not to be tried again in this poll however it fails.
    fn has_single_attempt(&self, index: RequestIndex) -> bool {
        let known = |request: &Request| request.known_to_fail;
        self.requests.get(index.index()).is_some_and(known) || (self.probing && !self.answered)
    }

    /// Tried again after 5, 10 and 15 s, then given up; at once when it was given up last time.
    pub(super) fn failed(&mut self, index: RequestIndex, now: Instant) -> NextAction {
        let single_attempt = self.has_single_attempt(index);
        let Some(request) = self.requests.get_mut(index.index()) else {
            return NextAction::GiveUp;
        };
        request.failures += 1;
        let wait = wait_after_failed_request(request.failures).filter(|_| !single_attempt);
        let Some(wait) = wait else {
            return self.give_up(index, true);
        };
        let not_before = now + wait;
        request.progress = Progress::Pending { not_before };
        NextAction::RetryAfter(wait)
    }

    /// Whether a request may be tried again with a new token: once a poll.
    pub(super) fn may_retry_after_401(&self, index: RequestIndex) -> bool {
        let request = self.requests.get(index.index());
        request.is_some_and(|request| !request.retried_after_401)
    }

    /// Whether a request was given up when it was asked last.
    pub(super) fn is_known_to_fail(&self, index: RequestIndex) -> bool {
        let request = self.requests.get(index.index());
        request.is_some_and(|request| request.known_to_fail)
    }

    /// A 401: the request is tried once more.
    pub(super) fn retry_after_401(&mut self, index: RequestIndex, now: Instant) -> NextAction {
        if let Some(request) = self.requests.get_mut(index.index()) {
            request.retried_after_401 = true;
            request.progress = Progress::Pending { not_before: now };
        }
        NextAction::RetryWithNewToken
    }

    fn give_up(&mut self, index: RequestIndex, failed: bool) -> NextAction {
        if let Some(request) = self.requests.get_mut(index.index()) {
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

    /// A failure that may pass, in a poll that does not retry: the rest waits for the next poll.
    pub(super) fn give_up_for_now(&mut self, index: RequestIndex) -> NextAction {
        self.transient_failure = true;
        self.give_up_pending();
        self.give_up(index, false)
    }

    /// The host that the requests need is not available; `transient` says whether it may be soon.
    pub(super) fn give_up_without_host(&mut self, transient: bool) {
        self.transient_failure |= transient;
        self.give_up_pending();
    }

    /// What the pending requests need is not available, or they are not worth asking.
    pub(super) fn give_up_pending(&mut self) {
        for request in &mut self.requests {
            if matches!(request.progress, Progress::Pending { .. }) {
                request.progress = Progress::GivenUp;
            }
        }
    }

    /// How it ended; `None` while a request is pending or under way.
    pub(super) fn result(&self) -> Option<PollResult> {
        let (succeeded, given_up) = (self.count(Progress::Done), self.count(Progress::GivenUp));
        (succeeded + given_up == self.requests.len()).then_some(PollResult {
            succeeded,
            given_up,
            transient_failure: self.transient_failure,
        })
    }

    fn count(&self, progress: Progress) -> usize {
        let of = self.requests.iter().filter(|r| r.progress == progress);
        of.count()
    }

    /// What later polls must know of this one.
    pub(super) fn record(&self, history: &mut History) {
        let answered = self.requests.iter().any(|r| r.progress == Progress::Done);
        history.poll_ended(answered);
        for request in &self.requests {
            let failed = request.progress == Progress::GivenUp;
            history.record(request.key, request.attempted, failed);
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
            attempted: false,
        }
    }
}
