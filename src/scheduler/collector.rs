//! One collector: when its polls begin, and what follows from how they end.

use std::time::{Duration, Instant};

use super::backoff::{wait_after_failed_background_poll, wait_after_failed_poll};
use super::history::History;
use super::poll::Poll;
use super::{Event, NextAction, PlanSource, RequestKey};

/// What the scheduler must know of a collector.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorSettings {
    /// Time between the beginnings of two polls.
    pub interval: Duration,
    /// From the first poll, which is quick, to the first regular one.
    pub phase: Duration,
    /// Index of the service whose host its requests need; `None` when the host is given.
    pub service: Option<usize>,
}

/// How a poll ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PollSummary {
    /// From its beginning to the end of its last request.
    pub duration: Duration,
    /// The time it took over its collector's interval, at least 1.
    pub stretch: f64,
    /// Requests that gave a usable answer.
    pub succeeded: usize,
    /// Requests that were given up.
    pub given_up: usize,
    /// The wait before the next poll, when no request succeeded.
    pub backoff: Option<Duration>,
}

impl PollSummary {
    /// A poll succeeds only as a whole.
    pub fn is_success(&self) -> bool {
        self.given_up == 0
    }
}

#[derive(Clone, Debug)]
pub(super) struct Collector {
    settings: CollectorSettings,
    /// The next point of the grid that polls begin on. It moves in whole intervals only, through
    /// failures and back-off too, so the period cannot drift and phases stay apart.
    next_due: Instant,
    /// Whether a poll became due while the last one was running: it begins when that is through.
    late: bool,
    poll: Option<Poll>,
    history: History,
    /// Polls in a row in which nothing succeeded.
    failed_whole: u32,
    /// The end of the back-off after such a poll.
    resume_at: Option<Instant>,
    /// Whether a poll has begun yet: the first one is quick.
    begun: bool,
    /// Whether it only fills gaps: it begins once all the others have been polled, tries nothing
    /// twice in a poll, and fetches no token.
    background: bool,
    /// Whether a poll has ended yet.
    polled: bool,
    /// The turn at which a request of this collector started last; the collector that has waited
    /// longest goes first, so that a slow API cannot starve another.
    pub(super) last_turn: u64,
    /// The end of a wait that a lost poll of an older configuration left.
    held_until: Option<Instant>,
}

impl Collector {
    pub(super) fn new(settings: CollectorSettings, now: Instant) -> Self {
        Self {
            settings,
            next_due: now,
            late: false,
            poll: None,
            history: History::default(),
            failed_whole: 0,
            resume_at: None,
            begun: false,
            background: false,
            polled: false,
            last_turn: 0,
            held_until: None,
        }
    }

    /// A collector whose calls matter less than any other's.
    pub(super) fn in_background(settings: CollectorSettings, now: Instant) -> Self {
        Self {
            background: true,
            ..Self::new(settings, now)
        }
    }

    pub(super) fn is_background(&self) -> bool {
        self.background
    }

    pub(super) fn has_polled(&self) -> bool {
        self.polled
    }

    pub(super) fn service(&self) -> Option<usize> {
        self.settings.service
    }

    /// Takes over from the same collector under an older configuration. One that asks for the same
    /// as before continues where it was, running poll and all; only calls under way are lost, and
    /// made again. Another begins at once, but not before the end of a wait after a failure.
    pub(super) fn restore_from(&mut self, old: &Self, now: Instant, unchanged: bool) {
        if unchanged {
            let settings = self.settings.clone();
            *self = old.clone();
            self.settings = settings;
            if let Some(poll) = &mut self.poll {
                poll.requeue_in_flight(now);
            }
            return;
        }
        self.last_turn = old.last_turn;
        self.failed_whole = old.failed_whole;
        self.resume_at = old.resume_at;
        if old.resume_at.is_some() {
            // A collector that is backing off has had its quick first poll.
            self.begun = old.begun;
            self.next_due = old.next_due.min(now + self.settings.interval);
        } else if let Some(at) = old.backoff_until(now) {
            // The poll that was waiting to try again is lost, but not its wait.
            self.held_until = Some(at);
            self.next_due = at;
        }
    }

    /// What made its calls fail was mended: it waits for nothing any more.
    pub(super) fn clear_failures(&mut self, now: Instant) {
        self.failed_whole = 0;
        if self.background && self.history.has_failures() {
            self.next_due = now;
        }
        self.history = History::default();
        if let Some(poll) = &mut self.poll {
            poll.clear_failures(now);
        }
        if self.resume_at.is_some() {
            // As after a start: whoever mended it wants to see it.
            (self.resume_at, self.begun) = (Some(now), false);
        } else if self.held_until.take().is_some() {
            self.next_due = now;
        }
    }

    /// Requests it holds.
    pub(super) fn size(&self) -> usize {
        self.poll.as_ref().map_or(0, Poll::size)
    }

