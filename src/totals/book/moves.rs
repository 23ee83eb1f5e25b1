//! Which anchors move in a poll, and how moves become part of the saved state before they take place.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::{Book, BookState, Entry, LedgerId, TotalsQuery};
use crate::totals::advance::{self, Advance, FORCED_AFTER, Move, Step};
use crate::totals::counts::Counts;
use crate::totals::mark::Mark;

/// At least so many anchors may be on the move at once, and a part of all: each costs four calls more.
const LEAST_MOVING: usize = 2;
const PART_MOVING: usize = 20;
/// Anchors that are older, in seconds, go first, and as many of them at once as have to.
const URGENT_AFTER: i64 = 20 * 3600;
/// How many attempts a move takes, allowing for some that fail.
const ATTEMPTS_PER_MOVE: i64 = 5;
/// While LivePerson says less than it did, its answers are not trusted for a move until the anchor is
/// so old, in seconds: what it left out may come back.
const DOUBTED_UNTIL: i64 = 12 * 3600;
/// An anchor so old moves even when the state cannot be saved, in seconds: LivePerson keeps a day.
const MOVES_UNSAVED: i64 = 20 * 3600;

/// A move that a saved state has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedMove {
    ledger: LedgerId,
    from: Mark,
    to: Mark,
}

impl<Q: TotalsQuery> Book<Q> {
    /// Nothing lies between an anchor since which nothing was counted and any later mark.
    pub(super) fn move_zero_ledgers(&mut self, now: i64) {
        for entry in &mut self.entries {
            let Some(answered) = entry.ledger.answered() else {
                continue;
            };
            let to = Mark::settled(answered.min(now));
            let anchor = entry.ledger.anchor();
            if entry.ledger.is_zero_since_anchor() && advance::is_due(anchor, now) && to > anchor {
                entry.ledger.move_anchor(to, &Counts::default());
                (entry.advance, entry.ready) = (Advance::default(), None);
                self.changed = true;
            }
        }
    }

    /// Begins attempts to move some of the anchors that are asked for: those that need only one more,
    /// then urgent ones, then those that waited longest, so that none has to wait for another that
    /// never succeeds.
    pub(super) fn begin_moves(&mut self, asked: &[LedgerId], now: i64) -> HashSet<LedgerId> {
        let entries = asked.iter().filter_map(|id| self.entry(*id));
        let mut due: Vec<&Entry<Q>> = entries.filter(|entry| entry.may_move(now)).collect();
        due.sort_by_key(|entry| {
            let anchor = entry.ledger.anchor();
            (
                Reverse(entry.advance.is_half_proven()),
                Reverse(anchor.age(now) > URGENT_AFTER),
                entry.tried,
                anchor,
            )
        });
        let limit = self.limit(asked.len(), &due, now);
        let chosen: Vec<LedgerId> = due.iter().take(limit).map(|entry| entry.id).collect();
        let begun = chosen.into_iter().filter(|id| self.begin_move(*id, now));
        begun.collect()
    }

    /// How many attempts to make in this poll.
    fn limit(&self, asked: usize, due: &[&Entry<Q>], now: i64) -> usize {
        let usual = (asked / PART_MOVING).max(LEAST_MOVING);
        let ages = due.iter().map(|entry| entry.ledger.anchor().age(now));
        let urgent: Vec<i64> = ages.filter(|age| *age > URGENT_AFTER).collect();
        let oldest = urgent.iter().copied().max().unwrap_or(0);
        let left = (FORCED_AFTER - oldest).max(1);
        let count = i64::try_from(urgent.len()).unwrap_or(i64::MAX);
        let attempts = count.saturating_mul(ATTEMPTS_PER_MOVE);
        let needed = attempts.saturating_mul(self.interval) / left;
        usual.max(usize::try_from(needed).unwrap_or(usize::MAX))
    }

    fn begin_move(&mut self, id: LedgerId, now: i64) -> bool {
        let Some(entry) = self.entry(id) else {
            return false;
        };
        let anchor = entry.ledger.anchor();
        let others = self.entries.iter().filter(|e| e.query == entry.query);
        let later = others.map(|e| e.ledger.anchor()).filter(|a| *a > anchor);
        let next = later.min();
        let Some(entry) = self.entry_mut(id) else {
            return false;
        };
        entry.tried = now;
        entry.advance.begin(anchor, next, now).is_some()
    }

    /// What to save, with the moves that are ready in it, and which these are.
    pub fn snapshot(&mut self) -> (BookState, Vec<SavedMove>) {
        self.changed = false;
        for entry in &mut self.entries {
            entry.kept = !entry.ledger.is_empty();
        }
        let ready = self.entries.iter().filter_map(|entry| {
            Some(SavedMove {
                ledger: entry.id,
                from: entry.ledger.anchor(),
                to: entry.ready.as_ref()?.to,
            })
        });
        let moves = ready.collect();
        (self.state_with(true), moves)
    }

    /// A snapshot was saved: its moves take place.
    pub fn saved(&mut self, moves: &[SavedMove]) {
        for saved in moves {
            let Some(entry) = self.entry_mut(saved.ledger) else {
                continue;
            };
            let is_it = |ready: &mut Move| ready.to == saved.to;
            if entry.ledger.anchor() == saved.from
                && let Some(ready) = entry.ready.take_if(is_it)
            {
                entry.ledger.move_anchor(ready.to, &ready.difference);
            }
        }
        if !moves.is_empty() {
            self.merge_same_anchors();
        }
    }

    /// A snapshot could not be saved: moves that cannot wait take place; or `all` of them, when there is
    /// nowhere to save anything.
    pub fn move_without_state(&mut self, all: bool, now: i64) {
        self.changed = true;
        for entry in &mut self.entries {
            let urgent = entry.ledger.anchor().age(now) > MOVES_UNSAVED;
            if let Some(ready) = entry.ready.take_if(|_| all || urgent) {
                entry.ledger.move_anchor(ready.to, &ready.difference);
            }
        }
        self.merge_same_anchors();
    }
}

impl<Q> Entry<Q> {
    fn may_move(&self, now: i64) -> bool {
        self.ready.is_none() && advance::is_due(self.ledger.anchor(), now)
    }

    /// Takes the answer of a step of an attempt into it; returns what to ask next.
    pub(super) fn advance_with(&mut self, step: Step, answer: &Counts, now: i64) -> Option<Step> {
        let anchor = self.ledger.anchor();
        let next = self.advance.answered(step, answer, anchor, now);
        if step == Step::TargetAgain && self.ready.is_none() {
            let doubtful = self.ledger.is_below_served() && anchor.age(now) < DOUBTED_UNTIL;
            self.ready = self.advance.finish(anchor, doubtful, now);
        }
        next
    }
}
