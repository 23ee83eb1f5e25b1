//! The pause of an account after a 429, in which it makes no call.

use std::time::{Duration, Instant};

/// LivePerson asks for at least this much before the next request.
const SHORTEST: Duration = Duration::from_secs(1);

/// A `Retry-After` of a year is not obeyed: one call every five minutes is
/// no burden, and without it the end of the limit would not be noticed.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// When an account may call again.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    until: Option<Instant>,
    /// When the last pause of the present run of 429s began: distinguishes a new refusal from a late answer
    /// to a call that was under way then.
    began: Option<Instant>,
    /// 429s in a row, without a success between them.
    consecutive: u32,
}

impl Pause {
    /// When the pause ends, if there is one at `now`.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Extends the pause to this instant at least.
    pub(super) fn at_least_until(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |old| old.max(until)));
    }

    /// Takes note of a 429 for a call that started at `started`. `jitter` is 0 to 1. Returns
    /// whether this is a new refusal, and not a call that was already under way when the pause began:
    /// only a new one doubles the wait and widens the spacing.
    pub(super) fn throttled(
        &mut self,
        now: Instant,
        started: Instant,
        retry_after: Option<Duration>,
        shortest: Duration,
        jitter: f64,
    ) -> bool {
        let is_new = self.began.is_none_or(|began| started >= began);
        if is_new {
            self.consecutive = self.consecutive.saturating_add(1);
            self.began = Some(now);
        }
        let wait = wait_after_429(retry_after, self.consecutive, jitter).max(shortest);
        let until = now + wait;
        self.until = Some(self.until.map_or(until, |old| old.max(until)));
        is_new
    }

    /// Takes note of a success: the next 429 begins at the shortest wait again. Returns whether
    /// the call started after the last 429: one that was under way when that came says nothing
    /// about what comes after it.
    pub(super) fn succeeded(&mut self, started: Instant) -> bool {
        let counts = self.began.is_none_or(|began| started >= began);
        if counts {
            self.consecutive = 0;
        }
        counts
    }
}

/// `Retry-After` if given, otherwise 1, 2, 4 ... seconds with up to a quarter of jitter on top;
/// never under 1 s and never over 5 min.
fn wait_after_429(retry_after: Option<Duration>, consecutive: u32, jitter: f64) -> Duration {
    let wait = retry_after.unwrap_or_else(|| {
        let doublings = consecutive.saturating_sub(1).min(10);
        (SHORTEST * 2_u32.pow(doublings)).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
    });
    wait.clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::test_driver;
    use super::*;

    #[test]
    fn without_retry_after_the_wait_doubles_from_1_s_to_5_min() {
        let secs: Vec<_> = (1..=11)
            .map(|n| wait_after_429(None, n, 0.0).as_secs())
            .collect();
        assert_eq!(secs, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(wait_after_429(None, u32::MAX, 1.0), LONGEST);
    }

    #[test]
    fn jitter_only_lengthens() {
        assert_eq!(wait_after_429(None, 3, 1.0), Duration::from_secs(5));
        assert_eq!(wait_after_429(None, 3, -7.0), Duration::from_secs(4));
    }

    #[test]
    fn retry_after_is_honoured_within_1_s_and_5_min() {
        let wait = |secs| wait_after_429(Some(Duration::from_secs(secs)), 1, 1.0).as_secs();
        assert_eq!(
            [0, 1, 3, 299, 300, 31_536_000].map(wait),
            [1, 1, 3, 299, 300, 300]
        );
    }

    #[test]
    fn calls_under_way_at_the_429_do_not_double_the_wait() {
        let start = test_driver::start();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pause = Pause::default();
        assert!(pause.throttled(at(100), at(0), None, SHORTEST, 0.0));
        assert!(!pause.throttled(at(200), at(50), None, SHORTEST, 0.0));
        assert_eq!(pause.until(at(200)), Some(at(1200)));
        assert!(pause.throttled(at(1300), at(1200), None, SHORTEST, 0.0));
        assert_eq!(pause.until(at(1300)), Some(at(3300)));
        assert_eq!(pause.until(at(3300)), None);
    }

    #[test]
    fn a_shorter_retry_after_never_cuts_a_pause_short() {
        let start = test_driver::start();
        let mut pause = Pause::default();
        pause.throttled(start, start, Some(Duration::from_secs(60)), SHORTEST, 0.0);
        pause.throttled(start, start, Some(Duration::from_secs(2)), SHORTEST, 0.0);
        assert_eq!(pause.until(start), Some(start + Duration::from_secs(60)));
    }

    #[test]
    fn a_success_resets_the_doubling() {
        let start = test_driver::start();
        let at = |s| start + Duration::from_secs(s);
        let mut pause = Pause::default();
        pause.throttled(at(0), at(0), None, SHORTEST, 0.0);
        pause.throttled(at(2), at(2), None, SHORTEST, 0.0);
        assert!(
            !pause.succeeded(at(1)),
            "it was under way when the 429 came"
        );
        assert!(pause.succeeded(at(5)));
        pause.throttled(at(10), at(10), None, SHORTEST, 0.0);
        assert_eq!(pause.until(at(10)), Some(at(11)));
    }
}
