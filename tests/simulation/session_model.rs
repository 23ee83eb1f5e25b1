//! The rules for hosts and tokens: when one may be fetched, and when it must be.

use std::time::{Duration, Instant};

use liveperson_exporter::scheduler::{Call, NextAction, Outcome, ServiceId, SessionChange};

use super::model::{Flight, SECOND};
use super::setup::{AccountSetup, DATA_HOST, NAMES_HOST};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// What is known of the hosts and the token of one account.
#[derive(Debug)]
pub(crate) struct SessionModel {
    /// Hosts of the data, of the token, of the names.
    hosts: Vec<RefreshableModel>,
    token: Option<RefreshableModel>,
    pub(crate) token_distance: Duration,
    pub(crate) generation: u64,
    replaced_after_401: Option<Instant>,
    replaced_for_failing: Option<Instant>,
    /// Tokens fetched and hosts looked up.
    pub(crate) calls: u64,
}

/// A host or a token.
#[derive(Clone, Debug, Default)]
struct RefreshableModel {
    lease: Option<LeaseModel>,
    last_start: Option<Instant>,
    /// The last attempt failed, and when the next one may be made, as it was reported.
    wait: Option<Instant>,
    failing: bool,
    /// The next attempt is made because connections fail; how many in a row were.
    stale: bool,
    stale_refreshes: u32,
}

#[derive(Clone, Copy, Debug)]
struct LeaseModel {
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
    used: bool,
}

impl RefreshableModel {
    fn is_valid(&self, now: Instant) -> bool {
        let is_valid =
            |lease: LeaseModel| !lease.used || lease.expires_at.is_none_or(|at| now < at);
        self.lease.is_some_and(is_valid)
    }

    /// Whether it is time to fetch it, whatever the waits. A token that was never used is valid until
    /// it has been.
    fn needs_refresh(&self, now: Instant) -> bool {
        let old = |lease: LeaseModel| {
            let counts = lease.used || lease.expires_at.is_none();
            counts && lease.renew_at.is_some_and(|at| now >= at)
        };
        !self.is_valid(now) || self.lease.is_some_and(old)
    }

    fn may_start(&self, now: Instant, distance: Duration) -> bool {
        self.wait.is_none_or(|at| now >= at)
            && self.last_start.is_none_or(|at| now >= at + distance)
    }
}

impl SessionModel {
    pub(crate) fn new(setup: &AccountSetup) -> Self {
        let session = &setup.settings.session;
        Self {
            hosts: vec![RefreshableModel::default(); session.services],
            token: session.token.then(RefreshableModel::default),
            token_distance: session.token_distance,
            generation: 0,
            replaced_after_401: None,
            replaced_for_failing: None,
            calls: 0,
        }
    }

    fn refreshable(&mut self, call: Call) -> Option<&mut RefreshableModel> {
        match call {
            Call::LookUp(service) => self.hosts.get_mut(service.index()),
            Call::Authorise => self.token.as_mut(),
            Call::Request { .. } => None,
        }
    }

    /// What data needs, in the order in which it is fetched.
    fn needed(&self) -> impl Iterator<Item = (Call, &RefreshableModel)> {
        let hosts = self.hosts.iter().take(2).enumerate();
        let hosts = hosts.map(|(service, needed)| (Call::LookUp(ServiceId::new(service)), needed));
        hosts.chain(self.token.iter().map(|token| (Call::Authorise, token)))
    }

    fn distance(&self, call: Call) -> Duration {
        match call {
            Call::Authorise => self.token_distance,
            _ => Duration::ZERO,
        }
    }

    /// A request starts: what it needs is valid. What is due for renewal is fetched first, or it would
    /// be renewed too late; names fetch nothing but their own host.
    fn is_ready_for_a_request(&self, now: Instant, for_names: bool, in_flight: &[Flight]) {
        let own = for_names
            .then(|| self.hosts.get(NAMES_HOST.index()))
            .flatten();
        let own = own.map(|host| (Call::LookUp(NAMES_HOST), host));
        let others = self.needed().filter(|(call, _)| {
            // Names do not need the host of the data.
            !for_names || *call != Call::LookUp(DATA_HOST)
        });
        for (call, needed) in others.chain(own) {
            assert!(needed.is_valid(now), "a request without {call:?}");
            if for_names && call != Call::LookUp(NAMES_HOST) {
                continue;
            }
            let asked = in_flight.iter().any(|flight| flight.call == call);
            assert!(
                asked || !needed.needs_refresh(now) || !needed.may_start(now, self.distance(call)),
                "a request goes before {call:?}, which is due: {needed:?}"
            );
        }
    }

    /// A call starts while others are `in_flight`.
    pub(crate) fn starts(
        &mut self,
        call: Call,
        now: Instant,
        for_names: bool,
        in_flight: &[Flight],
    ) {
        let distance = self.distance(call);
        if let Call::Request { .. } = call {
            self.is_ready_for_a_request(now, for_names, in_flight);
            if let Some(lease) = self.token.as_mut().and_then(|token| token.lease.as_mut()) {
                lease.used = true;
            }
            return;
        }
        self.calls += 1;
        let Some(needed) = self.refreshable(call) else {
            panic!("{call:?} of an account without it");
        };
        assert!(
            needed.needs_refresh(now),
            "{call:?} for no reason: {needed:?}"
        );
        assert!(needed.may_start(now, distance), "{call:?} too early");
        needed.last_start = Some(now);
        let stale = std::mem::take(&mut needed.stale);
        needed.stale_refreshes = if stale { needed.stale_refreshes + 1 } else { 0 };
    }

