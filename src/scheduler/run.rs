//! The thin loop that executes what the scheduler decides: it starts calls, waits, and hands
//! outcomes and events on. It decides nothing.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};

use super::account::{AccountScheduler, Step};
use super::{Call, Completion, Event, Outcome, PlanSource, RequestKey};

/// Who makes the calls and is told what the scheduler did.
pub trait Worker: Send + Sync + 'static {
    /// What the answer to a call became.
    type Answer: Send + 'static;
    /// A change of the configuration that takes no new worker.
    type Change: Send + 'static;

    /// Fixes the plan of a poll that begins now.
    fn begin_poll(&self, collector: usize) -> Vec<RequestKey>;
    /// Makes one call. It may be aborted at any await, so it only returns values and publishes
    /// nothing.
    fn execute(&self, call: Call) -> impl Future<Output = CallOutput<Self::Answer>> + Send;
    /// Publishes what the answer to a call became; returns the requests that it adds to its poll.
    fn publish(&self, call: Call, answer: Self::Answer) -> Vec<RequestKey>;
    /// Applies a change.
    fn apply(&self, change: Self::Change);
    /// Something happened.
    fn on_event(&self, event: Event);
    /// Hears when the longest present wait after a 429 or a failure ends.
    fn on_backoff(&self, until: Option<Instant>);
    /// Hears that the account's task panicked; returns how long it waits before it begins again.
    fn on_panic(&self) -> Duration;
}

/// How a call ended, and what its answer became.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallOutput<A> {
    /// How it ended.
    pub outcome: Outcome,
    /// What is to be published.
    pub answer: Option<A>,
}

impl<A> CallOutput<A> {
    /// A success.
    pub fn answered(answer: A) -> Self {
        Self {
            outcome: Outcome::SUCCESS,
            answer: Some(answer),
        }
    }
}

impl<A> From<Outcome> for CallOutput<A> {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            answer: None,
        }
    }
}

struct WorkerPlanSource<'a, W>(&'a W);

impl<W: Worker> PlanSource for WorkerPlanSource<'_, W> {
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        self.0.begin_poll(collector)
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
    let mut calls = Calls {
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    loop {
        let until = loop {
            match scheduler.step(now(), &mut WorkerPlanSource(&*worker)) {
                Step::Start(call) => calls.start(call, &worker),
                Step::Wait(until) => break until,
            }
        };
        report(&mut scheduler, &*worker);
        worker.on_backoff(scheduler.backoff_until(now()));
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some(change) = change else {
                    // What has come already is not lost.
                    while let Some((call, output)) = calls.try_next() {
                        ended(&mut scheduler, &*worker, call, output);
                    }
                    // Not before they are gone, so that a successor's calls do not come on top.
                    calls.tasks.shutdown().await;
                    return scheduler;
                };
                worker.apply(change);
            }
            Some((call, output)) = calls.next() => {
                ended(&mut scheduler, &*worker, call, output);
            }
            () = sleep_until(until) => {}
        }
    }
}

/// Publishes what a call became, and tells the scheduler how it ended.
fn ended<W: Worker>(
    scheduler: &mut AccountScheduler,
    worker: &W,
    call: Call,
    output: CallOutput<W::Answer>,
) {
    let CallOutput { outcome, answer } = output;
    let added = answer.map(|answer| worker.publish(call, answer));
    let added = added.unwrap_or_default();
    scheduler.complete_call(now(), call, Completion { outcome, added });
    // Before the next step: the poll that may begin there replaces the one that ended.
    report(scheduler, worker);
}

