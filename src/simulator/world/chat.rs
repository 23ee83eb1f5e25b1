//! One chat, and the chats of a span of time.

use std::sync::Arc;

/// One chat from its beginning to its end: everything that LivePerson reports is counted from
/// these. All times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Chat {
    /// When the visitor began to wait.
    pub queued_at: i64,
    /// When an agent replied first; `None` when the visitor abandoned the queue.
    pub answered_at: Option<i64>,
    /// When it ended, also by being abandoned.
    pub closed_at: i64,
    /// The skill's id; [`UNASSIGNED_SKILL`](super::UNASSIGNED_SKILL) when it has none.
    pub skill: i64,
    /// The agent's id; `None` exactly when the chat was never answered.
    pub agent: Option<i64>,
    /// The id of the agent's group.
    pub group: Option<i64>,
    /// Whether both sides wrote something.
    pub interactive: bool,
    /// Seconds from the first reply to the end; 0 when the chat was never answered.
    pub handling_seconds: u32,
}

impl Chat {
    /// When what happened, in milliseconds since the epoch.
    pub fn events(&self) -> impl Iterator<Item = (i64, Event)> {
        let answered = self.answered_at.map(|time| (time, Event::Answered));
        std::iter::once((self.closed_at, Event::Closed)).chain(answered)
    }

    /// Whether the visitor is in the queue at `time`.
    pub fn is_waiting_at(&self, time: i64) -> bool {
        (self.queued_at..self.answered_at.unwrap_or(self.closed_at)).contains(&time)
    }

    /// Whether an agent is handling it at `time`.
    pub fn is_handled_at(&self, time: i64) -> bool {
        self.answered_at
            .is_some_and(|answered| (answered..self.closed_at).contains(&time))
    }
}

/// What is counted of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// An agent replied first.
    Answered,
    /// It ended, also by being abandoned.
    Closed,
}

/// Chats of the account, ordered by the time at which they were queued.
#[derive(Clone, Debug)]
pub struct Chats {
    pub(super) blocks: Vec<Arc<Vec<Chat>>>,
}

impl Chats {
    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Chat> {
        self.blocks.iter().flat_map(|block| block.iter())
    }

    /// How many blocks are also kept elsewhere.
    #[cfg(test)]
    pub(crate) fn shared_blocks(&self) -> usize {
        let blocks = self.blocks.iter();
        blocks.filter(|block| Arc::strong_count(block) > 1).count()
    }
}
