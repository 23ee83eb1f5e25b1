//! Histories of what LivePerson does not split into slots: differences of anchored windows.
//!
//! What happened between the anchor and a later mark is `V(anchor) - V(mark)`. It does not change any
//! more, but the two answers come from different moments, and chats keep arriving. So the marks are
//! asked for one right after the other, between two requests for the anchor: a *sweep*. The request
//! before a mark gives a lower bound, the one after it an upper one; where they are equal, the number
//! is proven. If they differ, the sweep is made again, and the bounds of all sweeps count.

use std::collections::BTreeMap;

use crate::totals::{Counts, History, Mark, SeriesKey};

/// So many sweeps are made at most: in an account where chats arrive all the time none may be free of
/// them, and the bounds are a few chats apart.
const MOST_SWEEPS: usize = 3;

/// Which sweep of a histogram an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SweepNumber(usize);

/// What one request of a sweep asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SweepStep {
    /// The anchor, before the marks.
    Before,
    /// A mark.
    At(Mark),
    /// The anchor, after the marks.
    After,
}

/// The answers about one histogram.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    key: Option<SeriesKey>,
    marks: Vec<Mark>,
    sweeps: Vec<Sweep>,
    /// The last answer for the anchor.
    total: Vec<f64>,
}

#[derive(Clone, Debug, Default)]
struct Sweep {
    before: Option<Vec<f64>>,
    after: Option<Vec<f64>>,
    at: BTreeMap<Mark, Vec<f64>>,
}

/// What is known of the time until one mark.
struct Bounds {
    lower: Option<Vec<f64>>,
    upper: Option<Vec<f64>>,
}

impl Waits {
    /// Takes in the first answer for the anchor, from which on there are `marks`; returns the first
    /// sweep. `None` for an answer that is not about one histogram.
    pub(super) fn begin(&mut self, answer: &Counts, marks: Vec<Mark>) -> Option<Vec<SweepStep>> {
        let (key, numbers) = answer.iter().next()?;
        (self.key, self.marks) = (Some(key), marks);
        self.total = numbers.to_vec();
        Some(self.sweep())
    }

    fn sweep(&mut self) -> Vec<SweepStep> {
        self.sweeps.push(Sweep::default());
        let marks = self.marks.iter().copied().map(SweepStep::At);
        let before = std::iter::once(SweepStep::Before);
        before.chain(marks).chain([SweepStep::After]).collect()
    }

    /// The number of the present sweep.
    pub(super) fn present(&self) -> SweepNumber {
        SweepNumber(self.sweeps.len().saturating_sub(1))
    }

    /// Takes in an answer of a sweep; returns the next sweep when this was the last answer of one that
    /// left doubts.
    pub(super) fn answered(
        &mut self,
        sweep: SweepNumber,
        step: SweepStep,
        answer: &Counts,
    ) -> Vec<SweepStep> {
        let Some((_, numbers)) = answer.iter().next() else {
            return Vec::new();
        };
        let numbers = numbers.to_vec();
        if !matches!(step, SweepStep::At(_)) {
            self.total.clone_from(&numbers);
        }
        let marks = self.marks.len();
        let Some(present) = self.sweeps.get_mut(sweep.0) else {
            return Vec::new();
        };
        match step {
            SweepStep::Before => present.before = Some(numbers),
            SweepStep::After => present.after = Some(numbers),
            SweepStep::At(mark) => {
                present.at.insert(mark, numbers);
            }
        }
        let whole =
            present.before.is_some() && present.after.is_some() && present.at.len() == marks;
        if whole && self.sweeps.len() < MOST_SWEEPS && self.unproven() > 0 {
            return self.sweep();
        }
        Vec::new()
    }

    /// How many marks have no proven number.
    pub(super) fn unproven(&self) -> usize {
        let proven = |mark: &&Mark| {
            let Bounds { lower, upper } = self.bounds(**mark);
            lower.is_some() && lower == upper
        };
        self.marks.len() - self.marks.iter().filter(proven).count()
    }

    fn bounds(&self, mark: Mark) -> Bounds {
        let mut bounds = Bounds {
            lower: None,
            upper: None,
        };
        for sweep in &self.sweeps {
            let Some(at) = sweep.at.get(&mark) else {
                continue;
            };
            narrow(&mut bounds.lower, sweep.before.as_deref(), at, f64::max);
            narrow(&mut bounds.upper, sweep.after.as_deref(), at, f64::min);
        }
        bounds
    }

