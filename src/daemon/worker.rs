//! One account's worker: makes the calls that the poller wants, turns their answers into chunks,
//! and publishes, counts and tells what happened. `calls` asks and maps, `telling` counts and logs,
//! `names` has what concerns names.

mod advice;
mod calls;
mod ignored;
mod names;
mod telling;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::aside::aside;
use super::clock::WallClock;
use super::names::NameBook;
use super::results::Results;
use super::status::AccountStatus;
use super::trouble::Troubles;
use crate::config::{Account, Selection};
use crate::exposition::join;
use crate::liveperson::{Api, ApiError, Client, NameKind, Service};
use crate::metrics::exporter::AccountCounters;
use crate::poll::plan::{Ask, CollectorKind, PlannedRequest, SlaSubject, sla};
use crate::poll::{Call, Event, Finished, Worker};
use crate::store::{Publication, Source, Store};

/// What a worker is given.
pub(super) struct WorkerParts {
    pub(super) account: Account,
    pub(super) client: Client,
    pub(super) services: Vec<Service>,
    pub(super) collectors: Vec<CollectorKind>,
    pub(super) timezone: TimeZone,
    pub(super) stale_after: Duration,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) store: Arc<Store>,
    pub(super) names: Arc<NameBook>,
    pub(super) counters: Arc<AccountCounters>,
    pub(super) status: Arc<AccountStatus>,
}

/// The worker of one account.
pub(super) struct AccountWorker {
    parts: WorkerParts,
    inner: Mutex<Inner>,
}

struct Inner {
    results: Vec<Results>,
    /// Skills that LivePerson has reported; `None` before it was asked.
    skills: Option<Vec<i64>>,
    /// Skills reported in the running Engagement Activity poll.
    reported: BTreeSet<i64>,
    /// The last failure of each call under way, until the poller says what comes next.
    failures: HashMap<Call, Failure>,
    troubles: Troubles,
    ignored: ignored::IgnoredIncidents,
    /// The last 429.
    throttled: Option<Instant>,
}

/// Why a call failed, for a person.
struct Failure {
    api: Api,
    code: String,
    asked: String,
    error: ApiError,
}

impl Inner {
    /// Takes over the skills that the Engagement Activity poll reported. Only a whole poll can say
    /// that a skill is gone.
    fn learn_skills(&mut self, whole: bool) {
        let mut reported = std::mem::take(&mut self.reported);
        if !whole {
            reported.extend(self.skills.iter().flatten());
            if reported.is_empty() {
                return;
            }
        }
        self.skills = Some(reported.into_iter().collect());
    }
}

impl AccountWorker {
    pub(super) fn new(parts: WorkerParts) -> Self {
        let results = parts
            .collectors
            .iter()
            .map(|_| Results::default())
            .collect();
        let inner = Inner {
            results,
            skills: None,
            reported: BTreeSet::new(),
            failures: HashMap::new(),
            troubles: Troubles::default(),
            ignored: ignored::IgnoredIncidents::default(),
            throttled: None,
        };
        Self {
            parts,
            inner: Mutex::new(inner),
        }
    }

    /// Takes over from the worker of the same account under an older configuration: what is still
    /// asked for stays served until the first poll ends, and what was told is not told again.
    pub(super) fn inherit(&self, old: &Self) {
        let old_inner = old.lock();
        let mut inner = self.lock();
        inner.skills.clone_from(&old_inner.skills);
        inner.troubles = old_inner.troubles.of(&self.parts.collectors);
        inner.throttled = old_inner.throttled;
        inner.ignored = old_inner.ignored.clone();
        for (index, kind) in self.parts.collectors.iter().enumerate() {
            let Some(place) = old.parts.collectors.iter().position(|k| k == kind) else {
                continue;
            };
            let account = &self.parts.account;
            let plan = kind.plan(account, inner.skills.as_deref());
            let of_a_skill = |request: &PlannedRequest| match request.ask {
                Ask::Sla {
                    subject: SlaSubject::Skill(id),
                    ..
                } if account.sla.skills == Selection::All => {
                    sla::plan_found_skills(account, &[id]).contains(request)
                }
                _ => false,
            };
            let still_asked =
                |request: &PlannedRequest| plan.contains(request) || of_a_skill(request);
            let kept = inner.results[index].inherit(&old_inner.results[place], still_asked);
            self.serve(*kind, &kept);
        }
    }

    /// The services that it looks up, in the poller's order.
    pub(super) fn services(&self) -> &[Service] {
        &self.parts.services
    }

