//! The session of an account: the hosts of its services and its token, which of them a request needs
//! first, and when they are fetched again.

use std::time::{Duration, Instant};

use super::refreshable::{Attempt, Lifetime, Refreshable};
use super::{Call, Outcome, ServiceId};
use super::{SessionChange, ids::TokenGeneration};

/// Hosts are looked up again this long after the last look-up; LivePerson moves accounts.
const HOST_REFRESH: Duration = Duration::from_secs(3600);

/// A token is renewed after this share of its life.
const RENEW_AT: f64 = 0.8;

/// A new token is used at least this long, regardless of the reported lifetime: a clock that is wrong by
/// hours, or a wrong lifetime, must not make every request fetch a token first.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// No sum of times overflows with a life of this length.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 86_400);

/// Least time between two tokens that are fetched because of a 401 ...
const REPLACEMENT_DISTANCE: Duration = Duration::from_secs(60);

/// ... and because of one that is known to fail: it may lack a permission, and must not use up the
/// tokens that others need; or its token always expires before its turn, and then a new one helps.
const REPLACEMENT_FOR_FAILING: Duration = Duration::from_secs(10 * 60);

/// What requests need before they can start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// How many services have to be looked up.
    pub services: usize,
    /// Whether requests carry a token that has to be fetched.
    pub token: bool,
    /// The service that gives tokens, when it has to be looked up.
    pub token_service: Option<ServiceId>,
    /// Least time between the starts of two token calls, and least pause after their 429.
    pub token_distance: Duration,
}

/// Whether a request can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It has all it needs.
    Ready,
    /// This call has to be made first.
    Needs(Call),
    /// What it needs cannot be fetched before this; `None`: before the call under way ends.
    Blocked(Option<Instant>),
}

/// The hosts and the token of one account.
#[derive(Clone, Debug)]
pub(super) struct Session {
    token_service: Option<ServiceId>,
    token_distance: Duration,
    hosts: Vec<Refreshable>,
    token: Option<Refreshable>,
    token_generation: TokenGeneration,
    /// When a token was last replaced because of a 401.
    replaced_after_401: Option<Instant>,
    /// The same because of a request that is known to fail.
    replaced_for_failing: Option<Instant>,
}

impl Session {
    pub(super) fn new(settings: &SessionSettings) -> Self {
        let token = settings
            .token
            .then(|| Refreshable::new(settings.token_distance));
        Self {
            token_service: settings.token_service,
            token_distance: settings.token_distance,
            hosts: vec![Refreshable::new(Duration::ZERO); settings.services],
            token,
            token_generation: TokenGeneration::default(),
            replaced_after_401: None,
            replaced_for_failing: None,
        }
    }

    /// Takes over hosts, token and waits from the account under an older configuration. `services`
    /// says which service each one was.
    pub(super) fn restore_from(
        &mut self,
        old: &Self,
        now: Instant,
        services: &[Option<ServiceId>],
        change: SessionChange,
    ) {
        for (host, was) in std::iter::zip(&mut self.hosts, services) {
            if let Some(old) = was.and_then(|service| old.hosts.get(service.index())) {
                host.restore_from(old, now, change);
            }
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            token.restore_from(old, now, change);
        }
        if change != SessionChange::Repaired {
            self.token_generation = old.token_generation;
            self.replaced_after_401 = old.replaced_after_401;
            self.replaced_for_failing = old.replaced_for_failing;
        }
    }

    pub(super) fn token_service(&self) -> Option<ServiceId> {
        self.token_service
    }

    /// The token that a call which starts now carries.
    pub(super) fn token_generation(&self) -> TokenGeneration {
        self.token_generation
    }

    /// Whether a request to this service's host can start. `refreshes` says whether it may fetch the
    /// token itself, or waits until another task has.
    pub(super) fn readiness(
        &self,
        service: Option<ServiceId>,
        refreshes: bool,
        now: Instant,
    ) -> Readiness {
        let host = self.host(service);
        let token = [
            self.host(self.token_service),
            self.token.as_ref().map(|token| (Call::Authorise, token)),
        ];
        let mut token = token.into_iter().flatten();
        if refreshes {
            first_needed(host.into_iter().chain(token), now)
        } else if token.all(|(_, needed)| needed.is_valid(now)) {
            first_needed(host.into_iter(), now)
        } else {
            Readiness::Blocked(None)
        }
    }

    fn host(&self, service: Option<ServiceId>) -> Option<(Call, &Refreshable)> {
        let service = service?;
        Some((Call::LookUp(service), self.hosts.get(service.index())?))
    }

