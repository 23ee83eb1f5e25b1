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
use super::{Call, Completion, Event, Outcome, PlanSource, RequestKey, TaskId};

/// Makes the calls of one account, publishes their answers, and learns what the scheduler did.
pub trait Worker: Send + Sync + 'static {
    /// What the answer to a call became.
    type Answer: Send + 'static;
    /// Why a call failed, for logs and the status page.
    type Failure: Send + 'static;
    /// A change of the configuration that takes no new worker.
    type Change: Send + 'static;

    /// Fixes the plan of a poll that begins now.
    fn begin_poll(&self, task: TaskId) -> Vec<RequestKey>;
    /// Makes one call. It may be aborted at any await, so it only returns values and publishes
    /// nothing.
    fn execute(
        &self,
        call: Call,
    ) -> impl Future<Output = CallOutput<Self::Answer, Self::Failure>> + Send;
    /// Publishes what the answer to a call became; returns the requests that it adds to its poll.
    fn publish(&self, call: Call, answer: Self::Answer) -> Vec<RequestKey>;
    /// Applies a change.
    fn apply(&self, change: Self::Change);
    /// Something happened. `failure` is why the call failed whose end made it happen; `None` when
    /// it succeeded, when it ended in a panic, and for events that no call caused.
    fn on_event(&self, event: Event, failure: Option<&Self::Failure>);
    /// The longest present wait after a 429 or a failure ends then; `None` when there is none.
    fn on_backoff(&self, until: Option<Instant>);
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
    fn begin_poll(&mut self, task: TaskId) -> Vec<RequestKey> {
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

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::scheduler::test_driver::{data_task, settings};

    /// Knows whether a poll runs, as the daemon's worker does. Each lock holds one flag or count.
    #[derive(Default)]
    struct OnePollAtATime {
        running: Mutex<bool>,
        under_way: Mutex<usize>,
        ended: Mutex<usize>,
        published: Mutex<usize>,
        applied: Mutex<usize>,
    }

    /// A call under way; dropped, it is over.
    struct UnderWay(Arc<OnePollAtATime>);

    impl Drop for UnderWay {
        fn drop(&mut self) {
            *self.0.under_way.lock() -= 1;
        }
    }

    struct Shared(Arc<OnePollAtATime>);

    impl Worker for Shared {
        type Answer = ();
        type Failure = ();
        type Change = ();

        fn begin_poll(&self, _: TaskId) -> Vec<RequestKey> {
            let mut running = self.0.running.lock();
            assert!(
                !*running,
                "a poll began before the end of the last one was reported"
            );
            *running = true;
            (0..5).map(RequestKey).collect()
        }

        async fn execute(&self, _: Call) -> CallOutput<(), ()> {
            *self.0.under_way.lock() += 1;
            let _under_way = UnderWay(Arc::clone(&self.0));
            tokio::time::sleep(Duration::from_millis(100)).await;
            CallOutput::answered(())
        }

        fn publish(&self, _: Call, (): ()) -> Vec<RequestKey> {
            *self.0.published.lock() += 1;
            Vec::new()
        }

        fn apply(&self, (): ()) {
            *self.0.applied.lock() += 1;
        }

        fn on_event(&self, event: Event, _: Option<&()>) {
            if let Event::PollEnded { .. } = event {
                *self.0.running.lock() = false;
                *self.0.ended.lock() += 1;
            }
        }

        fn on_backoff(&self, _: Option<Instant>) {}

        fn on_panic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[tokio::test(start_paused = true)]
    async fn chained_polls_are_reported_in_order_and_a_stop_aborts_calls() {
        let mut settings = settings(vec![data_task(1, 1)]);
        settings.max_in_flight = 2;
        let polls = Arc::new(OnePollAtATime::default());
        let worker = Arc::new(Shared(Arc::clone(&polls)));
        let scheduler = AccountScheduler::new(settings, now());
        let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
        // In the middle of a call.
        let stop = async move {
            sender.send(()).unwrap();
            tokio::time::sleep(Duration::from_millis(60_050)).await;
            drop(sender);
        };
        let (scheduler, ()) = tokio::join!(run(scheduler, worker, &mut changes), stop);
        drop(scheduler);
        assert_eq!(*polls.under_way.lock(), 0);
        assert_eq!(*polls.applied.lock(), 1);
        let ended = *polls.ended.lock();
        // Five calls at 250 ms and the answer of the last.
        assert!((44..=48).contains(&ended), "{ended}");
        let published = *polls.published.lock();
        // Each answer at once, also those of the poll that a stop cut off.
        assert!(
            (ended * 5..ended * 5 + 5).contains(&published),
            "{published}"
        );
    }

    /// Its first call is throttled, its second rejected. The locks hold the number of calls and the
    /// reported events.
    #[derive(Default)]
    struct RefusedTwice {
        calls: Mutex<u32>,
        reported: Mutex<Vec<(&'static str, Option<String>)>>,
    }

    impl Worker for RefusedTwice {
        type Answer = ();
        type Failure = String;
        type Change = ();

        fn begin_poll(&self, _: TaskId) -> Vec<RequestKey> {
            vec![RequestKey(0)]
        }

        async fn execute(&self, _: Call) -> CallOutput<(), String> {
            *self.calls.lock() += 1;
            let retry_after = Some(Duration::from_secs(1));
            match *self.calls.lock() {
                1 => CallOutput::failed(Outcome::Throttled { retry_after }, "429".to_owned()),
                2 => CallOutput::failed(Outcome::Rejected, "403".to_owned()),
                _ => CallOutput::answered(()),
            }
        }

        fn publish(&self, _: Call, (): ()) -> Vec<RequestKey> {
            Vec::new()
        }

        fn apply(&self, (): ()) {}

        fn on_event(&self, event: Event, failure: Option<&String>) {
            let kind = match event {
                Event::Paused { .. } => "paused",
                Event::CallFailed { .. } => "failed",
                Event::PollEnded { .. } => "ended",
                _ => return,
            };
            self.reported.lock().push((kind, failure.cloned()));
        }

        fn on_backoff(&self, _: Option<Instant>) {}

        fn on_panic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reason_of_a_failure_comes_with_the_events_it_caused() {
        let worker = Arc::new(RefusedTwice::default());
        let scheduler = AccountScheduler::new(settings(vec![data_task(200, 200)]), now());
        let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
        let stop = async move {
            tokio::time::sleep(Duration::from_secs(250)).await;
            drop(sender);
        };
        tokio::join!(run(scheduler, Arc::clone(&worker), &mut changes), stop);
        let reason = |reason: &str| Some(reason.to_owned());
        let expected = [
            ("paused", reason("429")),
            ("failed", reason("403")),
            ("ended", reason("403")),
            ("ended", None),
        ];
        assert_eq!(*worker.reported.lock(), expected);
    }
}