    /// Whether there is anything for `advance` to do.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_wake(now).is_some_and(|at| now >= at)
    }

    /// Begins the poll that is due at `now`, or counts it as skipped.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        index: usize,
        plans: &mut dyn PlanSource,
        events: &mut Vec<Event>,
    ) {
        let waits = self.poll.is_some() || self.resume_at.is_some_and(|at| now < at);
        let due = self.pass_due_points(now);
        if let count @ 1.. = due.saturating_sub(usize::from(!waits)) {
            events.push(Event::PollsSkipped {
                collector: index,
                count: u64::try_from(count).unwrap_or(u64::MAX),
            });
        }
        if waits {
            self.late |= due > 0 && self.poll.is_some();
        } else if self.resume_at.take().is_some() {
            // The grid stays; but what begins now need not begin again in a moment.
            if self.next_due < now + self.settings.interval / 2 {
                self.next_due += self.settings.interval;
            }
            let span = (self.next_due - now).min(self.settings.interval);
            let quick = !self.begun || self.background;
            self.begin(now, if quick { Duration::ZERO } else { span }, index, plans);
        } else if due > 0 || std::mem::take(&mut self.late) {
            self.late = false;
            if self.begun {
                // A late one catches up with the grid, though not in a burst.
                let span = (self.next_due - now).max(self.settings.interval / 2);
                self.begin(now, span, index, plans);
            } else {
                self.begin(now, Duration::ZERO, index, plans);
            }
        }
    }

    /// Moves the grid beyond `now`; returns how many of its points were passed.
    fn pass_due_points(&mut self, now: Instant) -> usize {
        let Some(late) = now.checked_duration_since(self.next_due) else {
            return 0;
        };
        let interval = self.settings.interval.max(Duration::from_nanos(1));
        let passed = late.as_nanos() / interval.as_nanos() + 1;
        self.next_due += interval * u32::try_from(passed).unwrap_or(u32::MAX);
        usize::try_from(passed).unwrap_or(usize::MAX)
    }

    fn begin(&mut self, now: Instant, span: Duration, index: usize, plans: &mut dyn PlanSource) {
        let keys = plans.begin_poll(index);
        self.poll = Some(Poll::begin(now, span, keys, &self.history));
        if !std::mem::replace(&mut self.begun, true) {
            self.next_due = now + self.settings.phase;
        }
    }

    /// Adds requests to the running poll.
    pub(super) fn extend(&mut self, now: Instant, more: Vec<RequestKey>) {
        if let Some(poll) = &mut self.poll {
            poll.extend(now, more, &self.history);
        }
    }

    /// When something is to be done next without any call ending.
    pub(super) fn next_wake(&self, now: Instant) -> Option<Instant> {
        if self.poll.is_none() && self.resume_at.is_none() && self.late {
            return Some(now);
        }
        let resume_at = self.resume_at.filter(|_| self.poll.is_none());
        Some(resume_at.map_or(self.next_due, |at| at.min(self.next_due)))
    }

    /// The pending request that may start first, and from when on.
    pub(super) fn next_pending(&self) -> Option<(Instant, usize)> {
        self.poll.as_ref()?.next_pending()
    }

    /// The end of the longest wait after a failure that lasts at `now`.
    pub(super) fn backoff_until(&self, now: Instant) -> Option<Instant> {
        let retries = self.poll.iter().flat_map(Poll::retry_waits);
        let waits = retries.chain(self.resume_at).chain(self.held_until);
        waits.filter(|at| *at > now).max()
    }

    /// The running poll; calls of polls that are no more change nothing.
    pub(super) fn poll(&mut self) -> Option<&mut Poll> {
        self.poll.as_mut()
    }

    /// A request in the background failed in a way that may pass: so would the rest of the poll,
    /// and each try takes a place from calls that matter more. All of it waits for the next poll.
    pub(super) fn give_up_for_now(&mut self, index: usize) -> NextAction {
        if let Some(poll) = &mut self.poll {
            poll.worth_another_try = true;
            poll.give_up_pending();
            poll.rejected(index);
        }
        NextAction::GiveUp
    }

    /// The host that the requests in the background need cannot be had.
    pub(super) fn give_up_without_host(&mut self, worth_another_try: bool) {
        if let Some(poll) = &mut self.poll {
            poll.worth_another_try |= worth_another_try;
            poll.give_up_pending();
        }
    }

    /// What the pending requests need cannot be had: they are given up.
    pub(super) fn give_up_pending(&mut self) {
        self.poll.iter_mut().for_each(Poll::give_up_pending);
    }

    /// Ends the poll when nothing of it is pending or under way.
    pub(super) fn end_if_done(&mut self, now: Instant, index: usize, events: &mut Vec<Event>) {
        let Some(poll) = self.poll.take_if(|poll| poll.ended().is_some()) else {
            return;
        };
        let Some(tally) = poll.ended() else { return };
        let duration = now.saturating_duration_since(poll.began);
        let failed_whole = if self.background {
            poll.worth_another_try
        } else {
            tally.succeeded == 0 && tally.given_up > 0
        };
        poll.record(&mut self.history);
        self.polled = true;
        self.held_until = None;
        let backoff = self.back_off(failed_whole);
        self.resume_at = backoff.map(|wait| now + wait);
        self.late &= backoff.is_none();
        events.push(Event::PollEnded {
            collector: index,
            summary: PollSummary {
                duration,
                stretch: stretch(duration, self.settings.interval),
                succeeded: tally.succeeded,
                given_up: tally.given_up,
                backoff,
            },
        });
    }

    fn back_off(&mut self, failed_whole: bool) -> Option<Duration> {
        if !failed_whole {
            self.failed_whole = 0;
            return None;
        }
        self.failed_whole = self.failed_whole.saturating_add(1);
        Some(if self.background {
            wait_after_failed_background_poll(self.failed_whole, self.settings.interval)
        } else {
            wait_after_failed_poll(self.failed_whole)
        })
    }
}

/// The time a poll took over its interval, at least 1.
fn stretch(duration: Duration, interval: Duration) -> f64 {
    let interval = interval.as_secs_f64().max(f64::MIN_POSITIVE);
    (duration.as_secs_f64() / interval).max(1.0)
}
