//! What the process does at signals: SIGTERM and SIGINT stop it, SIGHUP reloads.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::daemon::Daemon;

/// The signals that the process listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// That the system does not allow it.
    pub(super) fn listen() -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("cannot listen to signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Resolves at SIGTERM or SIGINT. A SIGHUP that comes before [`Self::handle`] is kept for it.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs a start, which may take seconds with thousands of accounts; `None` when a signal stops the
    /// process before it has ended.
    pub(super) async fn unless_stopped<T>(&mut self, start: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            started = start => Some(started),
            () = self.stop() => {
                tracing::info!("stopped before it had started");
                None
            }
        }
    }

    /// Reloads the daemon at SIGHUP until a signal stops the process, then sets `stop`.
    pub(super) async fn handle(mut self, daemon: Arc<Daemon>, stop: watch::Sender<bool>) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    // Logs its outcome and keeps it for the metrics. In a separate task: a stop
                    // must not wait for it.
                    let daemon = Arc::clone(&daemon);
                    tokio::spawn(async move { daemon.reload().await });
                }
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        stop.send_replace(true);
    }
}

/// Resolves at SIGTERM or SIGINT; for commands without a daemon.
///
/// # Errors
/// That the system does not allow to listen to signals.
pub(super) async fn stop_signal() -> Result<(), String> {
    Signals::listen()?.stop().await;
    Ok(())
}
