//! Reproducible random numbers: every purpose and every block of time has its own generator,
//! derived from the seed alone, so that history does not depend on when or in which order it is
//! generated.

use fastrand::Rng;

/// What a generator is for; two purposes never share a sequence.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// Who has which skills.
    Staff = 1,
    /// Which agents are ill on a day.
    Sickness = 2,
    /// How busy a day is.
    Day = 3,
    /// Who arrives in a slot, and what they want.
    Arrivals = 4,
    /// Which free agent is looked at first.
    Routing = 5,
    /// When nodes refresh, and how far they lag.
    Nodes = 6,
    /// Which numbers change after the event.
    Changes = 7,
    /// The chats of an index.
    Traffic = 8,
}

/// The generator of one purpose at one index (a block, a slot, an agent).
pub(super) fn rng(seed: u64, purpose: Purpose, index: i64) -> Rng {
    Rng::with_seed(mix(
        mix(mix(seed) ^ (purpose as u64)) ^ index.cast_unsigned()
    ))
}

/// SplitMix64's finaliser: neighbouring seeds give unrelated generators.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Rounds to the nearest whole number; what is out of range or not a number saturates.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the value is rounded, and `as` saturates"
)]
pub(super) fn round(value: f64) -> i64 {
    value.round() as i64
}

/// Seconds as whole milliseconds.
pub(super) fn to_ms(seconds: f64) -> i64 {
    round(seconds * 1000.0)
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// Log-normal: skewed to the right, as handling times are.
pub(super) fn lognormal(rng: &mut Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * normal(rng)).exp()
}

/// Exponential with the given mean.
pub(super) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.f64()).ln()
}

/// How many independent arrivals fall where `mean` are expected.
pub(super) fn poisson(rng: &mut Rng, mean: f64) -> usize {
    if mean > 30.0 {
        // Close enough to normal, and Knuth's product would underflow at a few hundred.
        let count = round(mean + mean.sqrt() * normal(rng)).max(0);
        return usize::try_from(count).unwrap_or(0);
    }
    let limit = (-mean).exp();
    let mut count = 0;
    let mut product = rng.f64();
    while product > limit {
        count += 1;
        product *= rng.f64();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn poisson_draws_have_the_expected_mean() {
        check_each([0.5, 12.0, 400.0], |mean| {
            let mut rng = rng(1, Purpose::Day, 0);
            let total: usize = (0..4000).map(|_| poisson(&mut rng, mean)).sum();
            let seen = f64::from(u32::try_from(total).unwrap()) / 4000.0;
            assert!((seen / mean - 1.0).abs() < 0.06, "{mean}: {seen}");
        });
    }

    #[test]
    fn generators_differ_by_seed_purpose_and_index() {
        let first = rng(1, Purpose::Day, 0).u64(..);
        assert_eq!(first, rng(1, Purpose::Day, 0).u64(..));
        assert_ne!(first, rng(2, Purpose::Day, 0).u64(..));
        assert_ne!(first, rng(1, Purpose::Arrivals, 0).u64(..));
        assert_ne!(first, rng(1, Purpose::Day, -1).u64(..));
    }
}
