//! How totals continue under another configuration and after a restart.

use std::collections::HashMap;

use super::{Book, TotalsQuery};
use crate::totals::counts::SeriesKey;
use crate::totals::ledger::Ledger;
use crate::totals::resume::Lost;

/// Totals of a file or of an older configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BookState {
    /// Totals with the layout of their numbers.
    pub ledgers: Vec<(Vec<u32>, Ledger)>,
    /// The time that was not counted.
    pub lost: Lost,
    /// See [`Book::corrections`].
    pub corrections: u64,
    /// The first id for ledgers that no other had. Only for the time of one process: answers to
    /// requests of the older configuration may still come.
    pub next_id: u32,
}

impl<Q: TotalsQuery> Book<Q> {
    /// Continues earlier totals. `query_of` says which request feeds the totals of an id under the
    /// present configuration; those that none feeds are dropped, and those of another layout begin
    /// again at `now`, in seconds since the epoch.
    pub fn restore(
        book_state: BookState,
        query_of: impl Fn(SeriesKey) -> Option<Q>,
        now: i64,
    ) -> Self {
        let mut book = Self {
            next_id: book_state.next_id,
            lost: book_state.lost,
            corrections: book_state.corrections,
            changed: true,
            ..Self::default()
        };
        let mut begin_again = Vec::new();
        for (layout, ledger) in &book_state.ledgers {
            for (query, part) in parts(ledger, &query_of) {
                if query.layout() == *layout {
                    book.insert(query, part);
                } else {
                    begin_again.push(query);
                }
            }
        }
        book.merge_same_anchors();
        for query in begin_again {
            if book.entries.iter().all(|entry| entry.query != query) {
                book.insert_beginning(query, now);
            }
        }
        book
    }

    /// What another book of the same collector continues, without the moves that are not saved.
    pub fn state(&self) -> BookState {
        self.state_with(false)
    }

    /// The totals, with the moves that are ready in it or without them.
    pub(super) fn state_with(&self, with_moves: bool) -> BookState {
        let ledgers = self.entries.iter().map(|entry| {
            let mut ledger = entry.ledger.clone();
            if let Some(ready) = entry.ready.as_ref().filter(|_| with_moves) {
                ledger.move_anchor(ready.to, &ready.difference);
            }
            (entry.query.layout(), ledger)
        });
        BookState {
            ledgers: ledgers.collect(),
            lost: self.lost,
            corrections: self.corrections,
            next_id: self.next_id,
        }
    }
}

/// The rows of a ledger by the request that feeds them now.
fn parts<Q: TotalsQuery>(
    ledger: &Ledger,
    query_of: &impl Fn(SeriesKey) -> Option<Q>,
) -> Vec<(Q, Ledger)> {
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
        // They are ascending.
        let _: bool = parts[place].1.push(row);
    }
    parts
}
