//! Reports the state of the daemon to systemd: ready, reloading, stopping, a line of status, and the
//! notification to its watchdog.
//!
//! The watchdog is notified only while the work continues: the task of every account and every accept
//! loop have answered. One that hangs stops it, and systemd restarts the service.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::failure::Failure;
use crate::daemon::{Daemon, Reloads};
use crate::systemd::{Notifier, watchdog_interval};
use crate::web::ListenerProbe;

/// How often the line of status is made at the least.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// What reports to systemd.
pub(super) struct ServiceReporter {
    notifier: Notifier,
    watchdog: Option<Duration>,
    daemon: Arc<Daemon>,
    listeners: ListenerProbe,
    /// The line of status sent last.
    status: String,
    /// Whether something hung at the last look, so that it is logged once.
    hanging: bool,
}

impl ServiceReporter {
    /// `None` where the process is not a service of systemd, or the socket cannot be used.
    pub(super) fn new(daemon: &Arc<Daemon>, listeners: ListenerProbe) -> Option<Self> {
        let notifier = match Notifier::of_process() {
            Ok(notifier) => notifier?,
            Err(error) => {
                tracing::warn!(%error, "systemd cannot be notified: $NOTIFY_SOCKET is not a socket address");
                return None;
            }
        };
        Some(Self {
            notifier,
            watchdog: watchdog_interval(),
            daemon: Arc::clone(daemon),
            listeners,
            status: String::new(),
            hanging: false,
        })
    }

    /// Says that the service is ready, then reports until `stopping` resolves.
    pub(super) async fn report(mut self, stopping: impl Future<Output = ()>) {
        self.notifier.ready().await;
        tokio::select! {
            () = self.report_until_dropped() => {}
            () = stopping => {}
        }
        self.notifier.stopping().await;
    }

    async fn report_until_dropped(&mut self) {
        let mut reloads = self.daemon.reloads();
        let mut reported = *reloads.borrow_and_update();
        let interval = look_interval(self.watchdog);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next) => {
                    self.look(interval).await;
                    next = Instant::now() + interval;
                }
                Ok(()) = reloads.changed() => {
                    let reloads = *reloads.borrow_and_update();
                    self.report_reload(&mut reported, reloads).await;
                }
            }
        }
    }

    async fn report_reload(&mut self, reported: &mut Reloads, reloads: Reloads) {
        // Both may have happened since the last look.
        if reloads.started > reported.started {
            self.notifier.reloading().await;
        }
        if reloads.ended == reloads.started {
            self.report_status().await;
            self.notifier.ready().await;
        }
        *reported = reloads;
    }

    async fn report_status(&mut self) {
        let mut status = self.daemon.account_summary().to_string();
        if !self.daemon.last_reload_successful() {
            status.push_str("; the last reload failed, see the log");
        }
        if status != self.status {
            self.notifier.status(&status).await;
            self.status = status;
        }
    }

    /// Reports status and, if the work continues, notifies the watchdog. Takes at most twice `limit`, unless systemd does not listen.
    async fn look(&mut self, limit: Duration) {
        self.notifier.repeat_ready().await;
        self.report_status().await;
        if self.watchdog.is_none() {
            return;
        }
        let (listening, hanging) =
            tokio::join!(self.listeners.answers(limit), self.daemon.hanging(limit));
        if listening && hanging.is_empty() {
            self.hanging = false;
            self.notifier.watchdog().await;
        } else if !std::mem::replace(&mut self.hanging, true) {
            let hanging = hanging.join(", ");
            tracing::error!(
                listening,
                hanging,
                "listeners or tasks hang; the watchdog is not notified until they continue"
            );
        }
    }
}

/// Says why the service ends, which `systemctl status` then shows. Outside of any runtime: what ends it
/// may be a flag, before one is there.
pub(super) fn report_failure(failure: &Failure) {
    let Ok(Some(notifier)) = Notifier::of_process() else {
        return;
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    if let Ok(runtime) = runtime.enable_all().build() {
        runtime.block_on(notifier.status(&failure.summary()));
    }
}

/// The time between two looks; each may last as long, which together leaves a third of the watchdog's
/// interval.
fn look_interval(watchdog: Option<Duration>) -> Duration {
    watchdog.map_or(STATUS_INTERVAL, |watchdog| {
        (watchdog / 3).min(STATUS_INTERVAL)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_enough_for_the_watchdog() {
        let interval = |seconds| look_interval(Some(Duration::from_secs(seconds)));
        assert_eq!(interval(3), Duration::from_secs(1));
        assert_eq!(interval(600), STATUS_INTERVAL);
        assert_eq!(look_interval(None), STATUS_INTERVAL);
    }
}
