//! Something that is fetched by a call and has to be fetched again from time to time: the host of a
//! service, or a token.
//!
//! Each is fetched by one call however many requests wait for it, renewed ahead of time while the old
//! value is still valid, and retried after the same waits as requests, so that a failing token
//! endpoint is not hammered.

use std::time::{Duration, Instant};

use super::backoff::{wait_after_failed_poll, wait_after_failed_request};
use super::{Outcome, SessionChange};

/// While connections fail, hosts are looked up again: this long after the last look-up, and twice as
/// long each time, because a look-up that did not help is not likely to help a minute later.
const STALE_REFRESH_DISTANCE: Duration = Duration::from_secs(60);

/// No wait for a look-up is longer than 64 times that, which is longer than a host is kept anyway.
const MAX_DOUBLINGS: u32 = 6;

/// An attempt that was refused with 429 this often in a row is given up, so that a poll that waits
/// for it ends.
const MAX_REFUSALS: u32 = 4;

/// A host or a token, and the attempts to fetch it.
#[derive(Clone, Debug)]
pub(super) struct Refreshable {
    lease: Option<Lease>,
    in_flight: bool,
    /// No attempt before this.
    not_before: Option<Instant>,
    /// Failed attempts since the last success or giving up.
    failures: u32,
    /// Attempts refused with 429 since then.
    refusals: u32,
    /// Whether the next attempt is made because connections fail, and how many in a row were.
    stale: bool,
    stale_refreshes: u32,
    /// Times given up in a row; only counts while an old value is still valid.
    given_up: u32,
    /// Least time between the starts of two attempts.
    min_distance: Duration,
    last_start: Option<Instant>,
}

/// A value that was fetched.
#[derive(Clone, Copy, Debug)]
struct Lease {
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Whether a request has carried it. One that was never used is valid even when it has expired:
    /// if calls are rare and lives short it would otherwise be fetched again and again and never be
    /// used. If it really has expired, a 401 says so.
    used: bool,
}

/// How long a value that comes now lasts; `None` without an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) renew_after: Option<Duration>,
    pub(super) expires_after: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// There is a new value.
    Succeeded,
    /// Throttled: the next attempt is made when the account may call again.
    Throttled,
    /// The next attempt is made after this wait.
    RetryAfter(Duration),
    /// Given up: what waits for the value is given up, too.
    GaveUp,
}

impl Lease {
    fn is_valid(&self, now: Instant) -> bool {
        !self.used || self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether it is old enough to be renewed. A token that was never used is not.
    fn past_min_age(&self, now: Instant) -> bool {
        (self.used || self.expires_at.is_none()) && self.renew_at.is_some_and(|at| now >= at)
    }
}

impl Refreshable {
    pub(super) fn new(min_distance: Duration) -> Self {
        Self {
            lease: None,
            in_flight: false,
            not_before: None,
            failures: 0,
            refusals: 0,
            stale: false,
            stale_refreshes: 0,
            given_up: 0,
            min_distance,
            last_start: None,
        }
    }

    /// Takes over from the same thing under an older configuration: the value itself when the
    /// client that holds it continues, otherwise the waits, unless their cause was repaired. An
    /// attempt under way then was aborted. Attempts keep their distance whatever changed.
    pub(super) fn restore_from(&mut self, old: &Self, now: Instant, change: SessionChange) {
        self.last_start = old.last_start;
        match change {
            SessionChange::Unchanged => {
                *self = Self {
                    in_flight: false,
                    min_distance: self.min_distance,
                    ..old.clone()
                };
            }
            // While the old value was valid, the wait was only for its renewal.
            SessionChange::NewClient if !old.is_valid(now) => {
                self.not_before = old.not_before;
                self.failures = old.failures;
                self.refusals = old.refusals;
            }
            SessionChange::NewClient | SessionChange::Repaired => {}
        }
    }

    /// Whether there is a value that can be used at `now`.
    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.lease.is_some_and(|lease| lease.is_valid(now))
    }

    /// Whether an attempt should be made, now or as soon as it may.
    fn needs_refresh(&self, now: Instant) -> bool {
        let fresh = |lease: Lease| lease.is_valid(now) && !lease.past_min_age(now);
        !self.lease.is_some_and(fresh)
    }

