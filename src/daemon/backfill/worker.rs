//! The worker of one account's backfill: makes the calls that the scheduler wants, as the daemon's
//! does, and hands the answers to [`Jobs`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::jobs::{Answer, CallKind, HistoryCall, Jobs};
use super::progress::Progress;
use crate::collectors::AccountCollectors;
use crate::daemon::clock::{WallClock, aged};
use crate::daemon::run_blocking::run_blocking;
use crate::daemon::server_clock::ServerClock;
use crate::daemon::tasks::{Task, Tasks};
use crate::daemon::worker::calls::{outcome_of, shortened};
use crate::liveperson::{ApiError, Client, Reply};
use crate::scheduler::{
    Call, CallOutput, Event, NextAction, Outcome, PlannedRequest, RequestKey, ServiceId, Start,
    TaskId, Worker,
};
use crate::totals::{BookState, Mark};
use crate::vocabulary::Service;

/// How long before now a history ends, in seconds: nodes lag, and a younger mark cannot be asked for.
const SETTLED_AFTER: i64 = 180;
/// How far the clocks may differ, in seconds: marks are asked for by our clock before LivePerson's is
/// known, and with more they could be others.
const MOST_CLOCK_OFFSET: i64 = 120;
/// So many failures are kept in words; the rest are only counted.
const MOST_FAILURES: usize = 20;

/// What a worker is given.
pub(super) struct WorkerParts {
    pub(super) collectors: AccountCollectors,
    pub(super) client: Client,
    pub(super) services: Vec<Service>,
    pub(super) tasks: Tasks,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) progress: Arc<Progress>,
    /// Slots between the marks of histograms.
    pub(super) step: i64,
}

/// The worker of one account.
pub(super) struct BackfillWorker {
    account: String,
    client: Client,
    services: Vec<Service>,
    clock: Arc<dyn WallClock>,
    progress: Arc<Progress>,
    server_clock: Mutex<ServerClock>,
    history: Mutex<Histories>,
}

/// What came in. Changed by the account's task, read by calls for what they ask.
struct Histories {
    jobs: HashMap<TaskId, (&'static str, Jobs)>,
    /// Tasks whose first poll has not ended.
    running: usize,
    /// Ends the account's task when it is dropped.
    changes: Option<UnboundedSender<()>>,
    /// Where the history ends; known with the first answer.
    end: Option<Mark>,
    failures: Failures,
}

/// What is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    /// In words, each once.
    pub(super) texts: Vec<String>,
    /// How many calls failed for good.
    pub(super) count: usize,
}

impl Failures {
    pub(super) fn add(&mut self, text: String) {
        self.count += 1;
        if self.texts.len() < MOST_FAILURES && !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }
}

/// What a worker leaves behind.
pub(super) struct Collected {
    /// By collector.
    pub(super) jobs: Vec<(&'static str, Jobs)>,
    pub(super) end: Option<Mark>,
    pub(super) failures: Failures,
}

impl BackfillWorker {
    /// A worker that continues totals that were saved; it drops `changes` when there is nothing more
    /// to ask.
    pub(super) fn new(
        parts: WorkerParts,
        mut saved: HashMap<String, BookState>,
        changes: UnboundedSender<()>,
    ) -> Self {
        let WorkerParts {
            collectors,
            client,
            services,
            tasks,
            clock,
            progress,
            step,
        } = parts;
        let start = clock.now().as_second();
        let jobs = tasks.iter().filter_map(|(id, task)| match task {
            Task::Collector(collector) => {
                let label = collector.label();
                let carried = saved.remove(label).unwrap_or_default();
                let jobs = Jobs::new(&collectors, collector, carried, start, step);
                Some((id, (label, jobs)))
            }
            Task::Names => None,
        });
        let jobs: HashMap<_, _> = jobs.collect();
        Self {
            account: collectors.account().to_owned(),
            client,
            services,
            clock,
            progress,
            server_clock: Mutex::default(),
            history: Mutex::new(Histories {
                running: jobs.len(),
                jobs,
                changes: Some(changes),
                end: None,
                failures: Failures::default(),
            }),
        }
    }

