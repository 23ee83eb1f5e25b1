//! One moment on the two clocks that matter: that of ages, and LivePerson's.

use std::time::Instant;

use jiff::Timestamp;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the clock of ages.
    pub aged: Instant,
    /// LivePerson's clock, in seconds since the epoch; ours as long as theirs is not known.
    pub liveperson: i64,
    /// Whether LivePerson's clock is known, or it does not say what it is.
    pub is_known: bool,
}

impl Moment {
    /// LivePerson's clock; the epoch for a time beyond all calendars.
    pub(super) fn time(self) -> Timestamp {
        Timestamp::from_second(self.liveperson).unwrap_or_default()
    }
}
