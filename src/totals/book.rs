//! The totals of one collector: a ledger for each of its requests, which of them to ask for in a poll,
//! and which anchors to move.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::advance::{self, Advance, Move, Step};
use super::ledger::{Ledger, Row};
use super::mark::Mark;
use super::resume::{Gap, first_anchor, resume};
use super::tally::{SeriesKey, Tally};

/// At least so many anchors may be on the move at once, and a part of all: each costs three calls more.
const LEAST_MOVING: usize = 2;
const PART_MOVING: usize = 20;
/// Totals that are proven to be quiet by what others say are asked for again when nobody has proven it
/// for so long, in seconds.
const PROOF_LASTS: i64 = 600;
/// An anchor so old moves even when the state cannot be saved, in seconds: LivePerson keeps a day.
const MOVES_UNSAVED: i64 = 20 * 3600;

/// Identifies the ledger of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerId(pub u32);

/// What a total is fed by: a request that can be told from others, and the layout of its numbers.
/// Totals of another layout cannot be continued.
pub trait TotalsQuery: Clone + Eq + Hash {
    /// What the fields are: for a histogram the limits of its buckets.
    fn layout(&self) -> Vec<u32>;
}

/// One request of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Whose.
    pub ledger: LedgerId,
    /// The step of an attempt to move the anchor; `None` when it only asks for the totals.
    pub step: Option<Step>,
}

impl Ask {
    /// Whether the answer is one for the anchor, so that it is served.
    pub fn is_served(self) -> bool {
        !matches!(self.step, Some(Step::Target | Step::TargetAgain))
    }
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Whether totals were taken in that are to be served.
    pub served: bool,
    /// What to ask at once.
    pub next: Option<Ask>,
    /// An anchor had to be moved without a proof.
    pub forced: bool,
}

/// A move that a saved state has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedMove {
    ledger: LedgerId,
    from: Mark,
    to: Mark,
}

/// The totals of one request.
#[derive(Clone, Debug)]
struct Entry<Q> {
    id: LedgerId,
    query: Q,
    ledger: Ledger,
    advance: Advance,
    /// A proven move that is not saved yet.
    ready: Option<Move>,
}

/// The totals of one collector.
#[derive(Clone, Debug)]
pub struct Book<Q> {
    entries: Vec<Entry<Q>>,
    next_id: u32,
    /// Seconds that were not counted.
    lost_seconds: i64,
    /// Up to here, in seconds since the epoch.
    lost_until: i64,
    /// Numbers that LivePerson corrected downwards, and anchors that were moved by force.
    corrections: u64,
    /// Whether anything changed since the last snapshot.
    changed: bool,
}

impl<Q: TotalsQuery> Default for Book<Q> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            next_id: 0,
            lost_seconds: 0,
            lost_until: 0,
            corrections: 0,
            changed: false,
        }
    }
}

/// Totals of a file or of an older configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carried {
    /// Totals with the layout of their numbers.
    pub ledgers: Vec<(Vec<u32>, Ledger)>,
    /// See [`Book::lost_seconds`].
    pub lost_seconds: i64,
    /// Up to where time has been counted as lost, in seconds since the epoch.
    pub lost_until: i64,
    /// See [`Book::corrections`].
    pub corrections: u64,
}

impl<Q: TotalsQuery> Book<Q> {
    /// Goes on with earlier totals. `query_of` says which request feeds the totals of an id under the
    /// present configuration; those that none feeds are dropped, and those of another layout begin
    /// again at `now`, in seconds since the epoch.
    pub fn restore(carried: Carried, query_of: impl Fn(SeriesKey) -> Option<Q>, now: i64) -> Self {
        let mut book = Self {
            lost_seconds: carried.lost_seconds,
            lost_until: carried.lost_until,
            corrections: carried.corrections,
            changed: true,
            ..Self::default()
        };
        for (layout, ledger) in carried.ledgers {
            book.adopt(&layout, &ledger, &query_of, now);
        }
        book
    }

