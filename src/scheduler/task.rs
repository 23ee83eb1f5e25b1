//! One task: when its polls begin, and what follows from how they end.
//!
//! A task is what is polled at one interval: a collector of data, or the names. It is in one of the
//! three [`State`]s that `docs/polling.md` draws.

use std::time::{Duration, Instant};

use super::history::History;
use super::poll::{Poll, PollResult};
use super::{Event, PlanSource, PlannedRequest, PollSummary, RequestIndex, RequestKey, ServiceId};
use super::{TaskId, TaskPolicy};

/// What the scheduler must know of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSettings {
    /// Time between the beginnings of two polls.
    pub interval: Duration,
    /// From the first poll, which starts its requests in a burst, to the first regular one.
    pub phase: Duration,
    /// The service whose host its requests need; `None` when the host is given.
    pub service: Option<ServiceId>,
    /// How it behaves beside the other tasks.
    pub policy: TaskPolicy,
}

#[derive(Clone, Debug)]
pub(super) struct Task {
    id: TaskId,
    settings: TaskSettings,
    state: State,
    /// The next point of the grid that polls begin on. It moves in whole intervals only, through
    /// failures and back-off too, so the period cannot drift and phases stay apart.
    next_due: Instant,
    /// Whether the next poll is an initial burst: its requests start at the spacing, so that there
    /// is data within seconds, and the grid begins one phase after it.
    initial_burst: bool,
    history: History,
    /// Polls in a row that ended in a back-off.
    consecutive_failures: u32,
    /// Whether a poll has ended yet.
    has_polled: bool,
    /// The turn at which a request of this task started last; the task that has waited longest
    /// goes first, so that a slow API cannot starve another.
    pub(super) last_turn: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// No poll runs; the next one begins on its own.
    Waiting(NextPoll),
    /// A poll runs.
    Polling {
        poll: Poll,
        /// Whether another poll became due meanwhile: it begins when this one has ended.
        next_poll_chained: bool,
    },
    /// No poll begins before the end of this wait after a failed one.
    BackingOff { until: Instant },
}

/// When the next poll begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextPoll {
    /// At the next point of the grid.
    OnGrid,
    /// At once: it became due while the last one was running.
    Chained,
    /// At the next point of the grid, which is the end of a wait that a changed configuration left
    /// of a failed request.
    AfterRetryWait,
}

impl Task {
    pub(super) fn new(id: TaskId, settings: TaskSettings, now: Instant) -> Self {
        Self {
            id,
            settings,
            state: State::Waiting(NextPoll::OnGrid),
            next_due: now,
            initial_burst: true,
            history: History::default(),
            consecutive_failures: 0,
            has_polled: false,
            last_turn: 0,
        }
    }

    pub(super) fn id(&self) -> TaskId {
        self.id
    }

    pub(super) fn policy(&self) -> &TaskPolicy {
        &self.settings.policy
    }

    pub(super) fn service(&self) -> Option<ServiceId> {
        self.settings.service
    }

    pub(super) fn has_polled(&self) -> bool {
        self.has_polled
    }

    /// Takes over from the same task under an older configuration. One that asks for the same as
    /// before continues where it was, running poll and all; only calls under way are lost, and
    /// made again. Another begins at once, but not before the end of a wait after a failure.
    pub(super) fn restore_from(&mut self, old: &Self, now: Instant, unchanged: bool) {
        if unchanged {
            *self = Self {
                id: self.id,
                settings: self.settings.clone(),
                ..old.clone()
            };
            if let State::Polling { poll, .. } = &mut self.state {
                poll.requeue_in_flight(now);
            }
            return;
        }
        self.last_turn = old.last_turn;
        self.consecutive_failures = old.consecutive_failures;
        if let State::BackingOff { until } = old.state {
            // One that is backing off has had its initial burst.
            self.initial_burst = old.initial_burst;
            self.state = State::BackingOff { until };
            self.next_due = old.next_due.min(now + self.settings.interval);
        } else if let Some(at) = old.backoff_until(now) {
            // The poll that was waiting for a retry is lost, but not its wait.
            self.state = State::Waiting(NextPoll::AfterRetryWait);
            self.next_due = at;
        }
    }