    /// What came in; nothing when it was asked by a clock that is wrong. Nothing more is taken in
    /// afterwards.
    pub(super) fn collect(&self) -> Collected {
        let offset = self.clock_offset();
        let mut history = self.history.lock();
        if offset.abs() > MOST_CLOCK_OFFSET {
            history.jobs.clear();
            history.end = None;
            history.failures.add(format!(
                "this machine's clock differs from LivePerson's by {} s; synchronise it (NTP), and run \
                 backfill again",
                offset.abs()
            ));
        }
        let mut jobs: Vec<_> = history.jobs.drain().collect();
        jobs.sort_by_key(|(id, _)| *id);
        Collected {
            jobs: jobs.into_iter().map(|(_, jobs)| jobs).collect(),
            end: history.end,
            failures: history.failures.clone(),
        }
    }

    /// LivePerson's time, in seconds since the epoch.
    fn now(&self) -> i64 {
        let at = aged(tokio::time::Instant::now().into_std(), &*self.clock);
        let now = self.server_clock.lock().now(at, self.clock.now());
        now.as_second()
    }

    /// LivePerson's clock less ours, in seconds; 0 as long as it is not known.
    fn clock_offset(&self) -> i64 {
        let at = aged(tokio::time::Instant::now().into_std(), &*self.clock);
        let offset = self.server_clock.lock().offset(at, self.clock.now());
        offset.map_or(0, |offset| offset.as_secs())
    }

    fn record_server_time<T>(&self, reply: &Reply<T>) {
        if let Some(read) = reply.server_time {
            let since = tokio::time::Instant::now().saturating_duration_since(read.at);
            let ours = self.clock.now();
            let ours = ours.checked_sub(since).unwrap_or(ours);
            let at = aged(read.at.into_std(), &*self.clock);
            self.server_clock.lock().read(read.time, at, ours);
        }
    }

    async fn request(&self, task: TaskId, key: RequestKey) -> CallOutput<Answer, String> {
        let call = {
            let history = self.history.lock();
            let jobs = history.jobs.get(&task);
            jobs.and_then(|(_, jobs)| jobs.call(key).cloned())
        };
        let Some(call) = call else {
            return Outcome::Rejected.into();
        };
        let Some(path) = self.path(&call) else {
            let text = format!(
                "{}: LivePerson has no numbers for this time any more; is this machine's clock right?",
                call.request.describe()
            );
            return CallOutput::failed(Outcome::Rejected, text);
        };
        let service = call.request.about().service;
        let request = call.request;
        let result = match call.kind {
            CallKind::Slots(_) => {
                let read = move |body: &[u8]| request.read_slots(body);
                let reply = self.client.get(service, &path, read).await;
                self.record_server_time(&reply);
                reply.result.map(Answer::Slots)
            }
            kind => {
                let read = move |body: &[u8]| request.read(body);
                let reply = self.client.get(service, &path, read).await;
                self.record_server_time(&reply);
                reply.result.map(|answer| match kind {
                    CallKind::Skills => Answer::Skills(answer.skills()),
                    _ => Answer::Counts(answer.counts()),
                })
            }
        };
        match result {
            Ok(answer) => CallOutput::answered(answer),
            // For the pace it is an answer like any other; less is asked for at a time.
            Err(ApiError::TooLarge { .. }) => CallOutput::answered(Answer::TooLarge),
            Err(error) => failed(&path, &error),
        }
    }

