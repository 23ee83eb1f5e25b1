//! What the history of one collector asks for, and what becomes of the answers. Pure.

use std::collections::HashSet;

use super::slots::{check_slots, marks};
use super::waits::{SweepNumber, SweepStep, Waits};
use crate::collectors::{AccountCollectors, ConfiguredCollector, Division, Purpose, Request};
use crate::scheduler::RequestKey;
use crate::totals::{
    Book, BookState, Counts, History, LedgerCall, LedgerId, Mark, SeriesKey, Slot,
};
use crate::vocabulary::{Level, SkillId, Window};

/// One call.
#[derive(Clone, Debug)]
pub(super) struct HistoryCall {
    /// The request that it is about.
    pub(super) request: Request,
    /// What of it.
    pub(super) kind: CallKind,
}

/// What a call asks of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    /// Which skills there are.
    Skills,
    /// The numbers since this mark, split into slots.
    Slots(Mark),
    /// The numbers since this mark, to learn which ids there are.
    Ids(Mark),
    /// The numbers since this mark: the first answer about a histogram.
    Anchor(Mark),
    /// The numbers since this mark, in a sweep.
    Sweep(Mark, SweepNumber, SweepStep),
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Answer {
    Skills(Vec<SkillId>),
    Slots(Vec<Slot>),
    /// `None` when the numbers cannot be counted.
    Counts(Option<Counts>),
    /// It is larger than `limits.max_response_bytes`.
    TooLarge,
}

/// The history of one collector as it comes in.
pub(super) struct Jobs {
    collectors: AccountCollectors,
    collector: ConfiguredCollector,
    book: Book<Request>,
    /// When the backfill began, in seconds since the epoch: what the first anchors follow from.
    start: i64,
    /// Slots between the marks of a sweep.
    step: i64,
    /// Each at the place that its id says.
    sources: Vec<Source>,
    /// Totals whose anchor LivePerson no longer has.
    too_old: usize,
    /// Each call with its source, at the place that its key says.
    calls: Vec<(Option<SourceId>, HistoryCall)>,
}

/// Identifies a source of a collector's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SourceId(usize);

/// One request of running totals.
struct Source {
    ledger: LedgerId,
    request: Request,
    anchor: Mark,
    slots: Option<History>,
    waits: Waits,
    /// LivePerson's time of the last answer, in seconds since the epoch.
    answered: Option<i64>,
}

/// The history of one request, with the totals that it leads to.
pub(super) struct Part {
    pub(super) request: Request,
    pub(super) history: History,
    pub(super) rows: Vec<Total>,
    /// The windows whose gauges follow from it.
    pub(super) windows: Vec<Window>,
}

/// The total of one id.
pub(super) struct Total {
    pub(super) key: SeriesKey,
    pub(super) created: i64,
    /// What was counted before the history begins; NaN for a number that LivePerson has never given.
    pub(super) base: Vec<f64>,
}

impl Jobs {
    pub(super) fn new(
        collectors: &AccountCollectors,
        collector: &ConfiguredCollector,
        carried: BookState,
        start: i64,
        step: i64,
    ) -> Self {
        let feeds = collectors.total_requests(collector);
        Self {
            book: Book::restore(carried, feeds, start),
            collectors: collectors.clone(),
            collector: collector.clone(),
            start,
            step,
            sources: Vec::new(),
            too_old: 0,
            calls: Vec::new(),
        }
    }

    /// The first calls.
    pub(super) fn begin(&mut self) -> Vec<RequestKey> {
        let plan = self.collectors.plan(&self.collector, &[]).into_iter();
        let wanted: Vec<Request> = plan
            .filter(|r| r.is_total() && r.purpose() == Purpose::Data)
            .collect();
        let mut calls: Vec<RequestKey> = self.skills_call().into_iter().collect();
        calls.extend(self.add_sources(&wanted));
        calls
    }

    /// Which skills there are, if each has a histogram.
    fn skills_call(&mut self) -> Option<RequestKey> {
        self.collector.needs_skills()?;
        let any_skill = SeriesKey::one(Level::Skill, 1);
        self.collectors.total_request(&self.collector, any_skill)?;
        let request = self
            .collectors
            .skills_of(Window::Minutes(Window::MAX_MINUTES))?;
        Some(self.push(None, request, CallKind::Skills))
    }