    /// Takes over the rows of a ledger, each with the request that feeds it now.
    fn adopt(
        &mut self,
        layout: &[u32],
        ledger: &Ledger,
        query_of: &impl Fn(SeriesKey) -> Option<Q>,
        now: i64,
    ) {
        let mut parts: Vec<(Q, Ledger)> = Vec::new();
        let mut places: HashMap<Q, usize> = HashMap::new();
        for row in ledger.rows() {
            let Some(query) = query_of(row.key) else {
                continue;
            };
            let place = *places.entry(query).or_insert_with_key(|query| {
                let part = Ledger::restored(ledger.anchor(), ledger.answered());
                parts.push((query.clone(), part));
                parts.len() - 1
            });
            // Ascending, as they were.
            let _: bool = parts[place].1.push(row);
        }
        for (query, part) in parts {
            if query.layout() == layout {
                self.join(query, part);
            } else if self.entries.iter().all(|entry| entry.query != query) {
                self.insert(query, Ledger::new(Mark::at_or_before(now)));
            }
        }
    }

    /// Adds totals to those of the same request with the same anchor, if there are any.
    fn join(&mut self, query: Q, part: Ledger) {
        let same =
            |entry: &&mut Entry<Q>| entry.query == query && entry.ledger.anchor() == part.anchor();
        match self.entries.iter_mut().find(same) {
            Some(entry) => entry.ledger.merge(&part),
            None => self.insert(query, part),
        }
    }

    fn insert(&mut self, query: Q, ledger: Ledger) {
        let id = LedgerId(self.next_id);
        self.next_id += 1;
        self.entries.push(Entry {
            id,
            query,
            ledger,
            advance: Advance::default(),
            ready: None,
        });
    }

    fn entry(&self, id: LedgerId) -> Option<&Entry<Q>> {
        let place = self.entries.binary_search_by_key(&id, |entry| entry.id);
        self.entries.get(place.ok()?)
    }

    fn entry_mut(&mut self, id: LedgerId) -> Option<&mut Entry<Q>> {
        let place = self.entries.binary_search_by_key(&id, |entry| entry.id);
        self.entries.get_mut(place.ok()?)
    }

    /// The request of a ledger.
    pub fn query(&self, id: LedgerId) -> Option<&Q> {
        self.entry(id).map(|entry| &entry.query)
    }

    /// From which mark to ask now.
    pub fn mark(&self, ask: Ask) -> Option<Mark> {
        let entry = self.entry(ask.ledger)?;
        if ask.is_served() {
            Some(entry.ledger.anchor())
        } else {
            entry.advance.target()
        }
    }

