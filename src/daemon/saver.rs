//! Saves the running totals of one account: one save after another, never an older state over a newer
//! one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::publisher::SaveNeed;
use crate::totals::state::AccountState;
use crate::totals::{Folder, FolderError};

/// How often totals are saved that only changed.
const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How long after a save the next one may begin: a full disk is not asked at every answer.
const LEAST_INTERVAL: Duration = Duration::from_secs(30);
/// The same after totals began: a crash before it makes them begin again. Many may begin one after
/// the other, but none does so twice.
const BEGINNINGS: Duration = Duration::from_secs(1);

/// Saves the running totals of one account.
pub(super) struct Saver {
    folder: Arc<Folder>,
    /// Counts the states that are to be saved.
    tickets: AtomicU64,
    /// The newest state that was saved. Held while a file is written, by blocking threads only.
    saved: Mutex<u64>,
    /// When the last save began. Only the account's task uses it.
    last_begin: Mutex<Option<Instant>>,
}

/// The place of a state among those of its account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

impl Saver {
    pub(super) fn new(folder: Arc<Folder>) -> Self {
        Self {
            folder,
            tickets: AtomicU64::new(1),
            saved: Mutex::new(0),
            last_begin: Mutex::new(None),
        }
    }

    /// Whether to save now.
    pub(super) fn is_due(&self, need: SaveNeed, now: Instant) -> bool {
        let interval = match need {
            SaveNeed::No => return false,
            SaveNeed::Sometime => INTERVAL,
            SaveNeed::Soon => BEGINNINGS,
            SaveNeed::Now => LEAST_INTERVAL,
        };
        let mut last_begin = self.last_begin.lock();
        let due = last_begin.is_none_or(|last| now.saturating_duration_since(last) >= interval);
        if due {
            *last_begin = Some(now);
        }
        due
    }

    /// To be taken together with the state.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_add(1, Ordering::Relaxed))
    }

    /// Saves a state, unless a newer one has been saved. Blocks the thread.
    pub(super) fn save(&self, ticket: Ticket, state: &AccountState) -> Result<(), FolderError> {
        let mut saved = self.saved.lock();
        if *saved < ticket.0 {
            self.folder.save(state)?;
            *saved = ticket.0;
        }
        Ok(())
    }
}
