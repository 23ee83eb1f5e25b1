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
const MIN_INTERVAL_AFTER_START: Duration = Duration::from_secs(1);

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
            SaveNeed::Eventually => INTERVAL,
            SaveNeed::Soon => MIN_INTERVAL_AFTER_START,
            SaveNeed::Now => LEAST_INTERVAL,
        };
        let mut last_begin = self.last_begin.lock();
        let due = last_begin.is_none_or(|last| now.saturating_duration_since(last) >= interval);
        if due {
            *last_begin = Some(now);
        }
        due
    }

    /// The configuration changed: what begins again by that would begin once more after a crash.
    pub(super) fn save_soon(&self) {
        *self.last_begin.lock() = None;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cases::check_each;
    use crate::clock::real_time;

    fn state(saved_at: i64) -> AccountState {
        AccountState {
            account: "1".to_owned(),
            saved_at,
            collectors: BTreeMap::new(),
        }
    }

    fn saver(parent: &tempfile::TempDir) -> Saver {
        let folder = Arc::new(Folder::open(&parent.path().join("state")).unwrap());
        folder.load("1", 0);
        Saver::new(folder)
    }

    fn saved_at(saver: &Saver) -> Option<i64> {
        saver.folder.load("1", 0).state.map(|state| state.saved_at)
    }

    #[test]
    fn an_older_state_is_never_saved_over_a_newer_one() {
        let parent = tempfile::tempdir().unwrap();
        let saver = saver(&parent);
        let [first, second, third] = [(); 3].map(|()| saver.ticket());
        for (ticket, at, expected) in [(second, 20, 20), (first, 10, 20), (third, 30, 30)] {
            saver.save(ticket, &state(at)).unwrap();
            assert_eq!(saved_at(&saver), Some(expected), "{ticket:?}");
        }
    }

    #[test]
    fn a_save_that_failed_does_not_count_as_newer() {
        let parent = tempfile::tempdir().unwrap();
        let saver = saver(&parent);
        let [first, second] = [(); 2].map(|()| saver.ticket());
        std::fs::remove_dir_all(parent.path().join("state")).unwrap();
        saver.save(second, &state(20)).unwrap_err();
        assert_eq!(*saver.saved.lock(), 0);
        saver.save(first, &state(10)).unwrap_err();
    }

    #[test]
    fn saves_keep_their_distance_by_how_urgent_they_are() {
        use SaveNeed::{Eventually, No, Now};
        let parent = tempfile::tempdir().unwrap();
        let saver = saver(&parent);
        let begin = real_time();
        check_each(
            [
                (0, No, false),
                (0, Eventually, true),
                (29, Now, false),
                (29, Eventually, false),
                (30, No, false),
                (30, Now, true),
                (59, Now, false),
                (329, Eventually, false),
                (330, Eventually, true),
            ],
            |(seconds, need, is_due)| {
                let now = begin + Duration::from_secs(seconds);
                assert_eq!(
                    saver.is_due(need, now),
                    is_due,
                    "{need:?} after {seconds} s"
                );
            },
        );
    }
}
