//! Chats drawn at a rate of one's choice, without queues and shifts: quick to make and with few
//! ids, for simulations that need very many of them.

use fastrand::Rng;

use super::chat::Chat;
use super::rng::{Purpose, exponential, mix, rng, to_ms};
use super::skills::{FIRST_SKILL, UNASSIGNED_SKILL};
use super::staffing::{FIRST_AGENT, FIRST_GROUP};
use super::window::HOUR;

/// Ids come and go at marks of this distance, in milliseconds.
const PRESENCE: i64 = 6 * HOUR;
/// How often an id that comes and goes is there.
const PRESENT_SHARE: u64 = 70;
const UNASSIGNED_SHARE: f64 = 0.05;
const ABANDONED_SHARE: f64 = 0.08;
const INTERACTIVE_SHARE: f64 = 0.9;
/// In seconds.
const LONGEST_WAIT: f64 = 150.0;
/// In seconds.
const LONGEST_HANDLING: f64 = 3_600.0;

/// Which chats to draw; the same for the same values.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Determines everything that is drawn.
    pub seed: u64,
    /// When the first chat may be queued, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Before when chats are queued. Each is closed within 63 minutes.
    pub to_ms: i64,
    /// How many are queued on average; 0.01 to 5 are a small and a large account.
    pub chats_per_second: f64,
    /// Skills with the ids 101, 102 …, besides the chats without one.
    pub skills: u16,
    /// Agents with the ids 1001, 1002 …
    pub agents: u16,
    /// Groups with the ids 11, 12 …
    pub groups: u16,
    /// Whether each skill and agent is there only in about 70 % of the spans of 6 hours.
    pub ids_come_and_go: bool,
}

impl Traffic {
    /// The chats, in the order in which they were queued.
    pub fn chats(&self) -> Vec<Chat> {
        let mut rng = rng(self.seed, Purpose::Traffic, 0);
        let mut chats = Vec::new();
        if self.chats_per_second <= 0.0 {
            return chats;
        }
        let mean_gap = 1.0 / self.chats_per_second;
        let mut present = Present::at(self, self.from_ms);
        let mut time = self.from_ms;
        loop {
            time += to_ms(exponential(&mut rng, mean_gap));
            if time >= self.to_ms {
                return chats;
            }
            if time.div_euclid(PRESENCE) != present.span {
                present = Present::at(self, time);
            }
            chats.push(self.chat(time, &present, &mut rng));
        }
    }

    fn chat(&self, queued_at: i64, present: &Present, rng: &mut Rng) -> Chat {
        let skill = match pick(&present.skills, rng) {
            Some(skill) if rng.f64() >= UNASSIGNED_SHARE => FIRST_SKILL + skill,
            _ => UNASSIGNED_SKILL,
        };
        let wait = to_ms((1.0 + exponential(rng, 25.0)).min(LONGEST_WAIT));
        let agent = pick(&present.agents, rng).filter(|_| rng.f64() >= ABANDONED_SHARE);
        let Some(agent) = agent else {
            return Chat {
                queued_at,
                answered_at: None,
                closed_at: queued_at + wait,
                skill,
                agent: None,
                group: None,
                interactive: false,
                handling_seconds: 0,
            };
        };
        let handling = exponential(rng, 400.0).min(LONGEST_HANDLING);
        let handling_seconds = u32::try_from(to_ms(handling) / 1000).unwrap_or(0);
        let groups = i64::from(self.groups);
        Chat {
            queued_at,
            answered_at: Some(queued_at + wait),
            closed_at: queued_at + wait + i64::from(handling_seconds) * 1000,
            skill,
            agent: Some(FIRST_AGENT + agent),
            group: (groups > 0).then(|| FIRST_GROUP + agent % groups.max(1)),
            interactive: rng.f64() < INTERACTIVE_SHARE,
            handling_seconds,
        }
    }

    /// Which of `count` ids are there in a span; `kind` tells skills and agents apart.
    fn present(&self, count: u16, kind: u64, span: i64) -> Vec<i64> {
        let is_there = |&id: &i64| {
            let drawn =
                mix(mix(self.seed ^ (kind << 32)) ^ mix(id.cast_unsigned())) ^ span.cast_unsigned();
            !self.ids_come_and_go || mix(drawn) % 100 < PRESENT_SHARE
        };
        (0..i64::from(count)).filter(is_there).collect()
    }
}

/// The ids of one span, counted from 0.
struct Present {
    span: i64,
    skills: Vec<i64>,
    agents: Vec<i64>,
}

impl Present {
    fn at(traffic: &Traffic, time: i64) -> Self {
        let span = time.div_euclid(PRESENCE);
        Self {
            span,
            skills: traffic.present(traffic.skills, 1, span),
            agents: traffic.present(traffic.agents, 2, span),
        }
    }
}

fn pick(ids: &[i64], rng: &mut Rng) -> Option<i64> {
    (!ids.is_empty()).then(|| ids[rng.usize(0..ids.len())])
}

#[cfg(test)]
mod tests {
    use super::super::window::DAY;
    use super::*;
    use crate::cases::check_each;
    use std::collections::BTreeSet;

    fn traffic(chats_per_second: f64) -> Traffic {
        Traffic {
            seed: 1,
            from_ms: 1_750_000_000_000,
            to_ms: 1_750_000_000_000 + DAY,
            chats_per_second,
            skills: 3,
            agents: 5,
            groups: 2,
            ids_come_and_go: true,
        }
    }

    #[test]
    fn traffic_has_the_rate_asked_for_and_follows_from_the_seed() {
        check_each([0.01, 0.2, 1.0], |rate| {
            let chats = traffic(rate).chats();
            assert_eq!(chats, traffic(rate).chats());
            let seen = f64::from(u32::try_from(chats.len()).unwrap()) / 86_400.0;
            assert!((seen / rate - 1.0).abs() < 0.15, "{rate}: {seen}");
            let other = Traffic {
                seed: 2,
                ..traffic(rate)
            };
            assert_ne!(chats, other.chats());
        });
        assert!(traffic(0.0).chats().is_empty());
    }

    #[test]
    fn ids_come_and_go_when_asked_for() {
        let ids = |traffic: Traffic, span: i64| -> BTreeSet<i64> {
            let chats = traffic.chats();
            let from = traffic.from_ms.div_euclid(PRESENCE) + span;
            let in_span = chats
                .iter()
                .filter(|chat| chat.queued_at.div_euclid(PRESENCE) == from);
            in_span.filter_map(|chat| chat.agent).collect()
        };
        let spans = (1..4).map(|span| ids(traffic(0.2), span));
        let distinct: BTreeSet<_> = spans.collect();
        assert!(distinct.len() > 1, "{distinct:?}");
        let all = Traffic {
            ids_come_and_go: false,
            ..traffic(0.2)
        };
        for span in 1..4 {
            assert_eq!(ids(all, span), (1001..1006).collect());
        }
    }
}
