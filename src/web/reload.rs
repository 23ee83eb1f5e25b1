//! Reloads over HTTP: one at a time, not faster than once in a while, and with an honest answer to
//! everyone who asked, however many they are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Handler;

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The new configuration is in force.
    Done,
    /// The old one stays; the reasons, one per line.
    Refused(String),
    /// A bug.
    Panicked,
}

/// The reload that is about to begin and how long ago the last one was.
pub(super) struct Reloads {
    spacing: Duration,
    /// The reload that has not begun yet. Whoever asks meanwhile gets its outcome, since it will
    /// read all that was written before they asked.
    next: Mutex<Option<watch::Receiver<Option<Outcome>>>>,
    /// When the last one ended; held while one runs.
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Reloads {
    pub(super) fn new(spacing: Duration) -> Arc<Self> {
        Arc::new(Self {
            spacing,
            next: Mutex::default(),
            last: tokio::sync::Mutex::default(),
        })
    }

    fn next(&self) -> std::sync::MutexGuard<'_, Option<watch::Receiver<Option<Outcome>>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcome of a reload that begins after this call. It runs to its end even when nobody
    /// waits any more.
    pub(super) async fn run(self: &Arc<Self>, handler: &Arc<dyn Handler>) -> Outcome {
        let mut receiver = {
            let mut next = self.next();
            match &*next {
                Some(receiver) => receiver.clone(),
                None => {
                    let (outcome, receiver) = watch::channel(None);
                    *next = Some(receiver.clone());
                    let (reloads, handler) = (Arc::clone(self), Arc::clone(handler));
                    tokio::spawn(async move { reloads.carry_out(handler, &outcome).await });
                    receiver
                }
            }
        };
        let outcome = receiver.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Outcome::Panicked,
        }
    }

    async fn carry_out(&self, handler: Arc<dyn Handler>, outcome: &watch::Sender<Option<Outcome>>) {
        let mut last = self.last.lock().await;
        if let Some(last) = *last {
            sleep_until(last + self.spacing).await;
        }
        // What is written from here on is for the one after.
        *self.next() = None;
        let ended = tokio::spawn(async move { handler.reload().await }).await;
        *last = Some(Instant::now());
        outcome.send_replace(Some(match ended {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(reasons)) => Outcome::Refused(reasons),
            Err(_) => {
                tracing::error!("a reload panicked; the old state stays");
                Outcome::Panicked
            }
        }));
    }
}
