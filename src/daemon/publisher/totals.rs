//! Saving running totals, and continuing with those that were saved.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Publisher;
use crate::collectors::Request;
use crate::daemon::moment::Moment;
use crate::daemon::totals::CollectorTotals;
use crate::scheduler::TaskId;
use crate::totals::state::AccountState;
use crate::totals::{Book, SavedMove};

/// Whether running totals have to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveNeed {
    /// Nothing changed.
    No,
    /// What is lost with them if LivePerson cannot be asked for a day grows.
    Eventually,
    /// Totals began whose anchor is not saved.
    Soon,
    /// An anchor waits for it.
    Now,
}

/// Running totals as they are to be saved.
#[derive(Debug)]
pub struct TotalsSnapshot {
    /// What to save.
    pub state: AccountState,
    /// The moves of anchors in it.
    pub moves: Vec<(TaskId, Vec<SavedMove>)>,
}

impl Publisher {
    /// Continues running totals that were saved. Those received before `withheld_until` are not
    /// served; LivePerson may know less than before a crash.
    pub fn restore_totals(
        &mut self,
        state: AccountState,
        withheld_until: Option<Instant>,
        now: Moment,
    ) {
        for (label, book_state) in state.collectors {
            let Some(id) = self.tasks.find(&label) else {
                continue;
            };
            let Some(collector) = self.tasks.collector(id) else {
                continue;
            };
            let request_of = self.collectors.total_requests(collector);
            let mut totals = CollectorTotals::restore(book_state, request_of, now);
            totals.withhold_until(withheld_until);
            self.totals.insert(id, totals);
        }
    }

    /// Whether running totals are still not served because of a crash of the process before.
    pub fn totals_are_withheld(&self) -> bool {
        self.totals.values().any(CollectorTotals::are_withheld)
    }

    /// Whether running totals are to be saved: an anchor waits for it, or they changed.
    pub fn totals_need_saving(&self) -> SaveNeed {
        let books = || self.totals.values().map(CollectorTotals::book);
        if books().any(Book::has_unkept_anchors) {
            SaveNeed::Soon
        } else if books().any(Book::has_ready_moves) {
            SaveNeed::Now
        } else if books().any(Book::has_changed) {
            SaveNeed::Eventually
        } else {
            SaveNeed::No
        }
    }

    /// The running totals as they are to be saved at `saved_at`, in seconds since the epoch, with
    /// the moves of anchors that take place once they are.
    pub fn totals_snapshot(&mut self, saved_at: i64) -> TotalsSnapshot {
        let (mut collectors, mut moves) = (BTreeMap::new(), Vec::new());
        for (id, collector) in self.tasks.collectors() {
            if let Some(totals) = self.totals.get_mut(&id) {
                let (book_state, ready) = totals.snapshot();
                moves.push((id, ready));
                collectors.insert(collector.label().to_owned(), book_state);
            }
        }
        TotalsSnapshot {
            state: AccountState {
                account: self.collectors.account().to_owned(),
                saved_at,
                collectors,
            },
            moves,
        }
    }

    /// A snapshot was saved: its moves take place.
    pub fn totals_saved(&mut self, moves: &[(TaskId, Vec<SavedMove>)]) {
        for (id, moves) in moves {
            if let Some(totals) = self.totals.get_mut(id) {
                totals.saved(moves);
            }
        }
    }

    /// A snapshot could not be saved: moves that cannot wait take place, or `all` of them when there is
    /// nowhere to save it.
    pub fn move_without_state(&mut self, all: bool, now: Moment) {
        for totals in self.totals.values_mut() {
            totals.move_without_state(all, now);
        }
    }

    /// The running totals of each collector, by its label.
    pub fn totals(&self) -> impl Iterator<Item = (&'static str, &Book<Request>)> {
        let collectors = self.tasks.collectors();
        collectors.filter_map(|(id, collector)| {
            let totals = self.totals.get(&id)?;
            Some((collector.label(), totals.book()))
        })
    }
}
