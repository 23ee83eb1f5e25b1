//! The distance between the starts of two calls of one account, and how it adapts to 429s.
//!
//! A 429 doubles it, up to 64 times the configured one; successes bring it back step by step, but
//! quickly only down to a little above the distance that was refused. From there a shorter one is
//! tried out now and then: soon after a limit was met first, and more and more rarely the more often
//! that ended in another refusal, so that an account whose limit lies above the configured spacing
//! is not refused again and again. Successful probes follow each other faster and take larger steps:
//! a limit that was lifted is soon forgotten.

use std::time::Duration;

/// The widest spacing, in multiples of the configured one.
const WIDEST: f64 = 64.0;

/// The factor of one success while the spacing is far above the refused one. Close to 1, because a
/// LivePerson that accepts some calls of a burst would otherwise undo between two refusals what the
/// first of them had changed.
const EASE: f64 = 0.95;

/// How far above the refused spacing it settles.
const MARGIN: f64 = 1.15;

/// The factor of the first probe of a shorter spacing; each further successful one takes the square.
const PROBE: f64 = 0.9;

/// Successes at the settled spacing before the first probe of a shorter one ...
const FIRST_PATIENCE: u32 = 30;

/// ... doubled with each refused probe, up to this. A refusal or two in so many calls is the price
/// of noticing a higher limit.
const LONGEST_PATIENCE: u32 = 480;

/// Successful probes follow each other no faster than this: the calls that LivePerson accepts in a
/// burst must not look like a higher limit.
const SHORTEST_PATIENCE: u32 = 15;

/// Successes without any limit after which it is forgotten that there was one.
const FORGOTTEN: u32 = 1000;

/// The spacing of one account.
#[derive(Clone, Debug)]
pub struct Spacing {
    configured: Duration,
    /// Present spacing as a multiple of the configured one, 1 to 64.
    factor: f64,
    /// The multiple at which calls were last refused after having been accepted.
    refused: Option<f64>,
    /// The same before the last probe of a shorter one.
    before_probe: Option<f64>,
    /// Successes since the settled spacing was reached.
    settled: u32,
    /// Successes to wait for before the next probe ...
    wait: u32,
    /// ... and before the first of a row of probes.
    patience: u32,
    /// The factor of the next probe.
    probe: f64,
    /// Whether a call has succeeded since the last 429. Refusals in a row say that LivePerson is
    /// busy, not that this very spacing is too short.
    accepted: bool,
}

impl Spacing {
    /// The configured spacing.
    pub fn new(configured: Duration) -> Self {
        Self {
            configured,
            factor: 1.0,
            refused: None,
            before_probe: None,
            settled: 0,
            wait: FIRST_PATIENCE,
            patience: FIRST_PATIENCE,
            probe: PROBE,
            accepted: true,
        }
    }

    /// The least time between two starts now.
    pub fn current(&self) -> Duration {
        self.configured.mul_f64(self.factor)
    }

    /// A call was refused with 429.
    pub fn throttled(&mut self) {
        if self.accepted {
            let before = self.before_probe.take();
            if before.is_some() {
                self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
            }
            // A limit that accepts bursts refuses a spacing that is too short only after a while: the
            // step before was long enough.
            self.refused = Some(self.factor.max(before.unwrap_or_default()));
        }
        self.accepted = false;
        self.settled = 0;
        self.wait = self.patience;
        self.probe = PROBE;
        // One that a changed configuration left may be wider than that.
        self.factor = (self.factor * 2.0).min(WIDEST).max(self.factor);
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        self.accepted = true;
        let floor = self
            .refused
            .map_or(1.0, |refused| (refused * MARGIN).clamp(1.0, WIDEST));
        if self.factor > floor {
            self.factor = (self.factor * EASE).max(floor);
            return;
        }
        self.settled = self.settled.saturating_add(1);
        match self.refused {
            Some(refused) if self.settled >= self.wait => self.probe_shorter(refused),
            None if self.settled == FORGOTTEN => {
                self.before_probe = None;
                self.patience = FIRST_PATIENCE;
            }
            _ => {}
        }
    }

    fn probe_shorter(&mut self, refused: f64) {
        self.settled = 0;
        self.wait = (self.wait / 2).max(SHORTEST_PATIENCE);
        self.before_probe = Some(refused);
        let lower = refused * self.probe;
        self.probe *= self.probe;
        // Once even the margin above it is below the configured spacing there is nothing to probe.
        self.refused = (lower * MARGIN > 1.0).then_some(lower);
    }