    /// Whether an attempt should start at `now`.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.needs_refresh(now) && !self.in_flight && self.next_attempt().is_none_or(|at| now >= at)
    }

    /// When the next attempt may start, or `None` for at once.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        let spaced = self.last_start.map(|start| start + self.min_distance);
        self.not_before.max(spaced)
    }

    /// Whether an attempt is under way.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// The end of the wait after a failed attempt, if one lasts at `now`.
    pub(super) fn backoff_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    /// An attempt starts.
    pub(super) fn start(&mut self, now: Instant) {
        self.in_flight = true;
        self.last_start = Some(now);
        let stale = std::mem::take(&mut self.stale);
        self.stale_refreshes = if stale {
            self.stale_refreshes.saturating_add(1)
        } else {
            0
        };
    }

    /// An attempt ended; `lifetime` is that of the value it brought.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        outcome: Outcome,
        lifetime: Lifetime,
    ) -> Attempt {
        self.in_flight = false;
        match outcome {
            Outcome::Success { .. } => {
                self.lease = Some(Lease {
                    renew_at: lifetime.renew_after.map(|d| now + d),
                    expires_at: lifetime.expires_after.map(|d| now + d),
                    used: false,
                });
                self.not_before = None;
                (self.failures, self.refusals, self.given_up) = (0, 0, 0);
                Attempt::Succeeded
            }
            Outcome::Throttled { .. } => {
                self.refusals += 1;
                if self.refusals >= MAX_REFUSALS {
                    return self.give_up(now);
                }
                // The pause of the account is the wait.
                Attempt::Throttled
            }
            Outcome::Failed { .. } => {
                self.failures += 1;
                match wait_after_failed_request(self.failures) {
                    Some(wait) => {
                        self.not_before = Some(now + wait);
                        Attempt::RetryAfter(wait)
                    }
                    None => self.give_up(now),
                }
            }
            Outcome::Unauthorised | Outcome::Rejected => self.give_up(now),
        }
    }

    fn give_up(&mut self, now: Instant) -> Attempt {
        (self.failures, self.refusals) = (0, 0);
        if self.is_valid(now) {
            // The old value is still used and no poll fails, so no poll's back-off holds the next
            // attempt back: this must.
            self.given_up = self.given_up.saturating_add(1);
            let wait = wait_after_failed_poll(self.given_up);
            self.not_before = Some(now + wait);
            return Attempt::RetryAfter(wait);
        }
        self.not_before = None;
        Attempt::GaveUp
    }

    /// A request carries the value.
    pub(super) fn mark_used(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.used = true;
        }
    }

    /// The value was refused: it is not used any more.
    pub(super) fn invalidate(&mut self) {
        self.lease = None;
        self.not_before = None;
        (self.failures, self.refusals) = (0, 0);
    }

    /// Whether there is no value, because it was wrong or was never fetched.
    pub(super) fn is_invalidated(&self) -> bool {
        self.lease.is_none()
    }

    /// The value may be wrong: it is still used, but a new one is fetched, unless the last attempt
    /// was made only recently.
    pub(super) fn mark_stale(&mut self, now: Instant) {
        let distance = STALE_REFRESH_DISTANCE * 2_u32.pow(self.stale_refreshes.min(MAX_DOUBLINGS));
        let from = self
            .last_start
            .map_or(now, |start| now.max(start + distance));
        if let Some(lease) = &mut self.lease
            && lease.renew_at.is_none_or(|at| from < at)
        {
            lease.renew_at = Some(from);
            self.stale = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_driver;
    use super::*;

    const FAILED: Outcome = Outcome::Failed { connection: false };

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn lifetime(renew: u64, expires: Option<u64>) -> Lifetime {
        Lifetime {
            renew_after: Some(secs(renew)),
            expires_after: expires.map(secs),
        }
    }

    #[test]
    fn a_token_is_renewed_early_while_the_old_one_is_valid() {
        let t0 = test_driver::start();
        let mut token = Refreshable::new(Duration::ZERO);
        assert!(token.is_due(t0) && !token.is_valid(t0));
        token.start(t0);
        let attempt = token.complete(t0, Outcome::SUCCESS, lifetime(80, Some(100)));
        assert_eq!(attempt, Attempt::Succeeded);
        token.mark_used();
        assert!(!token.is_due(t0 + secs(79)));
        assert!(token.is_due(t0 + secs(80)) && token.is_valid(t0 + secs(99)));
        token.start(t0 + secs(80));
        assert!(!token.is_due(t0 + secs(81)), "one renewal at a time");
        assert!(!token.is_valid(t0 + secs(100)));
    }

    #[test]
    fn a_failing_endpoint_is_retried_after_5_10_15_s_then_given_up() {
        let t0 = test_driver::start();
        let mut token = Refreshable::new(Duration::ZERO);
        let mut now = t0;
        for wait in [5, 10, 15] {
            token.start(now);
            let attempt = token.complete(now, FAILED, Lifetime::default());
            assert_eq!(attempt, Attempt::RetryAfter(secs(wait)));
            assert!(!token.is_due(now + secs(wait) - Duration::from_millis(1)));
            now += secs(wait);
            assert!(token.is_due(now));
        }
        token.start(now);
        let attempt = token.complete(now, FAILED, Lifetime::default());
        assert_eq!(attempt, Attempt::GaveUp);
    }

    #[test]
    fn a_failed_renewal_keeps_the_old_value_and_waits() {
        let t0 = test_driver::start();
        let mut host = Refreshable::new(Duration::ZERO);
        host.start(t0);
        host.complete(t0, Outcome::SUCCESS, lifetime(3600, None));
        let now = t0 + secs(3600);
        assert!(host.is_due(now));
        host.start(now);
        assert_eq!(
            host.complete(now, Outcome::Rejected, Lifetime::default()),
            Attempt::RetryAfter(secs(120))
        );
        assert!(host.is_valid(now));
        assert!(!host.is_due(now + secs(119)) && host.is_due(now + secs(120)));
    }

    #[test]
    fn logins_are_kept_5_s_apart() {
        let t0 = test_driver::start();
        let mut login = Refreshable::new(secs(5));
        login.start(t0);
        login.complete(t0, Outcome::SUCCESS, Lifetime::default());
        login.invalidate();
        assert!(!login.is_due(t0 + secs(4)) && login.is_due(t0 + secs(5)));
        let mut changed = Refreshable::new(secs(5));
        changed.restore_from(&login, t0, SessionChange::Repaired);
        assert!(!changed.is_due(t0 + secs(4)) && changed.is_due(t0 + secs(5)));
    }
}
