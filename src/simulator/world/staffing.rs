//! Who works for the simulated account: skills with their share of the chats, agents with their
//! skills, group and shifts. All of it follows from the seed and the three sizes.
//!
//! Chats queue in *lines*. With up to [`MOST_LINES`] skills each skill has a line of its own; with
//! more, skills share lines, so that the cost of routing does not grow with the number of skills.
//! One further line holds the chats with no skill, which everybody may take.

use super::rng::{Purpose, rng};
use super::window::{DAY, HOUR, MINUTE};

/// The skill id of chats with no skill assigned ("Unassigned").
pub(crate) const UNASSIGNED: i64 = -1;
/// Id of the first skill; the one before it is the deleted one.
pub(crate) const FIRST_SKILL: i64 = 101;
/// Id of the first agent; the one before it is the deleted one.
pub(crate) const FIRST_AGENT: i64 = 1001;
/// Id of the first agent group; the one before it is the deleted one.
pub(crate) const FIRST_GROUP: i64 = 11;
const MOST_LINES: usize = 64;
/// Below this many agents nobody goes home, or the account would be dead for most of the day.
const FEW_AGENTS: usize = 4;

/// A skill.
pub(crate) struct Skill {
    /// LivePerson's id.
    pub(crate) id: i64,
    /// The line its chats queue in.
    pub(crate) line: usize,
    /// The share of chats that are for this skill or an earlier one, 0 to 1.
    cumulative: f64,
}

/// An agent.
pub(crate) struct Agent {
    /// LivePerson's id.
    pub(crate) id: i64,
    /// The agent group.
    pub(crate) group: Option<i64>,
    /// The lines served; empty for an agent without assigned skills, who serves all.
    pub(crate) lines: Vec<usize>,
    shift: Shift,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shift {
    Early,
    Day,
    Late,
    Evening,
    Night,
    /// A seat that several people share: manned day and night.
    Seat,
}

impl Shift {
    fn start(self) -> i64 {
        match self {
            Self::Early => 6 * HOUR,
            Self::Day => 8 * HOUR + 30 * MINUTE,
            Self::Late => 12 * HOUR + 30 * MINUTE,
            Self::Evening => 16 * HOUR,
            Self::Night => 22 * HOUR,
            Self::Seat => 0,
        }
    }
}

/// Everybody and everything that chats can be about.
pub(crate) struct Staff {
    /// The seed that all chance of the account comes from.
    pub(crate) seed: u64,
    /// The skills, busiest first.
    pub(crate) skills: Vec<Skill>,
    /// The agents.
    pub(crate) agents: Vec<Agent>,
    /// The ids of the agent groups.
    pub(crate) groups: Vec<i64>,
}

impl Staff {
    /// An account of the given sizes; any of them may be 0.
    pub(crate) fn new(seed: u64, skills: usize, agents: usize, groups: usize) -> Self {
        let skills = shares(skills);
        let groups: Vec<i64> = (FIRST_GROUP..).take(groups).collect();
        let mut rng = rng(seed, Purpose::Staff, 0);
        let few = agents < FEW_AGENTS;
        let agents = (FIRST_AGENT..)
            .take(agents)
            .enumerate()
            .map(|(index, id)| {
                let shift = if few { Shift::Seat } else { shift(index) };
                let lines = match shift {
                    Shift::Seat => Vec::new(),
                    _ => lines(&skills, index, &mut rng),
                };
                let group = groups.get(index % groups.len().max(1)).copied();
                Agent {
                    id,
                    group,
                    lines,
                    shift,
                }
            })
            .collect();
        Self {
            seed,
            skills,
            agents,
            groups,
        }
    }

    /// How many lines chats queue in, the one for chats without a skill included.
    pub(crate) fn lines(&self) -> usize {
        self.unassigned_line() + 1
    }

    /// The line of the chats without a skill.
    pub(crate) fn unassigned_line(&self) -> usize {
        self.skills.len().min(MOST_LINES)
    }

    /// The lines of `agent`, the one for chats without a skill included.
    pub(crate) fn lines_of(&self, agent: &Agent) -> Vec<usize> {
        if agent.lines.is_empty() {
            return (0..self.lines()).collect();
        }
        let mut lines = agent.lines.clone();
        lines.push(self.unassigned_line());
        lines
    }

    /// The skill at `share` (0 to 1) of all chats; none when the account has no skills.
    pub(crate) fn skill_at(&self, share: f64) -> Option<&Skill> {
        let place = self
            .skills
            .partition_point(|skill| skill.cumulative < share);
        self.skills.get(place).or(self.skills.last())
    }

    /// When the agent at `index` is on duty between `from` and `to`: ascending, apart, half-open.
    pub(crate) fn duty(&self, index: usize, from: i64, to: i64) -> Vec<(i64, i64)> {
        let Some(agent) = self.agents.get(index) else {
            return Vec::new();
        };
        if agent.shift == Shift::Seat {
            return vec![(from, to)];
        }
        // Colleagues of one shift begin a quarter of an hour apart, so that breaks do not coincide.
        let stagger = i64::try_from(index / 10 % 4).unwrap_or(0) * 15 * MINUTE;
        let days = from.div_euclid(DAY) - 1..=to.div_euclid(DAY);
        days.filter(|&day| self.works(agent, index, day))
            .flat_map(|day| {
                let start = day * DAY + agent.shift.start() + stagger;
                let pause = start + 4 * HOUR;
                [
                    (start, pause),
                    (pause + 30 * MINUTE, start + 8 * HOUR + 30 * MINUTE),
                ]
            })
            .filter(|&(start, end)| start < to && end > from)
            .collect()
    }

