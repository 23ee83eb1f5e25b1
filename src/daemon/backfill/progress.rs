//! How far a backfill has come, for those who watch it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// How far a backfill has come.
pub(super) struct Progress {
    state: Mutex<State>,
    report: Arc<dyn Fn(&State) + Send + Sync>,
}

/// The calls of all accounts so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Calls for data that are known to be needed; answers can ask for more.
    pub planned: usize,
    /// Those that were answered or given up.
    pub ended: usize,
    /// Calls that were made, those for hosts and tokens and repetitions among them.
    pub made: usize,
    /// LivePerson asked for a pause this long with the last event.
    pub pause: Option<Duration>,
}

impl Progress {
    pub(super) fn new(report: Arc<dyn Fn(&State) + Send + Sync>) -> Self {
        Self {
            state: Mutex::default(),
            report,
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        state.pause = None;
        change(&mut state);
        // Under the lock, so that reports come in order.
        (self.report)(&state);
    }

    pub(super) fn add_calls(&self, count: usize) {
        self.change(|state| state.planned += count);
    }

    pub(super) fn calling(&self) {
        self.state.lock().made += 1;
    }

    pub(super) fn answered(&self) {
        self.change(|state| state.ended += 1);
    }

    pub(super) fn given_up(&self, count: usize) {
        self.change(|state| state.ended += count);
    }

    pub(super) fn paused(&self, wait: Duration) {
        self.change(|state| state.pause = Some(wait));
    }

    /// Calls for data that were to be made.
    pub(super) fn planned(&self) -> usize {
        self.state.lock().planned
    }

    /// Calls that were made.
    pub(super) fn made(&self) -> usize {
        self.state.lock().made
    }
}
