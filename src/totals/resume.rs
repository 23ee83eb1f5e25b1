//! Where totals begin, and where they continue after a time that LivePerson no longer has.

use super::mark::{CLOCKS_DIFFER, Mark, SETTLED_AFTER};

/// How long before the first start totals begin, in seconds: LivePerson still knows that, and for
/// another hour, so that nothing is lost when its first answer is late.
const FIRST_START: i64 = 23 * 3600;
/// No anchor lies so far ahead of the present, in seconds, unless a clock was wrong.
const TOO_FAR_AHEAD: i64 = 15 * 60;

/// What is not counted, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub until: i64,
}

/// The time that was not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How much, in seconds.
    pub seconds: i64,
    /// The beginning of the latest of it, in seconds since the epoch.
    pub from: i64,
    /// Its end, in seconds since the epoch.
    pub until: i64,
}

impl Lost {
    /// Adds a gap. Requests that were away together lost the same time.
    pub(super) fn add(&mut self, gap: Gap) {
        if gap.from > self.until || gap.until < self.from {
            let length = gap.until.saturating_sub(gap.from).max(0);
            self.seconds = self.seconds.saturating_add(length);
            (self.from, self.until) = (gap.from, gap.until);
            return;
        }
        let before = self.until.saturating_sub(self.from);
        self.from = self.from.min(gap.from);
        self.until = self.until.max(gap.until);
        let after = self.until.saturating_sub(self.from);
        self.seconds = self.seconds.saturating_add(after.saturating_sub(before));
    }
}

/// The anchor of totals that begin at `now`.
pub(super) fn first_anchor(now: i64) -> Mark {
    Mark::at_or_before(now.saturating_sub(FIRST_START))
}

/// Whether LivePerson cannot be asked from this anchor any more, or not for long.
pub(super) fn is_out_of_reach(anchor: Mark, now: i64) -> bool {
    let too_old = anchor < Mark::oldest(now) && anchor.timeframe(now).is_none();
    too_old || anchor.age(now) < -TOO_FAR_AHEAD
}

/// The anchor with which totals continue when theirs is out of reach, and what is lost by that.
/// `answered`: LivePerson's time of the last answer.
///
/// What was served last becomes the base, so the new anchor must not lie before that answer: what came
/// before it would be counted twice. What happened shortly before it may not have been in it.
pub(super) fn resume(answered: Option<i64>, now: i64) -> (Mark, Option<Gap>) {
    let Some(answered) = answered else {
        return (first_anchor(now), None);
    };
    let answered = answered.min(now);
    let not_counted = Mark::at_or_after(answered.saturating_add(CLOCKS_DIFFER));
    let anchor = Mark::oldest(now).max(not_counted);
    let gap = Gap {
        from: answered.saturating_sub(SETTLED_AFTER),
        until: anchor.seconds(),
    };
    (anchor, Some(gap))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases::check_each;

    const NOW: i64 = 1_700_000_000;

    #[test]
    fn totals_begin_with_what_liveperson_still_knows() {
        let anchor = first_anchor(NOW);
        assert!((0..300).contains(&(anchor.age(NOW) - FIRST_START)));
        assert!(anchor.timeframe(NOW).is_some());
        assert_eq!(resume(None, NOW), (anchor, None), "never answered");
    }

    #[test]
    fn a_day_away_is_lost_and_said() {
        let answered = NOW - 30 * 3600;
        let (anchor, gap) = resume(Some(answered), NOW);
        assert_eq!(anchor, Mark::oldest(NOW));
        let gap = gap.unwrap();
        let until = anchor.seconds();
        assert_eq!((gap.from, gap.until), (answered - SETTLED_AFTER, until));
    }

    #[test]
    fn an_anchor_far_in_the_future_is_out_of_reach() {
        let ahead = |seconds| is_out_of_reach(Mark::at_or_after(NOW + seconds), NOW);
        assert!(!ahead(0) && !ahead(CLOCKS_DIFFER) && ahead(3600));
        assert!(!is_out_of_reach(resume(Some(NOW), NOW).0, NOW));
        assert!(!is_out_of_reach(resume(Some(NOW + 86_400), NOW).0, NOW));
    }

    #[test]
    fn what_several_requests_lost_together_counts_once() {
        let mut lost = Lost::default();
        check_each(
            [
                (1000, 2000, 1000),
                (1000, 2000, 1000),
                (500, 1500, 1500),
                (1500, 2100, 1600),
                (9000, 9100, 1700),
            ],
            |(from, until, seconds)| {
                lost.add(Gap { from, until });
                assert_eq!(lost.seconds, seconds, "after {from} to {until}");
            },
        );
    }

    proptest! {
        #[test]
        fn nothing_that_was_answered_is_counted_again(away in -90_000_i64..200_000) {
            let (anchor, gap) = resume(Some(NOW - away), NOW);
            prop_assert!(anchor.seconds() >= (NOW - away).min(NOW) + CLOCKS_DIFFER);
            prop_assert!(anchor >= Mark::oldest(NOW));
            prop_assert!(!is_out_of_reach(anchor, NOW));
            prop_assert!(gap.unwrap().until == anchor.seconds());
        }

        #[test]
        fn lost_time_covers_every_gap(gaps in prop::collection::vec((0_i64..50, 1_i64..30), 1..6)) {
            let mut lost = Lost::default();
            let mut longest = 0;
            for (from, length) in gaps {
                let (from, until) = (1000 + from, 1000 + from + length);
                lost.add(Gap { from, until });
                longest = length.max(longest);
                prop_assert!(lost.from <= from && lost.until >= until);
                prop_assert!(lost.seconds >= longest && lost.seconds <= 6 * 80);
            }
        }
    }
}