    fn source(&self, kind: CollectorKind) -> Source {
        Source {
            account: self.id().into(),
            part: kind.label(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under this lock would be a bug; the worker goes on with what is there, because
        // an exporter that serves the other collectors beats one that has stopped.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> &str {
        &self.parts.account.id
    }

    /// Whether this is the index of the names, which stand behind all the collectors.
    fn is_names(&self, collector: usize) -> bool {
        collector >= self.parts.collectors.len()
    }

    /// Whether a call is only made for the sake of names.
    fn is_for_names(&self, call: Call) -> bool {
        match call {
            Call::Request { collector, .. } => self.is_names(collector),
            Call::LookUp(service) => {
                self.parts.services.get(service) == Some(&Service::AccountConfigReadOnly)
            }
            Call::Authorise => false,
        }
    }

    fn publish(&self, collector: usize, whole: bool, now: Instant) {
        let kind = self.parts.collectors[collector];
        let publications = {
            let mut inner = self.lock();
            if kind == CollectorKind::EngagementActivity {
                inner.learn_skills(whole);
            }
            inner.results[collector].end(now, self.parts.stale_after)
        };
        self.serve(kind, &publications);
    }

    /// Joins what a collector serves from now on and swaps it in.
    fn serve(&self, kind: CollectorKind, publications: &[Publication]) {
        let source = self.source(kind);
        let earlier = self.parts.store.published(&source);
        // What fails here leaves what was served before, until that grows too old.
        if let Ok(joined) = self.packed(aside(|| joined(publications, &earlier))) {
            self.parts.store.publish(source, joined);
        }
    }
}

impl Worker for AccountWorker {
    fn begin_poll(&self, collector: usize) -> usize {
        if self.is_names(collector) {
            return NameKind::ALL.len();
        }
        let kind = self.parts.collectors[collector];
        let mut inner = self.lock();
        let plan = kind.plan(&self.parts.account, inner.skills.as_deref());
        inner.results[collector].begin(plan)
    }

    async fn carry_out(&self, call: Call) -> Finished {
        match call {
            Call::LookUp(service) => self.look_up(service).await,
            Call::Authorise => self.authorise().await,
            Call::Request { collector, index } => self.request(collector, index).await,
        }
    }

    fn notice(&self, event: Event) {
        let now = tokio::time::Instant::now().into_std();
        let for_status = event.clone();
        match event {
            Event::PollEnded { collector, summary } if self.is_names(collector) => {
                self.names_polled(&summary, now);
            }
            // Nobody misses a look-up that was due while the last one was still failing.
            Event::PollsSkipped { collector, .. } if self.is_names(collector) => {}
            Event::PollEnded { collector, summary } => self.poll_ended(collector, summary, now),
            Event::PollsSkipped { collector, count } => {
                let kind = self.parts.collectors[collector].label();
                self.parts.counters.skipped(kind, count);
                tracing::debug!(
                    account = self.id(),
                    collector = kind,
                    count,
                    "polls skipped"
                );
            }
            Event::CallFailed { call, next } => self.call_failed(call, next, now),
            Event::SessionReady { call } => {
                self.recovered(self.subject(call), now, "calls succeed again");
            }
            Event::Paused {
                call,
                wait,
                spacing,
            } => self.paused(call, wait, spacing, now),
            Event::Stretched { collector, ratio } => {
                let kind = self.parts.collectors[collector].label();
                tracing::debug!(
                    account = self.id(),
                    collector = kind,
                    ratio,
                    "interval stretches"
                );
            }
        }
        self.parts
            .status
            .notice(&for_status, now, self.parts.clock.now());
    }

    fn waiting(&self, until: Option<Instant>) {
        self.parts.status.waiting(until);
    }
}

/// Joins answers of the same age, which usually are all.
fn joined(answers: &[Publication], earlier: &[Publication]) -> std::io::Result<Vec<Publication>> {
    let mut ages: Vec<_> = answers.iter().map(|answer| answer.fresh_until).collect();
    ages.sort_unstable();
    ages.dedup();
    // The freshest first: what was joined in the last poll stood there, too.
    ages.reverse();
    let of_age = |(place, fresh_until): (usize, Option<Instant>)| {
        let same = answers.iter().filter(|a| a.fresh_until == fresh_until);
        let before = earlier.get(place).map_or(&[][..], |p| &p.chunks);
        let chunks = join(same.flat_map(|answer| &answer.chunks), before)?;
        Ok(Publication {
            chunks,
            fresh_until,
        })
    };
    ages.into_iter().enumerate().map(of_age).collect()
}
