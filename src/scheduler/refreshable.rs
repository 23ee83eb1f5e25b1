//! What a request needs before it can start: the hosts of services and a token.
//!
//! Each is had by one call however many requests wait for it, renewed ahead of time while the old
//! one still serves, and tried again with the same waits as requests, so that a failing token
//! endpoint is not hammered.

use std::time::{Duration, Instant};

use super::Outcome;
use super::account::SessionChange;
use super::backoff::{wait_after_failed_poll, wait_after_failed_request};

/// While connections fail, hosts are looked up again: this long after the last look-up, and twice as
/// long each time, because a look-up that did not help is not likely to help a minute later.
const STALE_RENEWAL_DISTANCE: Duration = Duration::from_secs(60);

/// No wait for a look-up is longer than 64 times that, which is longer than a host is kept anyway.
const MOST_DOUBLINGS: u32 = 6;

/// A try that was refused with 429 this often in a row is given up, so that a poll that waits for it
/// ends.
const MOST_REFUSALS: u32 = 4;

/// A host or a token.
#[derive(Clone, Debug)]
pub(super) struct Refreshable {
    lease: Option<Lease>,
    in_flight: bool,
    /// No try before this.
    not_before: Option<Instant>,
    /// Failed tries since the last success or giving up.
    failures: u32,
    /// Tries refused with 429 since then.
    refusals: u32,
    /// Whether the next try is made because connections fail, and how many in a row were.
    stale: bool,
    stale_renewals: u32,
    /// Times given up in a row; only counts while an old value still serves.
    given_up: u32,
    /// Least time between the starts of two tries.
    least_distance: Duration,
    last_start: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    renew_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Whether a request has gone out with it. One that was never used serves even when its time
    /// is over: if calls are rare and lives short it would otherwise be fetched again and again
    /// and never be used. If it really is over, a 401 says so.
    used: bool,
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is there now.
    Got,
    /// Throttled: it is tried again when the account may speak again.
    Throttled,
    /// It will be tried again after this wait.
    Again(Duration),
    /// Given up: whoever waits for it waits in vain.
    GivenUp,
}

impl Refreshable {
    pub(super) fn new(least_distance: Duration) -> Self {
        Self {
            lease: None,
            in_flight: false,
            not_before: None,
            failures: 0,
            refusals: 0,
            stale: false,
            stale_renewals: 0,
            given_up: 0,
            least_distance,
            last_start: None,
        }
    }

    /// Takes over from the same thing under an older configuration: the value itself when the
    /// client that holds it continues, otherwise the waits, unless what they wait for was mended.
    /// A try under way then was aborted. Tries keep their distance whatever changed.
    pub(super) fn restore_from(&mut self, old: &Self, now: Instant, session: SessionChange) {
        self.last_start = old.last_start;
        match session {
            SessionChange::Unchanged => {
                let least_distance = self.least_distance;
                *self = old.clone();
                self.in_flight = false;
                self.least_distance = least_distance;
            }
            // While the old value served, the wait was only for its renewal.
            SessionChange::NewClient if !old.serves(now) => {
                self.not_before = old.not_before;
                self.failures = old.failures;
                self.refusals = old.refusals;
            }
            SessionChange::NewClient | SessionChange::Repaired => {}
        }
    }

    /// Whether a value is there that serves at `now`.
    pub(super) fn serves(&self, now: Instant) -> bool {
        self.lease
            .is_some_and(|lease| !lease.used || lease.expires_at.is_none_or(|at| now < at))
    }

    /// Whether a try should be made, now or as soon as it may.
    fn wanted(&self, now: Instant) -> bool {
        !self.serves(now)
            || self
                .lease
                .filter(|lease| lease.used || lease.expires_at.is_none())
                .is_some_and(|lease| lease.renew_at.is_some_and(|at| now >= at))
    }

    /// Whether a try should start at `now`.
    pub(super) fn due(&self, now: Instant) -> bool {
        self.wanted(now) && !self.in_flight && self.earliest().is_none_or(|at| now >= at)
    }

