//! The scheduler of one account: which call may start now.
//!
//! Pure: time and outcomes come in as arguments. Limits, pause and spacing are the account's and
//! so hold for its collectors together, retries and token calls included.

use std::time::{Duration, Instant};

use super::collector::{Collector, CollectorSettings};
use super::pause::Pause;
use super::refreshable::Refreshable;
use super::{Call, Completion, Event, NextAction, Outcome, PlanSource, Spacing};

mod carryover;
mod session;

pub use carryover::{CarriedTask, Carryover, SessionChange};

/// Least time between two tokens that are fetched because of a 401 ...
const REPLACEMENT_DISTANCE: Duration = Duration::from_secs(60);

/// ... and because of one that is known to fail: it may lack a permission, and must not use up the
/// tokens that others need; or its token is always over by its turn, and then a fresh one helps.
const REPLACEMENT_FOR_FAILING: Duration = Duration::from_secs(10 * 60);

/// What the scheduler must know of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountSettings {
    /// Calls under way at once.
    pub max_in_flight: usize,
    /// Least time between the starts of two calls.
    pub min_spacing: Duration,
    /// Hosts and token.
    pub session: SessionSettings,
    /// The collectors; their order is their index.
    pub collectors: Vec<CollectorSettings>,
    /// Seed of the jitter.
    pub seed: u64,
}

/// What requests need before they can start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// How many services have to be looked up.
    pub services: usize,
    /// Whether requests carry a token that has to be fetched.
    pub token: bool,
    /// Index of the service that gives tokens, when it has to be looked up.
    pub token_service: Option<usize>,
    /// Least time between the starts of two token calls, and least pause after their 429.
    pub token_distance: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Start this call, then ask again.
    Start(Call),
    /// Nothing before this instant, unless a call ends; `None` means only the end of a call helps.
    Wait(Option<Instant>),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    call: Call,
    started: Instant,
    /// The token it carries.
    token: u64,
}

/// Decides when the calls of one account start.
#[derive(Debug)]
pub struct AccountScheduler {
    settings: AccountSettings,
    spacing: Spacing,
    pause: Pause,
    last_start: Option<Instant>,
    in_flight: Vec<InFlight>,
    services: Vec<Refreshable>,
    token: Option<Refreshable>,
    /// Counts tokens, to tell a 401 of an old one from a 401 of the present one.
    token_generation: u64,
    /// When a token was last replaced because of a 401.
    replaced_after_401: Option<Instant>,
    /// The same because of a request that is known to fail.
    replaced_for_failing: Option<Instant>,
    collectors: Vec<Collector>,
    turn: u64,
    rng: fastrand::Rng,
    events: Vec<Event>,
}

impl AccountScheduler {
    /// A scheduler whose first polls are due at `now`.
    pub fn new(settings: AccountSettings, now: Instant) -> Self {
        let session = &settings.session;
        Self {
            spacing: Spacing::new(settings.min_spacing),
            pause: Pause::default(),
            last_start: None,
            in_flight: Vec::new(),
            services: vec![Refreshable::new(Duration::ZERO); session.services],
            token: session
                .token
                .then(|| Refreshable::new(session.token_distance)),
            token_generation: 0,
            replaced_after_401: None,
            replaced_for_failing: None,
            collectors: settings
                .collectors
                .iter()
                .map(|c| Collector::new(c.clone(), now))
                .collect(),
            turn: 0,
            rng: fastrand::Rng::with_seed(settings.seed),
            events: Vec::new(),
            settings,
        }
    }

    /// Adds a collector behind the others that only fills gaps: it begins once each of them has been
    /// polled, a failure of it is no reason to look hosts up again or to fetch a token, and it makes
    /// nobody wait but itself. A 429 silences the whole account, whoever it was meant for.
    #[must_use]
    pub fn with_background(mut self, settings: CollectorSettings, now: Instant) -> Self {
        self.collectors
            .push(Collector::in_background(settings, now));
        self
    }

    /// Makes no call before `until`.
    #[must_use]
    pub(super) fn paused_until(mut self, until: Instant) -> Self {
        self.pause.at_least_until(until);
        self
    }

    /// What to do at `now`. Call again after each `Start`.
    pub fn step(&mut self, now: Instant, plans: &mut dyn PlanSource) -> Step {
        let held = !self.foreground().all(Collector::has_polled);
        self.begin_polls(now, held, plans);
        // One that is held back has nothing to wake up for: the end of a call lets it begin.
        let awake = |c: &&Collector| !held || !c.is_background();
        let wake = self.collectors.iter().filter(awake);
        let wake = wake.filter_map(|c| c.next_wake(now)).min();
        if let Some(until) = self.pause.until(now) {
            return Step::Wait(earlier(wake, Some(until)));
        }
        if self.in_flight.len() >= self.settings.max_in_flight {
            return Step::Wait(wake);
        }
        if let Some(next) = self.last_start.map(|start| start + self.spacing.current())
            && now < next
        {
            return Step::Wait(earlier(wake, Some(next)));
        }
        match self.pick(now) {
            Ok(call) => {
                self.start(call, now);
                Step::Start(call)
            }
            Err(until) => Step::Wait(earlier(wake, until)),
        }
    }

