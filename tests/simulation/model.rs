//! The rules of polling as a model of their own: what must be true of an account now, computed from
//! what went in and came out and never from the poller's state.

use std::time::{Duration, Instant};

use liveperson_exporter::poll::{Call, Outcome, PollSummary, start_offset};

use super::drawn::Drawn;

const SECOND: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What is known of one account.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) in_flight: Vec<Call>,
    pub(crate) last_start: Option<Instant>,
    pub(crate) last_authorise: Option<Instant>,
    pub(crate) last_429: Option<Instant>,
    /// The last 429 of a call that started after the one before: what was under way when the
    /// account fell silent says nothing new.
    pub(crate) refused_at: Option<Instant>,
    pub(crate) paused_until: Option<Instant>,
    /// Waits of hosts and the token, as they were told.
    pub(crate) session_waits: Vec<(Call, Instant)>,
    pub(crate) collectors: Vec<CollectorModel>,
}

/// What is known of one collector.
#[derive(Debug)]
pub(crate) struct CollectorModel {
    pub(crate) interval: Duration,
    pub(crate) phase: Duration,
    pub(crate) plan: usize,
    /// The next point of its grid.
    pub(crate) next_due: Instant,
    pub(crate) begun: bool,
    pub(crate) failed_whole: u32,
    pub(crate) resume_at: Option<Instant>,
    /// Nothing may start before this: a wait that was inherited.
    pub(crate) hold: Option<Instant>,
    pub(crate) overdue: bool,
    pub(crate) poll: Option<PollModel>,
    /// How often each other collector has gone first since this one was ready.
    pub(crate) passed: Vec<u32>,
    pub(crate) skipped: u64,
    /// The last poll that ended: whole or not; and the last that ended whole.
    pub(crate) last_whole: Option<bool>,
    pub(crate) last_success: Option<Instant>,
    /// When each request of the plan last had a right answer.
    pub(crate) answered: Vec<Option<Instant>>,
}

#[derive(Debug)]
pub(crate) struct PollModel {
    pub(crate) began: Instant,
    pub(crate) quick: bool,
    pub(crate) requests: Vec<RequestModel>,
}

#[derive(Clone, Debug)]
pub(crate) struct RequestModel {
    pub(crate) state: State,
    pub(crate) failures: u32,
    pub(crate) retried_401: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Ready(Instant),
    InFlight,
    Done,
    GivenUp,
}

impl RequestModel {
    fn ready(at: Instant) -> Self {
        Self {
            state: State::Ready(at),
            failures: 0,
            retried_401: false,
        }
    }
}

impl Model {
    pub(crate) fn new(drawn: &Drawn, now: Instant) -> Self {
        let collectors = std::iter::zip(&drawn.settings.collectors, &drawn.plans);
        let others = drawn.plans.len();
        let collectors = collectors.map(|(settings, plan)| CollectorModel {
            interval: settings.interval,
            phase: settings.phase,
            plan: plan.fixed,
            next_due: now,
            begun: false,
            failed_whole: 0,
            resume_at: None,
            hold: None,
            overdue: false,
            poll: None,
            passed: vec![0; others],
            skipped: 0,
            last_whole: None,
            last_success: None,
            answered: vec![None; plan.fixed + plan.found],
        });
        Self {
            in_flight: Vec::new(),
            last_start: None,
            last_authorise: None,
            last_429: None,
            refused_at: None,
            paused_until: None,
            session_waits: Vec::new(),
            collectors: collectors.collect(),
        }
    }

    /// A 429 arrived: the account pauses at least 1 s, and at most 5 min.
    pub(crate) fn throttled(&mut self, now: Instant, asked: Option<Duration>, told: Duration) {
        let known = asked.map(|wait| wait.clamp(SECOND, LONGEST_PAUSE));
        let least = now + known.unwrap_or(SECOND);
        assert!(told >= SECOND, "a wait of {told:?} after a 429");
        assert!(told <= LONGEST_PAUSE, "a wait of {told:?} after a 429");
        assert!(now + told >= least, "asked for {known:?}, waits {told:?}");
        if let Some(old) = self.paused_until {
            assert!(now + told >= old, "a 429 cut a pause short");
        }
        self.paused_until = Some(now + told);
        self.last_429 = Some(now);
    }

    /// The end of the longest wait that must be shown, without the session's waits.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let waits = self.collectors.iter().flat_map(CollectorModel::waits);
        let waits = waits.chain(self.paused_until);
        waits.filter(|at| *at > now).max()
    }
}

