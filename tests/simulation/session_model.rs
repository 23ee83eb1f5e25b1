//! The rules for hosts and tokens: when one may be asked for, and when it must be.

use std::time::{Duration, Instant};

use liveperson_exporter::scheduler::{Call, NextAction, Outcome, ServiceId, SessionChange};

use super::drawn::{DATA_HOST, Drawn, NAMES_HOST};
use super::model::{Flight, SECOND};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// What is known of the hosts and the token of one account.
#[derive(Debug)]
pub(crate) struct SessionModel {
    /// Hosts of the data, of the token, of the names.
    hosts: Vec<Lease>,
    token: Option<Lease>,
    pub(crate) token_distance: Duration,
    pub(crate) generation: u64,
    replaced_after_401: Option<Instant>,
    replaced_for_failing: Option<Instant>,
    /// Tokens and look-ups asked for, for those who count.
    pub(crate) calls: u64,
}

/// A host or a token.
#[derive(Clone, Debug, Default)]
struct Lease {
    held: Option<Held>,
    last_start: Option<Instant>,
    /// The last try failed, and when the next one may be made, as it was told.
    wait: Option<Instant>,
    failing: bool,
    /// The next try is made because connections fail; how many in a row were.
    doubted: bool,
    doubts: u32,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
    used: bool,
}

impl Lease {
    fn serves(&self, now: Instant) -> bool {
        let serves = |held: Held| !held.used || held.expires_at.is_none_or(|at| now < at);
        self.held.is_some_and(serves)
    }

    /// Whether it is time for another one, the waits aside. A token that was never used is good
    /// until it was.
    fn wanted(&self, now: Instant) -> bool {
        let old = |held: Held| {
            let counts = held.used || held.expires_at.is_none();
            counts && held.renew_at.is_some_and(|at| now >= at)
        };
        !self.serves(now) || self.held.is_some_and(old)
    }

    fn may_start(&self, now: Instant, distance: Duration) -> bool {
        self.wait.is_none_or(|at| now >= at)
            && self.last_start.is_none_or(|at| now >= at + distance)
    }
}

impl SessionModel {
    pub(crate) fn new(drawn: &Drawn) -> Self {
        let session = &drawn.settings.session;
        Self {
            hosts: vec![Lease::default(); session.services],
            token: session.token.then(Lease::default),
            token_distance: session.token_distance,
            generation: 0,
            replaced_after_401: None,
            replaced_for_failing: None,
            calls: 0,
        }
    }

    fn lease(&mut self, call: Call) -> Option<&mut Lease> {
        match call {
            Call::LookUp(service) => self.hosts.get_mut(service.index()),
            Call::Authorise => self.token.as_mut(),
            Call::Request { .. } => None,
        }
    }

    /// What data needs, in the order in which it is asked for.
    fn needed(&self) -> impl Iterator<Item = (Call, &Lease)> {
        let hosts = self.hosts.iter().take(2).enumerate();
        let hosts = hosts.map(|(service, lease)| (Call::LookUp(ServiceId::new(service)), lease));
        hosts.chain(self.token.iter().map(|token| (Call::Authorise, token)))
    }

    fn distance(&self, call: Call) -> Duration {
        match call {
            Call::Authorise => self.token_distance,
            _ => Duration::ZERO,
        }
    }

