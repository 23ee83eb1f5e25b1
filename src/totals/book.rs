//! The totals of one collector: a ledger for each of its requests, which of them to ask for in a poll,
//! and what follows from the answers. `carry` is how totals go on under another configuration or after
//! a restart, `moves` how anchors move.

mod carry;
mod moves;

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::advance::{Advance, Move, Step};
use super::counts::Counts;
use super::ledger::{Ledger, Row};
use super::mark::Mark;
use super::resume::{Gap, Lost, first_anchor, is_out_of_reach, resume};
pub use carry::Carried;
pub use moves::SavedMove;

/// Totals that are proven to be quiet by what others say are asked for again when nothing has proven it
/// for so long, in seconds.
const PROOF_LASTS: i64 = 600;

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
pub struct Ask {
    /// Whose.
    pub ledger: LedgerId,
    /// The step of an attempt to move the anchor; `None` when it only asks for the totals.
    pub step: Option<Step>,
}

impl Ask {
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
    pub next: Option<Ask>,
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
    /// quiet. Returns the gaps that begin to be lost; when they grow, only [`Book::lost`] says so.
    pub fn plan(&mut self, wanted: &[Q], now: i64) -> (Vec<Ask>, Vec<Gap>) {
        let (asked, gaps) = self.plan_ledgers(wanted, now);
        let moving = self.begin_moves(&asked, now);
        let asks = asked.into_iter().map(|ledger| Ask {
            ledger,
            step: moving.contains(&ledger).then_some(Step::Target),
        });
        (asks.collect(), gaps)
    }

    /// The same for a first poll, in which no anchor begins to move: attempts wait for a moment that is
    /// drawn, and totals are to be shown as soon as they can be.
    pub fn plan_first(&mut self, wanted: &[Q], now: i64) -> (Vec<Ask>, Vec<Gap>) {
        let (asked, gaps) = self.plan_ledgers(wanted, now);
        let asks = asked.into_iter().map(|ledger| Ask { ledger, step: None });
        (asks.collect(), gaps)
    }

    /// The totals to ask for in the poll that begins at `now`.
    fn plan_ledgers(&mut self, wanted: &[Q], now: i64) -> (Vec<LedgerId>, Vec<Gap>) {
        self.interval = now.saturating_sub(self.planned.unwrap_or(now)).max(0);
        self.planned = Some(now);
        self.add_new(wanted, now);
        let gaps = self.resume_out_of_reach(now);
        self.move_quiet(now);
        self.merge_same_anchors();
        let wanted: HashSet<&Q> = wanted.iter().collect();
        // Those whose ids were all forgotten.
        self.entries
            .retain(|entry| wanted.contains(&entry.query) || !entry.ledger.is_empty());
        let is_asked = |entry: &&Entry<Q>| {
            let proven = |at: i64| entry.ledger.is_quiet() && now.saturating_sub(at) < PROOF_LASTS;
            let quiet = entry.ledger.answered().is_some_and(proven);
            entry.is_askable(now) && (wanted.contains(&entry.query) || !quiet)
        };
        let asked = self.entries.iter().filter(is_asked).map(|entry| entry.id);
        (asked.collect(), gaps)
    }

    /// What else to ask for in the running poll, in which these ledgers are `asked` for already.
    pub fn plan_more(&mut self, wanted: &[Q], asked: &HashSet<LedgerId>, now: i64) -> Vec<Ask> {
        self.add_new(wanted, now);
        let wanted: HashSet<&Q> = wanted.iter().collect();
        let new = self.entries.iter().filter(|entry| {
            wanted.contains(&entry.query) && entry.is_askable(now) && !asked.contains(&entry.id)
        });
        let asks = new.map(|entry| Ask {
            ledger: entry.id,
            step: None,
        });
        asks.collect()
    }

