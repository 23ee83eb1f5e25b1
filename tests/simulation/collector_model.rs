//! The rules of one collector's polls and their requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use liveperson_exporter::scheduler::{
    Outcome, PollSummary, RequestKey, TaskSettings, start_offset,
};

use super::model::SECOND;

/// What is known of one collector.
#[derive(Clone, Debug)]
pub(crate) struct CollectorModel {
    pub(crate) interval: Duration,
    phase: Duration,
    /// The next point of its grid.
    next_due: Instant,
    begun: bool,
    /// A poll was due while another ran.
    chained: bool,
    consecutive_failures: u32,
    pub(crate) resume_at: Option<Instant>,
    /// No poll may begin before this: a wait that a reload left.
    pub(crate) retry_wait: Option<Instant>,
    pub(crate) poll: Option<PollModel>,
    last_ended: Option<Instant>,
    last_size: usize,
    /// How each request ended when it was made last: whether it fails, and in which poll that was.
    records: BTreeMap<RequestKey, (bool, u64)>,
    /// What the last poll asked for.
    planned_last: BTreeSet<RequestKey>,
    /// Polls that have ended.
    polls: u64,
    /// Nothing was answered in the last one.
    last_poll_failed: bool,
    /// Polls that were missed when one began and that have not been counted yet.
    uncounted: u64,
    /// How often each other collector has gone first since this one was ready.
    pub(crate) passed: Vec<u32>,
    /// Whether the last poll succeeded, and when the last successful one ended.
    pub(crate) last_succeeded: Option<bool>,
    pub(crate) last_success: Option<Instant>,
    /// The same, with the time that the machine was suspended.
    pub(crate) last_success_aged: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct PollModel {
    began: Instant,
    spread_until: Instant,
    pub(crate) requests: Vec<RequestModel>,
    failed_in_a_row: u32,
    given_up_in_a_row: u32,
    answered: bool,
    /// One attempt each until one is answered.
    probing: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct RequestModel {
    key: RequestKey,
    pub(crate) state: State,
    pub(crate) failures: u32,
    refusals: u32,
    reattempted_401: bool,
    fails: bool,
    attempted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Ready(Instant),
    InFlight,
    Done,
    GivenUp,
}

impl CollectorModel {
    pub(crate) fn new(settings: &TaskSettings, others: usize, now: Instant) -> Self {
        Self {
            interval: settings.interval,
            phase: settings.phase,
            next_due: now,
            begun: false,
            chained: false,
            consecutive_failures: 0,
            resume_at: None,
            retry_wait: None,
            poll: None,
            last_ended: None,
            last_size: 0,
            records: BTreeMap::new(),
            planned_last: BTreeSet::new(),
            polls: 0,
            last_poll_failed: false,
            uncounted: 0,
            passed: vec![0; others],
            last_succeeded: None,
            last_success: None,
            last_success_aged: None,
        }
    }

    /// Whether a poll of it has ended.
    pub(crate) fn has_polled(&self) -> bool {
        self.last_ended.is_some()
    }

    /// Moves the grid beyond `now`; returns how many of its points were passed.
    fn pass(&mut self, now: Instant) -> u64 {
        if now < self.next_due {
            return 0;
        }
        let passed = (now - self.next_due).as_nanos() / self.interval.as_nanos() + 1;
        self.next_due += self.interval * u32::try_from(passed).unwrap();
        u64::try_from(passed).unwrap()
    }

    /// Its poll begins at `now`. `exact`: the driver was not late.
    pub(crate) fn begins(&mut self, now: Instant, exact: bool, keys: Vec<RequestKey>) {
        assert!(self.poll.is_none(), "a poll began while the last one ran");
        let retry_wait = self.retry_wait.take();
        assert!(
            retry_wait.is_none_or(|at| now >= at),
            "a reload cut a wait short"
        );
        let due = self.next_due;
        let passed = self.pass(now);
        self.uncounted = passed.saturating_sub(1);
        let (half, full) = (self.interval / 2, self.interval);
        let span = if let Some(at) = self.resume_at.take() {
            assert!(now >= at, "{:?} before its back-off ended", at - now);
            assert!(now == at || !exact, "{:?} after its back-off", now - at);
            // The grid stays; a poll that begins now need not begin again at once.
            if self.next_due < now + half {
                self.next_due += full;
            }
            (self.next_due - now).min(full)
        } else {
            assert!(
                passed > 0 || self.chained,
                "{:?} before it was due",
                due - now
            );
            let chained = self.chained && self.last_ended == Some(now);
            assert!(now == due || chained || !exact, "a poll began late");
            (self.next_due - now).max(half)
        };
        self.chained = false;
        let initial_burst = !std::mem::replace(&mut self.begun, true);
        let span = if initial_burst { Duration::ZERO } else { span };
        if initial_burst {
            self.next_due = now + self.phase;
        }
        let mut requests: Vec<_> = keys.iter().map(|key| self.request(*key, now)).collect();
        let mut order: Vec<usize> = (0..requests.len()).collect();
        // Those that succeeded, then those that fail; in each the one that waits longest comes first.
        order.sort_by_key(|i| {
            let new = (false, self.polls);
            let (fails, attempted) = self.records.get(&keys[*i]).copied().unwrap_or(new);
            let planned = self.planned_last.contains(&keys[*i]);
            (fails, if planned { attempted } else { self.polls })
        });
        for (place, index) in order.into_iter().enumerate() {
            let at = now + start_offset(span, place, keys.len());
            requests[index].state = State::Ready(at);
        }
        self.poll = Some(PollModel {
            began: now,
            spread_until: now + span,
            requests,
            failed_in_a_row: 0,
            given_up_in_a_row: 0,
            answered: false,
            probing: self.last_poll_failed,
        });
    }

    fn request(&self, key: RequestKey, at: Instant) -> RequestModel {
        RequestModel {
            key,
            state: State::Ready(at),
            failures: 0,
            refusals: 0,
            reattempted_401: false,
            fails: self.records.get(&key).is_some_and(|record| record.0),
            attempted: false,
        }
    }

    pub(crate) fn key(&self, index: usize) -> RequestKey {
        let poll = self.poll.as_ref().expect("a request without a poll");
        poll.requests[index].key
    }

    /// Requests of the running poll.
    pub(crate) fn requests(&self) -> usize {
        self.poll.as_ref().map_or(0, |poll| poll.requests.len())
    }

    /// Requests of the running poll, or else of the last one.
    pub(crate) fn requests_or_last(&self) -> usize {
        self.requests().max(self.last_size)
    }

    /// An answer adds requests.
    pub(crate) fn extended(&mut self, now: Instant, keys: &[RequestKey]) {
        let requests: Vec<_> = keys.iter().map(|key| self.request(*key, now)).collect();
        let poll = self.poll.as_mut().expect("more requests without a poll");
        let left = poll.spread_until.saturating_duration_since(now);
        for (index, mut request) in requests.into_iter().enumerate() {
            request.state = State::Ready(now + start_offset(left, index, keys.len()));
            poll.requests.push(request);
        }
    }

    /// Whether a request may be made once more after a 401.
    pub(crate) fn may_retry_401(&self, index: usize) -> bool {
        let poll = self.poll.as_ref();
        poll.is_some_and(|poll| !poll.requests[index].reattempted_401)
    }

    /// Whether a request was given up when it was asked last.
    pub(crate) fn fails(&self, index: usize) -> bool {
        let poll = self.poll.as_ref();
        poll.is_some_and(|poll| poll.requests[index].fails)
    }

    /// A request ended. `new_token`: it may be made again with another token.
    pub(crate) fn ended(&mut self, now: Instant, index: usize, outcome: Outcome, new_token: bool) {
        let poll = self.poll.as_mut().expect("an answer without a poll");
        let probing = poll.probing && !poll.answered;
        let request = &mut poll.requests[index];
        let single_attempt = request.fails || probing;
        assert_eq!(request.state, State::InFlight);
        let retry = match outcome {
            Outcome::Success { .. } => {
                request.state = State::Done;
                poll.answered = true;
                (poll.failed_in_a_row, poll.given_up_in_a_row) = (0, 0);
                return;
            }
            Outcome::Throttled { .. } => {
                request.refusals += 1;
                (request.refusals < 4 && !single_attempt).then_some(Duration::ZERO)
            }
            Outcome::Unauthorised if new_token => {
                request.reattempted_401 = true;
                Some(Duration::ZERO)
            }
            Outcome::Rejected => None,
            Outcome::Unauthorised | Outcome::Failed { .. } => {
                request.failures += 1;
                let again = request.failures <= 3 && !single_attempt;
                again.then(|| SECOND * 5 * request.failures)
            }
        };
        if let Some(wait) = retry {
            request.state = State::Ready(now + wait);
            return;
        }
        request.state = State::GivenUp;
        if !request.fails {
            poll.given_up_in_a_row += 1;
            poll.failed_in_a_row += u32::from(outcome != Outcome::Rejected);
        }
        let down = !poll.answered && poll.failed_in_a_row >= 3;
        if down || poll.given_up_in_a_row >= 20 {
            self.give_up();
        }
    }

    /// What is pending is given up.
    pub(crate) fn give_up(&mut self) {
        for request in self.poll.iter_mut().flat_map(|poll| &mut poll.requests) {
            if matches!(request.state, State::Ready(_)) {
                request.state = State::GivenUp;
            }
        }
    }

    /// The scheduler reports that the poll ended.
    pub(crate) fn poll_ended(&mut self, now: Instant, aged: Instant, summary: &PollSummary) {
        let poll = self
            .poll
            .take()
            .expect("the end of a poll that never began");
        let count = |state| poll.requests.iter().filter(|r| r.state == state).count();
        let (done, given_up) = (count(State::Done), count(State::GivenUp));
        assert_eq!(
            done + given_up,
            poll.requests.len(),
            "a poll ended too early"
        );
        assert_eq!((summary.succeeded, summary.given_up), (done, given_up));
        let succeeded = given_up == 0;
        assert_eq!(summary.is_success(), succeeded);
        assert_eq!(summary.duration, now - poll.began);
        let stretch = summary.duration.as_secs_f64() / self.interval.as_secs_f64();
        assert_eq!(summary.stretch, stretch.max(1.0));
        let backoff = (done == 0 && given_up > 0).then(|| {
            self.consecutive_failures += 1;
            SECOND * 60 * [2, 4, 8][(self.consecutive_failures as usize - 1).min(2)]
        });
        assert_eq!(
            summary.backoff, backoff,
            "after {} polls without any success",
            self.consecutive_failures
        );
        if backoff.is_none() {
            self.consecutive_failures = 0;
        }
        self.resume_at = backoff.map(|wait| now + wait);
        self.chained &= backoff.is_none();
        self.last_ended = Some(now);
        self.last_size = poll.requests.len();
        self.last_succeeded = Some(succeeded);
        if succeeded {
            self.last_success = Some(now);
            self.last_success_aged = Some(aged);
        }
        self.polls += 1;
        self.last_poll_failed = done == 0;
        self.planned_last = poll.requests.iter().map(|request| request.key).collect();
        for request in &poll.requests {
            let new = (false, self.polls - 1);
            let record = self.records.entry(request.key).or_insert(new);
            if request.attempted {
                let fails = request.state == State::GivenUp;
                let fails = if done > 0 { fails } else { record.0 };
                *record = (fails, self.polls);
            }
        }
    }

    /// The scheduler reports that polls were skipped.
    pub(crate) fn polls_skipped(&mut self, now: Instant, count: u64) {
        if self.uncounted > 0 {
            assert_eq!(count, std::mem::take(&mut self.uncounted), "polls missed");
            return;
        }
        assert!(
            self.poll.is_some() || self.resume_at.is_some(),
            "a poll was skipped for no reason"
        );
        assert_eq!(count, self.pass(now), "polls skipped and polls due differ");
        self.chained |= self.poll.is_some();
    }

    /// After every event: what was due has begun or was counted.
    pub(crate) fn is_up_to_date(&self, now: Instant) {
        assert!(self.next_due > now, "due, and neither begun nor counted");
        assert_eq!(self.uncounted, 0, "missed polls that were not counted");
        let waits = self.poll.is_some() || self.resume_at.is_some();
        assert!(waits || !self.chained, "late, and not begun");
        assert!(self.resume_at.is_none_or(|at| at > now), "not resumed");
    }

    /// A request starts.
    pub(crate) fn starts(&mut self, index: usize, now: Instant) {
        let held = self.resume_at.is_some_and(|at| now < at);
        assert!(!held, "a request during a back-off");
        let poll = self.poll.as_mut().expect("a request without a poll");
        let request = &mut poll.requests[index];
        let State::Ready(at) = request.state else {
            panic!("request {index} started while {:?}", request.state);
        };
        let failures = request.failures;
        assert!(
            now >= at,
            "request {index}, failed {failures} times, too early"
        );
        (request.state, request.attempted) = (State::InFlight, true);
    }

    pub(crate) fn ready_at(&self) -> Option<Instant> {
        let requests = self.poll.iter().flat_map(|poll| &poll.requests);
        let ready = requests.filter_map(|request| match request.state {
            State::Ready(at) => Some(at),
            _ => None,
        });
        ready.min()
    }

    pub(crate) fn waits(&self) -> impl Iterator<Item = Instant> {
        let requests = self.poll.iter().flat_map(|poll| &poll.requests);
        let retries = requests.filter_map(|request| match request.state {
            State::Ready(at) if request.failures > 0 => Some(at),
            _ => None,
        });
        retries.chain(self.resume_at).chain(self.retry_wait)
    }

    /// The same collector before the configuration changed.
    pub(crate) fn restore_from(&mut self, old: &Self, now: Instant, unchanged: bool) {
        let passed = std::mem::take(&mut self.passed);
        (self.last_succeeded, self.last_success) = (old.last_succeeded, old.last_success);
        self.last_success_aged = old.last_success_aged;
        if unchanged {
            let phase = self.phase;
            *self = Self {
                passed,
                phase,
                ..old.clone()
            };
            for request in self.poll.iter_mut().flat_map(|poll| &mut poll.requests) {
                if request.state == State::InFlight {
                    request.state = State::Ready(now);
                }
            }
            return;
        }
        self.passed = passed;
        self.consecutive_failures = old.consecutive_failures;
        self.resume_at = old.resume_at;
        if old.resume_at.is_some() {
            self.begun = old.begun;
            self.next_due = old.next_due.min(now + self.interval);
        } else if let Some(at) = old.waits().filter(|at| *at > now).max() {
            self.retry_wait = Some(at);
            self.next_due = at;
        }
    }

    /// What made it fail was repaired.
    pub(crate) fn repaired(&mut self, now: Instant) {
        self.consecutive_failures = 0;
        self.records.clear();
        self.planned_last.clear();
        (self.polls, self.last_poll_failed) = (0, false);
        if let Some(poll) = &mut self.poll {
            for request in &mut poll.requests {
                if let State::Ready(at) = &mut request.state
                    && request.failures > 0
                {
                    *at = now;
                }
                (request.failures, request.fails) = (0, false);
            }
            (poll.failed_in_a_row, poll.given_up_in_a_row) = (0, 0);
            poll.probing = false;
        }
        if self.resume_at.is_some() {
            (self.resume_at, self.begun) = (Some(now), false);
        } else if self.retry_wait.take().is_some() {
            self.next_due = now;
        }
    }
}
