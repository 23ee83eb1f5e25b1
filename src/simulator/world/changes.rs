//! Numbers that change after the event: chats that appear late, and chats that are counted once
//! too often until LivePerson corrects them.

use super::chat::{Chat, Event};
use super::rng::{Purpose, mix};

/// How numbers change afterwards. By default they do not.
///
/// Whether an event is late or corrected, and when that is over, follows from the seed and the
/// chat alone: every node, API and query agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Determines which events are concerned.
    pub seed: u64,
    /// Share of the events that appear late, 0 to 1.
    pub late_share: f64,
    /// Share of the events that are counted twice at first, and once after a correction, 0 to 1.
    pub corrected_share: f64,
    /// An event's number is final so long after the event, in milliseconds. The lag of a node and
    /// its refresh come on top.
    pub settled_after_ms: i64,
}

/// What becomes of an event's number, with the time since the event in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventChange {
    /// It is counted at once and stays.
    Final,
    /// It appears so long after the event.
    Late(i64),
    /// It is counted twice until so long after the event.
    Corrected(i64),
}

impl EventChange {
    /// How often an event at `time` is counted by who knows everything before `as_of`.
    pub(crate) fn times_counted(self, time: i64, as_of: i64) -> i64 {
        match self {
            Self::Late(delay) => i64::from(time + delay < as_of),
            Self::Corrected(delay) if time < as_of && as_of <= time + delay => 2,
            Self::Final | Self::Corrected(_) => i64::from(time < as_of),
        }
    }
}

impl Changes {
    /// For how long numbers change, in milliseconds: 0 when they do not.
    pub(crate) fn unsettled_for(&self) -> i64 {
        if self.late_share > 0.0 || self.corrected_share > 0.0 {
            self.settled_after_ms.max(0)
        } else {
            0
        }
    }

    /// What becomes of `event` of `chat`.
    pub(crate) fn change_of(&self, chat: &Chat, event: Event) -> EventChange {
        let longest = self.unsettled_for().cast_unsigned();
        if longest == 0 {
            return EventChange::Final;
        }
        let identity = [
            Purpose::Changes as u64,
            event as u64,
            chat.queued_at.cast_unsigned(),
            chat.closed_at.cast_unsigned(),
            chat.skill.cast_unsigned(),
            chat.agent.unwrap_or_default().cast_unsigned(),
        ];
        let drawn = identity
            .iter()
            .fold(mix(self.seed), |hash, part| mix(hash ^ part));
        let delay = (mix(drawn) % longest + 1).cast_signed();
        let share = unit(drawn);
        if share < self.late_share {
            EventChange::Late(delay)
        } else if share < self.late_share + self.corrected_share {
            EventChange::Corrected(delay)
        } else {
            EventChange::Final
        }
    }
}

/// 0 to 1 from the upper bits.
#[allow(clippy::cast_precision_loss, reason = "32 bits fit into a double")]
fn unit(drawn: u64) -> f64 {
    (drawn >> 32) as f64 / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(queued_at: i64) -> Chat {
        Chat {
            queued_at,
            answered_at: None,
            closed_at: queued_at + 1_000,
            skill: 101,
            agent: None,
            group: None,
            interactive: false,
            handling_seconds: 0,
        }
    }

    #[test]
    fn a_late_event_appears_and_a_corrected_one_falls() {
        let counted = |change: EventChange| {
            [1_000, 1_001, 1_500, 1_501].map(|t| change.times_counted(1_000, t))
        };
        assert_eq!(counted(EventChange::Final), [0, 1, 1, 1]);
        assert_eq!(counted(EventChange::Late(500)), [0, 0, 0, 1]);
        assert_eq!(counted(EventChange::Corrected(500)), [0, 2, 2, 1]);
    }

    #[test]
    fn as_many_events_change_as_asked_for() {
        let changes = Changes {
            seed: 1,
            late_share: 0.2,
            corrected_share: 0.1,
            settled_after_ms: 840_000,
        };
        let of_events: Vec<EventChange> = (0..10_000)
            .map(|at| changes.change_of(&chat(at * 977), Event::Closed))
            .collect();
        let share =
            |is: fn(&EventChange) -> bool| of_events.iter().filter(|change| is(change)).count();
        let late = share(|change| matches!(change, EventChange::Late(_)));
        let corrected = share(|change| matches!(change, EventChange::Corrected(_)));
        assert!((1_800..2_200).contains(&late), "{late}");
        assert!((850..1_150).contains(&corrected), "{corrected}");
        let within = |change: &EventChange| match change {
            EventChange::Final => true,
            EventChange::Late(delay) | EventChange::Corrected(delay) => {
                (1..=840_000).contains(delay)
            }
        };
        assert!(of_events.iter().all(within));
    }

    #[test]
    fn without_shares_every_number_is_final_at_once() {
        let none = Changes {
            settled_after_ms: 840_000,
            ..Changes::default()
        };
        assert_eq!(none.unsettled_for(), 0);
        assert_eq!(none.change_of(&chat(0), Event::Closed), EventChange::Final);
    }
}
