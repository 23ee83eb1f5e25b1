//! Running totals: what is said of them, and when they are saved.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc::WeakUnboundedSender;

use super::{AccountWorker, Change};
use crate::daemon::clock::{aged, epoch_seconds};
use crate::daemon::log_throttle::{LogDecision, Subject};
use crate::daemon::moment::Moment;
use crate::daemon::saver::Saver;
use crate::metrics::exporter::TotalsStatus;
use crate::scheduler::TaskId;
use crate::totals::FolderError;
use crate::totals::{Gap, Mark, SavedMove};

/// A save of running totals that ended.
#[derive(Debug)]
pub(in crate::daemon) struct SaveEnded {
    moves: Vec<(TaskId, Vec<SavedMove>)>,
    result: Result<(), FolderError>,
}

impl AccountWorker {
    /// Now, on the clock of ages and on LivePerson's.
    pub(super) fn now(&self) -> Moment {
        self.moment(tokio::time::Instant::now())
    }

    /// A moment of this process, on the clock of ages and on LivePerson's.
    pub(super) fn moment(&self, at: tokio::time::Instant) -> Moment {
        let since = at.elapsed();
        let at = aged(at.into_std(), &*self.clock);
        let ours = self.clock.now();
        let ours = ours.checked_sub(since).unwrap_or(ours);
        let server_clock = self.server_clock.lock();
        Moment {
            aged: at,
            liveperson: server_clock.now(at, ours).as_second(),
            is_known: server_clock.is_known(),
        }
    }

    /// Times that running totals do not count.
    pub(super) fn report_gaps(&self, task: TaskId, gaps: &[Gap]) {
        let collector = self
            .tasks
            .collector(task)
            .map(|collector| collector.label());
        // Requests that were away together lost the same time.
        let (from, until) = (
            gaps.iter().map(|g| g.from).min(),
            gaps.iter().map(|g| g.until).max(),
        );
        let (Some(from), Some(until)) = (from, until) else {
            return;
        };
        let time = |seconds| {
            Timestamp::from_second(seconds)
                .unwrap_or_default()
                .to_string()
        };
        tracing::warn!(
            collector,
            from = time(from),
            until = time(until),
            seconds = until.saturating_sub(from),
            "chats of this time are missing in the running totals: LivePerson keeps 24 h, and it was \
             not asked for longer"
        );
    }

    /// Updates what the exporter serves of the totals themselves.
    pub(super) fn count_totals(&self) {
        for (label, book) in self.publisher.lock().totals() {
            let status = TotalsStatus {
                anchor: book.oldest_anchor().map(Mark::seconds),
                lost_seconds: u64::try_from(book.lost_seconds()).unwrap_or(0),
                corrections: book.corrections(),
            };
            self.counters.totals().set(label, status);
        }
    }

    /// Saves the totals on a blocking thread if that is due; its end comes back as a change.
    pub(super) fn save_totals_if_due(&self) {
        let now = self.now();
        let mut publisher = self.publisher.lock();
        let Some(saver) = &self.saver else {
            return publisher.move_without_state(true, now);
        };
        if !saver.is_due(publisher.totals_need_saving(), now.aged) {
            return;
        }
        let snapshot = publisher.totals_snapshot(self.clock.now().as_second());
        let ticket = saver.ticket();
        drop(publisher);
        let (saver, changes) = (Arc::clone(saver), self.changes.clone());
        tokio::task::spawn_blocking(move || {
            let result = saver.save(ticket, &snapshot.state);
            report_end(&changes, snapshot.moves, result);
        });
    }

    /// A save ended: anchors that waited for it move.
    pub(super) fn save_ended(&self, ended: &SaveEnded) {
        let now = self.now();
        let process_time = tokio::time::Instant::now().into_std();
        match &ended.result {
            Ok(()) => {
                let saved_at = epoch_seconds(self.clock.now());
                self.counters.totals().saved(saved_at);
                self.publisher.lock().totals_saved(&ended.moves);
                self.recovered(
                    Subject::State,
                    process_time,
                    "running totals are saved again",
                );
            }
            Err(error) => {
                self.counters.totals().save_failed();
                self.publisher.lock().move_without_state(false, now);
                let decision = self.incidents.lock().failed(Subject::State, process_time);
                if decision != LogDecision::Nothing {
                    tracing::error!(
                        %error,
                        next = "they are served from memory; saving is tried again",
                        "running totals cannot be saved"
                    );
                }
            }
        }
        self.count_totals();
    }

    /// Saves the totals of an account that has stopped. Blocks the thread.
    pub(in crate::daemon) fn save_last(&self) -> Result<(), FolderError> {
        let Some(saver) = &self.saver else {
            return Ok(());
        };
        let ticket = saver.ticket();
        let snapshot = self
            .publisher
            .lock()
            .totals_snapshot(self.clock.now().as_second());
        saver.save(ticket, &snapshot.state)
    }

    /// Whether its totals are still not served because of a crash of the process before.
    pub(in crate::daemon) fn totals_are_withheld(&self) -> bool {
        self.publisher.lock().totals_are_withheld()
    }

    /// What saves its totals, for its successor.
    pub(in crate::daemon) fn saver(&self) -> Option<Arc<Saver>> {
        self.saver.clone()
    }
}

fn report_end(
    changes: &WeakUnboundedSender<Change>,
    moves: Vec<(TaskId, Vec<SavedMove>)>,
    result: Result<(), FolderError>,
) {
    // An account that has stopped saves once more when it has.
    if let Some(changes) = changes.upgrade() {
        let _ = changes.send(Change::TotalsSaved(SaveEnded { moves, result }));
    }
}

#[cfg(test)]
mod tests;
