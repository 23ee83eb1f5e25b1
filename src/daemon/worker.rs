//! One account's worker: makes the calls that the poller wants, turns their answers into chunks,
//! and publishes, counts and tells what happened. What concerns names stands in `names`.

mod names;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::aside::aside;
use super::clock::{WallClock, timeframe};
use super::names::NameBook;
use super::results::Results;
use super::status::AccountStatus;
use super::trouble::{Say, Subject, Troubles};
use crate::config::{Account, Selection, Window};
use crate::exposition::{Chunk, SegmentWriter, join};
use crate::liveperson::{
    Api, ApiError, Client, EngagementAnswer, IdFilter, NameKind, Reply, Service, SlaAnswer,
};
use crate::metrics;
use crate::metrics::exporter::AccountCounters;
use crate::poll::plan::{Ask, CollectorKind, Level, PlannedRequest, Query, SlaSubject, sla};
use crate::poll::{Call, Event, Finished, Next, Outcome, PollSummary, Worker};
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

/// What an answer became.
enum Mapped {
    Chunks(Vec<Chunk>),
    /// The skills that LivePerson named.
    Skills(Vec<i64>),
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

    async fn look_up(&self, service: usize) -> Finished {
        let Some(service) = self.parts.services.get(service).copied() else {
            return Outcome::Rejected.into();
        };
        let reply = self.parts.client.look_up(service).await;
        let asked = format!("the host of {}", service.name());
        self.ended(
            Call::LookUp(self.index_of(service)),
            Api::Domain,
            &asked,
            reply,
        )
        .map_or_else(|outcome| outcome, |()| Outcome::SUCCESS)
        .into()
    }

    fn index_of(&self, service: Service) -> usize {
        self.parts
            .services
            .iter()
            .position(|s| *s == service)
            .unwrap_or_default()
    }