    /// A call starts.
    pub(super) fn start(&mut self, call: Call, now: Instant) {
        match call {
            Call::LookUp(service) => {
                if let Some(host) = self.hosts.get_mut(service.index()) {
                    host.start(now);
                }
            }
            Call::Authorise => {
                if let Some(token) = &mut self.token {
                    token.start(now);
                }
            }
            Call::Request { .. } => {
                if let Some(token) = &mut self.token {
                    token.mark_used();
                }
            }
        }
    }

    /// A look-up ended.
    pub(super) fn complete_look_up(
        &mut self,
        service: ServiceId,
        now: Instant,
        outcome: Outcome,
    ) -> Option<Attempt> {
        let lifetime = Lifetime {
            renew_after: Some(HOST_REFRESH),
            expires_after: None,
        };
        let host = self.hosts.get_mut(service.index())?;
        Some(host.complete(now, outcome, lifetime))
    }

    /// A call for a token ended.
    pub(super) fn complete_authorise(&mut self, now: Instant, outcome: Outcome) -> Option<Attempt> {
        let lifetime = match outcome {
            Outcome::Success {
                lifetime: Some(life),
            } => token_lifetime(life),
            _ => Lifetime::default(),
        };
        let attempt = self.token.as_mut()?.complete(now, outcome, lifetime);
        if attempt == Attempt::Succeeded {
            self.token_generation.advance();
        }
        Some(attempt)
    }

    /// A request was refused with 401 that carried the token of this generation: whether it may be
    /// tried again, because there is a newer token, none at all, or this one may be replaced. Not
    /// more than one token a minute is replaced for this reason, whichever request was refused, so
    /// that a missing permission does not overload the token endpoint.
    pub(super) fn replace_token(
        &mut self,
        refused: TokenGeneration,
        known_to_fail: bool,
        now: Instant,
    ) -> bool {
        let Some(token) = &mut self.token else {
            return true;
        };
        if refused != self.token_generation {
            // One that was renewed while this call was under way is new already.
            return true;
        }
        if token.is_invalidated() {
            // Another call that carried it was refused before: both use the token that replaces it.
            return true;
        }
        let past = |last: Option<Instant>, wait| last.is_none_or(|at| now >= at + wait);
        let may_replace = past(self.replaced_after_401, REPLACEMENT_DISTANCE)
            && (!known_to_fail || past(self.replaced_for_failing, REPLACEMENT_FOR_FAILING));
        if may_replace {
            self.replaced_after_401 = Some(now);
            if known_to_fail {
                self.replaced_for_failing = Some(now);
            }
            token.invalidate();
        }
        may_replace
    }

    /// A connection to this service failed.
    pub(super) fn mark_host_stale(&mut self, service: ServiceId, now: Instant) {
        if let Some(host) = self.hosts.get_mut(service.index()) {
            host.mark_stale(now);
        }
    }

    /// A connection failed: LivePerson may have moved any of the hosts.
    pub(super) fn mark_all_hosts_stale(&mut self, now: Instant) {
        self.hosts.iter_mut().for_each(|host| host.mark_stale(now));
    }

    /// The shortest pause after a 429 of this call.
    pub(super) fn shortest_pause(&self, call: Call) -> Duration {
        match call {
            Call::Authorise => self.token_distance,
            _ => Duration::ZERO,
        }
    }

    /// The end of the longest wait that lasts at `now` for the token and for hosts that are `counted`.
    pub(super) fn backoff_until(
        &self,
        now: Instant,
        counted: impl Fn(ServiceId) -> bool,
    ) -> Option<Instant> {
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.filter(|(index, _)| counted(ServiceId::new(*index)));
        let needed = hosts.map(|(_, host)| host).chain(&self.token);
        needed.filter_map(|needed| needed.backoff_until(now)).max()
    }
}

/// Whether all of these are there, or else the first that has to be fetched or waited for.
fn first_needed<'a>(
    needed: impl Iterator<Item = (Call, &'a Refreshable)>,
    now: Instant,
) -> Readiness {
    for (call, needed) in needed {
        if needed.is_due(now) {
            return Readiness::Needs(call);
        }
        if !needed.is_valid(now) {
            let in_flight = needed.is_in_flight();
            return Readiness::Blocked(needed.next_attempt().filter(|_| !in_flight));
        }
    }
    Readiness::Ready
}

/// When a token that is said to live so long is renewed, and when it expires.
fn token_lifetime(reported: Duration) -> Lifetime {
    let life = reported.clamp(SHORTEST_LIFE, LONGEST_LIFE);
    Lifetime {
        renew_after: Some(life.mul_f64(RENEW_AT).max(SHORTEST_LIFE)),
        expires_after: Some(life),
    }
}