    /// What made its calls fail was repaired: no wait after a failure holds it back any more.
    pub(super) fn clear_failures(&mut self, now: Instant) {
        self.consecutive_failures = 0;
        if self.policy().polls_once_repaired && self.history.has_failures() {
            self.next_due = now;
        }
        self.history = History::default();
        match &mut self.state {
            State::Polling { poll, .. } => poll.clear_failures(now),
            State::BackingOff { until } => {
                // As after a start: the operator who fixed the cause expects to see the result.
                *until = now;
                self.initial_burst = true;
            }
            State::Waiting(next @ NextPoll::AfterRetryWait) => {
                *next = NextPoll::OnGrid;
                self.next_due = now;
            }
            State::Waiting(_) => {}
        }
    }

    /// Requests it holds.
    pub(super) fn size(&self) -> usize {
        self.poll().map_or(0, Poll::size)
    }

    /// Whether there is anything for `advance` to do.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_wake(now)
    }

    /// When something is to be done next without any call ending.
    pub(super) fn next_wake(&self, now: Instant) -> Instant {
        match self.state {
            State::Waiting(NextPoll::Chained) => now,
            State::Waiting(_) | State::Polling { .. } => self.next_due,
            State::BackingOff { until } => until.min(self.next_due),
        }
    }

    /// Begins the poll that is due at `now`, or counts it as skipped.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        plans: &mut dyn PlanSource,
        events: &mut Vec<Event>,
    ) {
        let due = self.pass_due_points(now);
        let skipped = due.saturating_sub(u64::from(self.may_begin(now)));
        if skipped > 0 {
            events.push(Event::PollsSkipped {
                task: self.id,
                count: skipped,
            });
        }
        match &mut self.state {
            State::Polling {
                next_poll_chained, ..
            } => *next_poll_chained |= due > 0,
            State::BackingOff { until } if now < *until => {}
            State::BackingOff { .. } => self.begin_after_backoff(now, plans),
            State::Waiting(next) => {
                if due > 0 || *next == NextPoll::Chained {
                    self.begin_due(now, plans);
                }
            }
        }
    }

    /// Moves the grid beyond `now`; returns how many of its points were passed.
    fn pass_due_points(&mut self, now: Instant) -> u64 {
        let Some(late) = now.checked_duration_since(self.next_due) else {
            return 0;
        };
        let interval = self.settings.interval.max(Duration::from_nanos(1));
        let passed = late.as_nanos() / interval.as_nanos() + 1;
        self.next_due += interval * u32::try_from(passed).unwrap_or(u32::MAX);
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    fn may_begin(&self, now: Instant) -> bool {
        match self.state {
            State::Waiting(_) => true,
            State::Polling { .. } => false,
            State::BackingOff { until } => now >= until,
        }
    }

    fn begin_after_backoff(&mut self, now: Instant, plans: &mut dyn PlanSource) {
        // The grid stays; but a poll that begins now need not begin again at once.
        if self.next_due < now + self.settings.interval / 2 {
            self.next_due += self.settings.interval;
        }
        let burst = self.initial_burst || self.policy().bursts_after_backoff;
        let span = if burst {
            Duration::ZERO
        } else {
            (self.next_due - now).min(self.settings.interval)
        };
        self.begin(now, span, plans);
    }

    fn begin_due(&mut self, now: Instant, plans: &mut dyn PlanSource) {
        let span = if self.initial_burst {
            Duration::ZERO
        } else {
            // A late one catches up with the grid, though not in a burst.
            (self.next_due - now).max(self.settings.interval / 2)
        };
        self.begin(now, span, plans);
    }

    /// Begins a poll whose requests start evenly spread over `span`.
    fn begin(&mut self, now: Instant, span: Duration, plans: &mut dyn PlanSource) {
        let plan = plans.begin_poll(self.id);
        self.state = State::Polling {
            poll: Poll::begin(now, span, plan, &self.history),
            next_poll_chained: false,
        };
        if std::mem::take(&mut self.initial_burst) {
            self.next_due = now + self.settings.phase;
        }
    }

    /// Adds requests to the running poll.
    pub(super) fn extend(&mut self, now: Instant, added: Vec<PlannedRequest>) {
        if let State::Polling { poll, .. } = &mut self.state {
            poll.extend(now, added, &self.history);
        }
    }

    /// The pending request that may start first, and from when on.
    pub(super) fn next_pending(&self) -> Option<(Instant, RequestIndex, RequestKey)> {
        self.poll()?.next_pending()
    }

    /// When its next request may start; `None` while all that are left are under way.
    pub(super) fn next_call(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Polling {
                poll,
                next_poll_chained,
            } => match poll.next_pending() {
                Some((not_before, ..)) => Some(not_before),
                None if *next_poll_chained => None,
                None => Some(self.next_due),
            },
            State::BackingOff { until } => Some(*until),
            State::Waiting(_) => Some(self.next_wake(now)),
        }
    }

    /// The end of the longest wait after a failure that lasts at `now`.
    pub(super) fn backoff_until(&self, now: Instant) -> Option<Instant> {
        let until = match &self.state {
            State::Polling { poll, .. } => poll.retry_waits().max(),
            State::BackingOff { until } => Some(*until),
            State::Waiting(NextPoll::AfterRetryWait) => Some(self.next_due),
            State::Waiting(_) => None,
        };
        until.filter(|at| *at > now)
    }

    fn poll(&self) -> Option<&Poll> {
        match &self.state {
            State::Polling { poll, .. } => Some(poll),
            _ => None,
        }
    }

    /// The running poll; calls of polls that are no more change nothing.
    pub(super) fn poll_mut(&mut self) -> Option<&mut Poll> {
        match &mut self.state {
            State::Polling { poll, .. } => Some(poll),
            _ => None,
        }
    }

    /// Ends the poll when nothing of it is pending or under way.
    pub(super) fn end_if_done(&mut self, now: Instant, events: &mut Vec<Event>) {
        let State::Polling {
            poll,
            next_poll_chained,
        } = &self.state
        else {
            return;
        };
        let Some(result) = poll.result() else { return };
        let (began, chained) = (poll.began(), *next_poll_chained);
        poll.record(&mut self.history);
        self.has_polled = true;
        let backoff = self.count_failure(result);
        self.state = match backoff {
            Some(wait) => State::BackingOff { until: now + wait },
            None if chained => State::Waiting(NextPoll::Chained),
            None => State::Waiting(NextPoll::OnGrid),
        };
        let duration = now.saturating_duration_since(began);
        events.push(Event::PollEnded {
            task: self.id,
            summary: PollSummary {
                duration,
                stretch: stretch(duration, self.settings.interval),
                succeeded: result.succeeded,
                given_up: result.given_up,
                backoff,
            },
        });
    }

    /// Counts a poll that ended in failure; returns how long the task backs off, if it does.
    fn count_failure(&mut self, result: PollResult) -> Option<Duration> {
        if !self.policy().backs_off_after(result) {
            self.consecutive_failures = 0;
            return None;
        }
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let interval = self.settings.interval;
        Some(self.policy().backoff(self.consecutive_failures, interval))
    }
}

/// The time a poll took over its interval, at least 1.
fn stretch(duration: Duration, interval: Duration) -> f64 {
    let interval = interval.as_secs_f64().max(f64::MIN_POSITIVE);
    (duration.as_secs_f64() / interval).max(1.0)
}
