//! Which levels are left out when there are more series than `limits.max_series`.

use std::ops::Add;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

use crate::metrics::Family;
use crate::vocabulary::Level;

/// The order in which levels are left out: the most detailed first, whole ones always, so that what
/// is served never depends on which poll came last. A level's place here is its bit and its index.
const DROPPED_FIRST: [Level; 5] = [
    Level::SkillAgent,
    Level::Agent,
    Level::Skill,
    Level::Group,
    Level::Account,
];

/// The place of a family's level in the order in which levels are left out.
pub(super) fn level(family: &Family) -> usize {
    let level = family.origin.level().unwrap_or(Level::Account);
    let place = DROPPED_FIRST.iter().position(|l| *l == level);
    place.unwrap_or(DROPPED_FIRST.len() - 1)
}

/// Series by level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelCounts([u64; DROPPED_FIRST.len()]);

impl LevelCounts {
    pub(super) fn add(&mut self, level: usize, series: u64) {
        self.0[level] += series;
    }

    fn total(self) -> u64 {
        self.0.iter().sum()
    }

    /// How many are served and how many left out.
    pub(super) fn split(self, left_out: u8) -> (u64, u64) {
        let levels = self.0.iter().enumerate();
        let out = levels.filter(|(level, _)| is_left_out(left_out, *level));
        let dropped: u64 = out.map(|(_, series)| series).sum();
        (self.total() - dropped, dropped)
    }
}

impl Add for LevelCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (sum, series) in std::iter::zip(&mut self.0, other.0) {
            *sum += series;
        }
        self
    }
}

/// Whether a level is among those left out.
pub(super) fn is_left_out(left_out: u8, level: usize) -> bool {
    left_out & (1 << level) != 0
}

/// The levels left out at present.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    present: AtomicU8,
    /// Levels whose absence the log has reported.
    reported: Mutex<u8>,
}

impl LeftOut {
    /// Decides which levels are left out of so many series; one bit a level. A level that was left
    /// out comes back only when a tenth of the limit would still be free, so that a number of series
    /// that moves around the limit does not make it come and go with every poll.
    pub(super) fn update(&self, counts: LevelCounts, max_series: u64) -> u8 {
        let before = self.present.load(Ordering::Relaxed);
        if before == 0 && counts.total() <= max_series {
            return 0;
        }
        let must = levels_over(counts, max_series);
        let with_margin = levels_over(counts, max_series - max_series / 10);
        let after = must | (before & with_margin);
        if after != before {
            self.present.store(after, Ordering::Relaxed);
        }
        self.report(after, counts.total(), max_series);
        after
    }

    /// The limit changed: everything is decided and reported afresh.
    pub(super) fn forget(&self) {
        self.present.store(0, Ordering::Relaxed);
        *self.reported.lock() = 0;
    }

    /// Reports once which levels are left out; a number of series that moves around the limit is no
    /// reason to say it again.
    fn report(&self, left_out: u8, series: u64, max_series: u64) {
        let mut reported = self.reported.lock();
        if left_out & !*reported == 0 {
            return;
        }
        *reported = left_out;
        drop(reported);
        let levels = DROPPED_FIRST.iter().enumerate();
        let levels = levels.filter(|(level, _)| is_left_out(left_out, *level));
        let labels: Vec<_> = levels.map(|(_, level)| level.label()).collect();
        tracing::warn!(
            series,
            max_series,
            left_out = labels.join(","),
            "more series than limits.max_series: whole levels are left out; raise it, or serve \
             fewer levels, skills or agents"
        );
    }
}

/// The levels that have to go for the rest to fit.
fn levels_over(counts: LevelCounts, limit: u64) -> u8 {
    let (mut left_out, mut total) = (0, counts.total());
    for (level, series) in counts.0.iter().enumerate() {
        if total <= limit {
            break;
        }
        total -= series;
        left_out |= 1 << level;
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(agents: u64, skills: u64, account: u64) -> LevelCounts {
        LevelCounts([0, agents, skills, 0, account])
    }

    #[test]
    fn a_level_that_was_left_out_comes_back_only_with_a_tenth_to_spare() {
        let left_out = LeftOut::default();
        let agents = 1 << level_place(Level::Agent);
        let update = |agents| left_out.update(counts(agents, 10, 10), 100) & 0b10;
        assert_eq!(update(80), 0, "just full");
        assert_eq!(update(81), agents);
        for series in [80, 71, 80, 75] {
            assert_eq!(update(series), agents, "{series}");
        }
        assert_eq!(update(70), 0);
        assert_eq!(update(80), 0);
    }

    fn level_place(wanted: Level) -> usize {
        DROPPED_FIRST.iter().position(|l| *l == wanted).unwrap()
    }

    #[test]
    fn the_most_detailed_levels_go_first_until_the_rest_fits() {
        assert_eq!(levels_over(counts(5, 3, 2), 10), 0);
        // An empty level goes with those before it: its next series would be left out, too.
        assert_eq!(levels_over(counts(5, 3, 2), 9), 0b11);
        assert_eq!(levels_over(counts(5, 3, 2), 4), 0b111);
        assert_eq!(levels_over(counts(5, 3, 2), 1), 0b11111);
    }
}
