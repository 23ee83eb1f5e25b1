//! What a seed draws of an account: its limits, collectors and plans, and how LivePerson treats it.

use std::time::Duration;

use fastrand::Rng;
use liveperson_exporter::poll::{AccountSettings, CollectorSettings, SessionSettings, first_phase};

/// One drawn account.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) settings: AccountSettings,
    pub(crate) plans: Vec<PlanShape>,
    /// Answers take this long on average ...
    pub(crate) latency: Duration,
    /// ... and never this long.
    pub(crate) request_timeout: Duration,
    pub(crate) stale_after: Duration,
    pub(crate) token: TokenStyle,
    /// True life of a token.
    pub(crate) token_life: Duration,
}

/// How many requests a poll has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanShape {
    pub(crate) fixed: usize,
    /// How many the answer of the first one adds.
    pub(crate) found: usize,
}

/// How a token answer says how long the token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenStyle {
    ExpiresIn,
    Jwt,
    /// Counted from this side's wall clock, which may be wrong.
    JwtWithoutIat,
    Unsaid,
}

impl Drawn {
    pub(crate) fn draw(rng: &mut Rng, ordinal: usize) -> Self {
        let pick = |rng: &mut Rng, of: &[u64]| of[rng.usize(..of.len())];
        let min_spacing = Duration::from_millis(pick(rng, &[10, 100, 250, 250, 250, 1000, 2500]));
        let session = rng.bool();
        let count = [1, 2, 2, 2, 3][rng.usize(..5)];
        let mut collectors = Vec::new();
        let mut plans = Vec::new();
        for index in 0..count {
            let interval = Duration::from_secs(pick(rng, &[10, 30, 30, 60, 60, 300]));
            let phase = first_phase(interval, ordinal * count + index);
            collectors.push(CollectorSettings {
                interval,
                phase,
                service: session.then_some(0),
            });
            let large = rng.u32(..32) == 0;
            let fixed = if large {
                rng.usize(8..40)
            } else {
                rng.usize(1..5)
            };
            let found = if rng.u32(..6) == 0 {
                rng.usize(1..6)
            } else {
                0
            };
            plans.push(PlanShape { fixed, found });
        }
        let request_timeout = Duration::from_secs(pick(rng, &[2, 15, 15, 30]));
        let slow = rng.u32(..8) == 0;
        let latency = if slow {
            // Slower than some intervals.
            request_timeout.mul_f64(0.3 + rng.f64() * 0.5)
        } else {
            Duration::from_millis(rng.u64(5..800))
        };
        let styles = [
            TokenStyle::ExpiresIn,
            TokenStyle::Jwt,
            TokenStyle::JwtWithoutIat,
            TokenStyle::Unsaid,
        ];
        let login = session && rng.u32(..4) == 0;
        Self {
            settings: AccountSettings {
                max_in_flight: [1, 1, 1, 2, 4][rng.usize(..5)],
                min_spacing,
                session: SessionSettings {
                    services: if session { 2 } else { 0 },
                    token: session,
                    token_service: session.then_some(1),
                    token_distance: Duration::from_secs(if login { 5 } else { 0 }),
                },
                collectors,
                seed: rng.u64(..),
            },
            plans,
            latency,
            request_timeout,
            stale_after: Duration::from_secs(pick(rng, &[60, 300])),
            token: styles[rng.usize(..4)],
            // Time for some calls at least, or nobody could poll with it.
            token_life: Duration::from_secs(pick(rng, &[120, 120, 600, 3600]))
                .max(latency * 30)
                .max(min_spacing * 200),
        }
    }

    pub(crate) fn longest_interval(&self) -> Duration {
        let intervals = self.settings.collectors.iter().map(|c| c.interval);
        intervals.max().unwrap()
    }

    pub(crate) fn requests(&self) -> usize {
        self.plans.iter().map(|plan| plan.fixed + plan.found).sum()
    }

    /// Every planned request has run again this long after the last fault, whatever happened: the
    /// longest back-off, pause and wait for a token, and the polls themselves at the widest spacing.
    pub(crate) fn recovery_bound(&self) -> Duration {
        let call = (self.settings.min_spacing * 64).max(self.request_timeout);
        let waits = Duration::from_secs((8 + 5 + 8) * 60 + 30);
        let calls = u32::try_from(self.requests() + 12).unwrap();
        waits + self.longest_interval() * 2 + call * calls * 3
    }
}
