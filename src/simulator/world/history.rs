//! The recent chats of the account, generated when they are asked for and dropped when they are
//! too old to be reported.
//!
//! Each block of 24 hours follows from the seed and the block's number alone: the same seed gives
//! the same chats whenever and however often the simulator starts, and nothing is generated for
//! the time that is not asked about.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::arrivals::{LONGEST_CHAT, arrivals};
use super::block::Block;
use super::chat::{Chat, Chats};
use super::queueing::simulate;
use super::rng::{Purpose, rng};
use super::staffing::Staff;
use super::window::Window;

/// Blocks that are kept: the longest time frame ends now and touches no more.
const KEPT_BLOCKS: i64 = 3;

/// The chats of an account.
pub(crate) struct History {
    staff: Staff,
    /// The generated blocks. The lock is held while a block is generated, so that two requests
    /// do not generate the same one; callers are on a blocking thread.
    blocks: Mutex<BTreeMap<Block, Arc<Vec<Chat>>>>,
}

impl History {
    /// The history of the account that `staff` works for.
    pub(crate) fn new(staff: Staff) -> Self {
        Self {
            staff,
            blocks: Mutex::default(),
        }
    }

    /// Who works for the account.
    pub(crate) fn staff(&self) -> &Staff {
        &self.staff
    }

    /// Every chat with an event in `window`, and others. Blocks the thread while a new day is
    /// generated.
    pub(crate) fn chats_around(&self, window: Window) -> Chats {
        let first = Block::at(window.start - LONGEST_CHAT);
        let last = Block::at(window.as_of);
        let mut blocks = self.blocks.lock();
        let oldest = last.minus(KEPT_BLOCKS - 1);
        blocks.retain(|block, _| (oldest..=last).contains(block));
        let around = first.through(last).map(|block| {
            let chats = blocks.entry(block).or_insert_with(|| self.generate(block));
            Arc::clone(chats)
        });
        Chats {
            blocks: around.collect(),
        }
    }

    /// Every chat with an event from `from` until before `to`. Nothing of it is kept, so that old
    /// days do not displace those that requests are about.
    pub(crate) fn chats_between(&self, from: i64, to: i64) -> Vec<Chat> {
        let first = Block::at(from.saturating_sub(LONGEST_CHAT));
        let has_event = |chat: &&Chat| chat.events().any(|(time, _)| (from..to).contains(&time));
        let mut chats = Vec::new();
        for block in first.through(Block::at(to)) {
            let kept = self.blocks.lock().get(&block).cloned();
            let block = kept.unwrap_or_else(|| self.generate(block));
            chats.extend(block.iter().filter(has_event).cloned());
        }
        chats
    }

    fn generate(&self, block: Block) -> Arc<Vec<Chat>> {
        let routing = rng(self.staff.seed(), Purpose::Routing, block.number());
        let arrivals = arrivals(&self.staff, block);
        Arc::new(simulate(&self.staff, block, &arrivals, routing))
    }
}