    /// The totals of each request, with its id.
    pub fn ledgers(&self) -> impl Iterator<Item = (LedgerId, &Q, &Ledger)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.id, &entry.query, &entry.ledger))
    }

    /// The totals of one request.
    pub fn ledger(&self, id: LedgerId) -> Option<&Ledger> {
        self.entry(id).map(|entry| &entry.ledger)
    }

    /// What to ask for in the poll that begins at `now`, by LivePerson's clock. `wanted` are the
    /// requests of the plan; others are asked for as long as it is not known that their totals are
    /// quiet. Returns the gaps that begin to be lost.
    pub fn plan(&mut self, wanted: &[Q], now: i64) -> (Vec<Ask>, Vec<Gap>) {
        let known: HashSet<&Q> = self.entries.iter().map(|entry| &entry.query).collect();
        let new: Vec<Q> = wanted
            .iter()
            .filter(|q| !known.contains(q))
            .cloned()
            .collect();
        for query in new {
            self.insert(query, Ledger::new(first_anchor(now)));
            self.changed = true;
        }
        let gaps = self.resume_too_old(now);
        self.move_quiet(now);
        let wanted: HashSet<&Q> = wanted.iter().collect();
        let is_asked = |entry: &&Entry<Q>| {
            let proven = |at: i64| entry.ledger.is_quiet() && now.saturating_sub(at) < PROOF_LASTS;
            let askable = entry.ledger.anchor().timeframe(now).is_some();
            let quiet = entry.ledger.answered().is_some_and(proven);
            askable && (wanted.contains(&entry.query) || !quiet)
        };
        let asked: Vec<LedgerId> = self.entries.iter().filter(is_asked).map(|e| e.id).collect();
        let moving = self.choose_moving(&asked, now);
        let mut asks = Vec::with_capacity(asked.len());
        for id in asked {
            let step = moving.contains(&id) && self.begin_move(id, now);
            asks.push(Ask {
                ledger: id,
                step: step.then_some(Step::Target),
            });
        }
        (asks, gaps)
    }

    /// Totals whose anchor LivePerson no longer has go on at another one.
    fn resume_too_old(&mut self, now: i64) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for entry in &mut self.entries {
            let anchor = entry.ledger.anchor();
            if anchor >= Mark::oldest(now) || anchor.timeframe(now).is_some() {
                continue;
            }
            let (anchor, gap) = resume(entry.ledger.answered(), now);
            entry.ledger.restart_at(anchor);
            (entry.advance, entry.ready) = (Advance::default(), None);
            gaps.extend(gap);
            self.changed = true;
        }
        for gap in &gaps {
            // Requests that were away together lost the same time.
            let from = gap.from.max(self.lost_until);
            self.lost_seconds += gap.until.saturating_sub(from).max(0);
            self.lost_until = self.lost_until.max(gap.until);
        }
        gaps
    }

    /// Nothing lies between an anchor since which nothing was counted and any later mark.
    fn move_quiet(&mut self, now: i64) {
        for entry in &mut self.entries {
            let Some(answered) = entry.ledger.answered() else {
                continue;
            };
            let to = advance::closed_mark(answered.min(now));
            let anchor = entry.ledger.anchor();
            if entry.ledger.is_quiet() && advance::is_due(anchor, now) && to > anchor {
                entry.ledger.move_anchor(to, &Tally::default());
                (entry.advance, entry.ready) = (Advance::default(), None);
                self.changed = true;
            }
        }
    }

    /// Those whose anchors are oldest, a few at a time.
    fn choose_moving(&self, asked: &[LedgerId], now: i64) -> HashSet<LedgerId> {
        let limit = (asked.len() / PART_MOVING).max(LEAST_MOVING);
        let may_move = |entry: &&Entry<Q>| {
            entry.ready.is_none() && advance::is_due(entry.ledger.anchor(), now)
        };
        let entries = asked.iter().filter_map(|id| self.entry(*id));
        let mut due: Vec<&Entry<Q>> = entries.filter(may_move).collect();
        due.sort_by_key(|entry| entry.ledger.anchor());
        due.iter().take(limit).map(|entry| entry.id).collect()
    }

    fn begin_move(&mut self, id: LedgerId, now: i64) -> bool {
        let Some(entry) = self.entry(id) else {
            return false;
        };
        let anchor = entry.ledger.anchor();
        let others = self.entries.iter().filter(|e| e.query == entry.query);
        let later = others.map(|e| e.ledger.anchor()).filter(|a| *a > anchor);
        let next = later.min();
        let entry = self.entry_mut(id);
        entry.is_some_and(|entry| entry.advance.begin(anchor, next, now).is_some())
    }

    /// Takes in an answer that came at `now` by LivePerson's clock, to a request that was made from
    /// this mark on.
    pub fn answered(&mut self, ask: Ask, mark: Mark, answer: &Tally, now: i64) -> Answered {
        let expected = self.mark(ask);
        let Some(entry) = self.entry_mut(ask.ledger) else {
            return Answered::default();
        };
        // The anchor moved while the answer was on its way.
        if expected != Some(mark) {
            return Answered::default();
        }
        let mut result = Answered::default();
        let mut corrections = 0;
        if ask.is_served() {
            corrections += entry.ledger.observe(answer, |_| true, now);
            result.served = true;
        }
        if let Some(step) = ask.step {
            let next = entry.advance.answered(step, answer);
            result.next = next.map(|step| Ask {
                ledger: ask.ledger,
                step: Some(step),
            });
            if step == Step::TargetAgain {
                let anchor = entry.ledger.anchor();
                entry.ready = entry.advance.finish(anchor, answer, now);
                result.forced = entry.ready.as_ref().is_some_and(|ready| ready.forced);
                corrections += u64::from(result.forced);
            }
        }
        self.corrections += corrections;
        self.changed |= result.served;
        result
    }

    /// What others say: at `now` LivePerson has counted nothing for these requests since
    /// `window_start`, in seconds since the epoch. Returns those that are proven quiet by that.
    pub fn nothing_since(
        &mut self,
        is_unnamed: impl Fn(&Q) -> bool,
        window_start: i64,
        now: i64,
    ) -> Vec<LedgerId> {
        let mut proven = Vec::new();
        for entry in &mut self.entries {
            let seamless = entry.ledger.answered().is_some_and(|at| at >= window_start);
            if entry.ledger.is_quiet() && seamless && is_unnamed(&entry.query) {
                entry.ledger.still_quiet(now);
                proven.push(entry.id);
            }
        }
        proven
    }

    /// Whether an anchor waits for the state to be saved before it moves.
    pub fn has_ready_moves(&self) -> bool {
        self.entries.iter().any(|entry| entry.ready.is_some())
    }

    /// Whether anything changed since the last snapshot.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// What to save, with the moves that are ready in it, and which these are.
    pub fn snapshot(&mut self) -> (Carried, Vec<SavedMove>) {
        self.changed = false;
        let mut moves = Vec::new();
        let ledgers = self.entries.iter().map(|entry| {
            let mut ledger = entry.ledger.clone();
            if let Some(ready) = &entry.ready {
                moves.push(SavedMove {
                    ledger: entry.id,
                    from: ledger.anchor(),
                    to: ready.to,
                });
                ledger.move_anchor(ready.to, &ready.difference);
            }
            (entry.query.layout(), ledger)
        });
        let carried = Carried {
            ledgers: ledgers.collect(),
            lost_seconds: self.lost_seconds,
            lost_until: self.lost_until,
            corrections: self.corrections,
        };
        (carried, moves)
    }

    /// What another book of the same collector goes on with, without the moves that are not saved.
    pub fn carried(&self) -> Carried {
        let mut copy = self.clone();
        for entry in &mut copy.entries {
            entry.ready = None;
        }
        copy.snapshot().0
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
        self.merge_same_anchors();
    }

    /// A snapshot could not be saved: moves that cannot wait take place; or `all` of them, when there is
    /// nowhere to save anything.
    pub fn move_without_state(&mut self, all: bool, now: i64) {
        for entry in &mut self.entries {
            let urgent = entry.ledger.anchor().age(now) > MOVES_UNSAVED;
            if let Some(ready) = entry.ready.take_if(|_| all || urgent) {
                entry.ledger.move_anchor(ready.to, &ready.difference);
            }
        }
        self.merge_same_anchors();
    }

    /// Totals of one request that have come to the same anchor are asked for together.
    fn merge_same_anchors(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        for entry in entries {
            let same = |other: &&mut Entry<Q>| {
                other.query == entry.query && other.ledger.anchor() == entry.ledger.anchor()
            };
            match self.entries.iter_mut().find(same) {
                Some(other) => other.ledger.merge(&entry.ledger),
                None => self.entries.push(entry),
            }
        }
    }

    /// The oldest anchor.
    pub fn oldest_anchor(&self) -> Option<Mark> {
        self.entries.iter().map(|e| e.ledger.anchor()).min()
    }

    /// Seconds of LivePerson's time that were not counted.
    pub fn lost_seconds(&self) -> i64 {
        self.lost_seconds
    }

    /// Ids whose numbers LivePerson corrected downwards, and anchors that were moved without a proof.
    pub fn corrections(&self) -> u64 {
        self.corrections
    }

    /// All totals.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.entries.iter().flat_map(|entry| entry.ledger.rows())
    }
}
