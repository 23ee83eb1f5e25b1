//! What comes next: when each task calls, for those who look at the exporter.

use std::time::{Duration, Instant};

use super::AccountScheduler;
use crate::scheduler::session::Readiness;
use crate::scheduler::task::Task;

/// What the scheduler of an account intends, unless a call ends differently than expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NextCalls {
    /// The least time between two starts now.
    pub spacing: Duration,
    /// The end of a pause after a 429.
    pub paused_until: Option<Instant>,
    /// How many calls have started and not ended.
    pub calls_under_way: usize,
    /// The tasks, in the order of their ids.
    pub tasks: Vec<TaskNextCall>,
}

/// What comes next of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskNextCall {
    /// When its next call may start; `None` while that depends on other calls.
    pub next_call: Option<Instant>,
    /// The end of its longest wait after a failure; another of its requests may start before.
    pub backoff_until: Option<Instant>,
}

impl AccountScheduler {
    /// What comes next, as of `now`.
    pub fn next_calls(&self, now: Instant) -> NextCalls {
        let paused_until = self.pause.until(now);
        let spaced = self.last_start.map(|start| start + self.spacing.current());
        let not_before = paused_until.max(spaced);
        let tasks = self.tasks.iter().map(|task| TaskNextCall {
            next_call: self
                .next_call(task, now)
                .map(|at| at.max(not_before.unwrap_or(now)).max(now))
                .filter(|at| *at > now || !self.is_full()),
            backoff_until: task.backoff_until(now),
        });
        NextCalls {
            spacing: self.spacing.current(),
            paused_until,
            calls_under_way: self.in_flight.len(),
            tasks: tasks.collect(),
        }
    }

    /// Whether one call must end before another starts.
    fn is_full(&self) -> bool {
        self.in_flight.len() >= self.max_in_flight
    }

    /// When a task would call if the account had no other.
    fn next_call(&self, task: &Task, now: Instant) -> Option<Instant> {
        let at = task.next_call(now)?;
        match self
            .session
            .readiness(task.service(), task.policy().refreshes_session, now)
        {
            Readiness::Ready | Readiness::Needs(_) => Some(at),
            Readiness::Blocked(until) => Some(at.max(until?)),
        }
    }
}
