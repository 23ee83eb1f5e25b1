//! One collector: when its polls begin, and how far each request of the running poll has come.

use std::time::{Duration, Instant};

use super::backoff::{
    wait_after_failed_background_poll, wait_after_failed_poll, wait_after_failed_request,
};
use super::spread::start_offset;
use super::stretch::Demand;
use super::{Event, Next, Plans};

/// What the machine must know of a collector.
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
    pub took: Duration,
    /// Requests that gave a usable answer.
    pub succeeded: usize,
    /// Requests that were given up.
    pub given_up: usize,
    /// The wait before the next poll, when no request succeeded.
    pub backoff: Option<Duration>,
}

impl PollSummary {
    /// A poll succeeds only as a whole.
    pub fn whole(&self) -> bool {
        self.given_up == 0
    }
}

#[derive(Clone, Debug)]
pub(super) struct Collector {
    settings: CollectorSettings,
    /// The next point of the grid that polls begin on. It moves in whole intervals only, so the
    /// period cannot drift.
    next_due: Instant,
    poll: Option<Poll>,
    /// Polls in a row in which nothing succeeded.
    failed_whole: u32,
    /// The end of the back-off after such a poll.
    resume_at: Option<Instant>,
    /// Whether a poll has begun yet: the first one is quick.
    begun: bool,
    /// Whether it only fills gaps: it begins once all the others have been polled, tries nothing
    /// twice in a poll, and fetches no token.
    background: bool,
    /// Whether a poll has ended yet, or was ended by a failure that still has to be waited for.
    polled: bool,
    /// The turn at which a request of this collector started last; the collector that has waited
    /// longest goes first, so that a slow API cannot starve another.
    pub(super) last_turn: u64,
    /// The next poll begins as soon as the running one is through; see `begins_when_through`.
    overdue: bool,
    /// The end of a wait that a lost poll of an older configuration left.
    held_until: Option<Instant>,
    /// Requests that a poll is known or expected to have.
    planned: usize,
    /// Requests that came to the running poll, or else to the last one, on the way.
    found: usize,
    /// The newest token that this collector's requests were accepted with.
    accepted_token: Option<u64>,
    /// The stretch ratio that was told last.
    pub(super) told_stretch: f64,
}

#[derive(Clone, Debug)]
struct Poll {
    began: Instant,
    requests: Vec<Request>,
    quick: bool,
    /// Whether a token that was never accepted has been replaced in this poll.
    refreshed_token: bool,
    /// In the background: whether something failed that may go well soon.
    worth_another_try: bool,
}

#[derive(Clone, Debug)]
struct Request {
    progress: Progress,
    failures: u32,
    /// Whether it had its one more try after a 401.
    retried_after_401: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Pending { not_before: Instant },
    InFlight,
    Done,
    GivenUp,
}

impl Collector {
    pub(super) fn new(settings: CollectorSettings, now: Instant) -> Self {
        Self {
            settings,
            next_due: now,
            poll: None,
            failed_whole: 0,
            resume_at: None,
            begun: false,
            background: false,
            polled: false,
            last_turn: 0,
            overdue: false,
            held_until: None,
            planned: 0,
            found: 0,
            accepted_token: None,
            told_stretch: 1.0,
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

    /// Takes over the back-off of the same collector under an older configuration, and its rhythm
    /// if it did not change.
    pub(super) fn inherit(&mut self, old: &Self, now: Instant, unchanged: bool) {
        self.failed_whole = old.failed_whole;
        self.resume_at = old.resume_at;
        self.last_turn = old.last_turn;
        if unchanged {
            self.begun = old.begun;
            self.planned = old.planned;
            self.found = old.found;
        }
        if old.resume_at.is_some() {
            // A collector that is backing off has had its quick first poll.
            self.begun = old.begun;
            self.next_due = old.next_due.min(now + self.settings.interval);
            return;
        }
        // The poll that was waiting to try again is lost, but not its wait.
        self.held_until = old.waiting_until(now);
        if unchanged && old.poll.is_none() {
            self.next_due = old.next_due;
        } else if let Some(at) = self.held_until {
            self.next_due = at;
        }
        self.polled = self.begun && old.polled;
    }

    /// What its plan asks for.
    pub(super) fn demand(&self) -> Demand {
        Demand {
            requests: self.planned,
            interval: self.settings.interval,
        }
    }

    /// Whether it waits after a poll in which nothing succeeded.
    pub(super) fn backs_off(&self) -> bool {
        self.resume_at.is_some()
    }

    /// Whether the account's calls are shared with it now.
    pub(super) fn takes_its_share(&self) -> bool {
        !self.backs_off() && !self.background
    }

    /// Requests it holds.
    pub(super) fn size(&self) -> usize {
        self.poll.as_ref().map_or(0, |poll| poll.requests.len())
    }

    /// Whether there is anything for `advance` to do.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_wake().is_some_and(|at| now >= at)
    }

    /// Begins the poll that is due at `now`, or counts it as skipped; returns whether one began.
    /// `tight`: the plans come close to what the spacing allows.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        index: usize,
        tight: bool,
        plans: &mut dyn Plans,
        events: &mut Vec<Event>,
    ) -> bool {
        let before = self.poll.is_some();
        if now >= self.next_due && !self.overdue {
            let late = now - self.next_due;
            let missed = late.as_nanos() / self.settings.interval.as_nanos().max(1);
            // After a stall of the process only the latest of the missed polls is made up for.
            let missed = u32::try_from(missed).unwrap_or(u32::MAX);
            let due = self.next_due + self.settings.interval * missed;
            self.next_due = due + self.settings.interval;
            if tight && self.begins_when_through() {
                self.overdue = true;
            } else if self.poll.is_some() || self.resume_at.is_some() {
                events.push(Event::PollsSkipped {
                    collector: index,
                    count: u64::from(missed) + 1,
                });
            } else {
                self.begin(now, due, plans.begin_poll(index), !self.begun);
            }
        }
        if self.poll.is_none() && self.resume_at.is_some_and(|at| now >= at) {
            self.resume_at = None;
            // The grid begins anew here: waiting for its next point would lengthen the back-off.
            self.next_due = now + self.settings.interval;
            let quick = !self.begun || self.background;
            self.begin(now, now, plans.begin_poll(index), quick);
        }
        self.poll.is_some() && !before
    }

