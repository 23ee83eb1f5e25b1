//! The rules of polling as a separate model: what must be true of an account now, computed from what
//! went into the scheduler and came out of it and never from its state. `collector_model` models
//! polls, `session_model` hosts and the token.

use std::time::{Duration, Instant};

use liveperson_exporter::scheduler::{Call, NextAction, Outcome, RequestKey, SessionChange};

pub(crate) use super::collector_model::CollectorModel;
pub(crate) use super::session_model::SessionModel;
use super::setup::{AccountSetup, NAMES_HOST};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What is known of one account.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) in_flight: Vec<Flight>,
    pub(crate) last_start: Option<Instant>,
    pub(crate) last_429: Option<Instant>,
    /// The last 429 of a call that started after the one before: calls that were under way when the
    /// pause began say nothing new.
    refused_at: Option<Instant>,
    /// How many of those there were without a success between them.
    refusals: u32,
    pub(crate) paused_until: Option<Instant>,
    /// The widest spacing there may be: one that a reload left may be wider than usual.
    pub(crate) widest: Duration,
    /// The widest spacing at which a call was refused after another had been accepted.
    pub(crate) widest_refused: Duration,
    pub(crate) session: SessionModel,
    pub(crate) collectors: Vec<CollectorModel>,
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) call: Call,
    pub(crate) started: Instant,
    /// The token it carries.
    pub(crate) generation: u64,
}

impl Model {
    pub(crate) fn new(setup: &AccountSetup, now: Instant) -> Self {
        let others = setup.collectors.enabled().len();
        let collectors = setup.data_tasks();
        let collectors = collectors.map(|settings| CollectorModel::new(settings, others, now));
        Self {
            in_flight: Vec::new(),
            last_start: None,
            last_429: None,
            refused_at: None,
            refusals: 0,
            paused_until: None,
            widest: setup.settings.min_spacing * 64,
            widest_refused: Duration::ZERO,
            session: SessionModel::new(setup),
            collectors: collectors.collect(),
        }
    }

    /// A call ends; returns it, and whether it was under way when the pause began.
    pub(crate) fn ends(&mut self, call: Call) -> (Flight, bool) {
        let place = self.in_flight.iter().position(|f| f.call == call);
        let flight = self
            .in_flight
            .swap_remove(place.expect("the end of a call never made"));
        let before = self.refused_at.is_some_and(|at| flight.started < at);
        (flight, before)
    }

    /// The key of a request of a running poll.
    pub(crate) fn key(&self, collector: usize, index: usize) -> RequestKey {
        self.collectors[collector].key(index)
    }

    /// What follows from how a call ended.
    pub(crate) fn ended(
        &mut self,
        now: Instant,
        flight: Flight,
        before_429: bool,
        outcome: Outcome,
        setup: &AccountSetup,
    ) {
        match outcome {
            Outcome::Throttled { .. } if !before_429 => {
                self.refused_at = Some(now);
                self.refusals += 1;
            }
            Outcome::Success { .. } if !before_429 => self.refusals = 0,
            _ => {}
        }
        self.session.ended(now, flight, outcome, setup);
        if let Call::Request { task, index, .. } = flight.call
            && let Some(model) = self.collectors.get_mut(task.index())
        {
            let index = index.index();
            let new_token = match outcome {
                Outcome::Unauthorised if model.may_retry_401(index) => {
                    let fails = model.fails(index);
                    self.session.replaces_token(now, flight.generation, fails)
                }
                _ => false,
            };
            model.ended(now, index, outcome, new_token);
        }
    }

    /// A call was refused while others kept this distance. More refusals without an answer between
    /// them say that LivePerson is busy, and nothing about the distance.
    pub(crate) fn refused_spacing(&mut self, spacing: Duration, before_429: bool) {
        if !before_429 && self.refusals == 1 {
            self.widest_refused = self.widest_refused.max(spacing);
        }
    }

    /// The scheduler reports how long it pauses after a 429: as long as it was asked to, or 1, 2, 4 ...
    /// seconds with a quarter of jitter at most, and never less than before.
    pub(crate) fn throttled(
        &mut self,
        now: Instant,
        call: Call,
        asked: Option<Duration>,
        reported: Duration,
    ) {
        let doubled = SECOND * 2_u32.pow(self.refusals.saturating_sub(1).min(9));
        let distance = match call {
            Call::Authorise => self.session.token_distance,
            _ => Duration::ZERO,
        };
        let (least, most) = match asked {
            Some(wait) => (wait, wait),
            None => (doubled, doubled.mul_f64(1.25)),
        };
        let left = self
            .paused_until
            .map_or(Duration::ZERO, |until| until - now.min(until));
        let within = |wait: Duration| wait.clamp(SECOND, LONGEST_PAUSE).max(distance).max(left);
        let micro = Duration::from_micros(1);
        assert!(
            reported + micro >= within(least) && reported <= within(most) + micro,
            "429 number {} in a row, asked for {asked:?}: waits {reported:?}",
            self.refusals
        );
        self.paused_until = Some(now + reported);
        self.last_429 = Some(now);
    }

    /// The scheduler reports that a call for a host or the token failed.
    pub(crate) fn session_failed(&mut self, now: Instant, call: Call, next: NextAction) {
        if self.session.failed(now, call, next) && call != Call::LookUp(NAMES_HOST) {
            // All collectors of a world need the other hosts and the token.
            self.collectors.iter_mut().for_each(CollectorModel::give_up);
        }
    }

    /// The end of the longest wait that must be shown, without the session's waits.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let waits = self.collectors.iter().flat_map(CollectorModel::waits);
        let waits = waits.chain(self.paused_until);
        waits.filter(|at| *at > now).max()
    }

    /// The configuration changed; `from` says which collector each one was, and whether it asks for
    /// the same as before.
    pub(crate) fn reload(
        &mut self,
        setup: &AccountSetup,
        now: Instant,
        from: &[Option<(usize, bool)>],
        session: SessionChange,
        spacing: Duration,
    ) {
        self.in_flight.clear();
        self.widest = (setup.settings.min_spacing * 64).max(spacing);
        let others = setup.collectors.enabled().len();
        let collectors = std::iter::zip(setup.data_tasks(), from).map(|(settings, from)| {
            let mut model = CollectorModel::new(settings, others, now);
            if let Some((index, unchanged)) = from {
                model.restore_from(&self.collectors[*index], now, *unchanged);
            }
            if session == SessionChange::Repaired {
                model.repaired(now);
            }
            model
        });
        self.collectors = collectors.collect();
        self.session.reload(setup, now, session);
    }
}
