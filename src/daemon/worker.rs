//! One account's worker: makes the calls that the scheduler wants and turns their answers into chunks
//! (`calls`, `names`), hands them to the [`Publisher`], counts and logs what happened (`reporting`,
//! `ignored`).
//!
//! The account's task alone calls everything but [`Worker::execute`], which runs in a task for each
//! call and returns values. What both need is shared, each behind a lock that holds this one thing and is
//! held for one look or change, never across an `await`. All log lines are in the span of the account.

mod advice;
mod api;
pub(super) mod calls;
mod ignored;
mod names;
mod reporting;
mod totals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::sync::oneshot;

use api::Api;
use ignored::IgnoredEntriesLog;
use totals::SaveEnded;

use super::clock::WallClock;
use super::log_throttle::{Incidents, Subject};
use super::publisher::{Answer, Publisher};
use super::run_blocking::run_blocking;
use super::saver::Saver;
use super::server_clock::ServerClock;
use super::status::{AccountStatus, CollectorError};
use super::tasks::{Task, Tasks};
use crate::config::{self, Account};
use crate::liveperson::{ApiError, Client};
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::{
    Call, CallOutput, Event, NextCalls, Outcome, PlannedRequest, ServiceId, TaskId, Worker,
};
use crate::totals::state::AccountState;
use crate::vocabulary::Service;

/// How long an account makes no calls whose task panicked.
const PAUSE_AFTER_PANIC: Duration = Duration::from_secs(60);

/// What a worker is given.
pub(super) struct WorkerParts {
    pub(super) account: Account,
    pub(super) client: Arc<Client>,
    pub(super) services: Vec<Service>,
    pub(super) tasks: Tasks,
    pub(super) timezone: TimeZone,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) publisher: Publisher,
    pub(super) counters: Arc<AccountCounters>,
    pub(super) status: Arc<AccountStatus>,
    /// What saves its running totals; `None` when there is no folder for them.
    pub(super) saver: Option<Arc<Saver>>,
    /// Takes the end of a save; it does not keep the account running.
    pub(super) changes: WeakUnboundedSender<Change>,
}

/// The worker of one account.
pub(super) struct AccountWorker {
    account: Account,
    client: Arc<Client>,
    /// The services that are looked up, in the scheduler's order.
    services: Vec<Service>,
    tasks: Tasks,
    clock: Arc<dyn WallClock>,
    counters: Arc<AccountCounters>,
    status: Arc<AccountStatus>,
    saver: Option<Arc<Saver>>,
    changes: WeakUnboundedSender<Change>,
    /// What the account serves. Changed by the account's task, read by calls for their requests.
    publisher: Mutex<Publisher>,
    /// Where midnight is. Changed by a reload.
    timezone: Mutex<TimeZone>,
    /// What is known of LivePerson's clock. Changed by calls.
    server_clock: Mutex<ServerClock>,
    /// What has been failing, so that it is logged once. Changed by calls and by the account's task.
    incidents: Mutex<Incidents>,
    /// When entries of answers were ignored last. Changed by calls.
    ignored: Mutex<IgnoredEntriesLog>,
    /// The last 429. Only the account's task uses it, but the worker is shared with its calls.
    last_throttled: Mutex<Option<Instant>>,
}

/// A message to the account's task while it runs.
#[derive(Debug)]
pub(super) enum Change {
    /// A change of the configuration that takes no new worker.
    Configuration {
        /// Names given in it.
        names: config::Names,
        /// Where midnight is.
        timezone: TimeZone,
    },
    /// The running totals were saved, or could not be.
    TotalsSaved(SaveEnded),
    /// A question whether the task runs.
    Probe(oneshot::Sender<()>),
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    api: Api,
    /// As in the label `code` of the counted calls.
    code: String,
    /// What was asked for, shortened.
    requested: String,
    error: ApiError,
}

impl Failure {
    /// What was asked and what came back, for logs and the status page. Free of secrets, as the
    /// error is.
    fn message(&self) -> String {
        format!("asked for {}: {}", self.requested, self.error)
    }
}

impl AccountWorker {
    pub(super) fn new(parts: WorkerParts) -> Self {
        let looked_up = parts.tasks.names().is_some();
        parts.status.set_names_looked_up(looked_up);
        Self {
            account: parts.account,
            client: parts.client,
            services: parts.services,
            tasks: parts.tasks,
            clock: parts.clock,
            counters: parts.counters,
            status: parts.status,
            saver: parts.saver,
            changes: parts.changes,
            publisher: Mutex::new(parts.publisher),
            timezone: Mutex::new(parts.timezone),
            server_clock: Mutex::default(),
            incidents: Mutex::default(),
            ignored: Mutex::default(),
            last_throttled: Mutex::new(None),
        }
    }

    /// Takes over from the worker of the same account under an older configuration, which has
    /// stopped; what was logged is not logged again.
    pub(super) fn restore_from(&self, old: &Self) {
        *self.incidents.lock() = old.incidents.lock().of(&self.tasks.labels());
        *self.last_throttled.lock() = *old.last_throttled.lock();
        *self.ignored.lock() = old.ignored.lock().clone();
        *self.server_clock.lock() = *old.server_clock.lock();
        let now = self.now();
        self.publisher
            .lock()
            .restore_from(&old.publisher.lock(), now);
    }

