//! The running totals of one collector: its book, the requests of the running poll, and what is
//! served of them.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::moment::Moment;
use crate::collectors::Request;
use crate::exposition::SegmentWriter;
use crate::scheduler::{PlannedRequest, RequestKey, Start};
use crate::store::Publication;
use crate::totals::{
    Book, BookState, Counts, Gap, Ledger, LedgerCall, LedgerId, Mark, SavedMove, SeriesKey,
};
use crate::vocabulary::Window;

/// The running totals of one collector.
#[derive(Clone, Debug, Default)]
pub(super) struct CollectorTotals {
    book: Book<Request>,
    /// Whether a poll has begun.
    has_polled: bool,
    /// The requests of the running poll, and of the last one.
    calls: HashMap<RequestKey, LedgerCall>,
    /// The requests of the running poll that wait until LivePerson's clock is known.
    deferred: Vec<Request>,
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

/// More ids than these take longer to take in than other work may wait.
const LARGE: usize = 500;

/// An answer to a request for totals.
#[derive(Debug)]
pub struct TotalsAnswer {
    /// From which mark it was asked.
    pub mark: Mark,
    /// What it says; `None` when that cannot be counted.
    pub counts: Option<Counts>,
    /// When it was received.
    pub received: Moment,
}

impl TotalsAnswer {
    /// Whether it takes a while to take it in.
    pub(super) fn is_large(&self) -> bool {
        self.counts
            .as_ref()
            .is_some_and(|counts| counts.len() > LARGE)
    }
}

impl CollectorTotals {
    /// Continues the totals of a file or an older configuration. `request_of`:
    /// which request feeds the totals of an id under the present configuration.
    pub(super) fn restore(
        book_state: BookState,
        request_of: impl Fn(SeriesKey) -> Option<Request>,
        now: Moment,
    ) -> Self {
        let book = Book::restore(book_state, request_of, now.liveperson);
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
    pub(super) fn withhold_until(&mut self, time: Option<Instant>) {
        self.withheld_until = time;
    }

    /// Whether some of them are still not served because of [`Self::withhold_until`]. Their state may
    /// know less than what was served before the crash.
    pub(super) fn are_withheld(&self) -> bool {
        let is_withheld = |until: Instant| self.received.values().any(|at| *at < until);
        self.withheld_until.is_some_and(is_withheld)
    }

    /// The same totals under another configuration.
    pub(super) fn reconfigured(
        &self,
        request_of: impl Fn(SeriesKey) -> Option<Request>,
        now: Moment,
    ) -> Self {
        let mut new = Self::restore(self.book.state(), request_of, now);
        new.withheld_until = self.withheld_until;
        new
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
        self.deferred.clear();
        self.calls.clear();
        if !now.is_known {
            self.deferred.extend_from_slice(wanted);
            return (Vec::new(), Vec::new());
        }
        let (calls, gaps) = match std::mem::replace(&mut self.has_polled, true) {
            true => self.book.plan(wanted, now.liveperson),
            false => self.book.plan_first(wanted, now.liveperson),
        };
        let planned = calls.into_iter().map(|call| {
            let key = self.remember(call);
            // A moment that is drawn: a fixed one could lie on LivePerson's refresh every time.
            let start = match call.step {
                Some(_) => Start::At(drawn_part(key, now.liveperson)),
                None => Start::Spread,
            };
            PlannedRequest { key, start }
        });
        (planned.collect(), gaps)
    }

    /// The requests of the running poll that waited until LivePerson's clock is known, if it is at `now`:
    /// a wrong one could count what lies before an anchor, or take all that is kept for lost.
    pub(super) fn begin_deferred(&mut self, now: Moment) -> (Vec<PlannedRequest>, Vec<Gap>) {
        if self.deferred.is_empty() || !now.is_known {
            return (Vec::new(), Vec::new());
        }
        let wanted = std::mem::take(&mut self.deferred);
        self.begin_poll(&wanted, now)
    }

    /// The requests for totals that are added to the running poll, for skills that it discovered.
    pub(super) fn extend_poll(&mut self, wanted: &[Request], now: Moment) -> Vec<PlannedRequest> {
        if !self.deferred.is_empty() {
            self.deferred.extend_from_slice(wanted);
            return Vec::new();
        }
        let asked = self.calls.values().map(|call| call.ledger).collect();
        let calls = self.book.plan_more(wanted, &asked, now.liveperson);
        let planned = calls.into_iter().map(|call| self.remember(call).into());
        planned.collect()
    }

    fn remember(&mut self, call: LedgerCall) -> RequestKey {
        let key = self.key(call);
        self.calls.insert(key, call);
        key
    }

    /// The same for the same request and step in any poll.
    fn key(&self, call: LedgerCall) -> RequestKey {
        let mut hasher = DefaultHasher::new();
        self.book
            .query(call.ledger)
            .map(Request::key)
            .hash(&mut hasher);
        // What is asked for the anchor is the same request, whether the anchor moves or not.
        let step = call.step.filter(|_| !call.is_first_for_anchor());
        (call.ledger, step).hash(&mut hasher);
        RequestKey(hasher.finish())
    }

    /// What to ask for at `now`; `None` for keys of others.
    pub(super) fn request(&mut self, key: RequestKey, now: Moment) -> Option<TotalsRequest> {
        let call = *self.calls.get(&key)?;
        // LivePerson's clock may not have been known when the poll began.
        self.book.begin_in_reach(call.ledger, now.liveperson);
        Some(TotalsRequest {
            request: self.book.query(call.ledger)?.clone(),
            mark: self.book.mark(call)?,
        })
    }

    /// Takes in an answer; returns what to ask next, at once. The totals are served from now on.
    pub(super) fn answered(
        &mut self,
        account: &str,
        key: RequestKey,
        answer: &TotalsAnswer,
    ) -> TotalsOutcome {
        let (Some(call), Some(counts)) = (self.calls.get(&key).copied(), &answer.counts) else {
            return TotalsOutcome::default();
        };
        let at = answer.received.liveperson;
        let answered = self.book.answered(call, answer.mark, counts, at);
        if answered.served {
            self.received.insert(call.ledger, answer.received.aged);
            let request = self.book.query(call.ledger).cloned();
            if let Some(request) = request {
                self.serve(account, &request);
            }
        }
        if answered.forced {
            tracing::warn!(
                collector = self.label(call.ledger),
                "the anchor of running totals is moved without a proof: it was nearly out of reach, and \
                 LivePerson's answers had not agreed with each other twice"
            );
        }
        let next = answered.next.map(|call| PlannedRequest {
            key: self.remember(call),
            start: Start::Now,
        });
        TotalsOutcome {
            served: answered.served,
            next,
        }
    }

    fn label(&self, id: LedgerId) -> Option<&'static str> {
        self.book.query(id).map(|request| request.about().label)
    }

