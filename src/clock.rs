//! The machine's clocks: the one place where they are read, which `clippy.toml` enforces.
//!
//! What waits or measures an age takes the time as an argument or reads tokio's clock, which a test
//! can pause. What is compared with a server's clock or shown to a reader is handed a [`WallClock`],
//! which a test can set.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Where the wall clock's time comes from.
pub trait WallClock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;

    /// For how long the machine was suspended since it started: time that the monotonic clock does
    /// not count and in which data grows older all the same. Only differences mean anything.
    fn slept(&self) -> Duration {
        Duration::ZERO
    }
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[cfg(target_os = "linux")]
    fn slept(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        // Read in this order, the time between the two readings makes the difference smaller; the
        // largest difference seen is the best one.
        static LARGEST: AtomicU64 = AtomicU64::new(0);
        let since_boot = read(ClockId::Boottime);
        let slept = since_boot.saturating_sub(read(ClockId::Monotonic));
        let slept = u64::try_from(slept.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(LARGEST.fetch_max(slept, Ordering::Relaxed).max(slept))
    }
}

/// A wall clock that shows the same time until it is set: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now_ms`, milliseconds since the epoch.
    pub fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Sets the clock to `now_ms`, forwards or back.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Puts the clock forward by `ms` milliseconds.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl WallClock for ManualClock {
    fn now(&self) -> Timestamp {
        let now_ms = self.0.load(Ordering::SeqCst);
        Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The monotonic clock in real time, also where tokio's clock is paused: for measuring how long the
/// processor was busy.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the monotonic clock is read in real time"
)]
pub(crate) fn real_time() -> Instant {
    Instant::now()
}

/// The system's monotonic clock in microseconds, as other processes read it.
pub(crate) fn monotonic_micros() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_slept_never_decreases() {
        let first = SystemClock.slept();
        for _ in 0..1000 {
            assert!(SystemClock.slept() >= first);
        }
        assert!(SystemClock.slept() - first < Duration::from_secs(1));
    }

    #[test]
    fn a_manual_clock_shows_what_it_was_set_to() {
        let clock = ManualClock::at(1_000);
        clock.advance(500);
        assert_eq!(clock.now().as_millisecond(), 1_500);
        clock.set(7);
        assert_eq!(clock.now().as_millisecond(), 7);
    }
}