    /// A request starts: what it needs serves. What has grown old is asked for first, or it would be
    /// renewed too late; names ask for nothing but their own host.
    fn is_ready_for_a_request(&self, now: Instant, for_names: bool, in_flight: &[Flight]) {
        let own = for_names
            .then(|| self.hosts.get(NAMES_HOST.index()))
            .flatten();
        let own = own.map(|host| (Call::LookUp(NAMES_HOST), host));
        let others = self.needed().filter(|(call, _)| {
            // The host of the data is nothing to the names.
            !for_names || *call != Call::LookUp(DATA_HOST)
        });
        for (call, lease) in others.chain(own) {
            assert!(lease.serves(now), "a request without {call:?}");
            if for_names && call != Call::LookUp(NAMES_HOST) {
                continue;
            }
            let asked = in_flight.iter().any(|flight| flight.call == call);
            assert!(
                asked || !lease.wanted(now) || !lease.may_start(now, self.distance(call)),
                "a request goes before {call:?}, which is due: {lease:?}"
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
            if let Some(held) = self.token.as_mut().and_then(|token| token.held.as_mut()) {
                held.used = true;
            }
            return;
        }
        self.calls += 1;
        let Some(lease) = self.lease(call) else {
            panic!("{call:?} of what is not there");
        };
        assert!(lease.wanted(now), "{call:?} for no reason: {lease:?}");
        assert!(lease.may_start(now, distance), "{call:?} too early");
        lease.last_start = Some(now);
        let doubted = std::mem::take(&mut lease.doubted);
        lease.doubts = if doubted { lease.doubts + 1 } else { 0 };
    }

    /// A request of data could start at `now`: what it needs is there, or is asked for, or waits.
    pub(crate) fn holds_up(&self, now: Instant, in_flight: &[Flight]) -> bool {
        for (call, lease) in self.needed() {
            if in_flight.iter().any(|flight| flight.call == call) {
                // A renewal under way holds nobody up.
                if !lease.serves(now) {
                    return true;
                }
                continue;
            }
            if lease.wanted(now) && lease.may_start(now, self.distance(call)) {
                panic!("{call:?} is wanted, and nothing stands in its way: {lease:?}");
            }
            if !lease.serves(now) {
                return true;
            }
        }
        false
    }

    /// A call ended.
    pub(crate) fn ended(&mut self, now: Instant, flight: Flight, outcome: Outcome, drawn: &Drawn) {
        if (outcome == Outcome::Failed { connection: true }) {
            self.doubt_hosts(now, flight.call, drawn);
        }
        let call = flight.call;
        let Some(lease) = self.lease(call) else {
            return;
        };
        let Outcome::Success { lifetime } = outcome else {
            lease.failing = true;
            return;
        };
        let life = lifetime.map(|life| life.max(SHORTEST_LIFE));
        lease.held = Some(match call {
            Call::Authorise => Held {
                renew_at: life.map(|life| now + life.mul_f64(0.8).max(SHORTEST_LIFE)),
                expires_at: life.map(|life| now + life),
                used: false,
            },
            _ => Held {
                renew_at: Some(now + HOUR),
                expires_at: None,
                used: false,
            },
        });
        (lease.failing, lease.wait) = (false, None);
        self.generation += u64::from(call == Call::Authorise);
    }

    /// Without a connection the hosts may have moved: they are looked up again, once a minute.
    fn doubt_hosts(&mut self, now: Instant, call: Call, drawn: &Drawn) {
        let names_only = match call {
            Call::Request { task, .. } => drawn.is_names(task.index()),
            Call::LookUp(NAMES_HOST) => return,
            _ => false,
        };
        for (service, host) in self.hosts.iter_mut().enumerate() {
            if names_only && service != NAMES_HOST.index() {
                continue;
            }
            let distance = MINUTE * 2_u32.pow(host.doubts.min(6));
            let from = host.last_start.map_or(now, |at| now.max(at + distance));
            if let Some(held) = &mut host.held
                && held.renew_at.is_none_or(|at| from < at)
            {
                held.renew_at = Some(from);
                host.doubted = true;
            }
        }
    }

    /// A 401 of a request that may have one more try: whether it has it, with a token other than the
    /// one that was refused. One a minute is fetched for this reason.
    pub(crate) fn replaces_token(&mut self, now: Instant, generation: u64, fails: bool) -> bool {
        let Some(token) = &mut self.token else {
            return true;
        };
        if generation != self.generation {
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
        (token.held, token.wait, token.failing) = (None, None, false);
        true
    }

    /// The poller says what follows from a failure; returns whether those who wait are given up.
    pub(crate) fn failed(&mut self, now: Instant, call: Call, next: NextAction) -> bool {
        let Some(lease) = self.lease(call) else {
            return false;
        };
        assert!(lease.failing, "{call:?} failed without a failure");
        match next {
            NextAction::RetryAfter(wait) => {
                let seconds = [5, 10, 15, 120, 240, 480].map(|n| SECOND * n);
                assert!(seconds.contains(&wait), "{call:?} again after {wait:?}");
                lease.wait = Some(now + wait);
                false
            }
            _ => {
                lease.wait = None;
                true
            }
        }
    }

    /// The waits of what data needs.
    pub(crate) fn waits(&self) -> impl Iterator<Item = Instant> {
        self.needed().filter_map(|(_, lease)| lease.wait)
    }

    pub(crate) fn reload(&mut self, drawn: &Drawn, now: Instant, session: SessionChange) {
        let fresh = Self::new(drawn);
        let old = std::mem::replace(self, fresh);
        let take_over = |lease: &mut Lease, old: &Lease| match session {
            SessionChange::Unchanged => *lease = old.clone(),
            SessionChange::NewClient if !old.serves(now) => {
                *lease = old.clone();
                lease.held = None;
            }
            SessionChange::NewClient | SessionChange::Repaired => lease.last_start = old.last_start,
        };
        for (lease, old) in std::iter::zip(&mut self.hosts, &old.hosts) {
            take_over(lease, old);
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            take_over(token, old);
        }
        self.calls = old.calls;
        if session != SessionChange::Repaired {
            self.generation = old.generation;
            self.replaced_after_401 = old.replaced_after_401;
            self.replaced_for_failing = old.replaced_for_failing;
        }
    }
}
