//! Even starts: where in its interval each request of a plan begins, and where each collector's
//! interval begins.

use std::time::Duration;

use super::TaskId;

/// The golden ratio's fraction: multiples of it modulo 1 are spread as evenly as can be, however
/// many accounts and collectors there are.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// How long after the beginning of a poll request `index` of `count` starts.
pub fn start_offset(interval: Duration, index: usize, count: usize) -> Duration {
    if count == 0 {
        return Duration::ZERO;
    }
    // In floating point nanoseconds: exact to well under a microsecond for any interval allowed.
    #[expect(
        clippy::cast_precision_loss,
        reason = "plans have far fewer than 2^52 requests"
    )]
    interval.mul_f64((index.min(count) as f64) / (count as f64))
}

/// The number of a collector among those of all accounts of the exporter: it chooses the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordinal(usize);

impl Ordinal {
    /// The first collector's of an account, by the account's place among all and the number of
    /// collectors that each account can have.
    pub const fn of_account(place: usize, collectors: usize) -> Self {
        Self(place * collectors)
    }

    /// That of a task of the account whose first collector has this ordinal.
    pub const fn of_task(self, task: TaskId) -> Self {
        Self(self.0 + task.index())
    }
}

/// How long after the initial burst the regular polls of a collector begin: more than half an
/// interval, so that nothing is requested twice within seconds, and at most one interval, so that
/// nothing is older than that.
pub fn first_phase(interval: Duration, ordinal: Ordinal) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are far fewer than 2^52 collectors"
    )]
    let fraction = (ordinal.0 as f64 * GOLDEN).fract();
    interval.mul_f64(1.0 - fraction / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_requests_start_at_the_quarters_of_the_interval() {
        let starts: Vec<_> = (0..4)
            .map(|i| start_offset(Duration::from_secs(30), i, 4).as_millis())
            .collect();
        assert_eq!(starts, [0, 7_500, 15_000, 22_500]);
        assert_eq!(start_offset(Duration::from_secs(30), 0, 0), Duration::ZERO);
    }

    #[test]
    fn phases_differ_and_lie_in_the_second_half_of_the_interval() {
        let interval = Duration::from_secs(60);
        let mut phases: Vec<_> = (0..100)
            .map(|n| first_phase(interval, Ordinal(n)))
            .collect();
        assert!(phases.iter().all(|p| *p > interval / 2 && *p <= interval));
        phases.sort();
        let closest = phases.windows(2).map(|w| w[1] - w[0]).min().unwrap();
        // 100 evenly placed phases would lie 300 ms apart; golden ones come near.
        assert!(closest > Duration::from_millis(100), "{closest:?}");
    }
}