    /// Path and query of a call that goes out now; `None` when its time is out of LivePerson's reach.
    fn path(&self, call: &HistoryCall) -> Option<String> {
        let now = self.now();
        let minutes = match call.kind {
            CallKind::Skills => return Some(call.request.path(&self.account, &|_| 1440)),
            CallKind::Slots(mark) => {
                let minutes = mark.timeframe_in_slots(now);
                return call.request.slots_path(&self.account, minutes);
            }
            CallKind::Ids(mark) => mark.timeframe_in_slots(now),
            CallKind::Anchor(mark) | CallKind::Sweep(mark, ..) => mark.timeframe(now)?,
        };
        Some(call.request.path(&self.account, &|_| minutes))
    }
}

fn failed<T>(asked: &str, error: &ApiError) -> CallOutput<T, String> {
    let text = format!("asked for {}: {error}", shortened(asked));
    CallOutput::failed(outcome_of(error), text)
}

fn planned(calls: Vec<RequestKey>) -> Vec<PlannedRequest> {
    let calls = calls.into_iter();
    calls
        .map(|key| PlannedRequest {
            key,
            start: Start::Now,
        })
        .collect()
}

impl Worker for BackfillWorker {
    type Answer = Answer;
    type Failure = String;
    type Change = ();

    fn begin_poll(&self, task: TaskId) -> Vec<PlannedRequest> {
        let mut history = self.history.lock();
        let calls = history.jobs.get_mut(&task).map(|(_, jobs)| jobs.begin());
        let calls = calls.unwrap_or_default();
        self.progress.add_calls(calls.len());
        planned(calls)
    }

    async fn execute(&self, call: Call) -> CallOutput<Answer, String> {
        self.progress.calling();
        match call {
            Call::LookUp(id) => self.look_up(id).await,
            Call::Authorise => match self.client.authorise().await.result {
                Ok(token) => Outcome::Success {
                    lifetime: token.lifetime,
                }
                .into(),
                Err(error) => failed("a token", &error),
            },
            Call::Request { task, key, .. } => self.request(task, key).await,
        }
    }

    fn publish(&self, call: Call, answer: Answer) -> Vec<PlannedRequest> {
        let Call::Request { task, key, .. } = call else {
            return Vec::new();
        };
        let now = self.now();
        let mut history = self.history.lock();
        let Histories {
            jobs,
            end,
            failures,
            ..
        } = &mut *history;
        let end = *end.get_or_insert_with(|| Mark::at_or_before(now - SETTLED_AFTER));
        let Some((_, jobs)) = jobs.get_mut(&task) else {
            return Vec::new();
        };
        // The slots of a large account take a while.
        let calls = run_blocking(|| jobs.answered(key, answer, now, end));
        let calls = calls.unwrap_or_else(|left_out| {
            failures.add(left_out);
            Vec::new()
        });
        self.progress.add_calls(calls.len());
        self.progress.answered();
        planned(calls)
    }

    fn apply(&self, (): ()) {}

    fn on_event(&self, event: Event, failure: Option<&String>) {
        match event {
            Event::PollEnded { summary, .. } => {
                self.progress.given_up(summary.given_up);
                let mut history = self.history.lock();
                history.running = history.running.saturating_sub(1);
                if history.running == 0 {
                    history.changes = None;
                }
            }
            Event::CallFailed {
                next: NextAction::GiveUp | NextAction::BackOff(_),
                ..
            } => {
                let text = failure.cloned();
                let text = text.unwrap_or_else(|| "a call ended without a result".to_owned());
                self.history.lock().failures.add(text);
            }
            Event::CallFailed { next, .. } => {
                tracing::debug!(?next, error = failure, "a call failed and is made again");
            }
            Event::Paused { wait, .. } => self.progress.paused(wait),
            Event::PollsSkipped { .. } | Event::SessionReady { .. } => {}
        }
    }

    fn on_backoff(&self, _: Option<Instant>) {}

    fn on_panic(&self) -> Duration {
        Duration::ZERO
    }
}

impl BackfillWorker {
    async fn look_up(&self, id: ServiceId) -> CallOutput<Answer, String> {
        let Some(service) = self.services.get(id.index()).copied() else {
            return Outcome::Rejected.into();
        };
        match self.client.look_up(service).await.result {
            Ok(()) => Outcome::SUCCESS.into(),
            Err(error) => failed(&format!("the host of {}", service.name()), &error),
        }
    }
}
