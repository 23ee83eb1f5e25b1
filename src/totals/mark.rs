//! Marks: the beginnings of LivePerson's slots of 5 minutes, from which windows are asked.
//!
//! A window of `timeframe` minutes begins at the mark at or before now less the time frame. Which
//! mark that is must not depend on a few seconds, so a window that is to begin at a certain mark is
//! asked with the time frame whose nominal start lies in the middle of that mark's slot.

use serde::{Deserialize, Serialize};

/// The length of a slot, in seconds.
const SLOT: i64 = 300;
/// The middle of a slot, in seconds after its mark.
const MIDDLE: i64 = SLOT / 2;
/// The longest time frame that LivePerson accepts, in minutes.
const LONGEST: i64 = LONGEST_MINUTES as i64;
const LONGEST_MINUTES: u16 = 24 * 60;
/// The longest time frame that totals begin with after a long outage: there must be time to prove a
/// move before the mark is out of reach.
const LONGEST_RELIED_ON: i64 = LONGEST - 30;
/// How much LivePerson's clock may differ from what we take for it, in seconds.
pub(super) const CLOCKS_DIFFER: i64 = 120;
/// So long after a time everything before it is known to every node, in seconds: chats appear up to
/// 15 minutes late, nodes refresh every 10 s and lag by up to 30 s, and clocks differ.
pub(super) const SETTLED_AFTER: i64 = 15 * 60 + 40 + CLOCKS_DIFFER;

/// The beginning of a slot of 5 minutes, in seconds since the epoch.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Mark(i64);

impl Mark {
    /// The mark at or before a time, in seconds since the epoch.
    pub fn at_or_before(time: i64) -> Self {
        Self(time - time.rem_euclid(SLOT))
    }

    /// The mark at or after a time, in seconds since the epoch.
    pub fn at_or_after(time: i64) -> Self {
        Self::at_or_before(time.saturating_add(SLOT - 1))
    }

    /// The oldest mark that can be asked for at `now`, and for a while after.
    pub fn oldest(now: i64) -> Self {
        Self::at_or_after(now.saturating_sub(LONGEST_RELIED_ON * 60))
    }

    /// The latest mark before which nothing changes any more at `now`.
    pub fn settled(now: i64) -> Self {
        Self::at_or_before(now.saturating_sub(SETTLED_AFTER))
    }

    /// Whether it is a mark at all: what a file says may be none.
    pub fn is_valid(self) -> bool {
        self.0 >= 0 && self.0 % SLOT == 0
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// The mark so many slots later; earlier when negative.
    #[must_use]
    pub fn plus(self, slots: i64) -> Self {
        Self(self.0.saturating_add(slots.saturating_mul(SLOT)))
    }

    /// How many slots there are from this mark to a later one; negative for an earlier one.
    pub fn slots_until(self, later: Self) -> i64 {
        later.0.saturating_sub(self.0) / SLOT
    }

    /// Seconds from the mark to `now`.
    pub fn age(self, now: i64) -> i64 {
        now.saturating_sub(self.0)
    }

    /// Where a window of `minutes` really began that LivePerson answered at `now` by its own clock.
    pub fn of_answer(now: i64, minutes: u16) -> Self {
        Self::at_or_before(now.saturating_sub(60 * i64::from(minutes)))
    }

    /// The `timeframe`, in minutes, that makes a window begin at this mark when LivePerson's clock
    /// says `now`: right while that is wrong by less than two minutes. `None` when it would be
    /// longer than LivePerson keeps data, or when the mark's slot has hardly begun.
    pub fn timeframe(self, now: i64) -> Option<u16> {
        // The nearest whole minute: the nominal start is at most 30 s from the middle.
        let minutes = (self.age(now) - MIDDLE + 30).div_euclid(60);
        if !(1..=LONGEST).contains(&minutes) {
            return None;
        }
        u16::try_from(minutes).ok()
    }

    /// The `timeframe`, in minutes, of a window that is split into slots and has all those since this
    /// mark, whatever else it has before: a multiple of 5, as LivePerson asks for it. Right while
    /// LivePerson's clock is ahead of `now` by less than two minutes; never longer than LivePerson
    /// keeps data.
    pub fn timeframe_in_slots(self, now: i64) -> u16 {
        let slots = (self.age(now) + MIDDLE + SLOT - 1).div_euclid(SLOT);
        let minutes = (slots * SLOT / 60).clamp(5, LONGEST);
        u16::try_from(minutes).unwrap_or(LONGEST_MINUTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where LivePerson begins a window that it is asked for at `now` by its own clock.
    fn start(now: i64, minutes: u16) -> i64 {
        let nominal = now - 60 * i64::from(minutes);
        nominal - nominal.rem_euclid(SLOT)
    }

    #[test]
    fn the_documents_example_begins_at_its_mark() {
        // At 13:29 seven minutes begin at 13:20.
        let (now, mark) = (13 * 3600 + 29 * 60, Mark(13 * 3600 + 20 * 60));
        assert_eq!(mark.timeframe(now), Some(7));
        assert_eq!(start(now, 7), mark.seconds());
    }

    #[test]
    fn marks_are_multiples_of_five_minutes() {
        assert_eq!(Mark::at_or_before(1_699_999_999).seconds() % 300, 0);
        assert_eq!(Mark::at_or_before(600), Mark(600));
        assert_eq!(Mark::at_or_before(899), Mark(600));
        assert_eq!(Mark::at_or_after(600), Mark(600));
        assert_eq!(Mark::at_or_after(601), Mark(900));
        assert!(!Mark(601).is_valid() && !Mark(-300).is_valid() && Mark(600).is_valid());
    }

    #[test]
    fn only_what_liveperson_keeps_can_be_asked_for() {
        let now = 1_700_000_100;
        let oldest = Mark::oldest(now);
        assert!(oldest.timeframe(now).is_some());
        assert!(oldest.timeframe(now + 300).is_some(), "a retry");
        assert_eq!(oldest.timeframe(now + 3600), None);
        assert_eq!(Mark::at_or_before(now).timeframe(now), None, "too young");
    }

    #[test]
    fn marks_are_counted_in_slots() {
        let mark = Mark(1_700_000_100);
        assert_eq!(mark.plus(3), Mark(1_700_001_000));
        assert_eq!(mark.slots_until(mark.plus(276)), 276);
        assert_eq!(mark.plus(2).slots_until(mark), -2);
    }

    proptest! {
        #[test]
        fn a_window_in_slots_has_all_since_its_mark(
            now in 1_700_000_000_i64..1_700_100_000,
            age in 0_i64..85_000,
            difference in -119_i64..=119,
        ) {
            let mark = Mark::at_or_before(now - age);
            let minutes = mark.timeframe_in_slots(now);
            prop_assert_eq!(minutes % 5, 0);
            let start = start(now + difference, minutes);
            prop_assert!(start <= mark.seconds() && start > mark.seconds() - 900, "{}", start);
        }

        #[test]
        fn a_window_begins_at_its_mark_if_clocks_differ(
            now in 1_700_000_000_i64..1_700_100_000,
            age in 280_i64..86_000,
            difference in -119_i64..=119,
        ) {
            let mark = Mark::at_or_before(now - age);
            if let Some(minutes) = mark.timeframe(now) {
                prop_assert_eq!(start(now + difference, minutes), mark.seconds());
            }
        }
    }
}
