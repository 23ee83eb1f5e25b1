//! The simulator's clock: it may run fast and differ from the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;

use crate::clock::WallClock;

/// LivePerson's clock, made of another one.
pub(super) struct SimulatedClock {
    base: Arc<dyn WallClock>,
    /// What `base` showed at the start, in milliseconds since the epoch.
    start_ms: i64,
    offset_ms: i64,
    /// Simulated seconds per second of `base`.
    speed: i64,
    /// How far it was put forward, in milliseconds.
    forward_ms: AtomicI64,
}

impl SimulatedClock {
    /// A clock that is ahead of `base` by `offset` now and runs `speed` times as fast.
    pub(super) fn new(base: Arc<dyn WallClock>, offset: SignedDuration, speed: u32) -> Self {
        Self {
            start_ms: base.now().as_millisecond(),
            base,
            offset_ms: i64::try_from(offset.as_millis()).unwrap_or(0),
            speed: i64::from(speed),
            forward_ms: AtomicI64::new(0),
        }
    }

    /// Simulated milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> i64 {
        let passed = self.base.now().as_millisecond() - self.start_ms;
        let passed = passed.saturating_mul(self.speed);
        self.start_ms
            .saturating_add(self.offset_ms)
            .saturating_add(passed)
            .saturating_add(self.forward_ms.load(Ordering::SeqCst))
    }

    /// Puts the clock forward.
    pub(super) fn advance(&self, ms: i64) {
        self.forward_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The same clock if it had not run fast or been put forward: what the lifetime of tokens is measured by.
    pub(super) fn unaccelerated_ms(&self) -> i64 {
        self.base.now().as_millisecond() + self.offset_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_fast_clock_begins_at_the_offset() {
        let base = Arc::new(ManualClock::at(1_000_000));
        let clock = SimulatedClock::new(base.clone(), SignedDuration::from_secs(-90), 60);
        assert_eq!(clock.now_ms(), 910_000);
        base.advance(2_000);
        assert_eq!(clock.now_ms(), 1_030_000);
        clock.advance(500);
        assert_eq!(clock.now_ms(), 1_030_500);
        assert_eq!(clock.unaccelerated_ms(), 912_000);
    }

    #[test]
    fn a_clock_of_ordinary_speed_follows_the_other() {
        let base = Arc::new(ManualClock::at(1_000_000));
        let clock = SimulatedClock::new(base.clone(), SignedDuration::ZERO, 1);
        for now in [0, 5, 9_000_000] {
            base.set(now);
            assert_eq!((clock.now_ms(), clock.unaccelerated_ms()), (now, now));
        }
    }
}
