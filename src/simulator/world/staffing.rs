//! Who works for the simulated account: agents with their skills, group and shifts. All of it
//! follows from the seed and the three sizes.
//!
//! Besides the queues of the skills there is one for the chats without a skill, which every agent
//! may take.

use std::ops::Range;

use super::rng::{Purpose, rng};
use super::sample_names::{self, AgentNames};
use super::skills::{MOST_SKILL_QUEUES, QueueIndex, Skill, skill_at, skills_by_demand};
use super::window::{DAY, HOUR, MINUTE};

/// Id of the first agent; the one before it is the deleted one.
pub(crate) const FIRST_AGENT: i64 = 1001;
/// Id of the first agent group; the one before it is the deleted one.
pub(crate) const FIRST_GROUP: i64 = 11;
/// An account with fewer agents has them on duty all the time, or most of its day would be empty.
const FEW_AGENTS: usize = 4;

/// An agent's position among all agents, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AgentIndex(pub(super) usize);

/// A group's position among all groups, from 0.
#[derive(Clone, Copy, Debug)]
struct GroupIndex(usize);

/// An agent group.
#[derive(Debug)]
pub struct AgentGroup {
    id: i64,
    index: GroupIndex,
}

impl AgentGroup {
    /// LivePerson's id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Its name; unique.
    pub fn name(&self) -> String {
        sample_names::group(self.index.0)
    }
}

/// An agent.
#[derive(Debug)]
pub struct Agent {
    id: i64,
    index: AgentIndex,
    group: Option<i64>,
    /// The skills' queues served; empty for an agent without assigned skills, who serves all.
    queues: Vec<QueueIndex>,
    shift: Shift,
}

impl Agent {
    /// LivePerson's id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What the agent is called.
    pub fn names(&self) -> AgentNames {
        sample_names::agent(self.index.0)
    }

    /// The id of the agent's group; `None` in an account without groups.
    pub fn group(&self) -> Option<i64> {
        self.group
    }

    /// Whether the agent has `skill` assigned.
    pub fn is_assigned(&self, skill: &Skill) -> bool {
        self.queues.contains(&skill.queue())
    }