    /// Begins the polls that are due; those in the background only when they are not held back.
    fn begin_polls(&mut self, now: Instant, held: bool, plans: &mut dyn PlanSource) {
        for (index, collector) in self.collectors.iter_mut().enumerate() {
            if !collector.is_due(now) || (held && collector.is_background()) {
                continue;
            }
            collector.advance(now, index, plans, &mut self.events);
            collector.end_if_done(now, index, &mut self.events);
        }
    }

    fn foreground(&self) -> impl Iterator<Item = &Collector> {
        self.collectors.iter().filter(|c| !c.is_background())
    }

    /// Whether anything but the background needs this service.
    fn needed(&self, service: usize) -> bool {
        self.settings.session.token_service == Some(service)
            || self.foreground().any(|c| c.service() == Some(service))
    }

    /// The call whose turn it is, or when to look again.
    fn pick(&self, now: Instant) -> Result<Call, Option<Instant>> {
        let mut order: Vec<usize> = (0..self.collectors.len()).collect();
        order.sort_by_key(|i| self.collectors[*i].last_turn);
        let mut until = None;
        for collector in order {
            let Some((not_before, index)) = self.collectors[collector].next_pending() else {
                continue;
            };
            if not_before > now {
                until = earlier(until, Some(not_before));
                continue;
            }
            match self.prerequisite(collector, now) {
                Ok(None) => return Ok(Call::Request { collector, index }),
                Ok(Some(call)) => return Ok(call),
                Err(at) => until = earlier(until, at),
            }
        }
        Err(until)
    }

    fn start(&mut self, call: Call, now: Instant) {
        self.last_start = Some(now);
        self.in_flight.push(InFlight {
            call,
            started: now,
            token: self.token_generation,
        });
        match call {
            Call::LookUp(service) => self.services[service].started(now),
            Call::Authorise => {
                if let Some(token) = &mut self.token {
                    token.started(now);
                }
            }
            Call::Request { collector, index } => {
                if let Some(token) = &mut self.token {
                    token.used();
                }
                self.turn += 1;
                self.collectors[collector].last_turn = self.turn;
                if let Some(poll) = self.collectors[collector].poll() {
                    poll.started(index);
                }
            }
        }
    }

    /// Takes note of how a call ended at `now`.
    pub fn complete_call(&mut self, now: Instant, call: Call, completion: Completion) {
        let outcome = completion.outcome;
        let first_event = self.events.len();
        let Some(position) = self.in_flight.iter().position(|f| f.call == call) else {
            return;
        };
        let flight = self.in_flight.swap_remove(position);
        match outcome {
            Outcome::Success { .. } => {
                let counts = self.pause.succeeded(flight.started);
                if counts {
                    self.spacing.succeeded();
                }
            }
            Outcome::Throttled { retry_after } => self.throttled(now, flight, retry_after),
            Outcome::Failed { connection: true } => self.mark_hosts_stale(now, call),
            _ => {}
        }
        match call {
            Call::LookUp(service) => self.looked_up(now, service, outcome),
            Call::Authorise => self.authorised(now, outcome),
            Call::Request { collector, index } => {
                self.requested(now, collector, index, outcome, flight.token);
                if !completion.added.is_empty() {
                    self.collectors[collector].extend(now, completion.added);
                }
            }
        }
        for (index, collector) in self.collectors.iter_mut().enumerate() {
            collector.end_if_done(now, index, &mut self.events);
        }
        report_backoff(&mut self.events[first_event..]);
    }

    /// Without a connection, whoever names the hosts may know better by now.
    fn mark_hosts_stale(&mut self, now: Instant, call: Call) {
        let only = match call {
            Call::Request { collector, .. } => self.collectors.get(collector),
            Call::LookUp(service) if !self.needed(service) => return,
            _ => None,
        };
        let only = only.filter(|c| c.is_background()).map(Collector::service);
        for (index, service) in self.services.iter_mut().enumerate() {
            if only.is_none_or(|only| only == Some(index)) {
                service.mark_stale(now);
            }
        }
    }

    fn throttled(&mut self, now: Instant, flight: InFlight, retry_after: Option<Duration>) {
        let shortest = match flight.call {
            Call::Authorise => self.settings.session.token_distance,
            _ => Duration::ZERO,
        };
        let jitter = self.rng.f64();
        if self
            .pause
            .throttled(now, flight.started, retry_after, shortest, jitter)
        {
            self.spacing.throttled();
        }
        let wait = self
            .pause
            .until(now)
            .map_or(Duration::ZERO, |until| until - now);
        self.events.push(Event::Paused {
            call: flight.call,
            wait,
            spacing: self.spacing.current(),
        });
    }