    async fn authorise(&self) -> Finished {
        let reply = self.parts.client.authorise().await;
        self.ended(Call::Authorise, Api::Token, "a token", reply)
            .map_or_else(
                |outcome| outcome,
                |token| Outcome::Success {
                    lifetime: token.lifetime,
                },
            )
            .into()
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

    async fn request(&self, collector: usize, index: usize) -> Finished {
        if self.is_names(collector) {
            return self
                .ask_names(Call::Request { collector, index }, index)
                .await;
        }
        let request = self
            .lock()
            .results
            .get(collector)
            .and_then(|r| r.request(index).cloned());
        let Some(request) = request else {
            return Outcome::Rejected.into();
        };
        let call = Call::Request { collector, index };
        match self.ask(call, request).await {
            Ok(Mapped::Chunks(chunks)) => {
                self.lock().results[collector].keep(index, chunks);
                Outcome::SUCCESS.into()
            }
            Ok(Mapped::Skills(skills)) => self.found_skills(collector, index, skills),
            Err(outcome) => outcome.into(),
        }
    }

    async fn ask(&self, call: Call, request: PlannedRequest) -> Result<Mapped, Outcome> {
        let minutes = timeframe(request.window, self.parts.clock.now(), &self.parts.timezone);
        let client = &self.parts.client;
        match request.query(minutes) {
            Query::Engagement(query) => {
                let reply = client.engagement_activity(&query).await;
                let asked = crate::liveperson::engagement_path(self.id(), &query);
                let answer = self.ended(call, Api::EngagementActivity, &asked, reply)?;
                if query.skills == Some(IdFilter::All) {
                    self.lock().reported.extend(skills_of(&answer));
                }
                self.map_engagement(call, request, answer).await
            }
            Query::Sla(query) => {
                let reply = client.sla(&query).await;
                let asked = crate::liveperson::sla_path(self.id(), &query);
                let answer = self.ended(call, Api::Sla, &asked, reply)?;
                let earlier = self.earlier(call, &request);
                let chunks = aside(|| map_sla(self.id(), &request, &answer, &earlier));
                self.packed(chunks).map(Mapped::Chunks)
            }
        }
    }

    async fn map_engagement(
        &self,
        call: Call,
        request: PlannedRequest,
        answer: EngagementAnswer,
    ) -> Result<Mapped, Outcome> {
        let earlier = self.earlier(call, &request);
        let Ask::Engagement { levels, .. } = request.ask else {
            return Ok(Mapped::Skills(skills_of(&answer).collect()));
        };
        let (account, window) = (self.id().to_owned(), request.window);
        // A large account's answer takes a while: not on a thread that serves scrapes.
        let chunks = tokio::task::spawn_blocking(move || {
            map_engagement(&account, window, &levels, &answer, &earlier)
        });
        match chunks.await {
            Ok(chunks) => self.packed(chunks).map(Mapped::Chunks),
            // Only a bug in the mapping or the end of the program comes here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What the last answer to the same request became, so that what is equal can stay.
    fn earlier(&self, call: Call, request: &PlannedRequest) -> Vec<Chunk> {
        let Call::Request { collector, .. } = call else {
            return Vec::new();
        };
        let inner = self.lock();
        let results = inner.results.get(collector);
        results.map(|r| r.earlier(request)).unwrap_or_default()
    }

    /// An answer that cannot be packed for want of memory is given up for this poll.
    fn packed<T>(&self, packed: std::io::Result<T>) -> Result<T, Outcome> {
        packed.map_err(|error| {
            tracing::error!(account = self.id(), %error, "an answer cannot be compressed");
            Outcome::Rejected
        })
    }

    /// The answer that says which skills there are brings their requests along.
    fn found_skills(&self, collector: usize, index: usize, skills: Vec<i64>) -> Finished {
        let more = sla::plan_found_skills(&self.parts.account, &skills);
        let mut inner = self.lock();
        inner.results[collector].keep(index, Vec::new());
        let more = inner.results[collector].extend(more);
        inner.skills.get_or_insert(skills);
        Finished {
            outcome: Outcome::SUCCESS,
            more,
        }
    }

    /// Counts a finished call and keeps why it failed.
    fn ended<T>(&self, call: Call, api: Api, asked: &str, reply: Reply<T>) -> Result<T, Outcome> {
        let code = reply.code.to_string();
        self.parts
            .counters
            .request(api.label(), &code, reply.elapsed, reply.bytes);
        tracing::debug!(
            account = self.id(),
            collector = self.subject(call).collector(),
            api = api.label(),
            status = code,
            seconds = seconds(reply.elapsed),
            bytes = reply.bytes,
            asked,
            "call ended"
        );
        reply.result.map_err(|error| {
            let outcome = outcome_of(&error);
            let asked = shortened(asked);
            self.lock().failures.insert(
                call,
                Failure {
                    api,
                    code,
                    asked,
                    error,
                },
            );
            outcome
        })
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

    fn call_failed(&self, call: Call, next: Next, now: Instant) {
        let mut inner = self.lock();
        let Some(failure) = inner.failures.remove(&call) else {
            return;
        };
        let subject = self.subject(call);
        let say = inner.troubles.failed(subject, now);
        drop(inner);
        let text = format!("asked for {}: {}", failure.asked, failure.error);
        if subject == Subject::Names {
            return self.tell_names_failure(&failure, say, &text);
        }
        match call {
            Call::Request { collector, .. } => self.parts.status.failed(collector, &text),
            // Whoever waits for it fails with it.
            _ => (0..self.parts.collectors.len())
                .for_each(|collector| self.parts.status.failed(collector, &text)),
        }
        self.tell_failure(subject, &failure, say, &text, next);
    }

    fn subject(&self, call: Call) -> Subject {
        match call {
            _ if self.is_for_names(call) => Subject::Names,
            Call::Request { collector, .. } => Subject::Collector(self.parts.collectors[collector]),
            Call::LookUp(service) => Subject::Host(self.parts.services[service]),
            Call::Authorise => Subject::Token,
        }
    }

    fn tell_failure(&self, subject: Subject, failure: &Failure, say: Say, error: &str, next: Next) {
        let (account, collector) = (self.id(), subject.collector());
        let (api, status) = (failure.api.label(), failure.code.as_str());
        // In seconds; a field that is not there when there is nothing to wait for.
        let (next, wait) = match next {
            Next::Again(wait) => ("the same again after the wait", Some(seconds(wait))),
            Next::FreshToken => ("the same again with a fresh token", None),
            Next::GivenUp => ("given up until the next poll", None),
            Next::BackOff(wait) => (
                "nothing succeeded; next poll after the wait",
                Some(seconds(wait)),
            ),
        };
        match say {
            Say::Begins => {
                tracing::warn!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    error,
                    next,
                    "calls fail"
                );
            }
            Say::Lasts(failures, time) => tracing::warn!(
                account,
                collector,
                api,
                status,
                wait,
                failures,
                minutes = time.as_secs() / 60,
                error,
                next,
                "calls still fail"
            ),
            Say::Nothing => {
                tracing::debug!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    error,
                    next,
                    "call failed"
                );
            }
        }
    }

    fn paused(&self, call: Call, wait: Duration, spacing: Duration, now: Instant) {
        let mut inner = self.lock();
        let failure = inner.failures.remove(&call);
        inner.throttled = Some(now);
        let say = inner.troubles.failed(Subject::Throttling, now);
        drop(inner);
        let (account, collector, status) = (self.id(), self.subject(call).collector(), 429);
        let api = failure.map(|failure| failure.api.label());
        let (wait, spacing) = (seconds(wait), seconds(spacing));
        match say {
            Say::Begins => tracing::warn!(
                account,
                collector,
                api,
                status,
                wait,
                spacing,
                "LivePerson throttles; the account pauses and calls less often afterwards"
            ),
            Say::Lasts(failures, time) => {
                let minutes = time.as_secs() / 60;
                tracing::warn!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    spacing,
                    failures,
                    minutes,
                    "still throttled"
                );
            }
            Say::Nothing => {
                tracing::debug!(account, collector, api, status, wait, spacing, "throttled");
            }
        }
    }

    fn recovered(&self, subject: Subject, now: Instant, what: &str) {
        let recovered = self.lock().troubles.recovered(subject, now);
        if let Some((failures, time)) = recovered {
            let (account, collector, after) = (self.id(), subject.collector(), seconds(time));
            tracing::info!(account, collector, failures, after, "{what}");
        }
    }

    fn poll_ended(&self, collector: usize, summary: PollSummary, now: Instant) {
        let whole = summary.whole();
        self.publish(collector, whole, now);
        let (account, kind) = (self.id(), self.parts.collectors[collector].label());
        let seconds = seconds(summary.took);
        let (succeeded, given_up) = (summary.succeeded, summary.given_up);
        let first = self.parts.status.collectors()[collector]
            .last_success
            .is_none();
        if whole && first {
            tracing::info!(account, collector = kind, succeeded, seconds, "first data");
        } else {
            // What failed was told call by call; see `trouble` for how often.
            let wait = summary.backoff.map(self::seconds);
            tracing::debug!(
                account,
                collector = kind,
                succeeded,
                given_up,
                seconds,
                wait,
                "poll ended"
            );
        }
        let began = now.checked_sub(summary.took);
        if whole {
            let kind = self.parts.collectors[collector];
            self.recovered(Subject::Collector(kind), now, "calls succeed again");
        }
        // A poll without any 429 from its beginning to its end: single successes between 429s are
        // no end of the throttling.
        if succeeded > 0 && began >= self.lock().throttled {
            self.recovered(Subject::Throttling, now, "no longer throttled");
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

/// Seconds as they are logged: no finer than milliseconds.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Which of the poller's rules applies to a failure.
fn outcome_of(error: &ApiError) -> Outcome {
    match error {
        ApiError::Throttled { retry_after } => Outcome::Throttled {
            retry_after: *retry_after,
        },
        ApiError::Refused { status: 401, .. } => Outcome::Unauthorised,
        // The same question would bring the same flood again.
        ApiError::Refused { .. } | ApiError::Rejected { .. } | ApiError::TooLarge { .. } => {
            Outcome::Rejected
        }
        ApiError::Connect { .. } => Outcome::Failed { connection: true },
        ApiError::Timeout { .. } | ApiError::Failed { .. } | ApiError::Unreadable { .. } => {
            Outcome::Failed { connection: false }
        }
    }
}

fn skills_of(answer: &EngagementAnswer) -> impl Iterator<Item = i64> {
    answer
        .whole
        .skills
        .iter()
        .flat_map(|section| &section.skills)
        .map(|(id, _)| *id)
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

fn map_engagement(
    account: &str,
    window: Window,
    levels: &[Level],
    answer: &EngagementAnswer,
    earlier: &[Chunk],
) -> std::io::Result<Vec<Chunk>> {
    let mut writer = SegmentWriter::new(earlier)?;
    metrics::engagement_activity::map(account, &window.label(), levels, answer, &mut writer);
    writer.finish()
}

fn map_sla(
    account: &str,
    request: &PlannedRequest,
    answer: &SlaAnswer,
    earlier: &[Chunk],
) -> std::io::Result<Vec<Chunk>> {
    let Ask::Sla {
        subject,
        lower_limits,
    } = &request.ask
    else {
        return Ok(Vec::new());
    };
    let mut writer = SegmentWriter::new(earlier)?;
    let window = request.window.label();
    metrics::sla::map(
        account,
        &window,
        *subject,
        lower_limits,
        answer,
        &mut writer,
    );
    writer.finish()
}

/// Long id lists would drown the rest of a log line.
fn shortened(asked: &str) -> String {
    const LONGEST: usize = 200;
    match asked.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}...", &asked[..cut]),
        None => asked.to_owned(),
    }
}