fn report(scheduler: &mut AccountScheduler, worker: &impl Worker) {
    let events = scheduler.take_events().into_iter();
    events.for_each(|event| worker.on_event(event));
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

/// Calls under way. Dropping it aborts them.
struct Calls<A> {
    tasks: JoinSet<CallOutput<A>>,
    running: HashMap<Id, Call>,
}

impl<A: Send + 'static> Calls<A> {
    fn start<W: Worker<Answer = A>>(&mut self, call: Call, worker: &Arc<W>) {
        let worker = Arc::clone(worker);
        let handle = self.tasks.spawn(async move { worker.execute(call).await });
        self.running.insert(handle.id(), call);
    }

    /// The next call that ends; `None` when none is under way.
    async fn next(&mut self) -> Option<(Call, CallOutput<A>)> {
        loop {
            let ended = self.tasks.join_next_with_id().await?;
            if let Some(ended) = self.ended(ended) {
                return Some(ended);
            }
        }
    }

    /// A call that has ended; `None` when none has.
    fn try_next(&mut self) -> Option<(Call, CallOutput<A>)> {
        loop {
            let ended = self.tasks.try_join_next_with_id()?;
            if let Some(ended) = self.ended(ended) {
                return Some(ended);
            }
        }
    }

    fn ended(
        &mut self,
        ended: Result<(Id, CallOutput<A>), JoinError>,
    ) -> Option<(Call, CallOutput<A>)> {
        let (id, output) = match ended {
            Ok((id, output)) => (id, output),
            Err(error) => (error.id(), panicked(&error)),
        };
        Some((self.running.remove(&id)?, output))
    }
}

/// A call that panicked is a failure like any other: its slot comes back and it is tried again.
fn panicked<A>(error: &JoinError) -> CallOutput<A> {
    tracing::error!(%error, "a call ended without a result; this is a bug in the exporter");
    Outcome::Failed { connection: false }.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::scheduler::{AccountSettings, CollectorSettings, SessionSettings};

    /// Knows whether a poll runs, as the daemon's worker does.
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
            *self.0.under_way.lock().unwrap() -= 1;
        }
    }

    struct Shared(Arc<OnePollAtATime>);

    impl Worker for Shared {
        type Answer = ();
        type Change = ();

        fn begin_poll(&self, _: usize) -> Vec<RequestKey> {
            let mut running = self.0.running.lock().unwrap();
            assert!(
                !*running,
                "a poll began before the end of the last one was told"
            );
            *running = true;
            (0..5).map(RequestKey).collect()
        }

        async fn execute(&self, _: Call) -> CallOutput<()> {
            *self.0.under_way.lock().unwrap() += 1;
            let _under_way = UnderWay(Arc::clone(&self.0));
            tokio::time::sleep(Duration::from_millis(100)).await;
            CallOutput::answered(())
        }

        fn publish(&self, _: Call, (): ()) -> Vec<RequestKey> {
            *self.0.published.lock().unwrap() += 1;
            Vec::new()
        }

        fn apply(&self, (): ()) {
            *self.0.applied.lock().unwrap() += 1;
        }

        fn on_event(&self, event: Event) {
            if let Event::PollEnded { .. } = event {
                *self.0.running.lock().unwrap() = false;
                *self.0.ended.lock().unwrap() += 1;
            }
        }

        fn on_backoff(&self, _: Option<Instant>) {}

        fn on_panic(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[tokio::test(start_paused = true)]
    async fn polls_that_follow_each_other_at_once_are_told_in_order_and_a_stop_leaves_no_call() {
        let interval = Duration::from_secs(1);
        let collector = CollectorSettings {
            interval,
            phase: interval,
            service: None,
        };
        let settings = AccountSettings {
            max_in_flight: 2,
            min_spacing: Duration::from_millis(250),
            session: SessionSettings::default(),
            collectors: vec![collector],
            seed: 1,
        };
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
        assert_eq!(*polls.under_way.lock().unwrap(), 0);
        assert_eq!(*polls.applied.lock().unwrap(), 1);
        let ended = *polls.ended.lock().unwrap();
        // Five calls at 250 ms and the answer of the last.
        assert!((44..=48).contains(&ended), "{ended}");
        let published = *polls.published.lock().unwrap();
        // Each answer at once, also those of the poll that a stop cut off.
        assert!(
            (ended * 5..ended * 5 + 5).contains(&published),
            "{published}"
        );
    }
}
