//! Keeps an account running when its task panics: a bug that one odd answer uncovers must not
//! silence the account until somebody restarts the exporter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use super::account::AccountScheduler;
use super::run::{Worker, now, run};

/// Runs one account until the sender of `changes` is gone; returns its scheduler. After a panic it
/// waits for as long as the worker says and begins again with a `fresh` scheduler.
pub async fn supervise<W: Worker>(
    mut scheduler: AccountScheduler,
    fresh: impl Fn(Instant) -> AccountScheduler,
    worker: Arc<W>,
    mut changes: UnboundedReceiver<W::Change>,
) -> AccountScheduler {
    loop {
        let running = caught(run(scheduler, Arc::clone(&worker), &mut changes));
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
                    // Whoever takes over is to be silent for as long.
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
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
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
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::run::CallOutput;
    use super::*;
    use crate::scheduler::{
        AccountSettings, Call, CollectorSettings, Event, RequestKey, SessionSettings,
    };

    /// Panics at its second answer.
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
        type Change = ();

        fn begin_poll(&self, _: usize) -> Vec<RequestKey> {
            vec![RequestKey(0)]
        }

        async fn execute(&self, _: Call) -> CallOutput<()> {
            let at = now() - self.start.unwrap();
            self.started.lock().unwrap().push(at);
            CallOutput::answered(())
        }

        fn publish(&self, _: Call, (): ()) -> Vec<RequestKey> {
            let mut published = self.published.lock().unwrap();
            *published += 1;
            let count = *published;
            drop(published);
            assert_ne!(count, 2, "a bug");
            Vec::new()
        }

        fn apply(&self, (): ()) {}

        fn on_event(&self, _: Event) {}

        fn on_backoff(&self, _: Option<Instant>) {}

        fn on_panic(&self) -> Duration {
            *self.crashes.lock().unwrap() += 1;
            WAIT
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_whose_task_panics_begins_again_after_a_wait() {
        let interval = Duration::from_secs(30);
        let fresh = move |now| {
            let settings = AccountSettings {
                max_in_flight: 1,
                min_spacing: Duration::from_millis(250),
                session: SessionSettings::default(),
                collectors: vec![CollectorSettings {
                    interval,
                    phase: interval,
                    service: None,
                }],
                seed: 1,
            };
            AccountScheduler::new(settings, now)
        };
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
        assert_eq!(*worker.crashes.lock().unwrap(), 1);
        let seconds = worker.started.lock().unwrap();
        let seconds: Vec<_> = seconds.iter().map(Duration::as_secs).collect();
        assert_eq!(
            seconds,
            [0, 30, 90],
            "the second crashed; a minute later it begins again"
        );
    }
}