    fn add_new(&mut self, wanted: &[Q], now: i64) {
        let mut known: HashSet<&Q> = self.entries.iter().map(|entry| &entry.query).collect();
        let new: Vec<Q> = wanted
            .iter()
            .filter(|query| known.insert(query))
            .cloned()
            .collect();
        for query in new {
            self.insert(query, Ledger::new(first_anchor(now)));
            self.changed = true;
        }
    }

    /// Totals that LivePerson can no longer be asked for from their anchor go on at another one.
    fn resume_out_of_reach(&mut self, now: i64) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for entry in &mut self.entries {
            if is_out_of_reach(entry.ledger.anchor(), now) {
                let (anchor, gap) = entry.resumed(now);
                entry.ledger.restart_at(anchor);
                (entry.advance, entry.ready) = (Advance::default(), None);
                gaps.extend(gap);
                self.changed = true;
            }
        }
        // In the order of time: what they share counts once.
        gaps.sort();
        gaps.retain(|gap| {
            let grows = (self.lost.from..=self.lost.until).contains(&gap.from);
            self.lost.add(*gap);
            !grows
        });
        gaps
    }

    /// Totals without any answer yet begin at a mark that LivePerson can be asked for at `now`: the clock
    /// that their anchor was chosen by may have been wrong.
    pub fn begin_in_reach(&mut self, id: LedgerId, now: i64) {
        let Some(entry) = self.entry_mut(id) else {
            return;
        };
        if entry.ledger.answered().is_none() && is_out_of_reach(entry.ledger.anchor(), now) {
            let (anchor, _) = entry.resumed(now);
            entry.ledger.restart_at(anchor);
            entry.advance = Advance::default();
        }
    }

    /// Takes in an answer that came at `now` by LivePerson's clock, to a request that was made from
    /// this mark on.
    pub fn answered(&mut self, ask: Ask, mark: Mark, answer: &Counts, now: i64) -> Answered {
        // The anchor moved while the answer was on its way.
        if self.mark(ask) != Some(mark) {
            return Answered::default();
        }
        let mut result = Answered::default();
        let mut corrections = 0;
        if ask.is_served() {
            corrections += self.observe(ask.ledger, answer, now);
            self.changed = true;
            result.served = true;
        }
        let step = ask.step.zip(self.entry_mut(ask.ledger));
        if let Some((step, entry)) = step {
            let next = entry.advance_with(step, answer, now);
            let ledger = ask.ledger;
            result.next = next.map(|step| Ask {
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
    /// `window_start`, in seconds since the epoch. Returns those that are proven quiet by that.
    pub fn nothing_since(
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

    /// Totals of one request that have come to the same anchor are asked for together.
    fn merge_same_anchors(&mut self) {
        let mut places: HashMap<(Q, Mark), usize> = HashMap::new();
        let mut merged: Vec<Entry<Q>> = Vec::with_capacity(self.entries.len());
        for entry in std::mem::take(&mut self.entries) {
            let place = *places
                .entry((entry.query.clone(), entry.ledger.anchor()))
                .or_insert(merged.len());
            match merged.get_mut(place) {
                Some(other) => {
                    other.ledger.merge(&entry.ledger);
                    other.kept &= entry.kept;
                }
                None => merged.push(entry),
            }
        }
        self.entries = merged;
    }
}

impl<Q> Entry<Q> {
    /// Where it goes when its anchor is out of reach, and what is lost by that.
    fn resumed(&self, now: i64) -> (Mark, Option<Gap>) {
        if self.begins_now && self.ledger.answered().is_none() {
            // Ahead of the present it was put by a clock that was wrong.
            let began = self.ledger.anchor().min(Mark::at_or_before(now));
            return (began.max(first_anchor(now)), None);
        }
        resume(self.ledger.answered(), now)
    }

    /// Whether LivePerson can be asked from its anchor.
    fn is_askable(&self, now: i64) -> bool {
        self.ledger.anchor().timeframe(now).is_some()
    }
}

#[cfg(test)]
mod tests;