    /// When the next try may start, or `None` for at once.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let spaced = self.last_start.map(|start| start + self.least_distance);
        self.not_before.max(spaced)
    }

    /// Whether a try is under way.
    pub(super) fn in_flight(&self) -> bool {
        self.in_flight
    }

    /// The end of the wait after a failed try, if one lasts at `now`.
    pub(super) fn backoff_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| *at > now)
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.in_flight = true;
        self.last_start = Some(now);
        let stale = std::mem::take(&mut self.stale);
        self.stale_renewals = if stale {
            self.stale_renewals.saturating_add(1)
        } else {
            0
        };
    }

    /// Takes note of how a try ended. `life` says when the value is to be renewed and when it
    /// ends, both from now.
    pub(super) fn finished(
        &mut self,
        now: Instant,
        outcome: Outcome,
        life: (Option<Duration>, Option<Duration>),
    ) -> Attempt {
        self.in_flight = false;
        match outcome {
            Outcome::Success { .. } => {
                self.lease = Some(Lease {
                    renew_at: life.0.map(|d| now + d),
                    expires_at: life.1.map(|d| now + d),
                    used: false,
                });
                self.not_before = None;
                (self.failures, self.refusals, self.given_up) = (0, 0, 0);
                Attempt::Got
            }
            Outcome::Throttled { .. } => {
                self.refusals += 1;
                if self.refusals >= MOST_REFUSALS {
                    return self.give_up(now);
                }
                // The pause of the whole account is the wait.
                Attempt::Throttled
            }
            Outcome::Failed { .. } => {
                self.failures += 1;
                match wait_after_failed_request(self.failures) {
                    Some(wait) => {
                        self.not_before = Some(now + wait);
                        Attempt::Again(wait)
                    }
                    None => self.give_up(now),
                }
            }
            Outcome::Unauthorised | Outcome::Rejected => self.give_up(now),
        }
    }

    fn give_up(&mut self, now: Instant) -> Attempt {
        (self.failures, self.refusals) = (0, 0);
        if self.serves(now) {
            // The old value goes on serving and no poll fails, so no poll's back-off holds the
            // next try back: this must.
            self.given_up = self.given_up.saturating_add(1);
            let wait = wait_after_failed_poll(self.given_up);
            self.not_before = Some(now + wait);
            return Attempt::Again(wait);
        }
        self.not_before = None;
        Attempt::GivenUp
    }

    /// A request goes out with the value.
    pub(super) fn used(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.used = true;
        }
    }

    /// The value was refused: it serves no longer.
    pub(super) fn invalidate(&mut self) {
        self.lease = None;
        self.not_before = None;
        (self.failures, self.refusals) = (0, 0);
    }

    /// The value is doubtful: it goes on serving, but a new one is fetched, unless the last try
    /// was only just made.
    pub(super) fn mark_stale(&mut self, now: Instant) {
        let distance = STALE_RENEWAL_DISTANCE * 2_u32.pow(self.stale_renewals.min(MOST_DOUBLINGS));
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
    use super::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn got(token: &mut Refreshable, now: Instant, life: u64) {
        token.started(now);
        let renew = secs(life).mul_f64(0.8);
        let attempt = token.finished(now, Outcome::SUCCESS, (Some(renew), Some(secs(life))));
        assert_eq!(attempt, Attempt::Got);
        token.used();
    }

    #[test]
    fn a_token_is_renewed_at_80_percent_of_its_life_while_the_old_one_serves() {
        let t0 = Instant::now();
        let mut token = Refreshable::new(Duration::ZERO);
        assert!(token.due(t0) && !token.serves(t0));
        got(&mut token, t0, 100);
        assert!(!token.due(t0 + secs(79)));
        assert!(token.due(t0 + secs(80)) && token.serves(t0 + secs(99)));
        token.started(t0 + secs(80));
        assert!(!token.due(t0 + secs(81)), "one renewal at a time");
        assert!(!token.serves(t0 + secs(100)));
    }

    #[test]
    fn a_failing_endpoint_is_tried_after_5_10_15_s_and_given_up() {
        let t0 = Instant::now();
        let mut token = Refreshable::new(Duration::ZERO);
        let mut now = t0;
        for wait in [5, 10, 15] {
            token.started(now);
            let failed = Outcome::Failed { connection: false };
            assert_eq!(
                token.finished(now, failed, (None, None)),
                Attempt::Again(secs(wait))
            );
            assert!(!token.due(now + secs(wait) - Duration::from_millis(1)));
            now += secs(wait);
            assert!(token.due(now));
        }
        token.started(now);
        let failed = Outcome::Failed { connection: false };
        assert_eq!(token.finished(now, failed, (None, None)), Attempt::GivenUp);
    }

    #[test]
    fn a_renewal_that_fails_does_not_hammer_and_the_old_value_serves() {
        let t0 = Instant::now();
        let mut host = Refreshable::new(Duration::ZERO);
        host.started(t0);
        host.finished(t0, Outcome::SUCCESS, (Some(secs(3600)), None));
        let now = t0 + secs(3600);
        assert!(host.due(now));
        host.started(now);
        assert_eq!(
            host.finished(now, Outcome::Rejected, (None, None)),
            Attempt::Again(secs(120))
        );
        assert!(host.serves(now) && !host.due(now + secs(119)) && host.due(now + secs(120)));
    }

    #[test]
    fn logins_are_kept_5_s_apart() {
        let t0 = Instant::now();
        let mut login = Refreshable::new(secs(5));
        login.started(t0);
        login.finished(t0, Outcome::SUCCESS, (None, None));
        login.invalidate();
        assert!(!login.due(t0 + secs(4)) && login.due(t0 + secs(5)));
        let mut changed = Refreshable::new(secs(5));
        changed.restore_from(&login, t0, SessionChange::Repaired);
        assert!(!changed.due(t0 + secs(4)) && changed.due(t0 + secs(5)));
    }
}
