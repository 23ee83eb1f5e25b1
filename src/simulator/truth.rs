//! What really happened, for tests that compare it with what a client made of the answers: every
//! chat counted once, without nodes that lag and numbers that change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::world::{Chat, Counts, Event, Key, wait_seconds};

/// Steps in which waits are counted, in seconds: every bucket of the SLA Histogram begins at one.
const WAIT_STEP: u32 = 5;

/// What is counted of one account, skill, agent or group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The numbers of Engagement Activity.
    pub counts: Counts,
    /// Answered chats by how long the visitor waited, in seconds rounded down to a multiple of 5.
    pub waits: BTreeMap<u32, i64>,
}

impl Totals {
    /// Answered chats whose visitors waited less than `seconds`, which is a multiple of 5.
    pub fn answered_within(&self, seconds: u32) -> i64 {
        self.waits.range(..seconds).map(|(_, chats)| chats).sum()
    }

    fn add(&mut self, other: &Self) {
        self.counts += other.counts;
        for (&seconds, chats) in &other.waits {
            *self.waits.entry(seconds).or_default() += chats;
        }
    }

    fn json(&self) -> Value {
        let waits = self.waits.iter();
        let waits: Map<String, Value> = waits.map(|(at, n)| (at.to_string(), json!(n))).collect();
        json!({
            "interactive": self.counts.interactive,
            "noninteractive": self.counts.noninteractive,
            "handling_seconds": self.counts.handling_seconds,
            "noninteractive_handling_seconds": self.counts.noninteractive_handling_seconds,
            "connected": self.counts.connected,
            "waits": waits,
        })
    }
}

/// What happened in a span of time. A chat counts as closed when it was closed and as connected,
/// with its wait, when an agent answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth(BTreeMap<Key, Totals>);

impl Truth {
    /// Counts the events from `from_ms` until before `to_ms`, milliseconds since the epoch.
    pub fn of<'a>(chats: impl IntoIterator<Item = &'a Chat>, from_ms: i64, to_ms: i64) -> Self {
        let mut truth = Self::default();
        for chat in chats {
            for (time, event) in chat.events() {
                if (from_ms..to_ms).contains(&time) {
                    truth.count(chat, event);
                }
            }
        }
        truth
    }

    /// Counts one event.
    pub(super) fn count(&mut self, chat: &Chat, event: Event) {
        let totals = self.0.entry(Key::of(chat)).or_default();
        totals.counts += Counts::of(chat, event);
        if let Some(seconds) = wait_seconds(chat).filter(|_| event == Event::Answered) {
            *totals
                .waits
                .entry(seconds - seconds % WAIT_STEP)
                .or_default() += 1;
        }
    }

    /// The smallest units that chats are counted by: skill, agent and group together.
    pub fn keys(&self) -> impl Iterator<Item = (&Key, &Totals)> {
        self.0.iter()
    }

    /// The sum over all keys that `is_meant`.
    pub fn sum(&self, is_meant: impl Fn(&Key) -> bool) -> Totals {
        let mut sum = Totals::default();
        for (_, totals) in self.0.iter().filter(|(key, _)| is_meant(key)) {
            sum.add(totals);
        }
        sum
    }

    /// Everything.
    pub fn account(&self) -> Totals {
        self.sum(|_| true)
    }

    /// One skill, with its chats that were never answered.
    pub fn skill(&self, id: i64) -> Totals {
        self.sum(|key| key.skill == id)
    }

    /// One agent.
    pub fn agent(&self, id: i64) -> Totals {
        self.sum(|key| key.agent == Some(id))
    }

    /// One skill's chats with one agent.
    pub fn skill_agent(&self, skill: i64, agent: i64) -> Totals {
        self.sum(|key| key.skill == skill && key.agent == Some(agent))
    }

    /// The chats of one group's agents.
    pub fn group(&self, id: i64) -> Totals {
        self.sum(|key| key.group == Some(id))
    }

    /// By level and id, as the control path shows it.
    pub(super) fn json(&self) -> Map<String, Value> {
        let ids = |id: fn(&Key) -> Option<i64>| -> BTreeSet<i64> {
            self.0.keys().filter_map(id).collect()
        };
        let level = |id: fn(&Key) -> Option<i64>| -> Map<String, Value> {
            let totals = |wanted: i64| self.sum(|key| id(key) == Some(wanted)).json();
            let ids = ids(id).into_iter();
            ids.map(|id| (id.to_string(), totals(id))).collect()
        };
        let mut skill_agents: BTreeMap<i64, Map<String, Value>> = BTreeMap::new();
        for key in self.0.keys() {
            if let Some(agent) = key.agent {
                let totals = self.skill_agent(key.skill, agent).json();
                let agents = skill_agents.entry(key.skill).or_default();
                agents.insert(agent.to_string(), totals);
            }
        }
        let skill_agents = skill_agents.into_iter();
        let skill_agents: Map<String, Value> = skill_agents
            .map(|(skill, agents)| (skill.to_string(), Value::Object(agents)))
            .collect();
        [
            ("account", self.account().json()),
            ("skills", Value::Object(level(|key| Some(key.skill)))),
            ("agents", Value::Object(level(|key| key.agent))),
            ("skill_agents", Value::Object(skill_agents)),
            ("groups", Value::Object(level(|key| key.group))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