    /// Whether the running poll is late only because calls are scarce, and not because something
    /// failed: then its plan cannot be met, and the next one, which is due, begins when it is
    /// through. To skip a whole interval would leave up to half of the possible calls unused.
    fn begins_when_through(&self) -> bool {
        let Some(poll) = &self.poll else { return false };
        let unfinished =
            |r: &&Request| matches!(r.progress, Progress::Pending { .. } | Progress::InFlight);
        let mut unfinished = poll.requests.iter().filter(unfinished);
        unfinished.all(|request| request.failures == 0)
    }

    fn begin(&mut self, now: Instant, due: Instant, count: usize, quick: bool) {
        let requests = (0..count).map(|i| {
            let offset = if quick {
                Duration::ZERO
            } else {
                start_offset(self.settings.interval, i, count)
            };
            Request::pending(due + offset)
        });
        // A poll that finds requests on the way is taken to find as many as the last one.
        self.planned = count + self.found;
        self.found = 0;
        self.poll = Some(Poll {
            began: now,
            requests: requests.collect(),
            quick,
            refreshed_token: false,
            worth_another_try: false,
        });
        if quick {
            self.begun = true;
            self.next_due = now + self.settings.phase;
        }
    }

    /// Adds requests to the running poll, spread over what is left of its interval.
    pub(super) fn extend(&mut self, now: Instant, more: usize) {
        let Some(poll) = &mut self.poll else { return };
        self.found += more;
        self.planned = poll.requests.len() + more;
        let left = (poll.began + self.settings.interval).saturating_duration_since(now);
        let left = if poll.quick { Duration::ZERO } else { left };
        poll.requests
            .extend((0..more).map(|i| Request::pending(now + start_offset(left, i, more))));
    }

