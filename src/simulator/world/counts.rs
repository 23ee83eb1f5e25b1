//! What is counted of chats, and the sums that bodies and the truth are made of.

use std::ops::{AddAssign, Mul, SubAssign};

use super::changes::Changes;
use super::chat::{Chat, Event};
use super::window::Window;

/// Whose chats are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The skill's id, [`UNASSIGNED_SKILL`](super::skills::UNASSIGNED_SKILL) for none.
    pub skill: i64,
    /// The agent's id; `None` for chats that were never answered.
    pub agent: Option<i64>,
    /// The id of the agent's group.
    pub group: Option<i64>,
}

impl Key {
    /// Of a chat.
    pub(crate) fn of(chat: &Chat) -> Self {
        Self {
            skill: chat.skill,
            agent: chat.agent,
            group: chat.group,
        }
    }
}

/// The five numbers that Engagement Activity has at every level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Closed chats in which both sides wrote: `totalInteractiveChats`.
    pub interactive: i64,
    /// The other closed chats: `totalNonInteractiveChats`.
    pub noninteractive: i64,
    /// Seconds in which interactive chats were handled: `totalHandlingTime`.
    pub handling_seconds: i64,
    /// The same of the others: `nonInteractiveTotalHandlingTime`.
    pub noninteractive_handling_seconds: i64,
    /// Chats that an agent answered: `connectedEngagements`.
    pub connected: i64,
}

impl Counts {
    /// One event of a chat.
    pub(crate) fn of(chat: &Chat, event: Event) -> Self {
        let seconds = i64::from(chat.handling_seconds);
        let mut counts = Self::default();
        match event {
            Event::Answered => counts.connected = 1,
            Event::Closed if chat.interactive => {
                counts.interactive = 1;
                counts.handling_seconds = seconds;
            }
            Event::Closed => {
                counts.noninteractive = 1;
                counts.noninteractive_handling_seconds = seconds;
            }
        }
        counts
    }

    fn each(&mut self, other: Self, change: impl Fn(&mut i64, i64)) {
        change(&mut self.interactive, other.interactive);
        change(&mut self.noninteractive, other.noninteractive);
        change(&mut self.handling_seconds, other.handling_seconds);
        change(
            &mut self.noninteractive_handling_seconds,
            other.noninteractive_handling_seconds,
        );
        change(&mut self.connected, other.connected);
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.each(other, |number, other| *number += other);
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        self.each(other, |number, other| *number -= other);
    }
}

impl Mul<i64> for Counts {
    type Output = Self;

    fn mul(mut self, times: i64) -> Self {
        self.each(Self::default(), |number, _| *number *= times);
        self
    }
}

/// Part of what Engagement Activity adds up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activity {
    /// A moment in the bucket that it belongs to, in milliseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) key: Key,
    /// Not all 0.
    pub(crate) counts: Counts,
}

/// Part of what the SLA Histogram adds up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    pub(crate) key: Key,
    /// How long the visitors waited, rounded down to 5 seconds or exactly.
    pub(crate) seconds: u32,
    /// How many.
    pub(crate) chats: i64,
}

/// A window as one node answers it at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) window: Window,
    pub(crate) changes: &'a Changes,
}

impl View<'_> {
    /// What Engagement Activity counts of these chats.
    pub(crate) fn activity<'a>(
        self,
        chats: impl Iterator<Item = &'a Chat>,
    ) -> impl Iterator<Item = Activity> {
        chats.flat_map(move |chat| {
            chat.events().filter_map(move |(time, event)| {
                let times = self.times_counted(chat, time, event);
                (times > 0).then(|| Activity {
                    time,
                    key: Key::of(chat),
                    counts: Counts::of(chat, event) * times,
                })
            })
        })
    }

    /// What the SLA Histogram counts of these chats.
    pub(crate) fn waits<'a>(
        self,
        chats: impl Iterator<Item = &'a Chat>,
    ) -> impl Iterator<Item = Waits> {
        chats.filter_map(move |chat| {
            let chats = self.times_counted(chat, chat.answered_at?, Event::Answered);
            let seconds = wait_seconds(chat)?;
            (chats > 0).then(|| Waits {
                key: Key::of(chat),
                seconds,
                chats,
            })
        })
    }

    fn times_counted(self, chat: &Chat, time: i64, event: Event) -> i64 {
        if !self.window.contains(time) {
            return 0;
        }
        let change = self.changes.change_of(chat, event);
        change.times_counted(time, self.window.as_of)
    }
}

/// How long the visitor waited until an agent replied, in whole seconds.
pub(crate) fn wait_seconds(chat: &Chat) -> Option<u32> {
    let waited = (chat.answered_at? - chat.queued_at) / 1000;
    Some(u32::try_from(waited).unwrap_or(0))
}
