//! Slots and marks: what a history needs of an answer, and at which marks it asks.

use crate::totals::{Mark, Slot};

/// The marks between which a histogram is known, the end among them.
pub(super) fn marks(anchor: Mark, end: Mark, step: i64) -> Vec<Mark> {
    let slots = anchor.slots_until(end);
    let mut marks = Vec::new();
    let mut slot = step.max(1);
    while slot < slots {
        marks.push(anchor.plus(slot));
        slot += step.max(1);
    }
    marks.extend((slots > 0).then_some(end));
    marks
}

/// Whether slots follow each other without a gap from a mark on.
pub(super) fn check_slots(anchor: Mark, slots: &[Slot]) -> Result<(), &'static str> {
    let is_end = |slot: &Slot| Mark::at_or_before(slot.end).seconds() == slot.end;
    if !slots.iter().all(is_end) {
        return Err("LivePerson's slots do not end on marks of 5 minutes");
    }
    let first = anchor.plus(1).seconds();
    if slots.first().is_none_or(|slot| slot.end > first) {
        return Err("LivePerson's slots begin later than the totals do");
    }
    let follows = |pair: &[Slot]| pair[0].end + 300 == pair[1].end;
    if !slots.windows(2).all(follows) {
        return Err("a slot is missing in LivePerson's answer");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;
    use crate::totals::Counts;

    const ANCHOR: i64 = 1_700_000_100;

    #[test]
    fn the_end_is_a_mark_whatever_the_step() {
        let anchor = Mark::at_or_before(ANCHOR);
        let cases = [
            (13, 6, vec![6, 12, 13]),
            (12, 6, vec![6, 12]),
            (3, 12, vec![3]),
            (2, 1, vec![1, 2]),
            (0, 6, vec![]),
            (-4, 6, vec![]),
        ];
        check_each(cases, |(end, step, expected)| {
            let marks = marks(anchor, anchor.plus(end), step);
            let slots: Vec<i64> = marks.iter().map(|mark| anchor.slots_until(*mark)).collect();
            assert_eq!(slots, expected, "{end} {step}");
        });
    }

    #[test]
    fn slots_have_to_follow_each_other_from_the_anchor_on() {
        let cases: [(&[i64], Option<&str>); 6] = [
            (&[300, 600, 900], None),
            (&[-300, 0, 300], None),
            (&[600, 900], Some("begin later")),
            (&[], Some("begin later")),
            (&[300, 900], Some("missing")),
            (&[301], Some("marks of 5 minutes")),
        ];
        check_each(cases, |(ends, problem)| {
            let slots = ends.iter().map(|end| Slot {
                end: ANCHOR + end,
                counts: Counts::default(),
            });
            let found = check_slots(Mark::at_or_before(ANCHOR), &slots.collect::<Vec<_>>());
            match problem {
                None => assert_eq!(found, Ok(()), "{ends:?}"),
                Some(problem) => assert!(found.unwrap_err().contains(problem), "{ends:?}"),
            }
        });
    }
}
