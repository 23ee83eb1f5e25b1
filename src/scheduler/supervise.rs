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
