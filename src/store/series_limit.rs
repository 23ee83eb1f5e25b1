//! `limits.max_series`: which levels are dropped when there are more series.
//!
//! Running totals are counted first and never dropped: a counter that comes and goes would be read as
//! one that was reset.

use std::ops::Add;

use parking_lot::Mutex;

use super::SeriesCount;
use crate::metrics::Family;
use crate::vocabulary::Level;

/// The order in which levels are dropped: the most detailed first, and only whole levels, so that
/// what is served never depends on which poll came last.
const DROP_ORDER: [Level; 5] = [
    Level::SkillAgent,
    Level::Agent,
    Level::Skill,
    Level::Group,
    Level::Account,
];

/// A level by its position in [`DROP_ORDER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DropRank(usize);

impl DropRank {
    /// The rank of a family's level, or `None` for running totals, which are never dropped. Families
    /// without a level are kept as long as the account's.
    pub(super) fn of(family: &Family) -> Option<Self> {
        let level = family.origin.level().unwrap_or(Level::Account);
        (!family.kind.is_cumulative()).then(|| Self::of_level(level))
    }

    fn of_level(level: Level) -> Self {
        let position = DROP_ORDER.iter().position(|other| *other == level);
        Self(position.unwrap_or(DROP_ORDER.len() - 1))
    }
}

/// A set of levels, a bit for each [`DropRank`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelSet(u8);

impl LevelSet {
    pub(super) fn contains(self, level: DropRank) -> bool {
        self.0 & (1 << level.0) != 0
    }

    fn insert(&mut self, level: DropRank) {
        self.0 |= 1 << level.0;
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Labels for the log, separated by commas.
    fn labels(self) -> String {
        let levels = DROP_ORDER
            .into_iter()
            .filter(|level| self.contains(DropRank::of_level(*level)));
        levels.map(Level::label).collect::<Vec<_>>().join(",")
    }
}

/// Numbers of series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LevelCounts {
    /// Running totals of all levels.
    totals: u64,
    /// Everything else by level, in the order of [`DROP_ORDER`].
    levels: [u64; DROP_ORDER.len()],
}

impl LevelCounts {
    /// Adds series of a level, or of running totals when there is none.
    pub(super) fn add_series(&mut self, level: Option<DropRank>, series: u64) {
        match level {
            None => self.totals += series,
            Some(DropRank(level)) => {
                if let Some(count) = self.levels.get_mut(level) {
                    *count += series;
                }
            }
        }
    }

    /// How many are served and how many are not when these levels are dropped.
    pub(super) fn split(self, dropped_levels: LevelSet) -> SeriesCount {
        let levels = self.levels.into_iter().enumerate();
        let dropped = levels.filter(|(level, _)| dropped_levels.contains(DropRank(*level)));
        let dropped: u64 = dropped.map(|(_, series)| series).sum();
        SeriesCount {
            served: self.total() - dropped,
            dropped,
        }
    }

    fn total(self) -> u64 {
        self.totals + self.levels.iter().sum::<u64>()
    }

    /// The levels that have to be dropped for the others to fit.
    fn levels_over(self, limit: u64) -> LevelSet {
        let mut dropped = LevelSet::default();
        let mut total = self.total();
        for (level, series) in self.levels.into_iter().enumerate() {
            if total <= limit {
                break;
            }
            total -= series;
            dropped.insert(DropRank(level));
        }
        dropped
    }
}

impl Add for LevelCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.totals += other.totals;
        for (sum, series) in std::iter::zip(&mut self.levels, other.levels) {
            *sum += series;
        }
        self
    }
}

/// The limit, and the levels that are dropped because of it.
#[derive(Debug)]
pub(super) struct SeriesLimit {
    /// Held for a decision only: never while a page is rendered, written or logged.
    state: Mutex<LimitState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LimitState {
    max_series: u64,
    dropped: LevelSet,
    /// Levels whose absence has been logged.
    reported: LevelSet,
    /// Whether it has been logged that the running totals alone are more than the limit.
    totals_reported: bool,
}

impl LimitState {
    fn new(max_series: u64) -> Self {
        Self {
            max_series,
            dropped: LevelSet::default(),
            reported: LevelSet::default(),
            totals_reported: false,
        }
    }

    /// Decides which levels are dropped. A level that was dropped comes back only when a tenth of the
    /// limit would still be free, so that a number of series that moves around the limit does not make
    /// it come and go with every poll.
    fn decide(&mut self, counts: LevelCounts) {
        if self.dropped.is_empty() && counts.total() <= self.max_series {
            return;
        }
        let required = counts.levels_over(self.max_series);
        let with_margin = counts.levels_over(self.max_series - self.max_series / 10);
        self.dropped = required.union(self.dropped.intersection(with_margin));
    }

    /// What the log has not reported; from now on it has. A number of series that moves around the
    /// limit is no reason to report it again.
    fn take_unreported(&mut self, counts: LevelCounts) -> Option<Report> {
        let levels = !self.dropped.is_subset_of(self.reported);
        if levels {
            self.reported = self.dropped;
        }
        if counts.totals > self.max_series && !self.totals_reported {
            self.totals_reported = true;
            return Some(Report::Totals);
        }
        levels.then_some(Report::Levels)
    }
}

/// What a line of the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// A level is dropped.
    Levels,
    /// The running totals alone are more than the limit.
    Totals,
}