    fn add_sources(&mut self, wanted: &[Request]) -> Vec<RequestKey> {
        let known: HashSet<LedgerId> = self.sources.iter().map(|source| source.ledger).collect();
        let asks = self.book.plan_more(wanted, &known, self.start);
        let of_wanted = |(_, query, _): &(LedgerId, &Request, _)| wanted.contains(query);
        let all = self.book.ledgers().filter(of_wanted).map(|(id, ..)| id);
        let is_asked = |id: &LedgerId| known.contains(id) || asks.iter().any(|a| a.ledger == *id);
        self.too_old += all.filter(|id| !is_asked(id)).count();
        let mut calls = Vec::new();
        for ask in asks {
            let (Some(request), Some(anchor)) = (self.book.query(ask.ledger), self.book.mark(ask))
            else {
                continue;
            };
            let request = request.clone();
            let kind = match request.slots_path(self.collectors.account(), 5) {
                Some(_) => CallKind::Slots(anchor),
                None => CallKind::Anchor(anchor),
            };
            let source = SourceId(self.sources.len());
            self.sources.push(Source {
                ledger: ask.ledger,
                request: request.clone(),
                anchor,
                slots: None,
                waits: Waits::default(),
                answered: None,
            });
            calls.push(self.push(Some(source), request, kind));
        }
        calls
    }

    fn push(&mut self, source: Option<SourceId>, request: Request, kind: CallKind) -> RequestKey {
        let key = RequestKey(self.calls.len() as u64);
        self.calls.push((source, HistoryCall { request, kind }));
        key
    }

    fn entry(&self, key: RequestKey) -> Option<&(Option<SourceId>, HistoryCall)> {
        self.calls.get(usize::try_from(key.0).ok()?)
    }

    /// A call by its key.
    pub(super) fn call(&self, key: RequestKey) -> Option<&HistoryCall> {
        self.entry(key).map(|(_, call)| call)
    }

    /// Takes in an answer that came at `now` by LivePerson's clock; the history ends at `end`. Returns
    /// the calls that follow.
    ///
    /// # Errors
    /// What is left out because of this answer, for an operator.
    pub(super) fn answered(
        &mut self,
        key: RequestKey,
        answer: Answer,
        now: i64,
        end: Mark,
    ) -> Result<Vec<RequestKey>, String> {
        let Some((source, HistoryCall { request, kind })) = self.entry(key).cloned() else {
            return Ok(Vec::new());
        };
        if let (CallKind::Skills, Answer::Skills(skills)) = (kind, &answer) {
            let plan = self.collector.plan_for_skills(skills).into_iter();
            let wanted: Vec<Request> = plan.filter(Request::is_total).collect();
            return Ok(self.add_sources(&wanted));
        }
        let Some(source) = source else {
            return Err(format!("{}: {TOO_LARGE}", request.describe()));
        };
        match (kind, answer) {
            (CallKind::Slots(anchor), Answer::Slots(slots)) => {
                self.add_slots(source, anchor, &slots, now)?;
                Ok(Vec::new())
            }
            (CallKind::Slots(mark), Answer::TooLarge) => self.divide(source, &request, mark, None),
            (CallKind::Ids(mark), Answer::Counts(Some(named))) => {
                self.divide(source, &request, mark, Some(&named))
            }
            (CallKind::Anchor(_) | CallKind::Sweep(..), Answer::Counts(Some(numbers))) => {
                Ok(self.swept(source, kind, &numbers, now, end))
            }
            (_, Answer::TooLarge) => Err(format!("{}: {TOO_LARGE}", request.describe())),
            _ => Err(format!(
                "{}: LivePerson answered with numbers that cannot be counted",
                request.describe()
            )),
        }
    }

    fn add_slots(
        &mut self,
        source: SourceId,
        anchor: Mark,
        slots: &[Slot],
        now: i64,
    ) -> Result<(), String> {
        let Some(source) = self.sources.get_mut(source.0) else {
            return Ok(());
        };
        check_slots(anchor, slots)
            .map_err(|what| format!("{}: {what}", source.request.describe()))?;
        for slot in slots {
            let fields = slot.counts.fields();
            let history = source
                .slots
                .get_or_insert_with(|| History::new(anchor, fields));
            history.add(Mark::at_or_before(slot.end), &slot.counts);
        }
        source.answered = source.answered.max(Some(now));
        Ok(())
    }

