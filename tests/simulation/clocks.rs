//! The three clocks of a simulated world: the monotonic one that the scheduler reads, the wall clock
//! that it reads for dates, and the true time of LivePerson's servers.

use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use liveperson_exporter::daemon::Moment;

use crate::scheduler::test_driver;

/// True seconds since the epoch when a world begins: shortly before midnight in Berlin, in the
/// night in which daylight saving ends.
const BEGINNING: i64 = 1_792_878_600;

/// All clocks of one world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    start: Instant,
    /// The monotonic clock.
    pub(crate) now: Instant,
    /// How long the machine was suspended: time that the monotonic clock does not count.
    suspended: Duration,
    /// How wrong the wall clock is.
    step: SignedDuration,
    traced: bool,
}

impl Clocks {
    pub(crate) fn new() -> Self {
        let start = test_driver::start();
        Self {
            start,
            now: start,
            suspended: Duration::ZERO,
            step: SignedDuration::ZERO,
            traced: std::env::var_os("SIMULATION_TRACE").is_some(),
        }
    }

    /// Monotonic time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// The monotonic clock at a time since the beginning.
    pub(crate) fn at(&self, since_start: Duration) -> Instant {
        self.start + since_start
    }

    /// True time since the beginning.
    pub(crate) fn true_elapsed(&self) -> Duration {
        self.elapsed() + self.suspended
    }

    pub(crate) fn true_time(&self) -> Timestamp {
        Timestamp::from_second(BEGINNING).unwrap() + self.true_elapsed()
    }

    /// Now, on the clock of ages and on LivePerson's.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            aged: self.aged(self.now),
            liveperson: self.true_time().as_second(),
            is_known: true,
        }
    }

    /// The time as the exporter's machine has it.
    pub(crate) fn wall(&self) -> Timestamp {
        self.true_time() + self.step
    }

    pub(crate) fn wall_system(&self) -> SystemTime {
        self.wall().into()
    }

    /// With `SIMULATION_TRACE` set, says what happens and when.
    pub(crate) fn trace(&self, account: usize, what: impl FnOnce() -> String) {
        if self.traced {
            eprintln!(
                "{:>12.6} account {account}: {}",
                self.elapsed().as_secs_f64(),
                what()
            );
        }
    }

    pub(crate) fn step_wall(&mut self, by: SignedDuration) {
        self.step += by;
    }

    /// The clock that measures ages: a suspension makes data older.
    pub(crate) fn aged(&self, at: Instant) -> Instant {
        at + self.suspended
    }

    pub(crate) fn suspend(&mut self, time: Duration) {
        self.suspended += time;
    }
}
