//! Which totals to ask for in a poll, and where they continue when LivePerson can no longer be asked from
//! their anchor.

use std::collections::{HashMap, HashSet};

use super::{Book, Entry, LedgerCall, LedgerId, TotalsQuery};
use crate::totals::advance::{Advance, Step};
use crate::totals::ledger::Ledger;
use crate::totals::mark::Mark;
use crate::totals::resume::{Gap, first_anchor, is_out_of_reach, resume};

/// Totals that others confirm to be zero since their anchor are asked for again when nothing has
/// confirmed it for so long, in seconds.
const PROOF_LASTS: i64 = 600;

impl<Q: TotalsQuery> Book<Q> {
    /// What to ask for in the poll that begins at `now`, by LivePerson's clock. `wanted` are the
    /// requests of the plan; others are asked for as long as it is not known that their totals are
    /// zero since their anchor. Returns the gaps that begin to be lost; when they grow, only [`Book::lost`] says so.
    pub fn plan(&mut self, wanted: &[Q], now: i64) -> (Vec<LedgerCall>, Vec<Gap>) {
        let (asked, gaps) = self.plan_ledgers(wanted, now);
        let moving = self.begin_moves(&asked, now);
        let calls = asked.into_iter().map(|ledger| LedgerCall {
            ledger,
            step: moving.contains(&ledger).then_some(Step::Target),
        });
        (calls.collect(), gaps)
    }

    /// The same for a first poll, in which no anchor begins to move: attempts wait for a moment that is
    /// drawn, and totals are to be shown as soon as they can be.
    pub fn plan_first(&mut self, wanted: &[Q], now: i64) -> (Vec<LedgerCall>, Vec<Gap>) {
        let (asked, gaps) = self.plan_ledgers(wanted, now);
        let calls = asked
            .into_iter()
            .map(|ledger| LedgerCall { ledger, step: None });
        (calls.collect(), gaps)
    }

    /// The totals to ask for in the poll that begins at `now`.
    fn plan_ledgers(&mut self, wanted: &[Q], now: i64) -> (Vec<LedgerId>, Vec<Gap>) {
        self.interval = now.saturating_sub(self.planned.unwrap_or(now)).max(0);
        self.planned = Some(now);
        self.add_new(wanted, now);
        let gaps = self.resume_out_of_reach(now);
        self.move_zero_ledgers(now);
        self.merge_same_anchors();
        let wanted: HashSet<&Q> = wanted.iter().collect();
        // Those whose ids were all forgotten.
        self.entries
            .retain(|entry| wanted.contains(&entry.query) || !entry.ledger.is_empty());
        let is_asked = |entry: &&Entry<Q>| {
            let confirmed = |at: i64| {
                entry.ledger.is_zero_since_anchor() && now.saturating_sub(at) < PROOF_LASTS
            };
            let is_zero = entry.ledger.answered().is_some_and(confirmed);
            entry.is_askable(now) && (wanted.contains(&entry.query) || !is_zero)
        };
        let asked = self.entries.iter().filter(is_asked).map(|entry| entry.id);
        (asked.collect(), gaps)
    }

    /// What else to ask for in the running poll, in which these ledgers are `asked` for already.
    pub fn plan_more(
        &mut self,
        wanted: &[Q],
        asked: &HashSet<LedgerId>,
        now: i64,
    ) -> Vec<LedgerCall> {
        self.add_new(wanted, now);
        let wanted: HashSet<&Q> = wanted.iter().collect();
        let new = self.entries.iter().filter(|entry| {
            wanted.contains(&entry.query) && entry.is_askable(now) && !asked.contains(&entry.id)
        });
        let calls = new.map(|entry| LedgerCall {
            ledger: entry.id,
            step: None,
        });
        calls.collect()
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

    /// Totals that LivePerson can no longer be asked for from their anchor continue at another one.
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

    /// Totals of one request that have come to the same anchor are asked for together.
    pub(super) fn merge_same_anchors(&mut self) {
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
