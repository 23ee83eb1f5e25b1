//! The totals of one collector: a ledger for each of its requests, which of them to ask for in a poll,
//! and what follows from the answers. `planning` is what to ask for, `restore` how totals continue
//! under another configuration or after a restart, `moves` how anchors move.

mod moves;
mod planning;
mod restore;

use std::hash::Hash;

use super::advance::{Advance, Move, Step};
use super::counts::Counts;
use super::ledger::{Ledger, Row};
use super::mark::Mark;
use super::resume::Lost;
pub use moves::SavedMove;
pub use restore::BookState;

/// Identifies the ledger of a book. No two have the same, in books that were made from each other
/// either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerId(pub u32);

/// What a total is fed by: a request that differs from others, and the layout of its numbers.
/// Totals of another layout cannot be continued.
pub trait TotalsQuery: Clone + Eq + Hash {
    /// What the fields are: for a histogram the limits of its buckets.
    fn layout(&self) -> Vec<u32>;
}

/// One request of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LedgerCall {
    /// Whose.
    pub ledger: LedgerId,
    /// The step of an attempt to move the anchor; `None` when it only asks for the totals.
    pub step: Option<Step>,
}

impl LedgerCall {
    /// Whether it is the first request for the anchor in its poll, whether that is to move or not.
    pub fn is_first_for_anchor(self) -> bool {
        matches!(self.step, None | Some(Step::Anchor))
    }

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
    pub next: Option<LedgerCall>,
    /// An anchor had to be moved without a proof.
    pub forced: bool,
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
    /// Whether its anchor was in a snapshot, with totals.
    kept: bool,
    /// When it was last tried to move the anchor, in seconds since the epoch.
    tried: i64,
    /// Whether it begins at the present and not with the last day: what it continues has another
    /// layout, and counted that day already.
    begins_now: bool,
}

/// The totals of one collector.
///
/// As a rule a request has one ledger. After a change of the configuration it may have several with
/// different anchors, each with the totals of other ids, until the older anchors have caught up.
#[derive(Clone, Debug)]
pub struct Book<Q> {
    /// Ascending by id.
    entries: Vec<Entry<Q>>,
    next_id: u32,
    lost: Lost,
    /// Numbers that LivePerson corrected downwards, and anchors that were moved by force.
    corrections: u64,
    /// Whether anything changed since the last snapshot.
    changed: bool,
    /// When the last poll began, in seconds since the epoch.
    planned: Option<i64>,
    /// The time between the last two polls, in seconds.
    interval: i64,
}

impl<Q> Default for Book<Q> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            next_id: 0,
            lost: Lost::default(),
            corrections: 0,
            changed: false,
            planned: None,
            interval: 0,
        }
    }
}

impl<Q: TotalsQuery> Book<Q> {
    fn insert(&mut self, query: Q, ledger: Ledger) {
        let id = LedgerId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.entries.push(Entry {
            id,
            query,
            ledger,
            advance: Advance::default(),
            ready: None,
            kept: false,
            tried: 0,
            begins_now: false,
        });
    }

    /// Totals that begin at the present.
    fn insert_beginning(&mut self, query: Q, now: i64) {
        self.insert(query, Ledger::new(Mark::at_or_before(now)));
        if let Some(entry) = self.entries.last_mut() {
            entry.begins_now = true;
        }
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
    pub fn mark(&self, call: LedgerCall) -> Option<Mark> {
        let entry = self.entry(call.ledger)?;
        if call.is_served() {
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

    /// Takes in an answer that came at `now` by LivePerson's clock, to a request that was made from
    /// this mark on.
    pub fn answered(
        &mut self,
        call: LedgerCall,
        mark: Mark,
        answer: &Counts,
        now: i64,
    ) -> Answered {
        // The anchor moved while the answer was on its way.
        if self.mark(call) != Some(mark) {
            return Answered::default();
        }
        let mut result = Answered::default();
        let mut corrections = 0;
        if call.is_served() {
            corrections += self.observe(call.ledger, answer, now);
            self.changed = true;
            result.served = true;
        }
        let step = call.step.zip(self.entry_mut(call.ledger));
        if let Some((step, entry)) = step {
            let next = entry.advance_with(step, answer, now);
            let ledger = call.ledger;
            result.next = next.map(|step| LedgerCall {
                ledger,
                step: Some(step),
            });
            if step == Step::TargetAgain {
                result.forced = entry.ready.as_ref().is_some_and(|ready| ready.forced);
                corrections += u64::from(result.forced);
            }
        }
        self.corrections += corrections;
        result
    }

    /// Takes in an answer for the anchor. Ids that have no totals yet belong to the oldest anchor of
    /// their request.
    fn observe(&mut self, id: LedgerId, answer: &Counts, now: i64) -> u64 {
        let Ok(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) else {
            return 0;
        };
        let (before, rest) = self.entries.split_at_mut(place);
        let Some((entry, after)) = rest.split_first_mut() else {
            return 0;
        };
        let (query, anchor) = (&entry.query, entry.ledger.anchor());
        let others = before.iter().chain(&*after).filter(|e| e.query == *query);
        let others: Vec<&Ledger> = others.map(|e| &e.ledger).collect();
        let is_oldest = others.iter().all(|other| other.anchor() > anchor);
        let is_new = |key| is_oldest && !others.iter().any(|other| other.contains(key));
        entry.ledger.observe(answer, is_new, now)
    }

    /// What others say: at `now` LivePerson has counted nothing for these requests since
    /// `window_start`, in seconds since the epoch. Returns those that this confirms to be
    /// zero since their anchor.
    pub fn confirm_zero_since(
        &mut self,
        is_unnamed: impl Fn(&Q) -> bool,
        window_start: i64,
        now: i64,
    ) -> Vec<LedgerId> {
        let mut proven = Vec::new();
        for entry in &mut self.entries {
            // What happened shortly before the last answer may not have been in it.
            let seamless = |at: i64| Mark::settled(at).seconds() >= window_start;
            let seamless = entry.ledger.answered().is_some_and(seamless);
            if entry.ledger.is_zero_since_anchor() && seamless && is_unnamed(&entry.query) {
                entry.ledger.confirm_zero(now);
                proven.push(entry.id);
            }
        }
        proven
    }

    /// Whether an anchor waits for the state to be saved before it moves.
    pub fn has_ready_moves(&self) -> bool {
        self.entries.iter().any(|entry| entry.ready.is_some())
    }

    /// Whether there are totals whose anchor is in no snapshot yet: without it they would begin again
    /// at a later one.
    pub fn has_unkept_anchors(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| !entry.kept && !entry.ledger.is_empty())
    }

    /// Whether anything changed since the last snapshot.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// The oldest anchor.
    pub fn oldest_anchor(&self) -> Option<Mark> {
        self.entries.iter().map(|e| e.ledger.anchor()).min()
    }

    /// The time that was not counted.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Seconds of LivePerson's time that were not counted.
    pub fn lost_seconds(&self) -> i64 {
        self.lost.seconds
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

#[cfg(test)]
mod tests;
