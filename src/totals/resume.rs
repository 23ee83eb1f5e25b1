//! Where totals begin, and where they go on after a time that LivePerson no longer has.

use super::ledger::LAG;
use super::mark::Mark;

/// How long before the first start totals begin, in seconds: LivePerson still knows that, and for
/// another hour, so that nothing is lost when its first answer is late.
const FIRST_START: i64 = 23 * 3600;

/// What is not counted, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub until: i64,
}

/// The anchor of totals that begin at `now`.
pub(super) fn first_anchor(now: i64) -> Mark {
    Mark::at_or_before(now.saturating_sub(FIRST_START))
}

/// The anchor with which totals go on when theirs is older than what LivePerson keeps, and what is
/// lost by that. `answered`: LivePerson's time of the last answer.
///
/// What was served last becomes the base, so the new anchor must not lie before that answer: what came
/// before it would be counted twice.
pub(super) fn resume(answered: Option<i64>, now: i64) -> (Mark, Option<Gap>) {
    let Some(answered) = answered else {
        return (first_anchor(now), None);
    };
    let anchor = Mark::oldest(now).max(Mark::at_or_after(answered));
    let gap = Gap {
        from: answered.saturating_sub(LAG),
        until: anchor.seconds(),
    };
    (anchor, Some(gap))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert_eq!((gap.from, gap.until), (answered - LAG, anchor.seconds()));
    }

    proptest! {
        #[test]
        fn nothing_that_was_answered_is_counted_again(away in 0_i64..200_000) {
            let (anchor, gap) = resume(Some(NOW - away), NOW);
            prop_assert!(anchor.seconds() >= NOW - away);
            prop_assert!(anchor >= Mark::oldest(NOW));
            prop_assert!(gap.unwrap().until == anchor.seconds());
        }
    }
}
