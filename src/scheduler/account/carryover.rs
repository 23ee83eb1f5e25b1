//! What an account keeps when its configuration changes.

use std::time::Instant;

use super::AccountScheduler;
use crate::scheduler::{ServiceId, SessionChange, TaskId};

/// What of an account is still there after a change of its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Carryover {
    /// For each task, which one it was.
    pub tasks: Vec<Option<CarriedTask>>,
    /// For each service, which one it was.
    pub services: Vec<Option<ServiceId>>,
    /// What becomes of hosts and token.
    pub session: SessionChange,
}

/// What a task was under an older configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedTask {
    /// Its older id.
    pub id: TaskId,
    /// Whether it asks for the same things as often as before.
    pub unchanged: bool,
}

impl AccountScheduler {
    /// Takes over what holds for all calls of the account: its pause, the distance between its
    /// calls and when the last one was.
    pub fn restore_pacing_from(&mut self, old: &Self) {
        self.spacing.restore_from(&old.spacing);
        self.pause = old.pause.clone();
        self.last_start = old.last_start;
    }

    /// Takes over pause, spacing and back-off of the same account under an older configuration,
    /// so that a reload never makes it call sooner than it may. Calls under way then must have
    /// been aborted. A task that did not change continues where it was.
    pub fn restore_from(&mut self, old: &Self, now: Instant, carryover: &Carryover) {
        self.restore_pacing_from(old);
        self.turn = old.turn;
        for (task, carried) in std::iter::zip(&mut self.tasks, &carryover.tasks) {
            if let Some(carried) = carried
                && let Some(old) = old.tasks.get(carried.id.index())
            {
                task.restore_from(old, now, carried.unchanged);
            }
            if carryover.session == SessionChange::Repaired {
                task.clear_failures(now);
            }
        }
        let (services, change) = (&carryover.services, carryover.session);
        self.session
            .restore_from(&old.session, now, services, change);
    }
}
