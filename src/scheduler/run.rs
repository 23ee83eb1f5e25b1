//! The thin loop that executes what the scheduler decides: it starts calls, waits, and hands
//! outcomes and events on. It decides nothing.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Instrument as _;

use super::account::{AccountScheduler, Step};
use super::{Call, Completion, Event, NextCalls, Outcome, PlanSource, PlannedRequest, TaskId};

/// Makes the calls of one account, publishes their answers, and learns what the scheduler did.
pub trait Worker: Send + Sync + 'static {
    /// What the answer to a call became.
    type Answer: Send + 'static;
    /// Why a call failed, for logs and the status page.
    type Failure: Send + 'static;
    /// A change of the configuration that takes no new worker.
    type Change: Send + 'static;

    /// Fixes the plan of a poll that begins now.
    fn begin_poll(&self, task: TaskId) -> Vec<PlannedRequest>;
    /// Makes one call. It may be aborted at any await, so it only returns values and publishes
    /// nothing.
    fn execute(
        &self,
        call: Call,
    ) -> impl Future<Output = CallOutput<Self::Answer, Self::Failure>> + Send;
    /// Publishes what the answer to a call became; returns the requests that it adds to its poll.
    fn publish(&self, call: Call, answer: Self::Answer) -> Vec<PlannedRequest>;
    /// Applies a change.
    fn apply(&self, change: Self::Change);
    /// Something happened. `failure` is why the call failed whose end made it happen; `None` when
    /// it succeeded, when it ended in a panic, and for events that no call caused.
    fn on_event(&self, event: Event, failure: Option<&Self::Failure>);
    /// The longest present wait after a 429 or a failure ends then; `None` when there is none.
    fn on_backoff(&self, until: Option<Instant>);
    /// What comes next has changed.
    fn on_next_calls(&self, _next: NextCalls) {}
    /// The account's task panicked; returns how long it waits before it starts again.
    fn on_panic(&self) -> Duration;
}

/// How a call ended, and what its answer became or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallOutput<T, F> {
    /// How it ended.
    pub outcome: Outcome,
    /// What is to be published.
    pub answer: Option<T>,
    /// Why it failed.
    pub failure: Option<F>,
}

impl<T, F> CallOutput<T, F> {
    /// A success.
    pub fn answered(answer: T) -> Self {
        Self {
            answer: Some(answer),
            ..Self::from(Outcome::SUCCESS)
        }
    }

    /// A failure, and its reason.
    pub fn failed(outcome: Outcome, failure: F) -> Self {
        Self {
            failure: Some(failure),
            ..Self::from(outcome)
        }
    }
}

impl<T, F> From<Outcome> for CallOutput<T, F> {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            answer: None,
            failure: None,
        }
    }
}

struct WorkerPlanSource<'a, W>(&'a W);

impl<W: Worker> PlanSource for WorkerPlanSource<'_, W> {
    fn begin_poll(&mut self, task: TaskId) -> Vec<PlannedRequest> {
        self.0.begin_poll(task)
    }
}

/// Runs one account until the future is dropped or the sender of `changes` is; returns the scheduler,
/// so that a changed configuration can take over what it knows. Calls under way are aborted then.
///
/// The only task that publishes for its account: what calls became comes back to it as values, so
/// nothing can be published after it has stopped.
pub async fn run<W: Worker>(
    mut scheduler: AccountScheduler,
    worker: Arc<W>,
    changes: &mut UnboundedReceiver<W::Change>,
) -> AccountScheduler {
    let mut calls = Calls::new();
    loop {
        let until = start_calls(&mut scheduler, &mut calls, &worker);
        report_events(&mut scheduler, &*worker, None);
        worker.on_backoff(scheduler.backoff_until(now()));
        worker.on_next_calls(scheduler.next_calls(now()));
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some(change) = change else {
                    // What has come already is not lost.
                    while let Some((call, output)) = calls.try_next() {
                        complete(&mut scheduler, &*worker, call, output);
                    }
                    // Not before they are gone, so that a successor's calls do not come on top.
                    calls.tasks.shutdown().await;
                    return scheduler;
                };
                worker.apply(change);
            }
            Some((call, output)) = calls.next() => {
                complete(&mut scheduler, &*worker, call, output);
            }
            () = sleep_until(until) => {}
        }
    }
}

/// Starts the calls that may start now; returns until when there is nothing else to do.
fn start_calls<W: Worker>(
    scheduler: &mut AccountScheduler,
    calls: &mut Calls<W>,
    worker: &Arc<W>,
) -> Option<Instant> {
    loop {
        match scheduler.step(now(), &mut WorkerPlanSource(&**worker)) {
            Step::Start(call) => calls.start(call, worker),
            Step::Wait(until) => return until,
        }
    }
}

/// Publishes what a call became, and reports to the scheduler how it ended.
fn complete<W: Worker>(
    scheduler: &mut AccountScheduler,
    worker: &W,
    call: Call,
    output: Output<W>,
) {
    let CallOutput {
        outcome,
        answer,
        failure,
    } = output;
    let added = answer.map(|answer| worker.publish(call, answer));
    let added = added.unwrap_or_default();
    scheduler.complete_call(now(), call, Completion { outcome, added });
    // Before the next step: the poll that may begin there replaces the one that ended.
    report_events(scheduler, worker, failure.as_ref());
}

fn report_events<W: Worker>(
    scheduler: &mut AccountScheduler,
    worker: &W,
    failure: Option<&W::Failure>,
) {
    for event in scheduler.take_events() {
        worker.on_event(event, failure);
    }
}

/// Tokio's clock, so that tests can pause it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

type Output<W> = CallOutput<<W as Worker>::Answer, <W as Worker>::Failure>;

/// Calls under way. Dropping it aborts them.
struct Calls<W: Worker> {
    tasks: JoinSet<Output<W>>,
    running: HashMap<Id, Call>,
}

impl<W: Worker> Calls<W> {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    fn start(&mut self, call: Call, worker: &Arc<W>) {
        let worker = Arc::clone(worker);
        let execution = async move { worker.execute(call).await };
        // Log lines of a call are those of its account.
        let handle = self.tasks.spawn(execution.in_current_span());
        self.running.insert(handle.id(), call);
    }

    /// The next call that ends; `None` when none is under way.
    async fn next(&mut self) -> Option<(Call, Output<W>)> {
        loop {
            let joined = self.tasks.join_next_with_id().await?;
            if let Some(ended) = self.take(joined) {
                return Some(ended);
            }
        }
    }

    /// A call that has ended; `None` when none has.
    fn try_next(&mut self) -> Option<(Call, Output<W>)> {
        loop {
            let joined = self.tasks.try_join_next_with_id()?;
            if let Some(ended) = self.take(joined) {
                return Some(ended);
            }
        }
    }

    fn take(&mut self, joined: Result<(Id, Output<W>), JoinError>) -> Option<(Call, Output<W>)> {
        let (id, output) = match joined {
            Ok((id, output)) => (id, output),
            Err(error) => (error.id(), after_panic(&error)),
        };
        Some((self.running.remove(&id)?, output))
    }
}

/// A call that panicked is a failure like any other: its slot comes back and it is tried again.
fn after_panic<T, F>(error: &JoinError) -> CallOutput<T, F> {
    tracing::error!(%error, "a call ended without a result; this is a bug in the exporter");
    Outcome::Failed { connection: false }.into()
}