    /// What is known: until each mark what was counted for certain, never less than before, and in the
    /// end everything. `None` when nothing was answered.
    pub(super) fn history(&self, anchor: Mark) -> Option<(History, Counts)> {
        let key = self.key?;
        let fields = self.total.len();
        let counts = |numbers: &[f64]| {
            let mut counts = Counts::new(fields);
            counts.push(key, numbers.iter().copied().map(Some));
            counts
        };
        let mut history = History::new(anchor, fields);
        // A row of nothing, for a histogram whose marks all failed.
        history.add(anchor.plus(1), &counts(&vec![0.0; fields]));
        let mut counted = vec![0.0; fields];
        for mark in &self.marks {
            let Bounds { lower, upper } = self.bounds(*mark);
            let Some(until) = lower.or(upper) else {
                continue;
            };
            let mut increments = Vec::with_capacity(fields);
            for ((counted, until), total) in counted.iter_mut().zip(until).zip(&self.total) {
                let until = until.min(*total).max(*counted);
                increments.push(until - *counted);
                *counted = until;
            }
            history.add(*mark, &counts(&increments));
        }
        Some((history, counts(&self.total)))
    }
}

/// Narrows a bound by what lies between the anchor and a mark.
fn narrow(
    bound: &mut Option<Vec<f64>>,
    anchor: Option<&[f64]>,
    mark: &[f64],
    narrower: fn(f64, f64) -> f64,
) {
    let Some(anchor) = anchor else { return };
    let difference = anchor.iter().zip(mark).map(|(whole, rest)| whole - rest);
    *bound = Some(match bound.take() {
        None => difference.collect(),
        Some(old) => old
            .into_iter()
            .zip(difference)
            .map(|(a, b)| narrower(a, b))
            .collect(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(chats: f64) -> Counts {
        let mut counts = Counts::new(1);
        counts.push(SeriesKey::ACCOUNT, [Some(chats)]);
        counts
    }

    fn anchor() -> Mark {
        Mark::at_or_before(1_700_000_100)
    }

    /// The counts until the ends of 12 slots, with two marks, the answers of each sweep given as the
    /// anchor before, both marks, the anchor after; and how many marks are not proven.
    fn increments(sweeps: &[[f64; 4]]) -> (Vec<f64>, usize) {
        let marks = vec![anchor().plus(6), anchor().plus(12)];
        let mut waits = Waits::default();
        let mut steps = waits.begin(&counts(10.0), marks).unwrap();
        for answers in sweeps {
            assert_eq!(steps.len(), 4, "a sweep that was not asked for");
            let sweep = waits.present();
            for (step, answer) in std::mem::take(&mut steps).into_iter().zip(answers) {
                steps = waits.answered(sweep, step, &counts(*answer));
            }
        }
        assert_eq!(steps, []);
        let (history, _) = waits.history(anchor()).unwrap();
        let counts = history.by_slot(SeriesKey::ACCOUNT, anchor().plus(12));
        let at = [5, 6, 11, 12].map(|slot| counts.at(slot)[0]);
        (at.to_vec(), waits.unproven())
    }

    #[test]
    fn equal_answers_before_and_after_prove_a_sweep() {
        assert_eq!(
            increments(&[[10.0, 7.0, 1.0, 10.0]]),
            (vec![0.0, 3.0, 3.0, 9.0], 0)
        );
    }

    #[test]
    fn chats_that_arrive_in_a_sweep_make_another() {
        // One arrives between the marks: 3 and at most 4, then 9; and at last none.
        let busy = [10.0, 7.0, 2.0, 11.0];
        let quiet = [11.0, 8.0, 2.0, 11.0];
        assert_eq!(increments(&[busy, quiet]), (vec![0.0, 3.0, 3.0, 9.0], 0));
    }

    #[test]
    fn bounds_of_several_sweeps_prove_together() {
        // Before the first mark, then after the second one: no sweep alone proves both.
        let first = [10.0, 8.0, 2.0, 11.0];
        let second = [11.0, 8.0, 2.0, 12.0];
        assert_eq!(increments(&[first, second]).1, 0);
    }

    #[test]
    fn what_stays_in_doubt_is_counted_later_never_twice() {
        let busy = |n: f64| [10.0 + n, 8.0 + n, 3.0 + n, 12.0 + n];
        let (counts, unproven) = increments(&[busy(0.0), busy(2.0), busy(4.0)]);
        assert_eq!((counts, unproven), (vec![0.0, 2.0, 2.0, 7.0], 2));
    }

    #[test]
    fn a_mark_without_an_answer_is_counted_with_the_next() {
        let mut waits = Waits::default();
        let marks = vec![anchor().plus(1), anchor().plus(2)];
        waits.begin(&counts(5.0), marks).unwrap();
        waits.answered(SweepNumber(0), SweepStep::Before, &counts(5.0));
        waits.answered(
            SweepNumber(0),
            SweepStep::At(anchor().plus(2)),
            &counts(1.0),
        );
        let (history, total) = waits.history(anchor()).unwrap();
        let slots = history.by_slot(SeriesKey::ACCOUNT, anchor().plus(2));
        assert_eq!((slots.at(1)[0], slots.at(2)[0]), (0.0, 4.0));
        assert!(total.is_same(&counts(5.0)));
    }
}
