//! The running totals of one collector: its book, the requests of the running poll, and what is
//! served of them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::moment::Moment;
use crate::collectors::Request;
use crate::exposition::SegmentWriter;
use crate::scheduler::{PlannedRequest, RequestKey, Start};
use crate::store::Publication;
use crate::totals::{
    Ask, Book, Carried, Gap, Ledger, LedgerId, Mark, SavedMove, SeriesKey, Tally, TotalsQuery as _,
};

/// The running totals of one collector.
#[derive(Clone, Debug, Default)]
pub(super) struct CollectorTotals {
    book: Book<Request>,
    /// The requests of the running poll, and of the last one.
    asks: HashMap<RequestKey, Ask>,
    /// When the last answer to each was received, on the clock of ages.
    received: HashMap<LedgerId, Instant>,
    served: HashMap<Request, Arc<Publication>>,
    /// Nothing is served that was received before.
    withheld_until: Option<Instant>,
}

/// A request for totals as it goes out now.
#[derive(Clone, Debug)]
pub struct TotalsRequest {
    /// The request.
    pub request: Request,
    /// From which mark it is asked.
    pub mark: Mark,
}

/// An answer to a request for totals.
#[derive(Debug)]
pub struct TotalsAnswer {
    /// From which mark it was asked.
    pub mark: Mark,
    /// What it says; `None` when that cannot be counted.
    pub tally: Option<Tally>,
    /// When it was received.
    pub received: Moment,
}

impl CollectorTotals {
    /// Goes on with totals that were `carried` from a file or an older configuration. `request_of`:
    /// which request feeds the totals of an id under the present configuration.
    pub(super) fn restore(
        carried: Carried,
        request_of: impl Fn(SeriesKey) -> Option<Request>,
        now: Moment,
    ) -> Self {
        let book = Book::restore(carried, request_of, now.liveperson);
        let answered = book.ledgers().filter_map(|(id, _, ledger)| {
            let age = now.liveperson.checked_sub(ledger.answered()?)?;
            let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
            Some((id, now.aged.checked_sub(age)?))
        });
        Self {
            received: answered.collect(),
            book,
            ..Self::default()
        }
    }

    /// Serves nothing that was received before this time: after a crash LivePerson's nodes may know
    /// less than what was served before it, and a counter that falls is taken for one that began again.
    pub(super) fn withhold_until(&mut self, time: Instant) {
        self.withheld_until = Some(time);
    }

    /// What a successor goes on with.
    pub(super) fn carried(&self) -> Carried {
        self.book.carried()
    }

    /// Takes over from the same collector that asks for the same things.
    pub(super) fn restore_from(&mut self, old: &Self) {
        *self = old.clone();
    }

    /// The book, for metrics.
    pub(super) fn book(&self) -> &Book<Request> {
        &self.book
    }

    /// The requests of the poll that begins, and the gaps that begin to be lost. `wanted`: those of the
    /// plan that are for totals.
    pub(super) fn begin_poll(
        &mut self,
        wanted: &[Request],
        now: Moment,
    ) -> (Vec<PlannedRequest>, Vec<Gap>) {
        let (asks, gaps) = self.book.plan(wanted, now.liveperson);
        self.asks.clear();
        let planned = asks.into_iter().map(|ask| {
            let key = self.remember(ask);
            // A moment that is drawn: a fixed one could lie on LivePerson's refresh for ever.
            let start = match ask.step {
                Some(_) => Start::At(drawn_part(key, now.liveperson)),
                None => Start::Spread,
            };
            PlannedRequest { key, start }
        });
        (planned.collect(), gaps)
    }

    /// The requests for totals that are added to the running poll, for skills that it discovered.
    pub(super) fn extend_poll(&mut self, wanted: &[Request], now: Moment) -> Vec<PlannedRequest> {
        let asked = self.asks.values().map(|ask| ask.ledger).collect();
        let asks = self.book.plan_more(wanted, &asked, now.liveperson);
        let planned = asks.into_iter().map(|ask| self.remember(ask).into());
        planned.collect()
    }

    fn remember(&mut self, ask: Ask) -> RequestKey {
        let key = self.key(ask);
        self.asks.insert(key, ask);
        key
    }

    /// The same for the same request and step in any poll.
    fn key(&self, ask: Ask) -> RequestKey {
        let mut hasher = DefaultHasher::new();
        self.book.query(ask.ledger).map(Request::key).hash(&mut hasher);
        // What is asked for the anchor is the same request, whether the anchor moves or not.
        let step = ask.step.filter(|_| !ask.is_first_for_anchor());
        (ask.ledger, step).hash(&mut hasher);
        RequestKey(hasher.finish())
    }

    /// What to ask for; `None` for keys of others.
    pub(super) fn request(&self, key: RequestKey) -> Option<TotalsRequest> {
        let ask = self.asks.get(&key)?;
        Some(TotalsRequest {
            request: self.book.query(ask.ledger)?.clone(),
            mark: self.book.mark(*ask)?,
        })
    }

