//! Keeps an account running when its task panics: a bug that one odd answer uncovers must not
//! stop the account until the exporter is restarted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use super::account::AccountScheduler;
use super::run::{Worker, now, run};

/// Runs one account until the sender of `changes` is gone; returns its scheduler. After a panic it
/// waits for as long as the worker says and starts again with a `fresh` scheduler.
pub async fn supervise<W: Worker>(
    mut scheduler: AccountScheduler,
    fresh: impl Fn(Instant) -> AccountScheduler,
    worker: Arc<W>,
    mut changes: UnboundedReceiver<W::Change>,
) -> AccountScheduler {
    loop {
        let running = catch_panic(run(scheduler, Arc::clone(&worker), &mut changes));
        if let Some(scheduler) = running.await {
            return scheduler;
        }
        let wait = worker.on_panic();
        let until = now() + wait;
        let mut wait = pin!(tokio::time::sleep(wait));
        loop {
            tokio::select! {
                biased;
                change = changes.recv() => match change {
                    Some(change) => worker.apply(change),
                    // The scheduler that takes over has to be silent for as long.
                    None => return fresh(now()).paused_until(until),
                },
                () = &mut wait => break,
            }
        }
        // Made after the wait, so that its first polls are due now.
        scheduler = fresh(now());
    }
}

/// `None` when the future panicked.
async fn catch_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        // It is never looked at again after a panic.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::super::run::CallOutput;
    use super::*;
    use crate::scheduler::test_driver::{data_task, settings};
    use crate::scheduler::{Call, Event, PlannedRequest, RequestKey, TaskId};

    /// Panics at its second answer. Each lock holds one list or count.
    #[derive(Default)]
    struct Crashing {
        started: Mutex<Vec<Duration>>,
        published: Mutex<usize>,
        crashes: Mutex<usize>,
        start: Option<Instant>,
    }

    const WAIT: Duration = Duration::from_secs(60);

    impl Worker for Crashing {
        type Answer = ();
        type Failure = ();
        type Change = ();

        fn begin_poll(&self, _: TaskId) -> Vec<PlannedRequest> {
            vec![RequestKey(0).into()]
        }

        async fn execute(&self, _: Call) -> CallOutput<(), ()> {
            let at = now() - self.start.unwrap();
            self.started.lock().push(at);
            CallOutput::answered(())
        }

        fn publish(&self, _: Call, (): ()) -> Vec<PlannedRequest> {
            let mut published = self.published.lock();
            *published += 1;
            let count = *published;
            drop(published);
            assert_ne!(count, 2, "a bug");
            Vec::new()
        }

        fn apply(&self, (): ()) {}

        fn on_event(&self, _: Event, _: Option<&()>) {}

        fn on_backoff(&self, _: Option<Instant>) {}

        fn on_panic(&self) -> Duration {
            *self.crashes.lock() += 1;
            WAIT
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_whose_task_panics_starts_again_after_a_wait() {
        let fresh = |now| AccountScheduler::new(settings(vec![data_task(30, 30)]), now);
        let worker = Arc::new(Crashing {
            start: Some(now()),
            ..Crashing::default()
        });
        let (sender, changes) = tokio::sync::mpsc::unbounded_channel();
        let stop = async move {
            tokio::time::sleep(Duration::from_secs(100)).await;
            drop(sender);
        };
        let run = supervise(fresh(now()), fresh, Arc::clone(&worker), changes);
        tokio::join!(run, stop);
        assert_eq!(*worker.crashes.lock(), 1);
        let seconds = worker.started.lock();
        let seconds: Vec<_> = seconds.iter().map(Duration::as_secs).collect();
        assert_eq!(
            seconds,
            [0, 30, 90],
            "the second panicked; a minute later it starts again"
        );
    }
}