impl Report {
    fn log(self, counts: LevelCounts, state: LimitState) {
        let (series, totals) = (counts.total(), counts.totals);
        let (max_series, left_out) = (state.max_series, state.dropped.labels());
        match self {
            Self::Levels => tracing::warn!(
                series,
                totals,
                max_series,
                left_out,
                "more series than limits.max_series: whole levels of the windows are left out, \
                 running totals never; raise it, or serve fewer levels, skills or agents"
            ),
            Self::Totals => tracing::warn!(
                series,
                totals,
                max_series,
                left_out,
                "the running totals alone are more series than limits.max_series: they are served \
                 all the same, and no windows and names; raise it, or serve fewer levels, skills or \
                 agents"
            ),
        }
    }
}

impl SeriesLimit {
    pub(super) fn new(max_series: u64) -> Self {
        Self {
            state: Mutex::new(LimitState::new(max_series)),
        }
    }

    /// Changes the limit. Everything is decided and reported again.
    pub(super) fn set(&self, max_series: u64) {
        let mut state = self.state.lock();
        if state.max_series != max_series {
            *state = LimitState::new(max_series);
        }
    }

    /// Which levels are dropped when there are so many series.
    pub(super) fn dropped_levels(&self, counts: LevelCounts) -> LevelSet {
        let mut state = self.state.lock();
        state.decide(counts);
        let unreported = state.take_unreported(counts);
        let decided = *state;
        drop(state);
        if let Some(report) = unreported {
            report.log(counts, decided);
        }
        decided.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn counts(agents: u64, skills: u64, account: u64) -> LevelCounts {
        let mut counts = LevelCounts::default();
        for (level, series) in [
            (Level::Agent, agents),
            (Level::Skill, skills),
            (Level::Account, account),
        ] {
            counts.add_series(Some(DropRank::of_level(level)), series);
        }
        counts
    }

    fn set(levels: &[Level]) -> LevelSet {
        let mut set = LevelSet::default();
        for level in levels {
            set.insert(DropRank::of_level(*level));
        }
        set
    }

    #[test]
    fn a_dropped_level_comes_back_with_a_tenth_of_the_limit_free() {
        let limit = SeriesLimit::new(100);
        let agents = DropRank::of_level(Level::Agent);
        for (series, dropped) in [
            (80, false), // Exactly the limit.
            (81, true),
            (80, true),
            (71, true),
            (75, true),
            (70, false),
            (80, false),
        ] {
            let levels = limit.dropped_levels(counts(series, 10, 10));
            assert_eq!(levels.contains(agents), dropped, "{series}");
        }
    }

    #[test]
    fn the_most_detailed_levels_are_dropped_until_the_rest_fits() {
        let counts = counts(5, 3, 2);
        let cases = [
            (10, &DROP_ORDER[..0]),
            // An empty level goes with those before it: its next series would be dropped, too.
            (9, &DROP_ORDER[..2]),
            (4, &DROP_ORDER[..3]),
            (1, &DROP_ORDER[..5]),
        ];
        check_each(cases, |(limit, dropped)| {
            assert_eq!(counts.levels_over(limit), set(dropped), "{limit}");
        });
    }

    #[test]
    fn dropped_levels_are_reported_once() {
        let mut state = LimitState::new(9);
        let mut reported = |counts| {
            state.decide(counts);
            state.take_unreported(counts)
        };
        let levels = Some(Report::Levels);
        assert_eq!(reported(counts(4, 3, 2)), None);
        assert_eq!(reported(counts(5, 3, 2)), levels);
        assert_eq!(reported(counts(1, 3, 2)), None);
        assert_eq!(reported(counts(5, 3, 2)), None);
        assert_eq!(reported(counts(5, 8, 2)), levels, "one level more");
    }

    #[test]
    fn running_totals_count_first_and_are_never_dropped() {
        let with_totals = |totals| LevelCounts {
            totals,
            ..counts(5, 3, 2)
        };
        for (totals, dropped) in [
            (10, &DROP_ORDER[..0]),
            (11, &DROP_ORDER[..2]),
            (15, &DROP_ORDER[..2]),
            (16, &DROP_ORDER[..3]),
            (20, &DROP_ORDER[..5]),
            (21, &DROP_ORDER[..5]),
        ] {
            let counts = with_totals(totals);
            let levels = counts.levels_over(20);
            assert_eq!(levels, set(dropped), "{totals}");
            let served = counts.split(levels).served;
            assert!(served >= totals && served <= totals.max(20), "{totals}");
        }
    }

    #[test]
    fn totals_beyond_the_limit_are_reported_once() {
        let mut state = LimitState::new(20);
        let mut reported = |totals| {
            let counts = LevelCounts {
                totals,
                ..counts(5, 3, 2)
            };
            state.decide(counts);
            state.take_unreported(counts)
        };
        assert_eq!(reported(10), None);
        assert_eq!(reported(20), Some(Report::Levels));
        assert_eq!(reported(21), Some(Report::Totals));
        assert_eq!(reported(10), None);
        assert_eq!(reported(21), None);
    }
}