    /// Serves everything that is known.
    pub(super) fn serve_all(&mut self, account: &str) {
        let requests = self.book.ledgers().map(|(_, request, _)| request.clone());
        let requests: HashSet<Request> = requests.collect();
        self.served.retain(|request, _| requests.contains(request));
        for request in &requests {
            self.serve(account, request);
        }
    }

    /// Serves the totals of a request, of all its ledgers: as old as the oldest of their answers.
    fn serve(&mut self, account: &str, request: &Request) {
        let ledgers = self
            .book
            .ledgers()
            .filter(|(_, query, _)| *query == request);
        let ledgers: Vec<(LedgerId, &Ledger)> =
            ledgers.map(|(id, _, ledger)| (id, ledger)).collect();
        let times = ledgers.iter().map(|(id, _)| self.received.get(id).copied());
        // Those that have had no answer yet have no totals either, or those of long ago.
        let received_at = times.flatten().min();
        let is_withheld = |at: Instant| self.withheld_until.is_some_and(|until| at < until);
        let Some(received_at) = received_at.filter(|at| !is_withheld(*at)) else {
            self.served.remove(request);
            return;
        };
        let previous = self.served.get(request);
        let mut writer = SegmentWriter::new(previous.map_or(&[], |served| &served.chunks));
        for row in ledgers.iter().flat_map(|(_, ledger)| ledger.rows()) {
            let created = row.created.seconds();
            request.map_total(account, row.key, row.served, created, &mut writer);
        }
        match writer.finish() {
            Ok(chunks) => {
                let publication = Publication {
                    chunks,
                    received_at: Some(received_at),
                };
                self.served.insert(request.clone(), Arc::new(publication));
            }
            Err(error) => tracing::error!(%error, "running totals cannot be compressed"),
        }
    }

    /// What is served, request by request.
    pub(super) fn publications(&self) -> Vec<Arc<Publication>> {
        let mut seen = HashSet::new();
        let mut publications = Vec::new();
        for (_, request, _) in self.book.ledgers() {
            if seen.insert(request.key()) {
                publications.extend(self.served.get(request).cloned());
            }
        }
        publications
    }

    /// Others say that LivePerson has counted nothing for skills that are not named; returns whether
    /// that makes totals younger that are served.
    pub(super) fn confirm_zero_for_unnamed(
        &mut self,
        account: &str,
        is_named: impl Fn(&Request) -> bool,
        proof: NamingProof,
    ) -> bool {
        let is_unnamed = |request: &Request| request.skill().is_some() && !is_named(request);
        let NamingProof { window_start, at } = proof;
        let proven = self
            .book
            .confirm_zero_since(is_unnamed, window_start, at.liveperson);
        for id in &proven {
            self.received.insert(*id, at.aged);
            if let Some(request) = self.book.query(*id).cloned() {
                self.serve(account, &request);
            }
        }
        !proven.is_empty()
    }

    /// What to save, and which moves are in it.
    pub(super) fn snapshot(&mut self) -> (BookState, Vec<SavedMove>) {
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
}

/// More than what LivePerson's nodes lag behind, in seconds.
const LAG: i64 = 60;

/// Answers that name every skill with chats since a time, and so prove that others had none.
#[derive(Clone, Copy, Debug)]
pub(super) struct NamingProof {
    /// From when on they name them, in seconds since the epoch on LivePerson's clock.
    window_start: i64,
    /// When the first of them was received.
    at: Moment,
}

impl NamingProof {
    /// What answers over these windows prove, the first of which was received at `at` on the clock of
    /// ages.
    pub(super) fn new(windows: &[Window], at: Instant, now: Moment) -> Option<Self> {
        let minutes = windows.iter().filter_map(|window| match window {
            Window::Minutes(minutes) => Some(i64::from(*minutes)),
            _ => None,
        });
        let age = now.aged.saturating_duration_since(at).as_secs();
        let liveperson = now.liveperson - i64::try_from(age).ok()?;
        Some(Self {
            // A node that lags has not seen the last seconds before the last proof.
            window_start: now.liveperson - 60 * minutes.max()? + LAG,
            at: Moment {
                aged: at,
                liveperson,
                is_known: now.is_known,
            },
        })
    }
}

/// The part of a poll's time in which attempts to move an anchor begin: the rest is for their further
/// requests, so that they do not delay the next poll.
const ATTEMPTS_BEGIN_WITHIN: f64 = 0.7;

/// A part of the interval that differs from poll to poll and from request to request.
fn drawn_part(key: RequestKey, now: i64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (key, now).hash(&mut hasher);
    ATTEMPTS_BEGIN_WITHIN * fastrand::Rng::with_seed(hasher.finish()).f64()
}
