//! The blocks of 24 hours in which history is generated.

use super::window::{DAY, HOUR};

/// Blocks begin at this time of day: the quietest hour, since each starts with idle agents.
const OFFSET: i64 = 4 * HOUR;

/// A block, counted from the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block(i64);

impl Block {
    /// The block that holds `time`, in milliseconds since the epoch.
    pub(super) fn at(time: i64) -> Self {
        Self((time - OFFSET).div_euclid(DAY))
    }

    /// Its number, which selects its random sequences.
    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// When it begins, in milliseconds since the epoch.
    pub(super) fn start(self) -> i64 {
        self.0 * DAY + OFFSET
    }

    /// The block `count` before this one.
    pub(super) fn minus(self, count: i64) -> Self {
        Self(self.0 - count)
    }

    /// This block and every later one up to `last`.
    pub(super) fn through(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}