    /// Whether `agent` comes to work for the shift that begins on `day` (days since the epoch).
    fn works(&self, agent: &Agent, index: usize, day: i64) -> bool {
        // 1970-01-01 was a Thursday; 0 is Monday.
        let weekday = (day + 3).rem_euclid(7);
        let place = i64::try_from(index / 2 % 7).unwrap_or(0);
        let weekend_worker = agent.shift == Shift::Night || index % 5 < 2;
        let off = if weekend_worker {
            (weekday - place).rem_euclid(7) < 2
        } else {
            weekday >= 5
        };
        let sick = rng(
            self.seed,
            Purpose::Sickness,
            agent.id.wrapping_mul(100_003) + day,
        )
        .f64()
            < 0.04;
        !off && !sick
    }
}

/// Skills whose shares fall off, with a last one that is next to idle.
fn shares(count: usize) -> Vec<Skill> {
    let weights: Vec<f64> = (1..=count)
        .map(|rank| {
            let rank_weight = f64::from(u32::try_from(rank).unwrap_or(u32::MAX)).powf(-0.8);
            if rank == count && count > 3 {
                rank_weight * 0.1
            } else {
                rank_weight
            }
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let mut cumulative = 0.0;
    (FIRST_SKILL..)
        .zip(weights)
        .enumerate()
        .map(|(index, (id, weight))| {
            cumulative += weight / total;
            Skill {
                id,
                line: index % MOST_LINES,
                cumulative,
            }
        })
        .collect()
}

/// The shift of the agent at `index`: most by day, some at night, every twentieth a seat.
fn shift(index: usize) -> Shift {
    match index % 10 {
        0 if index.is_multiple_of(20) => Shift::Seat,
        1 | 4 => Shift::Early,
        2 | 5 | 8 => Shift::Day,
        3 | 9 => Shift::Late,
        6 => Shift::Evening,
        _ => Shift::Night,
    }
}

/// One to three lines; the first spread over the skills as the chats are.
fn lines(skills: &[Skill], index: usize, rng: &mut fastrand::Rng) -> Vec<usize> {
    let at = |share: f64| {
        let place = skills.partition_point(|skill| skill.cumulative < share);
        skills.get(place).or(skills.last()).map(|skill| skill.line)
    };
    let place = f64::from(u32::try_from(index).unwrap_or(u32::MAX));
    let first = (0.5 + place * 0.618_033_988_749_895).fract();
    let mut lines: Vec<usize> = at(first).into_iter().collect();
    for _ in 0..rng.usize(0..3) {
        let line = at(rng.f64());
        lines.extend(line.filter(|line| !lines.contains(line)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2 June 2025, 00:00 UTC.
    const MONDAY: i64 = 1_748_822_400_000;

    fn on_duty(staff: &Staff, time: i64) -> usize {
        (0..staff.agents.len())
            .filter(|&agent| !staff.duty(agent, time, time + 1).is_empty())
            .filter(|&agent| {
                let duty = staff.duty(agent, time, time + 1);
                duty.iter().any(|&(start, end)| start <= time && time < end)
            })
            .count()
    }

    #[test]
    fn days_are_staffed_better_than_nights_and_nobody_is_alone() {
        let staff = Staff::new(1, 8, 40, 3);
        for day in 0..7 {
            for hour in 0..24 {
                let count = on_duty(&staff, MONDAY + day * DAY + hour * HOUR);
                assert!(count >= 3, "day {day} hour {hour}: {count} on duty");
            }
        }
        assert!(on_duty(&staff, MONDAY + 11 * HOUR) > 2 * on_duty(&staff, MONDAY + 3 * HOUR));
        assert!(
            on_duty(&staff, MONDAY + 11 * HOUR) > on_duty(&staff, MONDAY + 5 * DAY + 11 * HOUR)
        );
    }

    #[test]
    fn every_agent_has_a_group_and_at_most_three_skills_or_all() {
        let staff = Staff::new(7, 8, 100, 3);
        assert!(staff.agents.iter().all(|agent| agent.group.is_some()));
        assert!(staff.agents.iter().all(|agent| agent.lines.len() <= 3));
        assert!(staff.agents.iter().any(|agent| agent.lines.len() > 1));
        for line in 0..staff.lines() {
            assert!(
                staff
                    .agents
                    .iter()
                    .any(|agent| staff.lines_of(agent).contains(&line)),
                "nobody serves line {line}"
            );
        }
    }

    #[test]
    fn an_account_may_be_empty() {
        let staff = Staff::new(1, 0, 0, 0);
        assert_eq!(staff.lines(), 1);
        assert!(staff.skill_at(0.5).is_none());
        assert!(staff.duty(0, 0, DAY).is_empty());
        assert!(
            Staff::new(1, 0, 9, 0)
                .agents
                .iter()
                .all(|agent| agent.group.is_none())
        );
    }
}
