//! Reloads over HTTP: one at a time, with a minimum time between them, and the outcome of a reload
//! for every client that asked for it, however many there are.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::handler::Handler;

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The new configuration is in use.
    Reloaded,
    /// The previous one stays in use; the errors, one per line.
    Failed(String),
    /// A bug.
    Panicked,
}

/// The outcome of a reload; none until it has ended.
type OutcomeReceiver = watch::Receiver<Option<Outcome>>;

/// Runs reloads one after the other.
pub(super) struct Reloads {
    /// Minimum time between the end of one reload and the start of the next one.
    spacing: Duration,
    /// Guards the reload that has not started yet. It will read all that was written before it
    /// starts, so all requests until then get its outcome.
    pending: Mutex<Option<OutcomeReceiver>>,
    /// Guards the end of the last reload; held while one runs.
    last_ended: tokio::sync::Mutex<Option<Instant>>,
}

impl Reloads {
    pub(super) fn new(spacing: Duration) -> Arc<Self> {
        Arc::new(Self {
            spacing,
            pending: Mutex::default(),
            last_ended: tokio::sync::Mutex::default(),
        })
    }

    /// The outcome of a reload that starts after this call. It runs to its end even when this
    /// future is dropped.
    pub(super) async fn run(self: &Arc<Self>, handler: &Arc<dyn Handler>) -> Outcome {
        let mut receiver = self.join_pending(handler);
        let outcome = receiver.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Outcome::Panicked,
        }
    }

    /// The pending reload; starts one if there is none.
    fn join_pending(self: &Arc<Self>, handler: &Arc<dyn Handler>) -> OutcomeReceiver {
        let mut pending = self.pending.lock();
        let receiver = pending.get_or_insert_with(|| {
            let (sender, receiver) = watch::channel(None);
            let (reloads, handler) = (Arc::clone(self), Arc::clone(handler));
            tokio::spawn(async move { reloads.execute(handler, &sender).await });
            receiver
        });
        receiver.clone()
    }

    async fn execute(&self, handler: Arc<dyn Handler>, outcome: &watch::Sender<Option<Outcome>>) {
        let mut last_ended = self.last_ended.lock().await;
        if let Some(last_ended) = *last_ended {
            sleep_until(last_ended + self.spacing).await;
        }
        // What is written from here on needs another reload.
        *self.pending.lock() = None;
        let ended = tokio::spawn(async move { handler.reload().await }).await;
        *last_ended = Some(Instant::now());
        outcome.send_replace(Some(match ended {
            Ok(Ok(())) => Outcome::Reloaded,
            Ok(Err(errors)) => Outcome::Failed(errors),
            Err(_) => {
                tracing::error!("a reload panicked; the previous configuration stays in use");
                Outcome::Panicked
            }
        }));
    }
}
