//! The history of running totals: what was counted for each id, slot by slot.
//!
//! Most ids count nothing in most slots, so only what was counted is kept: a day of a large account
//! fits into memory, while its samples, one for each series and slot, would not.

use std::collections::BTreeMap;

use super::counts::{Counts, SeriesKey};
use super::mark::Mark;

/// What was counted in one slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its end, in seconds since the epoch.
    pub end: i64,
    /// The numbers of each id that LivePerson names.
    pub counts: Counts,
}

/// What was counted since a mark.
#[derive(Clone, Debug)]
pub struct History {
    from: Mark,
    fields: usize,
    rows: BTreeMap<SeriesKey, Increments>,
}

/// What was counted of one id, in the slots in which anything was.
#[derive(Clone, Debug, Default)]
struct Increments {
    /// The slots' numbers, counted from 1 at the beginning of the history, ascending.
    slots: Vec<u16>,
    /// As many numbers for each of them as there are fields.
    values: Vec<f64>,
    /// For each field, whether LivePerson has ever given it.
    given: Vec<bool>,
}

/// What was counted of one id until each end of a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct CountsBySlot {
    fields: usize,
    values: Vec<f64>,
}

impl History {
    /// Nothing yet.
    pub fn new(from: Mark, fields: usize) -> Self {
        Self {
            from,
            fields,
            rows: BTreeMap::new(),
        }
    }

    /// Since when it counts.
    pub fn begin(&self) -> Mark {
        self.from
    }

    /// Adds what was counted from the end of the last slot that was added to `end`. Slots that are not
    /// after the beginning are not part of it, and neither is one before the last of the same id.
    pub fn add(&mut self, end: Mark, counts: &Counts) {
        let Ok(slot) = u16::try_from(self.from.slots_until(end)) else {
            return;
        };
        if slot == 0 || counts.fields() != self.fields {
            return;
        }
        for (key, values) in counts.iter() {
            let row = self.rows.entry(key).or_default();
            row.given.resize(self.fields, false);
            for (given, value) in row.given.iter_mut().zip(values) {
                *given |= !value.is_nan();
            }
            let known = |value: &f64| if value.is_nan() { 0.0 } else { *value };
            let counted = values.iter().any(|value| known(value) != 0.0);
            if counted && row.slots.last().is_none_or(|last| *last < slot) {
                row.slots.push(slot);
                row.values.extend(values.iter().map(known));
            }
        }
    }

    /// The ids, ascending.
    pub fn keys(&self) -> impl Iterator<Item = SeriesKey> {
        self.rows.keys().copied()
    }

    /// Everything that was counted; a number that LivePerson has never given is none here, either.
    pub fn total(&self) -> Counts {
        let mut total = Counts::new(self.fields);
        for (key, row) in &self.rows {
            let mut sums = vec![0.0; self.fields];
            for values in row.values.chunks_exact(self.fields.max(1)) {
                add(&mut sums, values);
            }
            let pairs = sums.into_iter().zip(&row.given);
            total.push(*key, pairs.map(|(sum, given)| given.then_some(sum)));
        }
        total.sorted()
    }

    /// What was counted of an id until each end of a slot up to `until`, from the beginning, where it
    /// is nothing.
    pub fn by_slot(&self, key: SeriesKey, until: Mark) -> CountsBySlot {
        let slots = usize::try_from(self.from.slots_until(until)).unwrap_or(0);
        let mut counts = CountsBySlot {
            fields: self.fields,
            values: Vec::with_capacity((slots + 1) * self.fields),
        };
        let mut sums = vec![0.0; self.fields];
        let row = self.rows.get(&key);
        let known = row.into_iter().flat_map(|row| {
            let values = row.values.chunks_exact(self.fields.max(1));
            row.slots.iter().copied().zip(values)
        });
        let mut known = known.peekable();
        for slot in 0..=slots {
            while let Some((_, values)) = known.next_if(|(at, _)| usize::from(*at) <= slot) {
                add(&mut sums, values);
            }
            counts.values.extend_from_slice(&sums);
        }
        counts
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

impl CountsBySlot {
    /// The ends of slots that it has, the beginning included.
    pub fn len(&self) -> usize {
        self.values.len() / self.fields.max(1)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What was counted until the end of a slot; 0 is the beginning.
    pub fn at(&self, slot: usize) -> &[f64] {
        let start = slot * self.fields;
        self.values.get(start..start + self.fields).unwrap_or(&[])
    }

    /// What was counted in the last `slots` until the end of a slot; `None` when the history begins
    /// later than that.
    pub fn within(&self, slots: usize, until: usize) -> Option<Vec<f64>> {
        let before = self.at(until.checked_sub(slots)?);
        let pairs = self.at(until).iter().zip(before);
        Some(pairs.map(|(later, earlier)| later - earlier).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Level;

    const FROM: i64 = 1_700_000_100;

    fn counts(rows: &[(i64, [Option<f64>; 2])]) -> Counts {
        let mut counts = Counts::new(2);
        for (id, values) in rows {
            counts.push(SeriesKey::one(Level::Skill, *id), values.iter().copied());
        }
        counts.sorted()
    }

    fn history() -> (History, Mark) {
        let from = Mark::at_or_before(FROM);
        let mut history = History::new(from, 2);
        history.add(from, &counts(&[(4, [Some(99.0), Some(99.0)])]));
        history.add(from.plus(2), &counts(&[(4, [Some(3.0), None])]));
        history.add(
            from.plus(3),
            &counts(&[(4, [Some(0.0), None]), (7, [Some(1.0), Some(2.0)])]),
        );
        history.add(from.plus(5), &counts(&[(4, [Some(1.0), None])]));
        (history, from)
    }

    #[test]
    fn counts_grow_from_nothing_slot_by_slot() {
        let (history, from) = history();
        let counts = history.by_slot(SeriesKey::one(Level::Skill, 4), from.plus(6));
        let first: Vec<f64> = (0..counts.len()).map(|slot| counts.at(slot)[0]).collect();
        assert_eq!(first, [0.0, 0.0, 3.0, 3.0, 3.0, 4.0, 4.0]);
        let short = history.by_slot(SeriesKey::one(Level::Skill, 4), from.plus(3));
        assert_eq!(short.at(3), [3.0, 0.0]);
        assert_eq!(short.at(4), [0.0; 0]);
    }

    #[test]
    fn a_total_keeps_what_was_never_given_apart() {
        let (history, _) = history();
        let expected = counts(&[(4, [Some(4.0), None]), (7, [Some(1.0), Some(2.0)])]);
        assert!(history.total().is_same(&expected), "{:?}", history.total());
    }

    #[test]
    fn a_window_is_known_once_the_history_is_as_long() {
        let (history, from) = history();
        let counts = history.by_slot(SeriesKey::one(Level::Skill, 4), from.plus(6));
        assert_eq!(counts.within(3, 2), None);
        assert_eq!(counts.within(3, 3), Some(vec![3.0, 0.0]));
        assert_eq!(counts.within(3, 6), Some(vec![1.0, 0.0]));
    }
}
