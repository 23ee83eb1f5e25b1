//! The thin loop that carries out what the machine decides: it starts calls, waits, and hands
//! outcomes and events on. It decides nothing.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};

use super::account::{AccountMachine, Step};
use super::{Call, Event, Finished, Outcome, Plans};

/// Who makes the calls and hears what the machine did.
pub trait Worker: Send + Sync + 'static {
    /// Fixes the plan of a poll that begins now; returns how many requests it has.
    fn begin_poll(&self, collector: usize) -> usize;
    /// Makes one call and keeps its answer.
    fn carry_out(&self, call: Call) -> impl Future<Output = Finished> + Send;
    /// Hears of something that the machine did.
    fn notice(&self, event: Event);
    /// Hears when the longest present wait after a 429 or a failure ends.
    fn waiting(&self, until: Option<Instant>);
}

struct WorkerPlans<'a, W>(&'a W);

impl<W: Worker> Plans for WorkerPlans<'_, W> {
    fn begin_poll(&mut self, collector: usize) -> usize {
        self.0.begin_poll(collector)
    }
}

/// Runs one account until the future is dropped or `stop` ends; returns the machine, so that a
/// changed configuration can take over what it knows. Calls under way are aborted then.
pub async fn run<W: Worker>(
    mut machine: AccountMachine,
    worker: Arc<W>,
    stop: impl Future<Output = ()>,
) -> AccountMachine {
    let mut calls = Calls {
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    tokio::pin!(stop);
    loop {
        let until = loop {
            match machine.step(now(), &mut WorkerPlans(&*worker)) {
                Step::Start(call) => calls.start(call, &worker),
                Step::Wait(until) => break until,
            }
        };
        tell(&mut machine, &*worker);
        worker.waiting(machine.waiting_until(now()));
        tokio::select! {
            biased;
            () = &mut stop => {
                // Not before they are gone, so that a successor's calls do not come on top.
                calls.tasks.shutdown().await;
                return machine;
            }
            Some((call, finished)) = calls.next() => {
                machine.finished(now(), call, finished);
                // Before the next step: the poll that may begin there replaces the one that ended.
                tell(&mut machine, &*worker);
            }
            () = sleep_until(until) => {}
        }
    }
}

fn tell(machine: &mut AccountMachine, worker: &impl Worker) {
    let events = machine.take_events().into_iter();
    events.for_each(|event| worker.notice(event));
}

/// Tokio's clock, so that tests can pause it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Calls under way. Dropping it aborts them.
struct Calls {
    tasks: JoinSet<Finished>,
    running: HashMap<Id, Call>,
}

impl Calls {
    fn start<W: Worker>(&mut self, call: Call, worker: &Arc<W>) {
        let worker = Arc::clone(worker);
        let handle = self
            .tasks
            .spawn(async move { worker.carry_out(call).await });
        self.running.insert(handle.id(), call);
    }

    /// The next call that ends; `None` when none is under way.
    async fn next(&mut self) -> Option<(Call, Finished)> {
        loop {
            let ended = self.tasks.join_next_with_id().await?;
            let (id, finished) = match ended {
                Ok((id, finished)) => (id, finished),
                Err(error) => (error.id(), panicked(&error)),
            };
            if let Some(call) = self.running.remove(&id) {
                return Some((call, finished));
            }
        }
    }
}

/// A call that panicked is a failure like any other: its slot comes back and it is tried again.
fn panicked(error: &JoinError) -> Finished {
    tracing::error!(%error, "a call ended without a result; this is a bug in the exporter");
    Outcome::Failed { connection: false }.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::poll::{AccountSettings, CollectorSettings, SessionSettings};

    /// Knows whether a poll runs, as the daemon's worker does.
    #[derive(Default)]
    struct OnePollAtATime {
        running: Mutex<bool>,
        under_way: Mutex<usize>,
        ended: Mutex<usize>,
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
        fn begin_poll(&self, _: usize) -> usize {
            let mut running = self.0.running.lock().unwrap();
            assert!(
                !*running,
                "a poll began before the end of the last one was told"
            );
            *running = true;
            5
        }

        async fn carry_out(&self, _: Call) -> Finished {
            *self.0.under_way.lock().unwrap() += 1;
            let _under_way = UnderWay(Arc::clone(&self.0));
            tokio::time::sleep(Duration::from_millis(100)).await;
            Outcome::SUCCESS.into()
        }

        fn notice(&self, event: Event) {
            if let Event::PollEnded { .. } = event {
                *self.0.running.lock().unwrap() = false;
                *self.0.ended.lock().unwrap() += 1;
            }
        }

        fn waiting(&self, _: Option<Instant>) {}
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
        let machine = AccountMachine::new(settings, now());
        // In the middle of a call.
        let stop = tokio::time::sleep(Duration::from_millis(60_050));
        run(machine, worker, stop).await;
        assert_eq!(*polls.under_way.lock().unwrap(), 0);
        let ended = *polls.ended.lock().unwrap();
        // Five calls at 250 ms and the answer of the last.
        assert!((44..=48).contains(&ended), "{ended}");
    }
}