    fn requested(
        &mut self,
        now: Instant,
        collector: usize,
        index: usize,
        outcome: Outcome,
        token_used: u64,
    ) {
        let polled = &mut self.collectors[collector];
        if polled.is_background() {
            return self.requested_in_background(collector, index, outcome);
        }
        let Some(poll) = polled.poll() else { return };
        let next = match outcome {
            Outcome::Success { .. } => return poll.succeeded(index),
            Outcome::Throttled { .. } => match poll.refused(index, now) {
                Some(next) => next,
                None => return,
            },
            Outcome::Rejected => poll.rejected(index),
            Outcome::Failed { .. } => poll.failed(index, now),
            Outcome::Unauthorised => self.unauthorised(now, collector, index, token_used),
        };
        self.events.push(Event::CallFailed {
            call: Call::Request { collector, index },
            next,
        });
    }

    /// A 401: one fresh token and one more try for each request of a poll, then it is a failure like
    /// any other. Not more than one token a minute is fetched for this reason, whoever was refused,
    /// so that a missing permission does not hammer the token endpoint.
    fn unauthorised(
        &mut self,
        now: Instant,
        collector: usize,
        index: usize,
        token_used: u64,
    ) -> NextAction {
        let Some(poll) = self.collectors[collector].poll() else {
            return NextAction::GiveUp;
        };
        // One that was renewed while this call was under way is fresh already.
        let renewed = token_used != self.token_generation;
        let known_to_fail = poll.is_known_to_fail(index);
        let may_replace = self
            .replaced_after_401
            .is_none_or(|at| now >= at + REPLACEMENT_DISTANCE)
            && (!known_to_fail
                || self
                    .replaced_for_failing
                    .is_none_or(|at| now >= at + REPLACEMENT_FOR_FAILING));
        if !poll.may_retry_after_401(index) {
            return poll.failed(index, now);
        }
        if let (Some(token), false) = (&mut self.token, renewed) {
            if !may_replace {
                return poll.failed(index, now);
            }
            self.replaced_after_401 = Some(now);
            if known_to_fail {
                self.replaced_for_failing = Some(now);
            }
            token.invalidate();
        }
        poll.retry_after_401(index, now)
    }

    fn requested_in_background(&mut self, collector: usize, index: usize, outcome: Outcome) {
        let polled = &mut self.collectors[collector];
        let next = match (outcome, polled.poll()) {
            (_, None) => return,
            (Outcome::Success { .. }, Some(poll)) => return poll.succeeded(index),
            (Outcome::Rejected, Some(poll)) => poll.rejected(index),
            // Data calls notice by themselves that a token has ended, and soon.
            (Outcome::Unauthorised | Outcome::Throttled { .. } | Outcome::Failed { .. }, _) => {
                polled.give_up_for_now(index)
            }
        };
        // The pause is told of by itself.
        if !matches!(outcome, Outcome::Throttled { .. }) {
            let call = Call::Request { collector, index };
            self.events.push(Event::CallFailed { call, next });
        }
    }

    /// The end of the longest wait after a 429 or a failure that lasts at `now`. What the background
    /// waits for holds no data up and does not count.
    pub fn backoff_until(&self, now: Instant) -> Option<Instant> {
        let services = self.services.iter().enumerate();
        let services = services
            .filter(|(i, _)| self.needed(*i))
            .map(|(_, host)| host);
        let session = services.chain(&self.token);
        let waits = session.filter_map(|p| p.backoff_until(now));
        let waits = waits.chain(self.foreground().filter_map(|c| c.backoff_until(now)));
        waits.chain(self.pause.until(now)).max()
    }

    /// The least time between two starts now.
    pub fn spacing(&self) -> Duration {
        self.spacing.current()
    }

    /// How many requests, calls and events it holds: what its memory grows with.
    pub fn size(&self) -> usize {
        let requests: usize = self.collectors.iter().map(Collector::size).sum();
        requests + self.in_flight.len() + self.events.len()
    }

    /// What happened since the last call of this. To be taken after each `complete_call` and before the
    /// next `step`: that may begin the next poll of a collector whose last one ended.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// A failure that ended a poll in which nothing succeeded says how long the collector waits now,
/// so that a person reads in one line what comes next.
fn report_backoff(events: &mut [Event]) {
    let waits = events.iter().filter_map(|event| match event {
        Event::PollEnded { summary, .. } => summary.backoff,
        _ => None,
    });
    let Some(wait) = waits.max() else { return };
    for event in events {
        if let Event::CallFailed { next, .. } = event
            && *next == NextAction::GiveUp
        {
            *next = NextAction::BackOff(wait);
        }
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