    /// Takes in an answer; returns what to ask next, at once. The totals are served from now on.
    ///
    /// # Errors
    /// Out of memory.
    pub(super) fn answered(
        &mut self,
        account: &str,
        key: RequestKey,
        answer: &TotalsAnswer,
    ) -> io::Result<TotalsOutcome> {
        let (Some(ask), Some(tally)) = (self.asks.get(&key).copied(), &answer.tally) else {
            return Ok(TotalsOutcome::default());
        };
        let at = answer.received.liveperson;
        let answered = self.book.answered(ask, answer.mark, tally, at);
        if answered.served {
            self.received.insert(ask.ledger, answer.received.aged);
            let request = self.book.query(ask.ledger).cloned();
            if let Some(request) = request {
                self.serve(account, &request)?;
            }
        }
        let next = answered.next.map(|ask| PlannedRequest {
            key: self.remember(ask),
            start: Start::Now,
        });
        Ok(TotalsOutcome {
            served: answered.served,
            next,
            forced: answered.forced,
        })
    }

    /// Serves everything that is known.
    ///
    /// # Errors
    /// Out of memory.
    pub(super) fn serve_all(&mut self, account: &str) -> io::Result<()> {
        let requests = self.book.ledgers().map(|(_, request, _)| request.clone());
        for request in requests.collect::<Vec<_>>() {
            self.serve(account, &request)?;
        }
        let known: Vec<&Request> = self.book.ledgers().map(|(_, request, _)| request).collect();
        self.served.retain(|request, _| known.contains(&request));
        Ok(())
    }

    /// Writes the totals of a request, of all its ledgers: as old as the oldest of their answers.
    fn serve(&mut self, account: &str, request: &Request) -> io::Result<()> {
        let ledgers = self.book.ledgers().filter(|(_, query, _)| *query == request);
        let ledgers: Vec<(LedgerId, &Ledger)> = ledgers.map(|(id, _, ledger)| (id, ledger)).collect();
        let times = ledgers.iter().map(|(id, _)| self.received.get(id).copied());
        // Those that have had no answer yet have no totals either, or those of long ago.
        let received_at = times.flatten().min();
        let is_withheld = |at: Instant| self.withheld_until.is_some_and(|until| at < until);
        let Some(received_at) = received_at.filter(|at| !is_withheld(*at)) else {
            self.served.remove(request);
            return Ok(());
        };
        let previous = self.served.get(request);
        let mut writer = SegmentWriter::new(previous.map_or(&[], |served| &served.chunks));
        for row in ledgers.iter().flat_map(|(_, ledger)| ledger.rows()) {
            let created = row.created.seconds();
            request.map_total(account, row.key, &row.shown, created, &mut writer);
        }
        let publication = Publication {
            chunks: writer.finish()?,
            received_at: Some(received_at),
        };
        self.served.insert(request.clone(), Arc::new(publication));
        Ok(())
    }

    /// What is served, request by request.
    pub(super) fn publications(&self) -> Vec<Arc<Publication>> {
        let mut seen = Vec::new();
        let mut publications = Vec::new();
        for (_, request, _) in self.book.ledgers() {
            if !seen.contains(&request.key()) {
                seen.push(request.key());
                publications.extend(self.served.get(request).cloned());
            }
        }
        publications
    }

    /// Others say that LivePerson has counted nothing for skills that are not in `named` since
    /// `window_start`, in seconds since the epoch.
    ///
    /// # Errors
    /// Out of memory.
    pub(super) fn nothing_for_others(
        &mut self,
        account: &str,
        is_named: impl Fn(&Request) -> bool,
        window_start: i64,
        now: Moment,
    ) -> io::Result<bool> {
        let is_unnamed = |request: &Request| request.skill().is_some() && !is_named(request);
        let proven = self.book.nothing_since(is_unnamed, window_start, now.liveperson);
        for id in &proven {
            self.received.insert(*id, now.aged);
            if let Some(request) = self.book.query(*id).cloned() {
                self.serve(account, &request)?;
            }
        }
        Ok(!proven.is_empty())
    }

    /// What to save, and which moves are in it.
    pub(super) fn snapshot(&mut self) -> (Carried, Vec<SavedMove>) {
        self.book.snapshot()
    }

    /// A snapshot was saved.
    pub(super) fn saved(&mut self, moves: &[SavedMove]) {
        self.book.saved(moves);
    }

    /// A snapshot could not be saved; or, for `all` moves, there is nowhere to save it.
    pub(super) fn move_without_state(&mut self, all: bool, now: Moment) {
        self.book.move_without_state(all, now.liveperson);
    }
}

/// What follows from an answer.
#[derive(Debug, Default)]
pub(super) struct TotalsOutcome {
    /// Whether what is served changed.
    pub(super) served: bool,
    /// What to ask next.
    pub(super) next: Option<PlannedRequest>,
    /// An anchor has to be moved without a proof.
    pub(super) forced: bool,
}

/// A part of the interval that differs from poll to poll and from request to request.
fn drawn_part(key: RequestKey, now: i64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (key, now).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish()).f64()
}
