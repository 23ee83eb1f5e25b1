//! The totals of one request: what was counted up to its anchor, and what LivePerson has counted since.
//!
//! A total is its base plus what the window that begins at the anchor holds. The answer to that window
//! is all there is to know: whatever failed before it, it holds everything since the anchor. A total
//! never falls; see [`Ledger::observe`].

use super::counts::{Counts, SeriesKey};
use super::mark::Mark;

/// A number that is lower than it was may come from a node that lags; one that stays lower for so
/// long was corrected by LivePerson. In seconds.
const CORRECTED_AFTER: i64 = 90;
/// An id that LivePerson does not name keeps its totals for so long after their last change, in
/// seconds.
const KEPT_UNNAMED: i64 = 30 * 24 * 3600;

/// The totals of one id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Whose totals.
    pub key: SeriesKey,
    /// Since when they count.
    pub created: Mark,
    /// When one of them changed last, in seconds since the epoch.
    pub changed: i64,
    /// Whether LivePerson says less than what is served, and that was counted as a correction.
    pub corrected: bool,
    /// What was counted up to the anchor.
    pub base: &'a [f64],
    /// What is served: never less than before. NaN for a number that LivePerson has never given.
    pub served: &'a [f64],
}

/// What is known of an id besides its numbers.
#[derive(Clone, Debug, PartialEq)]
struct History {
    created: Mark,
    changed: i64,
    deficit: Deficit,
}

/// Whether LivePerson says less than what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deficit {
    None,
    /// Since this time, in seconds since the epoch.
    Since(i64),
    /// For so long that it was counted as a correction.
    Corrected,
}

/// The totals of one request. The numbers of all ids lie one after the other: there can be a hundred
/// thousand of them, and each answer goes through all.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    anchor: Mark,
    /// LivePerson's time of the last answer for the anchor, in seconds since the epoch.
    answered: Option<i64>,
    /// Whether nothing has been counted since the anchor.
    zero: bool,
    /// Whether LivePerson says less than what is served of any id.
    below: bool,
    /// How many numbers each id has.
    fields: usize,
    /// Ascending.
    keys: Vec<SeriesKey>,
    histories: Vec<History>,
    base: Vec<f64>,
    served: Vec<f64>,
}

impl Ledger {
    /// Totals that begin at an anchor.
    pub fn new(anchor: Mark) -> Self {
        Self::restored(anchor, None)
    }

    /// Totals that were saved, without any rows yet.
    pub fn restored(anchor: Mark, answered: Option<i64>) -> Self {
        Self {
            anchor,
            answered,
            zero: false,
            below: false,
            fields: 0,
            keys: Vec::new(),
            histories: Vec::new(),
            base: Vec::new(),
            served: Vec::new(),
        }
    }

    /// Adds a row of as many numbers as the others have, whose key comes after theirs; any other is
    /// refused.
    #[must_use]
    pub fn push(&mut self, row: Row<'_>) -> bool {
        if self.keys.is_empty() {
            self.fields = row.base.len();
        }
        let fits = row.base.len() == self.fields && row.served.len() == self.fields;
        if !fits || self.keys.last().is_some_and(|last| *last >= row.key) {
            return false;
        }
        self.keys.push(row.key);
        self.histories.push(History {
            created: row.created,
            changed: row.changed,
            deficit: if row.corrected {
                Deficit::Corrected
            } else {
                Deficit::None
            },
        });
        self.base.extend_from_slice(row.base);
        self.served.extend_from_slice(row.served);
        true
    }

    /// From where the window is asked.
    pub fn anchor(&self) -> Mark {
        self.anchor
    }

    /// LivePerson's time of the last answer, in seconds since the epoch.
    pub fn answered(&self) -> Option<i64> {
        self.answered
    }

    /// Whether nothing has been counted since the anchor.
    pub fn is_zero_since_anchor(&self) -> bool {
        self.zero
    }

