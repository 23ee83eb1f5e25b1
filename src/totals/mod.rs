//! Running totals: counters made of LivePerson's windows, in which each chat counts exactly once.
//!
//! LivePerson has no counters, only windows that end now. But a window can be asked to begin at the
//! same mark again and again: at an *anchor*. What it holds then is everything since the anchor, so a
//! total is `base + V(anchor, now)`, whatever failed in between. Now and then the anchor moves, and
//! what lies between the old and the new one is added to the base.
//!
//! `mark` is the arithmetic of LivePerson's slots, `counts` what one answer says, `ledger` the totals of
//! one request, `advance` how an anchor moves, `resume` where totals begin and continue after a time that
//! LivePerson no longer has, `book` all of that for one collector, `state` what is kept on disk and
//! `folder` how; `history` is what was counted slot by slot, for the time before the first start.
//!
//! All but `folder` is pure: time comes in as an argument, in seconds since the epoch on LivePerson's
//! clock. This module knows numbers by id and time; it knows neither HTTP nor formats of metrics.

mod advance;
mod book;
mod counts;
mod folder;
mod history;
mod ledger;
mod mark;
mod resume;
pub mod state;

pub use advance::Step;
pub use book::{Answered, Book, BookState, LedgerCall, LedgerId, SavedMove, TotalsQuery};
pub use counts::{Counts, SeriesKey};
pub use folder::{Folder, FolderError, Loaded};
pub use history::{CountsBySlot, History, Slot};
pub use ledger::{Ledger, Row};
pub use mark::Mark;
pub use resume::{Gap, Lost};