    /// A request of data could start at `now`: whether it has to wait for what it needs.
    pub(crate) fn holds_up(&self, now: Instant, in_flight: &[Flight]) -> bool {
        for (call, needed) in self.needed() {
            if in_flight.iter().any(|flight| flight.call == call) {
                // A renewal under way delays no request.
                if !needed.is_valid(now) {
                    return true;
                }
                continue;
            }
            if needed.needs_refresh(now) && needed.may_start(now, self.distance(call)) {
                panic!("{call:?} is due and not made, though it may start: {needed:?}");
            }
            if !needed.is_valid(now) {
                return true;
            }
        }
        false
    }

    /// A call ended.
    pub(crate) fn ended(
        &mut self,
        now: Instant,
        flight: Flight,
        outcome: Outcome,
        setup: &AccountSetup,
    ) {
        if (outcome == Outcome::Failed { connection: true }) {
            self.mark_hosts_stale(now, flight.call, setup);
        }
        let call = flight.call;
        let Some(needed) = self.refreshable(call) else {
            return;
        };
        let Outcome::Success { lifetime } = outcome else {
            needed.failing = true;
            return;
        };
        let life = lifetime.map(|life| life.max(SHORTEST_LIFE));
        needed.lease = Some(match call {
            Call::Authorise => LeaseModel {
                renew_at: life.map(|life| now + life.mul_f64(0.8).max(SHORTEST_LIFE)),
                expires_at: life.map(|life| now + life),
                used: false,
            },
            _ => LeaseModel {
                renew_at: Some(now + HOUR),
                expires_at: None,
                used: false,
            },
        });
        (needed.failing, needed.wait) = (false, None);
        self.generation += u64::from(call == Call::Authorise);
    }

    /// Without a connection the hosts may have moved: they are looked up again, once a minute.
    fn mark_hosts_stale(&mut self, now: Instant, call: Call, setup: &AccountSetup) {
        let names_only = match call {
            Call::Request { task, .. } => setup.is_names(task.index()),
            Call::LookUp(NAMES_HOST) => return,
            _ => false,
        };
        for (service, host) in self.hosts.iter_mut().enumerate() {
            if names_only && service != NAMES_HOST.index() {
                continue;
            }
            let distance = MINUTE * 2_u32.pow(host.stale_refreshes.min(6));
            let from = host.last_start.map_or(now, |at| now.max(at + distance));
            if let Some(lease) = &mut host.lease
                && lease.renew_at.is_none_or(|at| from < at)
            {
                lease.renew_at = Some(from);
                host.stale = true;
            }
        }
    }

    /// A 401 of a request that may be made once more: whether it is, with a token other than the one
    /// that was refused. One a minute is fetched for this reason.
    pub(crate) fn replaces_token(&mut self, now: Instant, generation: u64, fails: bool) -> bool {
        let Some(token) = &mut self.token else {
            return true;
        };
        if generation != self.generation || token.lease.is_none() {
            return true;
        }
        if self.replaced_after_401.is_some_and(|at| now < at + MINUTE) {
            return false;
        }
        let recently = |at: Instant| now < at + MINUTE * 10;
        if fails && self.replaced_for_failing.is_some_and(recently) {
            return false;
        }
        self.replaced_after_401 = Some(now);
        if fails {
            self.replaced_for_failing = Some(now);
        }
        (token.lease, token.wait, token.failing) = (None, None, false);
        true
    }

    /// The scheduler reports what follows from a failure; returns whether the requests that wait are
    /// given up.
    pub(crate) fn failed(&mut self, now: Instant, call: Call, next: NextAction) -> bool {
        let Some(needed) = self.refreshable(call) else {
            return false;
        };
        assert!(needed.failing, "{call:?} failed without a failure");
        match next {
            NextAction::RetryAfter(wait) => {
                let seconds = [5, 10, 15, 120, 240, 480].map(|n| SECOND * n);
                assert!(seconds.contains(&wait), "{call:?} again after {wait:?}");
                needed.wait = Some(now + wait);
                false
            }
            _ => {
                needed.wait = None;
                true
            }
        }
    }

    /// The waits of what data needs.
    pub(crate) fn waits(&self) -> impl Iterator<Item = Instant> {
        self.needed().filter_map(|(_, needed)| needed.wait)
    }

    pub(crate) fn reload(&mut self, setup: &AccountSetup, now: Instant, session: SessionChange) {
        let fresh = Self::new(setup);
        let old = std::mem::replace(self, fresh);
        let restore = |needed: &mut RefreshableModel, old: &RefreshableModel| match session {
            SessionChange::Unchanged => *needed = old.clone(),
            SessionChange::NewClient if !old.is_valid(now) => {
                *needed = old.clone();
                needed.lease = None;
            }
            SessionChange::NewClient | SessionChange::Repaired => {
                needed.last_start = old.last_start
            }
        };
        for (needed, old) in std::iter::zip(&mut self.hosts, &old.hosts) {
            restore(needed, old);
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            restore(token, old);
        }
        self.calls = old.calls;
        if session != SessionChange::Repaired {
            self.generation = old.generation;
            self.replaced_after_401 = old.replaced_after_401;
            self.replaced_for_failing = old.replaced_for_failing;
        }
    }
}