    /// Asks for parts of a request whose answer is too large.
    fn divide(
        &mut self,
        source: SourceId,
        request: &Request,
        mark: Mark,
        named: Option<&Counts>,
    ) -> Result<Vec<RequestKey>, String> {
        let (parts, kind) = match self.collectors.divide(request, named) {
            Division::Into(parts) => (parts, CallKind::Slots(mark)),
            Division::NeedsIds => (vec![request.clone()], CallKind::Ids(mark)),
            Division::Impossible => return Err(format!("{}: {TOO_LARGE}", request.describe())),
        };
        let parts = parts.into_iter();
        Ok(parts
            .map(|part| self.push(Some(source), part, kind))
            .collect())
    }

    fn swept(
        &mut self,
        id: SourceId,
        kind: CallKind,
        numbers: &Counts,
        now: i64,
        end: Mark,
    ) -> Vec<RequestKey> {
        let Some(source) = self.sources.get_mut(id.0) else {
            return Vec::new();
        };
        let (anchor, request) = (source.anchor, source.request.clone());
        let steps = match kind {
            CallKind::Sweep(_, sweep, step) => {
                if !matches!(step, SweepStep::At(_)) {
                    source.answered = source.answered.max(Some(now));
                }
                source.waits.answered(sweep, step, numbers)
            }
            _ => {
                source.answered = source.answered.max(Some(now));
                let marks = marks(anchor, end, self.step);
                source.waits.begin(numbers, marks).unwrap_or_default()
            }
        };
        let sweep = source.waits.present();
        let steps = steps.into_iter();
        steps
            .map(|step| {
                let mark = match step {
                    SweepStep::At(mark) => mark,
                    SweepStep::Before | SweepStep::After => anchor,
                };
                let kind = CallKind::Sweep(mark, sweep, step);
                self.push(Some(id), request.clone(), kind)
            })
            .collect()
    }

    /// How many totals there are whose anchor LivePerson no longer has.
    pub(super) fn too_old(&self) -> usize {
        self.too_old
    }

    /// How many points of histograms could not be proven.
    pub(super) fn unproven(&self) -> usize {
        self.sources
            .iter()
            .map(|source| source.waits.unproven())
            .sum()
    }

    /// The histories, and the totals to continue from.
    pub(super) fn finish(mut self) -> (Vec<Part>, BookState) {
        let mut parts: Vec<Part> = Vec::new();
        for source in std::mem::take(&mut self.sources) {
            let Some(answered) = source.answered else {
                continue;
            };
            let known = match source.slots {
                Some(history) => {
                    let total = history.total();
                    Some((history, total))
                }
                None => source.waits.history(source.anchor),
            };
            let Some((history, total)) = known else {
                continue;
            };
            let ask = LedgerCall {
                ledger: source.ledger,
                step: None,
            };
            self.book.answered(ask, source.anchor, &total, answered);
            // Totals with several anchors share their windows.
            let first = parts.iter().all(|part| part.request != source.request);
            let windows = first.then(|| self.collector.windows_of_slots().to_vec());
            parts.push(Part {
                rows: totals(&self.book, source.ledger),
                request: source.request,
                history,
                windows: windows.unwrap_or_default(),
            });
        }
        (parts, self.book.snapshot().0)
    }
}

const TOO_LARGE: &str = "the answer is larger than limits.max_response_bytes, and there is nothing \
                         left to ask apart: raise that limit";

fn totals(book: &Book<Request>, ledger: LedgerId) -> Vec<Total> {
    let rows = book
        .ledger(ledger)
        .into_iter()
        .flat_map(|ledger| ledger.rows());
    let rows = rows.map(|row| {
        let numbers = row.base.iter().zip(row.served);
        let base = numbers.map(|(base, shown)| if shown.is_nan() { f64::NAN } else { *base });
        Total {
            key: row.key,
            created: row.created.seconds(),
            base: base.collect(),
        }
    });
    rows.collect()
}
