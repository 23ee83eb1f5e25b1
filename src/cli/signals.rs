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
    let mut signals = Signals::listen()?;
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
    }
    Ok(())
}
