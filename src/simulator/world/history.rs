//! The last day of the account, made when it is asked for and forgotten when it is past.
//!
//! History is made in blocks of 24 hours, each from the seed and its number alone: whenever and
//! however often the simulator starts, one seed tells one story, and nothing is made since 1970.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::arrivals::{Chat, LONGEST_CHAT, arrivals, block_of, block_start};
use super::queueing::serve;
use super::rng::{Purpose, rng};
use super::staffing::Staff;
use super::window::Window;

/// A block's chats, in the order in which they were queued.
pub(crate) type Block = Arc<Vec<Chat>>;

/// The chats of an account.
pub(crate) struct History {
    staff: Arc<Staff>,
    blocks: Mutex<BTreeMap<i64, Block>>,
}

impl History {
    /// The history of the account that `staff` works for.
    pub(crate) fn new(staff: Arc<Staff>) -> Self {
        Self {
            staff,
            blocks: Mutex::default(),
        }
    }

    /// Every chat with an event in `window`, and others. May take a moment when a day is new.
    pub(crate) fn around(&self, window: Window) -> Vec<Block> {
        let first = block_of(window.start - LONGEST_CHAT);
        let last = block_of(window.as_of);
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        // The longest frame ends now and reaches over three blocks; nothing else is worth keeping.
        blocks.retain(|&number, _| last - 2 <= number && number <= last);
        (first..=last)
            .map(|number| {
                let block = blocks.entry(number).or_insert_with(|| self.make(number));
                Arc::clone(block)
            })
            .collect()
    }

    fn make(&self, number: i64) -> Block {
        let routing = rng(self.staff.seed, Purpose::Routing, number);
        let arrivals = arrivals(&self.staff, number);
        Arc::new(serve(&self.staff, block_start(number), &arrivals, routing))
    }
}
