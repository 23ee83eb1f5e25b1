//! The totals of one request: what was counted up to its anchor, and what LivePerson has counted since.
//!
//! A total is its base plus what the window that begins at the anchor holds. The answer to that window
//! is all there is to know: whatever failed before it, it holds everything since the anchor. A total
//! never falls; see [`Ledger::observe`].

use super::mark::Mark;
use super::tally::{SeriesKey, Tally};

/// A number that is lower than it was may come from a node that lags; one that stays lower for so
/// long was corrected by LivePerson. In seconds.
const CORRECTED_AFTER: i64 = 90;
/// An id that LivePerson does not name keeps its totals for so long after their last change, in
/// seconds.
const KEPT_UNNAMED: i64 = 30 * 24 * 3600;
/// How much older than its answer what a node knows may be: a refresh and a lag, in seconds.
pub(super) const LAG: i64 = 40;

/// The totals of one id.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose totals.
    pub key: SeriesKey,
    /// Since when they count.
    pub created: Mark,
    /// When one of them changed last, in seconds since the epoch.
    pub changed: i64,
    /// What was counted up to the anchor.
    pub base: Vec<f64>,
    /// What is served: never less than before. NaN for a number that LivePerson has never given.
    pub shown: Vec<f64>,
    /// Since when a number has been lower than what is served.
    below: Below,
}

/// Whether LivePerson says less than what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Below {
    No,
    /// Since this time, in seconds since the epoch.
    Since(i64),
    /// For so long that it was counted as a correction.
    Counted,
}

impl Row {
    /// Totals as they were saved.
    pub fn restored(key: SeriesKey, created: Mark, changed: i64, numbers: Numbers) -> Self {
        Self {
            key,
            created,
            changed,
            base: numbers.base,
            shown: numbers.shown,
            below: Below::No,
        }
    }

    /// Takes note of what LivePerson has counted since the anchor; returns whether that turned out to
    /// be a correction.
    fn observe(&mut self, since_anchor: Option<&[f64]>, now: i64) -> bool {
        let mut below = false;
        for (field, shown) in self.shown.iter_mut().enumerate() {
            let known = since_anchor.map_or(0.0, |row| row[field]);
            let total = self.base[field] + known;
            if total > *shown || (shown.is_nan() && !total.is_nan() && since_anchor.is_some()) {
                *shown = total;
                self.changed = now;
            }
            below |= total < *shown;
        }
        self.below = match self.below {
            _ if !below => Below::No,
            Below::No => Below::Since(now),
            Below::Since(since) if now.saturating_sub(since) >= CORRECTED_AFTER => {
                self.below = Below::Counted;
                return true;
            }
            unchanged => unchanged,
        };
        false
    }
}

/// Base and served totals of an id.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// See [`Row::base`].
    pub base: Vec<f64>,
    /// See [`Row::shown`].
    pub shown: Vec<f64>,
}

/// The totals of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    anchor: Mark,
    /// LivePerson's time of the last answer for the anchor, in seconds since the epoch.
    answered: Option<i64>,
    /// Whether that answer counted nothing for anyone.
    quiet: bool,
    /// Ascending by key.
    rows: Vec<Row>,
}

impl Ledger {
    /// Totals that begin at an anchor.
    pub fn new(anchor: Mark) -> Self {
        Self {
            anchor,
            answered: None,
            quiet: false,
            rows: Vec::new(),
        }
    }

    /// Totals as they were saved.
    pub fn restored(anchor: Mark, answered: Option<i64>, mut rows: Vec<Row>) -> Self {
        rows.sort_by_key(|row| row.key);
        rows.dedup_by_key(|row| row.key);
        Self {
            anchor,
            answered,
            quiet: false,
            rows,
        }
    }

    /// From where the window is asked.
    pub fn anchor(&self) -> Mark {
        self.anchor
    }

    /// LivePerson's time of the last answer, in seconds since the epoch.
    pub fn answered(&self) -> Option<i64> {
        self.answered
    }

    /// Whether the last answer counted nothing for anyone.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The totals, ascending by key.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Takes in an answer for the anchor that came at `now` by LivePerson's clock; returns how many ids
    /// LivePerson turned out to have corrected downwards.
    ///
    /// What is lower than before is not served: a node may lag, and a counter that falls is taken for
    /// one that began again. The total is held until LivePerson's number has passed it.
    pub fn observe(&mut self, answer: &Tally, now: i64) -> u64 {
        self.add_new_rows(answer, now);
        let mut corrections = 0;
        let mut place = 0;
        for row in &mut self.rows {
            let named = answer.key(place) == Some(row.key);
            let since_anchor = named.then(|| answer.row(place));
            corrections += u64::from(row.observe(since_anchor, now));
            place += usize::from(named);
        }
        self.answered = Some(now);
        self.quiet = answer.is_zero();
        corrections
    }

    /// Rows for the ids that an answer names for the first time: they had nothing before the anchor.
    fn add_new_rows(&mut self, answer: &Tally, now: i64) {
        let mut known = self.rows.iter().map(|row| row.key).peekable();
        let mut new = Vec::new();
        for (key, _) in answer.iter() {
            while known.next_if(|known| *known < key).is_some() {}
            if known.next_if_eq(&key).is_none() {
                new.push(key);
            }
        }
        if new.is_empty() {
            return;
        }
        let row = |key| Row {
            key,
            created: self.anchor,
            changed: now,
            base: vec![0.0; answer.fields()],
            shown: vec![f64::NAN; answer.fields()],
            below: Below::No,
        };
        self.rows.extend(new.into_iter().map(row));
        self.rows.sort_by_key(|row| row.key);
    }

    /// LivePerson says that nothing has been counted since the anchor at `now`, without having been
    /// asked for it.
    pub fn still_quiet(&mut self, now: i64) {
        self.answered = self.answered.max(Some(now));
    }

    /// Moves the anchor to a later mark; `difference` is what was counted in between.
    pub fn move_anchor(&mut self, to: Mark, difference: &Tally) {
        let mut place = 0;
        for row in &mut self.rows {
            while difference.key(place).is_some_and(|key| key < row.key) {
                place += 1;
            }
            if difference.key(place) == Some(row.key) {
                for (base, moved) in row.base.iter_mut().zip(difference.row(place)) {
                    *base += moved;
                }
            }
        }
        self.anchor = to;
    }

    /// Begins at another anchor with what was served last: nothing is known of the time in between.
    pub fn restart_at(&mut self, anchor: Mark) {
        for row in &mut self.rows {
            for (base, shown) in row.base.iter_mut().zip(&row.shown) {
                *base = if shown.is_nan() { 0.0 } else { *shown };
            }
            row.below = Below::No;
        }
        self.anchor = anchor;
        self.quiet = false;
    }

    /// Forgets ids that LivePerson has not named for long.
    pub fn forget_unnamed(&mut self, answer: &Tally, now: i64) {
        let is_old = |row: &Row| now.saturating_sub(row.changed) > KEPT_UNNAMED;
        self.rows
            .retain(|row| !is_old(row) || answer.contains(row.key));
    }

    /// Takes the rows that are not wanted here out of it.
    pub fn take_rows(&mut self, is_taken: impl Fn(SeriesKey) -> bool) -> Vec<Row> {
        let (taken, kept) = self.rows.drain(..).partition(|row| is_taken(row.key));
        self.rows = kept;
        taken
    }

    /// Adds the rows of other totals with the same anchor.
    pub fn merge(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.rows.sort_by_key(|row| row.key);
        self.rows.dedup_by_key(|row| row.key);
        self.answered = self.answered.min(other.answered);
        self.quiet &= other.quiet;
    }
}