    /// Whether LivePerson says less than what is served of any id.
    pub fn is_below_served(&self) -> bool {
        self.below
    }

    /// The totals, ascending by key.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.keys.len()).filter_map(|place| self.row(place))
    }

    fn row(&self, place: usize) -> Option<Row<'_>> {
        let history = self.histories.get(place)?;
        let numbers = place * self.fields..(place + 1) * self.fields;
        Some(Row {
            key: *self.keys.get(place)?,
            created: history.created,
            changed: history.changed,
            corrected: history.deficit == Deficit::Corrected,
            base: self.base.get(numbers.clone())?,
            served: self.served.get(numbers)?,
        })
    }

    /// Whether it has totals of this id.
    pub fn contains(&self, key: SeriesKey) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// How many ids it has.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no totals.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes in an answer for the anchor that came at `now` by LivePerson's clock; returns how many ids
    /// LivePerson turned out to have corrected downwards. `is_taken`: which ids that have no totals
    /// yet get some.
    ///
    /// What is lower than before is not served: a node may lag, and a counter that falls is taken for
    /// one that began again. The total is held until LivePerson's number has passed it.
    pub fn observe(
        &mut self,
        answer: &Counts,
        is_taken: impl Fn(SeriesKey) -> bool,
        now: i64,
    ) -> u64 {
        self.add_new_rows(answer, is_taken, now);
        let (mut corrections, mut old) = (0, false);
        // A histogram of one id names that also when it has no chats.
        let names_ids = !answer.is_zero();
        let mut place = 0;
        self.below = false;
        for (row, key) in self.keys.iter().enumerate() {
            while answer.key(place).is_some_and(|other| other < *key) {
                place += 1;
            }
            let named = answer.key(place) == Some(*key);
            let since_anchor = named.then(|| answer.row(place));
            let history = &mut self.histories[row];
            let numbers = row * self.fields..(row + 1) * self.fields;
            let (base, served) = (&self.base[numbers.clone()], &mut self.served[numbers]);
            corrections += u64::from(history.observe(base, served, since_anchor, now));
            self.below |= history.deficit != Deficit::None;
            old |= !(named && names_ids) && history.is_past_retention(now);
        }
        if old {
            self.forget_unnamed(answer, now);
        }
        self.answered = Some(now);
        // If something was counted and is gone, only a proof can tell.
        self.zero = answer.is_zero() && !self.below;
        corrections
    }

    /// Rows for the ids that an answer names for the first time: they had nothing before the anchor.
    fn add_new_rows(&mut self, answer: &Counts, is_taken: impl Fn(SeriesKey) -> bool, now: i64) {
        if self.fields != answer.fields() {
            // Numbers of another layout cannot be continued.
            *self = Self::restored(self.anchor, self.answered);
            self.fields = answer.fields();
        }
        let mut known = self.keys.iter().peekable();
        let mut new = Self::new(self.anchor);
        let (base, served) = (vec![0.0; self.fields], vec![f64::NAN; self.fields]);
        for (key, _) in answer.iter() {
            while known.next_if(|known| **known < key).is_some() {}
            if known.next_if_eq(&&key).is_none() && is_taken(key) {
                let row = Row {
                    key,
                    created: self.anchor,
                    changed: now,
                    corrected: false,
                    base: &base,
                    served: &served,
                };
                // Answers are ascending.
                let _: bool = new.push(row);
            }
        }
        if !new.is_empty() {
            self.add_rows(&new);
        }
    }

    /// LivePerson says that nothing has been counted since the anchor at `now`, without having been
    /// asked for it.
    pub fn confirm_zero(&mut self, now: i64) {
        self.answered = self.answered.max(Some(now));
    }

    /// Moves the anchor to a later mark; `difference` is what was counted in between.
    pub fn move_anchor(&mut self, to: Mark, difference: &Counts) {
        let mut place = 0;
        for (row, key) in self.keys.iter().enumerate() {
            while difference.key(place).is_some_and(|other| other < *key) {
                place += 1;
            }
            if difference.key(place) == Some(*key) {
                let base = self.base.iter_mut().skip(row * self.fields);
                for (base, moved) in base.take(self.fields).zip(difference.row(place)) {
                    *base += moved;
                }
            }
        }
        self.anchor = to;
    }

    /// Begins at another anchor with what was served last: nothing is known of the time in between.
    pub fn restart_at(&mut self, anchor: Mark) {
        for (base, served) in self.base.iter_mut().zip(&self.served) {
            *base = if served.is_nan() { 0.0 } else { *served };
        }
        for history in &mut self.histories {
            history.deficit = Deficit::None;
        }
        self.anchor = anchor;
        (self.zero, self.below) = (false, false);
    }

    /// Forgets ids that LivePerson has not named for long.
    fn forget_unnamed(&mut self, answer: &Counts, now: i64) {
        let mut kept = Self::restored(self.anchor, self.answered);
        for (place, history) in self.histories.iter().enumerate() {
            let Some(row) = self.row(place) else { continue };
            if !history.is_past_retention(now) || (!answer.is_zero() && answer.contains(row.key)) {
                kept.push_as_it_is(row, history.deficit);
            }
        }
        (kept.fields, kept.below) = (self.fields, self.below);
        *self = kept;
    }

    /// Adds the rows of other totals with the same anchor.
    pub fn merge(&mut self, other: &Self) {
        self.add_rows(other);
        // Nothing that one of them has shown may be counted again.
        self.answered = self.answered.max(other.answered);
        self.zero &= other.zero;
        self.below |= other.below;
    }

    /// Adds rows of as many numbers, those of ids that it has excepted.
    fn add_rows(&mut self, other: &Self) {
        let mut all = Self::restored(self.anchor, self.answered);
        let (mut mine, mut theirs) = (0, 0);
        loop {
            let (own, others) = (self.row(mine), other.row(theirs));
            let own_is_next = match (own, others) {
                (Some(own), Some(others)) => own.key <= others.key,
                (own, _) => own.is_some(),
            };
            let (row, ledger, place) = if own_is_next {
                (own, &*self, &mut mine)
            } else {
                (others, other, &mut theirs)
            };
            let Some(row) = row else { break };
            all.push_as_it_is(row, ledger.histories[*place].deficit);
            *place += 1;
        }
        (all.zero, all.below) = (self.zero, self.below);
        *self = all;
    }

    fn push_as_it_is(&mut self, row: Row<'_>, deficit: Deficit) {
        if self.push(row)
            && let Some(history) = self.histories.last_mut()
        {
            history.deficit = deficit;
        }
    }
}

impl History {
    /// Takes note of what LivePerson has counted since the anchor; returns whether that turned out to
    /// be a correction.
    fn observe(
        &mut self,
        base: &[f64],
        served: &mut [f64],
        since_anchor: Option<&[f64]>,
        now: i64,
    ) -> bool {
        let mut below = false;
        for (field, (base, served)) in base.iter().zip(served).enumerate() {
            let total = base + since_anchor.map_or(0.0, |row| row[field]);
            if total > *served || (served.is_nan() && !total.is_nan() && since_anchor.is_some()) {
                *served = total;
                self.changed = now;
            }
            below |= total < *served;
        }
        self.deficit = match self.deficit {
            _ if !below => Deficit::None,
            Deficit::None => Deficit::Since(now),
            Deficit::Since(since) if now.saturating_sub(since) >= CORRECTED_AFTER => {
                self.deficit = Deficit::Corrected;
                return true;
            }
            unchanged => unchanged,
        };
        false
    }

    fn is_past_retention(&self, now: i64) -> bool {
        now.saturating_sub(self.changed) > KEPT_UNNAMED
    }
}

#[cfg(test)]
mod tests;