    /// Takes over from the spacing of the same account under an older configuration: the distance
    /// between calls, whatever multiple of the new configured one that is, because it comes from what
    /// LivePerson accepts. Never below the new configured one.
    pub fn restore_from(&mut self, old: &Self) {
        let configured = self.configured;
        let ratio = old.configured.as_secs_f64() / configured.as_secs_f64().max(f64::MIN_POSITIVE);
        *self = old.clone();
        self.configured = configured;
        self.factor = (old.factor * ratio).max(1.0);
        self.refused = old.refused.map(|refused| refused * ratio);
        self.before_probe = old.before_probe.map(|refused| refused * ratio);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(250);

    #[test]
    fn a_429_doubles_the_spacing_up_to_64_times() {
        let mut spacing = Spacing::new(BASE);
        let mut seen = Vec::new();
        for _ in 0..8 {
            spacing.throttled();
            seen.push(spacing.current().as_millis());
        }
        assert_eq!(
            seen,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000]
        );
    }

    #[test]
    fn it_returns_step_by_step_to_the_configured_spacing() {
        let mut spacing = Spacing::new(BASE);
        spacing.throttled();
        let mut last = spacing.current();
        let mut steps = 0;
        while spacing.current() > BASE {
            spacing.succeeded();
            assert!(spacing.current() <= last && spacing.current() >= BASE);
            assert!(
                spacing.current() >= last.mul_f64(EASE * 0.999_999),
                "one step at a time"
            );
            last = spacing.current();
            steps += 1;
            assert!(steps < 2_000, "never came back: {:?}", spacing.current());
        }
    }

    #[test]
    fn each_refused_probe_doubles_the_patience_up_to_480() {
        let mut spacing = Spacing::new(BASE);
        spacing.throttled();
        let patience = [(); 6].map(|()| {
            let mut settled = Duration::MAX;
            while spacing.current() < settled {
                settled = spacing.current();
                spacing.succeeded();
            }
            let mut successes = 1;
            loop {
                spacing.succeeded();
                if spacing.current() < settled {
                    break;
                }
                successes += 1;
            }
            spacing.throttled();
            successes
        });
        assert_eq!(patience, [30, 60, 120, 240, 480, 480]);
    }

    #[test]
    fn a_long_run_of_429s_is_forgotten_after_some_dozen_successes() {
        let mut spacing = Spacing::new(BASE);
        for _ in 0..50 {
            spacing.throttled();
        }
        for _ in 0..80 {
            spacing.succeeded();
        }
        assert!(spacing.current() < BASE * 2, "{:?}", spacing.current());
    }

    #[test]
    fn a_lifted_limit_is_forgotten_after_some_hundred_successes() {
        let mut spacing = Spacing::new(BASE);
        // Refused and accepted in turns, as when one API alone is throttled.
        for _ in 0..50 {
            spacing.throttled();
            spacing.succeeded();
        }
        assert!(spacing.current() > BASE * 50);
        let mut spent = Duration::ZERO;
        let mut successes = 0;
        while spacing.current() > BASE {
            spent += spacing.current();
            spacing.succeeded();
            successes += 1;
        }
        assert!(successes < 200, "{successes}");
        assert!(spent < Duration::from_secs(30 * 60), "{spent:?}");
    }

    #[test]
    fn the_spacing_settles_under_a_fixed_limit_with_few_refusals() {
        // The smallest spacing that is accepted: 1 s.
        let allowed = Duration::from_secs(1);
        let mut spacing = Spacing::new(BASE);
        let (mut refused, calls) = (0, 10_000);
        let mut spent = Duration::ZERO;
        for _ in 0..calls {
            spent += spacing.current();
            if spacing.current() < allowed {
                refused += 1;
                spacing.throttled();
            } else {
                spacing.succeeded();
            }
        }
        assert!(refused * 100 < calls, "{refused} of {calls} refused");
        let used = allowed.as_secs_f64() * f64::from(calls - refused) / spent.as_secs_f64();
        assert!(used > 0.7, "only {used} of what is allowed");
    }

    #[test]
    fn a_changed_min_spacing_keeps_the_distance_or_raises_it() {
        let ms = Duration::from_millis;
        let cases = [(1_000, 100), (250, 1_000), (250, 2_000), (10_000, 250)];
        let distances = cases.map(|(old, new)| {
            let mut spacing = Spacing::new(ms(old));
            spacing.throttled();
            spacing.throttled();
            let before = spacing.current();
            let mut changed = Spacing::new(ms(new));
            changed.restore_from(&spacing);
            let after = changed.current();
            changed.throttled();
            let shortened = changed.current() < after;
            let rounded = |distance: Duration| (distance.as_secs_f64() * 1000.0).round();
            (rounded(before), rounded(after), shortened)
        });
        let expected = [
            (4_000.0, 4_000.0, false),
            (1_000.0, 1_000.0, false),
            (1_000.0, 2_000.0, false),
            (40_000.0, 40_000.0, false),
        ];
        assert_eq!(distances, expected, "before, after, shortened by a 429");
    }
}