    /// Whether the agent takes chats of `skill`: of the assigned ones, or of every skill when none
    /// is assigned.
    pub fn serves(&self, skill: &Skill) -> bool {
        self.queues.is_empty() || self.is_assigned(skill)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shift {
    Early,
    Day,
    Late,
    Evening,
    Night,
    /// A login that several colleagues share: on duty day and night.
    AroundTheClock,
}

impl Shift {
    /// When it begins, in milliseconds since midnight UTC.
    fn start(self) -> i64 {
        match self {
            Self::Early => 6 * HOUR,
            Self::Day => 8 * HOUR + 30 * MINUTE,
            Self::Late => 12 * HOUR + 30 * MINUTE,
            Self::Evening => 16 * HOUR,
            Self::Night => 22 * HOUR,
            Self::AroundTheClock => 0,
        }
    }
}

/// The skills, agents and groups of the account.
pub(crate) struct Staff {
    seed: u64,
    skills: Vec<Skill>,
    agents: Vec<Agent>,
    groups: Vec<AgentGroup>,
}

impl Staff {
    /// An account of the given sizes; any of them may be 0.
    pub(crate) fn new(seed: u64, skills: usize, agents: usize, groups: usize) -> Self {
        let skills = skills_by_demand(skills);
        let groups: Vec<AgentGroup> = (FIRST_GROUP..)
            .zip((0..groups).map(GroupIndex))
            .map(|(id, index)| AgentGroup { id, index })
            .collect();
        let few = agents < FEW_AGENTS;
        let mut rng = rng(seed, Purpose::Staff, 0);
        let agents = (FIRST_AGENT..)
            .zip((0..agents).map(AgentIndex))
            .map(|(id, index)| {
                let shift = if few {
                    Shift::AroundTheClock
                } else {
                    shift_of(index)
                };
                let queues = match shift {
                    Shift::AroundTheClock => Vec::new(),
                    _ => draw_queues(&skills, index, &mut rng),
                };
                let group = groups.get(index.0 % groups.len().max(1));
                Agent {
                    id,
                    index,
                    group: group.map(AgentGroup::id),
                    queues,
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

    /// The seed of all random sequences of the account.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The skills, busiest first.
    pub(crate) fn skills(&self) -> &[Skill] {
        &self.skills
    }

    /// The agents.
    pub(crate) fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// The agent groups.
    pub(crate) fn groups(&self) -> &[AgentGroup] {
        &self.groups
    }

    /// The number of queues, the one for chats without a skill included.
    pub(super) fn queue_count(&self) -> usize {
        self.unassigned_queue().0 + 1
    }

    /// The queue of the chats without a skill.
    pub(super) fn unassigned_queue(&self) -> QueueIndex {
        QueueIndex(self.skills.len().min(MOST_SKILL_QUEUES))
    }

    /// Every queue that `agent` serves, the one for chats without a skill included.
    pub(super) fn queues_of(&self, agent: &Agent) -> Vec<QueueIndex> {
        if agent.queues.is_empty() {
            return (0..self.queue_count()).map(QueueIndex).collect();
        }
        let mut queues = agent.queues.clone();
        queues.push(self.unassigned_queue());
        queues
    }

    /// The skill at `share` (0 to 1) of all chats; `None` when the account has no skills.
    pub(super) fn skill_at(&self, share: f64) -> Option<&Skill> {
        skill_at(&self.skills, share)
    }

    /// When `agent` is on duty between `from` and `to`: ascending, without overlaps. Times are
    /// milliseconds since the epoch.
    pub(super) fn duty(&self, agent: &Agent, from: i64, to: i64) -> Vec<Range<i64>> {
        if agent.shift == Shift::AroundTheClock {
            return std::iter::once(from..to).collect();
        }
        // Colleagues of one shift begin a quarter of an hour apart, so that breaks do not coincide.
        let stagger = i64::try_from(agent.index.0 / 10 % 4).unwrap_or(0) * 15 * MINUTE;
        let days = from.div_euclid(DAY) - 1..=to.div_euclid(DAY);
        days.filter(|&day| self.works_on(agent, day))
            .flat_map(|day| {
                let start = day * DAY + agent.shift.start() + stagger;
                let pause = start + 4 * HOUR;
                [
                    start..pause,
                    pause + 30 * MINUTE..start + 8 * HOUR + 30 * MINUTE,
                ]
            })
            .filter(|span| span.start < to && span.end > from)
            .collect()
    }

    /// Whether `agent` is on duty at `time`.
    pub(super) fn is_on_duty(&self, agent: &Agent, time: i64) -> bool {
        let spans = self.duty(agent, time, time + 1);
        spans.iter().any(|span| span.contains(&time))
    }

    /// Whether `agent` works the shift that begins on `day` (days since the epoch).
    fn works_on(&self, agent: &Agent, day: i64) -> bool {
        let index = agent.index.0;
        // 1970-01-01 was a Thursday; 0 is Monday.
        let weekday = (day + 3).rem_euclid(7);
        let first_day_off = i64::try_from(index / 2 % 7).unwrap_or(0);
        let works_at_weekends = agent.shift == Shift::Night || index % 5 < 2;
        let is_off = if works_at_weekends {
            (weekday - first_day_off).rem_euclid(7) < 2
        } else {
            weekday >= 5
        };
        let agent_and_day = agent.id.wrapping_mul(100_003) + day;
        let is_ill = rng(self.seed, Purpose::Sickness, agent_and_day).f64() < 0.04;
        !is_off && !is_ill
    }
}

/// The shift of an agent: most by day, some at night, every twentieth around the clock.
fn shift_of(agent: AgentIndex) -> Shift {
    match agent.0 % 10 {
        0 if agent.0.is_multiple_of(20) => Shift::AroundTheClock,
        1 | 4 => Shift::Early,
        2 | 5 | 8 => Shift::Day,
        3 | 9 => Shift::Late,
        6 => Shift::Evening,
        _ => Shift::Night,
    }
}

/// One to three queues; the first ones of all agents are spread over the skills as the chats are.
fn draw_queues(skills: &[Skill], agent: AgentIndex, rng: &mut fastrand::Rng) -> Vec<QueueIndex> {
    let queue_at = |share: f64| skill_at(skills, share).map(Skill::queue);
    let index = f64::from(u32::try_from(agent.0).unwrap_or(u32::MAX));
    // Multiples of the golden ratio fill the span from 0 to 1 evenly, however many there are.
    let first = (0.5 + index * 0.618_033_988_749_895).fract();
    let mut queues: Vec<QueueIndex> = queue_at(first).into_iter().collect();
    for _ in 0..rng.usize(0..3) {
        let queue = queue_at(rng.f64());
        queues.extend(queue.filter(|queue| !queues.contains(queue)));
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2 June 2025, 00:00 UTC.
    const MONDAY: i64 = 1_748_822_400_000;

    fn on_duty(staff: &Staff, time: i64) -> usize {
        let agents = staff.agents().iter();
        agents.filter(|agent| staff.is_on_duty(agent, time)).count()
    }

    #[test]
    fn more_agents_work_by_day_than_at_night() {
        let staff = Staff::new(1, 8, 40, 3);
        for day in 0..7 {
            for hour in 0..24 {
                let count = on_duty(&staff, MONDAY + day * DAY + hour * HOUR);
                assert!(count >= 3, "day {day} hour {hour}: {count} on duty");
            }
        }
        let noon = on_duty(&staff, MONDAY + 11 * HOUR);
        let night = on_duty(&staff, MONDAY + 3 * HOUR);
        let saturday = on_duty(&staff, MONDAY + 5 * DAY + 11 * HOUR);
        assert!(noon > 2 * night, "{noon} by day, {night} at night");
        assert!(noon > saturday, "{noon} on Monday, {saturday} on Saturday");
    }

    #[test]
    fn agents_have_a_group_and_every_queue_is_served() {
        let staff = Staff::new(7, 8, 100, 3);
        assert!(staff.agents.iter().all(|agent| agent.group.is_some()));
        assert!(staff.agents.iter().all(|agent| agent.queues.len() <= 3));
        assert!(staff.agents.iter().any(|agent| agent.queues.len() > 1));
        for queue in (0..staff.queue_count()).map(QueueIndex) {
            let mut agents = staff.agents.iter();
            let served = agents.any(|agent| staff.queues_of(agent).contains(&queue));
            assert!(served, "no agent serves {queue:?}");
        }
    }

    #[test]
    fn an_account_may_be_empty() {
        let staff = Staff::new(1, 0, 0, 0);
        assert_eq!(staff.queue_count(), 1);
        assert!(staff.skill_at(0.5).is_none());
        let without_groups = Staff::new(1, 0, 9, 0);
        let mut agents = without_groups.agents.iter();
        assert!(agents.all(|agent| agent.group.is_none()));
    }
}
