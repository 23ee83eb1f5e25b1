//! The skills with their share of the chats, and the queues in which chats wait.
//!
//! With up to [`MOST_SKILL_QUEUES`] skills each skill has its own queue; with more, skills share
//! queues, so that the cost of routing does not grow with the number of skills.

use super::sample_names;

/// The skill id of chats without an assigned skill ("Unassigned").
pub const UNASSIGNED_SKILL: i64 = -1;
/// Id of the first skill; the one before it is the deleted one.
pub(crate) const FIRST_SKILL: i64 = 101;
/// Most queues of skills.
pub(super) const MOST_SKILL_QUEUES: usize = 64;

/// A queue, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueIndex(pub(super) usize);

/// A skill's position among all skills, from 0: the busiest first.
#[derive(Clone, Copy, Debug)]
struct SkillIndex(usize);

/// A skill.
#[derive(Debug)]
pub struct Skill {
    id: i64,
    index: SkillIndex,
    /// The queue its chats wait in.
    queue: QueueIndex,
    /// The share of chats that are for this skill or an earlier one, 0 to 1.
    cumulative_share: f64,
}

impl Skill {
    /// LivePerson's id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Its name; unique.
    pub fn name(&self) -> String {
        sample_names::skill(self.index.0)
    }

    /// The queue its chats wait in.
    pub(super) fn queue(&self) -> QueueIndex {
        self.queue
    }
}

/// Skills whose shares of the chats fall off; the last of more than three is nearly idle.
pub(super) fn skills_by_demand(count: usize) -> Vec<Skill> {
    let weights: Vec<f64> = (1..=count)
        .map(|rank| {
            let weight = f64::from(u32::try_from(rank).unwrap_or(u32::MAX)).powf(-0.8);
            if rank == count && count > 3 {
                weight * 0.1
            } else {
                weight
            }
        })
        .collect();
    let total: f64 = weights.iter().sum();
    let mut cumulative_share = 0.0;
    (FIRST_SKILL..)
        .zip(weights)
        .enumerate()
        .map(|(index, (id, weight))| {
            cumulative_share += weight / total;
            Skill {
                id,
                index: SkillIndex(index),
                queue: QueueIndex(index % MOST_SKILL_QUEUES),
                cumulative_share,
            }
        })
        .collect()
}

/// The skill at `share` (0 to 1) of all chats; `None` when there are no skills.
pub(super) fn skill_at(skills: &[Skill], share: f64) -> Option<&Skill> {
    let position = skills.partition_point(|skill| skill.cumulative_share < share);
    skills.get(position).or(skills.last())
}