    /// Continues running totals that were saved.
    pub(super) fn restore_totals(&self, state: AccountState, withheld_for: Option<Duration>) {
        let now = self.now();
        let withheld_until = withheld_for.map(|time| now.aged + time);
        self.publisher
            .lock()
            .restore_totals(state, withheld_until, now);
    }

    /// Serves what is known before the first answer is received.
    pub(super) fn publish_all(&self) {
        self.publisher.lock().publish_all();
    }

    /// The services that it looks up, in the scheduler's order.
    pub(super) fn services(&self) -> &[Service] {
        &self.services
    }

    /// What makes its calls.
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    fn service(&self, id: ServiceId) -> Option<Service> {
        self.services.get(id.index()).copied()
    }

    /// What a failure of a call is about.
    fn subject(&self, call: Call) -> Subject {
        let names = Service::ACCOUNT_CONFIG_READ_ONLY;
        match call {
            Call::Authorise => Subject::Token,
            Call::LookUp(id) => match self.service(id) {
                Some(service) if service != names => Subject::Host(service),
                // Only the names need this host.
                _ => Subject::Names,
            },
            Call::Request { task, .. } => match self.tasks.collector(task) {
                Some(collector) => Subject::Collector(collector.label()),
                None => Subject::Names,
            },
        }
    }
}

impl Worker for AccountWorker {
    type Answer = Answer;
    type Failure = Box<Failure>;
    type Change = Change;

    fn begin_poll(&self, task: TaskId) -> Vec<PlannedRequest> {
        let begun = self.publisher.lock().begin_poll(task, self.now());
        self.report_gaps(task, &begun.gaps);
        begun.requests
    }

    async fn execute(&self, call: Call) -> CallOutput<Answer, Box<Failure>> {
        match call {
            Call::LookUp(service) => self.look_up(service).await,
            Call::Authorise => self.authorise().await,
            Call::Request { task, key, .. } => match self.tasks.get(task) {
                Some(Task::Collector(_)) => self.request_data(task, key).await,
                Some(Task::Names) => self.request_names(key).await,
                None => Outcome::Rejected.into(),
            },
        }
    }

    fn publish(&self, call: Call, answer: Answer) -> Vec<PlannedRequest> {
        let Call::Request { task, key, .. } = call else {
            return Vec::new();
        };
        // The names and totals of a large account take a while.
        let is_long = match &answer {
            Answer::Names(_) => true,
            Answer::Totals(answer) => answer.is_large(),
            Answer::Data { .. } => false,
        };
        let now = self.now();
        let is_total = matches!(answer, Answer::Totals(_));
        let publish = || self.publisher.lock().publish(task, key, answer, now);
        let added = if is_long {
            run_blocking(publish)
        } else {
            publish()
        };
        let gaps = self.publisher.lock().take_late_gaps();
        self.report_gaps(task, &gaps);
        if is_total {
            self.count_totals();
            self.save_totals_if_due();
        }
        added
    }

    fn apply(&self, change: Change) {
        match change {
            Change::Configuration { names, timezone } => {
                *self.timezone.lock() = timezone;
                run_blocking(|| self.publisher.lock().configure_names(&names));
            }
            Change::TotalsSaved(ended) => self.save_ended(&ended),
            Change::Probe(answer) => {
                // The receiver may be gone.
                let _ = answer.send(());
            }
        }
    }

    fn on_event(&self, event: Event, failure: Option<&Box<Failure>>) {
        let failure = failure.map(|failure| &**failure);
        let now = tokio::time::Instant::now().into_std();
        match event {
            Event::PollEnded { task, summary } => match self.tasks.collector(task) {
                Some(collector) => self.poll_ended(task, collector.about(), summary, now),
                None => self.names_polled(&summary, now),
            },
            Event::PollsSkipped { task, count } => {
                // A look-up of names that was due while the last one was failing is not missed.
                if let Some(collector) = self.tasks.collector(task) {
                    self.polls_skipped(collector.about(), count);
                }
            }
            Event::CallFailed { call, next } => {
                if let Some(failure) = failure {
                    self.call_failed(call, failure, next, now);
                }
            }
            Event::SessionReady { call } => {
                self.recovered(self.subject(call), now, "calls succeed again");
            }
            Event::Paused {
                call,
                wait,
                spacing,
            } => self.paused(call, failure, wait, spacing, now),
        }
    }

    fn on_backoff(&self, until: Option<Instant>) {
        self.status.set_wait(until);
    }

    fn on_next_calls(&self, next_calls: NextCalls) {
        self.status.set_next_calls(next_calls);
    }

    fn on_panic(&self) -> Duration {
        let now = tokio::time::Instant::now().into_std();
        // A pause that LivePerson asked for outlives the task.
        let wait = self.status.waits(now).max(PAUSE_AFTER_PANIC);
        let error = "a bug in the exporter stopped this account";
        self.status.all_failed(&CollectorError {
            message: error.to_owned(),
            advice: "please report what the log has.".to_owned(),
            since: self.clock.now(),
        });
        tracing::error!(
            wait = wait.as_secs(),
            error,
            "the account starts again after the wait"
        );
        wait
    }
}
