//! One account's worker: makes the calls that the poller wants, turns their answers into chunks,
//! hands them to the `publisher`, counts and tells what happened. `calls` asks and maps, `telling`
//! counts and logs, `names` has what concerns names.

mod advice;
mod called;
mod calls;
mod ignored;
mod names;
mod telling;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use called::Called;

use super::aside::aside;
use super::clock::WallClock;
use super::publisher::{Answer, Publisher};
use super::server_clock::ServerClock;
use super::status::AccountStatus;
use super::trouble::Troubles;
use crate::collectors::About;
use crate::config::{self, Account};
use crate::liveperson::{ApiError, Client};
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::{Call, CallOutput, Event, RequestKey, TaskId, Worker};
use crate::vocabulary::Service;

/// How long an account rests whose task panicked.
const AFTER_CRASH: Duration = Duration::from_secs(60);

/// What a worker is given.
pub(super) struct WorkerParts {
    pub(super) account: Account,
    pub(super) client: Arc<Client>,
    pub(super) services: Vec<Service>,
    pub(super) collectors: Vec<&'static About>,
    pub(super) timezone: TimeZone,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) publisher: Publisher,
    pub(super) counters: Arc<AccountCounters>,
    pub(super) status: Arc<AccountStatus>,
}

/// The worker of one account.
pub(super) struct AccountWorker {
    account: Account,
    client: Arc<Client>,
    services: Vec<Service>,
    collectors: Vec<&'static About>,
    clock: Arc<dyn WallClock>,
    counters: Arc<AccountCounters>,
    status: Arc<AccountStatus>,
    inner: Mutex<Inner>,
}

struct Inner {
    publisher: Publisher,
    timezone: TimeZone,
    server_clock: ServerClock,
    /// The last failure of each call under way, until the poller says what comes next.
    failures: HashMap<Call, Failure>,
    troubles: Troubles,
    ignored: ignored::IgnoredIncidents,
    /// The last 429.
    throttled: Option<Instant>,
}

/// A change of the configuration that takes no new worker.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Names given in the configuration.
    pub(super) names: config::Names,
    /// Where midnight is.
    pub(super) timezone: TimeZone,
}

/// Why a call failed, for a person.
#[derive(Clone)]
struct Failure {
    api: Called,
    code: String,
    asked: String,
    error: ApiError,
}

impl AccountWorker {
    pub(super) fn new(parts: WorkerParts) -> Self {
        let inner = Inner {
            publisher: parts.publisher,
            timezone: parts.timezone,
            server_clock: ServerClock::default(),
            failures: HashMap::new(),
            troubles: Troubles::default(),
            ignored: ignored::IgnoredIncidents::default(),
            throttled: None,
        };
        Self {
            account: parts.account,
            client: parts.client,
            services: parts.services,
            collectors: parts.collectors,
            clock: parts.clock,
            counters: parts.counters,
            status: parts.status,
            inner: Mutex::new(inner),
        }
    }

    /// Takes over from the worker of the same account under an older configuration; what was told
    /// is not told again.
    pub(super) fn inherit(&self, old: &Self) {
        let old = old.lock();
        let mut inner = self.lock();
        inner.publisher.inherit(&old.publisher);
        let labels: Vec<_> = self.collectors.iter().map(|about| about.label).collect();
        inner.troubles = old.troubles.of(&labels);
        inner.throttled = old.throttled;
        inner.ignored = old.ignored.clone();
        inner.server_clock = old.server_clock;
    }

    /// Serves what is known before the first answer comes.
    pub(super) fn publish_all(&self) {
        self.lock().publisher.publish_all();
    }

    /// The services that it looks up, in the poller's order.
    pub(super) fn services(&self) -> &[Service] {
        &self.services
    }

    /// What makes its calls.
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under this lock would be a bug; the worker goes on with what is there, because
        // an exporter that serves the other collectors beats one that has stopped.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> &str {
        &self.account.id
    }

    /// Whether this is the task of the names, which stands behind all the collectors.
    fn is_names(&self, task: TaskId) -> bool {
        task.index() >= self.collectors.len()
    }

    /// Whether a call is only made for the sake of names.
    fn is_for_names(&self, call: Call) -> bool {
        match call {
            Call::Request { task, .. } => self.is_names(task),
            Call::LookUp(service) => {
                self.services.get(service.index()) == Some(&Service::ACCOUNT_CONFIG_READ_ONLY)
            }
            Call::Authorise => false,
        }
    }
}

impl Worker for AccountWorker {
    type Answer = Answer;
    type Failure = ();
    type Change = Change;

    fn begin_poll(&self, task: TaskId) -> Vec<RequestKey> {
        self.lock().publisher.begin_poll(task.index())
    }

    async fn execute(&self, call: Call) -> CallOutput<Answer, ()> {
        match call {
            Call::LookUp(service) => self.look_up(service).await,
            Call::Authorise => self.authorise().await,
            Call::Request { task, index } => self.request(task, index).await,
        }
    }

    fn publish(&self, call: Call, answer: Answer) -> Vec<RequestKey> {
        let Call::Request { task, index } = call else {
            return Vec::new();
        };
        let (collector, index) = (task.index(), index.index());
        // A large account's names take a while.
        let long = matches!(answer, Answer::Names { .. });
        let publish = || self.lock().publisher.answered(collector, index, answer);
        if long { aside(publish) } else { publish() }
    }

    fn apply(&self, change: Change) {
        let mut inner = self.lock();
        inner.timezone = change.timezone;
        aside(|| inner.publisher.configure_names(&change.names));
    }

    fn on_event(&self, event: Event, _: Option<&()>) {
        let now = tokio::time::Instant::now().into_std();
        let for_status = event.clone();
        match event {
            Event::PollEnded { task, summary } if self.is_names(task) => {
                self.names_polled(&summary, now);
            }
            // Nobody misses a look-up that was due while the last one was still failing.
            Event::PollsSkipped { task, .. } if self.is_names(task) => {}
            Event::PollEnded { task, summary } => self.poll_ended(task.index(), summary, now),
            Event::PollsSkipped { task, count } => {
                let kind = self.collectors[task.index()].label;
                self.counters.skipped(kind, count);
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
        }
        self.status
            .notice(&for_status, now, self.clock.slept(), self.clock.now());
    }

    fn on_backoff(&self, until: Option<Instant>) {
        self.status.waiting(until);
    }

    fn on_panic(&self) -> Duration {
        let now = tokio::time::Instant::now().into_std();
        // A pause that LivePerson asked for outlives the task.
        let wait = self.status.waits(now).max(AFTER_CRASH);
        let error = "a bug in the exporter stopped this account; please report what the log has";
        (0..self.collectors.len()).for_each(|collector| self.status.failed(collector, error));
        let (account, wait_seconds) = (self.id(), wait.as_secs());
        tracing::error!(
            account,
            wait = wait_seconds,
            error,
            "begins again after the wait"
        );
        wait
    }
}
