//! The thin loop that carries out what the machine decides: it starts calls, waits, and hands
//! outcomes and events on. It decides nothing.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};

use super::account::{AccountMachine, Plans, Step};
use super::{Call, Event, Finished, Outcome};

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
        machine
            .take_events()
            .into_iter()
            .for_each(|event| worker.notice(event));
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
            }
            () = sleep_until(until) => {}
        }
    }
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