    /// When something is to be done next without any call ending.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        match self.resume_at {
            Some(at) if self.poll.is_none() => Some(self.next_due.min(at)),
            _ if self.overdue => None,
            _ => Some(self.next_due),
        }
    }

    /// The pending request that may start first, and from when on.
    pub(super) fn next_pending(&self) -> Option<(Instant, usize)> {
        let requests = self
            .poll
            .iter()
            .flat_map(|poll| poll.requests.iter().enumerate());
        requests
            .filter_map(|(i, r)| match r.progress {
                Progress::Pending { not_before } => Some((not_before, i)),
                _ => None,
            })
            .min()
    }

    /// The end of the longest wait after a failure that lasts at `now`.
    pub(super) fn waiting_until(&self, now: Instant) -> Option<Instant> {
        let retries = self
            .poll
            .iter()
            .flat_map(|poll| &poll.requests)
            .filter_map(|r| match r.progress {
                Progress::Pending { not_before } if r.failures > 0 => Some(not_before),
                _ => None,
            });
        let waits = retries.chain(self.resume_at).chain(self.held_until);
        waits.filter(|at| *at > now).max()
    }

    pub(super) fn started(&mut self, index: usize) {
        if let Some(request) = self.request(index) {
            request.progress = Progress::InFlight;
        }
    }

    fn request(&mut self, index: usize) -> Option<&mut Request> {
        self.poll.as_mut()?.requests.get_mut(index)
    }

    pub(super) fn succeeded(&mut self, index: usize, token: u64) {
        self.accepted_token = Some(token);
        if let Some(request) = self.request(index) {
            request.progress = Progress::Done;
        }
    }

    /// Not to be tried again in this poll.
    pub(super) fn give_up(&mut self, index: usize) -> Next {
        if let Some(request) = self.request(index) {
            request.progress = Progress::GivenUp;
        }
        Next::GivenUp
    }

    /// Tried again as soon as the account speaks again: a 429 is no failure of the request.
    pub(super) fn put_back(&mut self, index: usize, now: Instant) {
        if let Some(request) = self.request(index) {
            request.progress = Progress::Pending { not_before: now };
        }
    }

    /// Tried again after 5, 10 and 15 s, then given up.
    pub(super) fn failed(&mut self, index: usize, now: Instant) -> Next {
        let Some(request) = self.request(index) else {
            return Next::GivenUp;
        };
        request.failures += 1;
        let wait = wait_after_failed_request(request.failures);
        request.progress = match wait {
            Some(wait) => Progress::Pending {
                not_before: now + wait,
            },
            None => Progress::GivenUp,
        };
        wait.map_or(Next::GivenUp, Next::Again)
    }

    /// A 401: whether this collector may have the token replaced. One that served has expired or
    /// was revoked: always. One that never did is replaced once a poll and not once a request, so
    /// that a missing permission does not hammer the token endpoint. An old one may always be
    /// replaced; see `Prerequisite::is_old`.
    pub(super) fn may_refresh_token(&mut self, token: u64) -> bool {
        let served = self.accepted_token == Some(token);
        let Some(poll) = &mut self.poll else {
            return false;
        };
        served || !std::mem::replace(&mut poll.refreshed_token, true)
    }

    /// A 401: the request has one more try, then it is like any failure.
    pub(super) fn retry_after_401(&mut self, index: usize, now: Instant) -> Next {
        match self.request(index) {
            Some(request) if !request.retried_after_401 => {
                request.retried_after_401 = true;
                request.progress = Progress::Pending { not_before: now };
                Next::FreshToken
            }
            _ => self.failed(index, now),
        }
    }

    /// A request in the background failed in a way that may pass: so would the rest of the poll,
    /// and each try takes a place from calls that matter more. All of it waits for the next poll.
    pub(super) fn give_up_for_now(&mut self, index: usize) -> Next {
        if let Some(poll) = &mut self.poll {
            poll.worth_another_try = true;
        }
        self.give_up_pending();
        self.give_up(index)
    }

    /// The host that the requests in the background need cannot be had.
    pub(super) fn give_up_without_host(&mut self, worth_another_try: bool) {
        if let Some(poll) = &mut self.poll {
            poll.worth_another_try |= worth_another_try;
        }
        self.give_up_pending();
    }

    /// What the pending requests need cannot be had: they are given up.
    pub(super) fn give_up_pending(&mut self) {
        for request in self.poll.iter_mut().flat_map(|poll| &mut poll.requests) {
            if matches!(request.progress, Progress::Pending { .. }) {
                request.progress = Progress::GivenUp;
            }
        }
    }

    /// Ends the poll when nothing of it is pending or under way.
    pub(super) fn end_if_done(&mut self, now: Instant, index: usize, events: &mut Vec<Event>) {
        let Some(poll) = &self.poll else { return };
        let count = |wanted| {
            poll.requests
                .iter()
                .filter(|r| r.progress == wanted)
                .count()
        };
        let (succeeded, given_up) = (count(Progress::Done), count(Progress::GivenUp));
        if succeeded + given_up < poll.requests.len() {
            return;
        }
        let took = now.saturating_duration_since(poll.began);
        let wait = if self.background {
            poll.worth_another_try
        } else {
            succeeded == 0 && given_up > 0
        };
        self.poll = None;
        self.polled = true;
        if std::mem::take(&mut self.overdue) {
            self.next_due = now;
        }
        let backoff = wait.then(|| {
            self.failed_whole = self.failed_whole.saturating_add(1);
            if self.background {
                wait_after_failed_background_poll(self.failed_whole, self.settings.interval)
            } else {
                wait_after_failed_poll(self.failed_whole)
            }
        });
        if backoff.is_none() {
            self.failed_whole = 0;
        }
        self.resume_at = backoff.map(|wait| now + wait);
        let summary = PollSummary {
            took,
            succeeded,
            given_up,
            backoff,
        };
        events.push(Event::PollEnded {
            collector: index,
            summary,
        });
    }
}

impl Request {
    fn pending(not_before: Instant) -> Self {
        Self {
            progress: Progress::Pending { not_before },
            failures: 0,
            retried_after_401: false,
        }
    }
}