impl CollectorModel {
    /// Its poll begins at `now`. `exact`: the driver was not late.
    pub(crate) fn begins(&mut self, now: Instant, exact: bool) {
        assert!(self.poll.is_none(), "a poll began while the last one ran");
        let resumed = self.resume_at.take();
        let due = match resumed {
            Some(at) => {
                assert!(
                    now >= at,
                    "a poll began {:?} before its back-off ended",
                    at - now
                );
                assert!(
                    now == at || !exact,
                    "a back-off was lengthened by {:?}",
                    now - at
                );
                now
            }
            None => {
                let due = self.next_due;
                assert!(now >= due, "a poll began {:?} before it was due", due - now);
                assert!(now == due || !exact, "a poll began {:?} late", now - due);
                let late = (now - due).as_nanos() / self.interval.as_nanos();
                due + self.interval * u32::try_from(late).unwrap()
            }
        };
        let quick = !self.begun;
        self.begun = true;
        self.next_due = if quick {
            now + self.phase
        } else {
            due + self.interval
        };
        let count = self.plan;
        let offset = |i| {
            if quick {
                Duration::ZERO
            } else {
                start_offset(self.interval, i, count)
            }
        };
        let requests = (0..count).map(|i| RequestModel::ready(due + offset(i)));
        self.poll = Some(PollModel {
            began: now,
            quick,
            requests: requests.collect(),
        });
    }

    /// A request got an answer.
    pub(crate) fn ended(&mut self, now: Instant, index: usize, outcome: Outcome, more: usize) {
        let interval = self.interval;
        let poll = self.poll.as_mut().expect("an answer without a poll");
        let request = &mut poll.requests[index];
        assert_eq!(request.state, State::InFlight);
        let retry = match outcome {
            Outcome::Success { .. } => {
                request.state = State::Done;
                self.answered[index] = Some(now);
                None
            }
            Outcome::Throttled { .. } => Some(Duration::ZERO),
            Outcome::Unauthorised if !request.retried_401 => {
                request.retried_401 = true;
                Some(Duration::ZERO)
            }
            Outcome::Rejected => None,
            Outcome::Unauthorised | Outcome::Failed { .. } => {
                request.failures += 1;
                (request.failures <= 3).then(|| SECOND * 5 * request.failures)
            }
        };
        match retry {
            Some(wait) => request.state = State::Ready(now + wait),
            None if request.state == State::InFlight => request.state = State::GivenUp,
            None => {}
        }
        let left = (poll.began + interval).saturating_duration_since(now);
        let left = if poll.quick { Duration::ZERO } else { left };
        let found = (0..more).map(|i| RequestModel::ready(now + start_offset(left, i, more)));
        poll.requests.extend(found);
    }

    /// Hosts or token cannot be had.
    pub(crate) fn give_up(&mut self) {
        for request in self.poll.iter_mut().flat_map(|poll| &mut poll.requests) {
            if matches!(request.state, State::Ready(_)) {
                request.state = State::GivenUp;
            }
        }
    }

    /// The poller says that the poll ended.
    pub(crate) fn poll_ended(&mut self, now: Instant, summary: &PollSummary) {
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
        let whole = given_up == 0;
        assert_eq!(summary.whole(), whole);
        let backoff = (done == 0 && given_up > 0).then(|| {
            self.failed_whole += 1;
            SECOND * 60 * [2, 4, 8][(self.failed_whole as usize - 1).min(2)]
        });
        assert_eq!(
            summary.backoff, backoff,
            "after {} polls that failed whole",
            self.failed_whole
        );
        if backoff.is_none() {
            self.failed_whole = 0;
        }
        self.resume_at = backoff.map(|wait| now + wait);
        self.last_whole = Some(whole);
        if whole {
            self.last_success = Some(now);
        }
        if std::mem::take(&mut self.overdue) {
            self.next_due = now;
        }
    }

    /// The poller says that polls were skipped.
    pub(crate) fn polls_skipped(&mut self, now: Instant, count: u64) {
        self.skipped += count;
        let due = self.next_due;
        if due > now {
            return;
        }
        assert!(
            self.poll.is_some() || self.resume_at.is_some(),
            "a poll was skipped for no reason"
        );
        let passed = (now - due).as_nanos() / self.interval.as_nanos() + 1;
        assert_eq!(
            u128::from(count),
            passed,
            "polls skipped and polls due differ"
        );
        self.next_due = due + self.interval * u32::try_from(passed).unwrap();
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
        retries.chain(self.resume_at).chain(self.hold)
    }
}
