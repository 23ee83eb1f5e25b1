//! The state on disk: a save takes time, fails on a full disk, and a crash may come between any two of
//! its steps.

use std::collections::BTreeMap;

use liveperson_exporter::totals::state::AccountState;
use liveperson_exporter::totals::{BookState, Gap, SavedMove};

/// What is on disk, with what the simulation knows of it.
#[derive(Clone)]
pub(crate) struct Saved {
    pub(crate) book_state: BookState,
    /// What was declared lost until then.
    pub(crate) gaps: Vec<Gap>,
}

/// A save on its way.
pub(crate) struct Saving {
    saved: Saved,
    pub(crate) moves: Vec<SavedMove>,
    written: bool,
}

#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) saved: Option<Saved>,
    pub(crate) saving: Option<Saving>,
    /// When something was written last, in seconds since the epoch.
    pub(crate) saved_at: i64,
    /// Until when it is full.
    pub(crate) full_until: i64,
}

/// What a step of a save came to.
pub(crate) enum Step {
    Nothing,
    Done(Vec<SavedMove>),
    Failed,
}

impl Disk {
    pub(crate) fn begin(&mut self, saved: Saved, moves: Vec<SavedMove>) {
        self.saving = Some(Saving {
            saved,
            moves,
            written: false,
        });
    }

    pub(crate) fn step(&mut self, now: i64) -> Step {
        let Some(mut saving) = self.saving.take() else {
            return Step::Nothing;
        };
        if saving.written {
            return Step::Done(saving.moves);
        }
        if now < self.full_until {
            return Step::Failed;
        }
        self.saved = Some(saving.saved.clone());
        saving.written = true;
        self.saved_at = now;
        self.saving = Some(saving);
        Step::Nothing
    }

    /// What a start finds, read from what was written.
    pub(crate) fn load(&self, now: i64) -> Option<Saved> {
        let saved = self.saved.clone()?;
        let state = AccountState {
            account: "1".to_owned(),
            saved_at: now,
            collectors: BTreeMap::from([("sla".to_owned(), saved.book_state.clone())]),
        };
        let json = state.to_json().unwrap();
        let mut read = AccountState::from_json("1", &json).unwrap();
        let book_state = read.collectors.remove("sla").unwrap();
        let same = book_state.ledgers.len() == saved.book_state.ledgers.len()
            && book_state.lost == saved.book_state.lost;
        assert!(same, "what is read is what was written");
        Some(Saved {
            book_state,
            ..saved
        })
    }
}
