//! The answer of Engagement Activity, and its parser.
//!
//! Numbers are `f64` because that is what Prometheus stores. A number that LivePerson left out is
//! `None`, never 0.

use serde::Deserialize;

use super::query::EngagementQuery;
use crate::liveperson::json::{
    self, Content, ReadError, count, numeric_map, object, object_or_default,
};
use crate::totals::SeriesKey;
use crate::vocabulary::{AgentId, Level, SkillId};

/// The five numbers LivePerson gives for an account, a skill or an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// `totalInteractiveChats`: interactive chats closed in the time frame.
    #[serde(rename = "totalInteractiveChats", deserialize_with = "count")]
    pub interactive_chats: Option<f64>,
    /// `totalNonInteractiveChats`: non-interactive chats closed, abandoned ones included.
    #[serde(rename = "totalNonInteractiveChats", deserialize_with = "count")]
    pub noninteractive_chats: Option<f64>,
    /// `totalHandlingTime`: seconds spent on interactive chats.
    #[serde(rename = "totalHandlingTime", deserialize_with = "count")]
    pub interactive_handling_seconds: Option<f64>,
    /// `nonInteractiveTotalHandlingTime`: seconds spent on non-interactive chats.
    #[serde(rename = "nonInteractiveTotalHandlingTime", deserialize_with = "count")]
    pub noninteractive_handling_seconds: Option<f64>,
    /// `connectedEngagements`: chats connected to an agent.
    #[serde(rename = "connectedEngagements", deserialize_with = "count")]
    pub connected_engagements: Option<f64>,
}

/// How many numbers an [`Activity`] has.
pub(super) const NUMBERS: usize = 5;

impl Activity {
    /// Its numbers, in the order of its fields.
    pub fn numbers(&self) -> [Option<f64>; NUMBERS] {
        [
            self.interactive_chats,
            self.noninteractive_chats,
            self.interactive_handling_seconds,
            self.noninteractive_handling_seconds,
            self.connected_engagements,
        ]
    }
}

#[cfg(test)]
impl Activity {
    /// Five different numbers, from `n` on.
    pub(super) fn counting_from(n: f64) -> Self {
        Self {
            interactive_chats: Some(n),
            noninteractive_chats: Some(n + 1.0),
            interactive_handling_seconds: Some(n + 2.0),
            noninteractive_handling_seconds: Some(n + 3.0),
            connected_engagements: Some(n + 4.0),
        }
    }
}

/// One skill of `metricsPerSkill`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SkillActivity {
    /// `metricsTotals` of the skill.
    #[serde(rename = "metricsTotals", deserialize_with = "object_or_default")]
    pub totals: Activity,
    /// `metricsPerAgent` inside the skill, ascending by agent id, unique.
    #[serde(rename = "metricsPerAgent", deserialize_with = "numeric_map")]
    pub agents: Vec<(AgentId, Activity)>,
}

/// `skillsMetricsPerAgent`, also seen as `skillsMetrics`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SkillsActivity {
    /// `metricsPerSkill`, ascending by skill id, unique.
    #[serde(rename = "metricsPerSkill", deserialize_with = "numeric_map")]
    pub skills: Vec<(SkillId, SkillActivity)>,
}

/// `agentsMetrics`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AgentsActivity {
    /// `metricsPerAgent`, ascending by agent id, unique.
    #[serde(rename = "metricsPerAgent", deserialize_with = "numeric_map")]
    pub agents: Vec<(AgentId, Activity)>,
}

/// An answer of `engactivity`; which sections are there depends on the ids in the query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngagementAnswer {
    /// `metricsTotals` at the top: only when no ids were asked for.
    pub account: Option<Activity>,
    /// The skill section: only when `skillIds` was asked for.
    pub skills: Option<SkillsActivity>,
    /// The agent section: only when `agentIds` was asked for.
    pub agents: Option<AgentsActivity>,
}

impl EngagementAnswer {
    /// Visits the numbers of each id at a level, ascending by id.
    pub(super) fn visit(&self, level: Level, mut visit: impl FnMut(SeriesKey, &Activity)) {
        let skills = self.skills.iter().flat_map(|section| &section.skills);
        match level {
            Level::Account => {
                if let Some(totals) = &self.account {
                    visit(SeriesKey::ACCOUNT, totals);
                }
            }
            Level::Skill => {
                for (skill, numbers) in skills {
                    visit(SeriesKey::one(level, (*skill).into()), &numbers.totals);
                }
            }
            Level::SkillAgent => {
                for (skill, of_skill) in skills {
                    for (agent, numbers) in &of_skill.agents {
                        let key = SeriesKey::skill_agent((*skill).into(), (*agent).into());
                        visit(key, numbers);
                    }
                }
            }
            Level::Agent => {
                for (agent, numbers) in self.agents.iter().flat_map(|section| &section.agents) {
                    visit(SeriesKey::one(level, (*agent).into()), numbers);
                }
            }
            Level::Group => {}
        }
    }
}

/// Reads an answer and makes sure that everything asked for is in it.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub fn read(body: &[u8], query: &EngagementQuery) -> Result<Content<EngagementAnswer>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(|answer| complete(answer.into_answer(), query))
}

pub(super) fn complete(
    answer: EngagementAnswer,
    query: &EngagementQuery,
) -> Result<EngagementAnswer, ReadError> {
    if query.skills.is_some() && answer.skills.is_none() {
        return Err(missing("skillIds", "skillsMetricsPerAgent"));
    }
    if query.agents.is_some() && answer.agents.is_none() {
        return Err(missing("agentIds", "agentsMetrics"));
    }
    if query.skills.is_none() && query.agents.is_none() && answer.account.is_none() {
        return Err(missing("the whole account", "metricsTotals"));
    }
    Ok(answer)
}

pub(super) fn missing(asked: &str, section: &str) -> ReadError {
    ReadError::Missing(format!(
        "asked for {asked} but the answer has no {section} section"
    ))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawAnswer {
    #[serde(rename = "metricsTotals", deserialize_with = "object")]
    account: Option<Activity>,
    #[serde(rename = "agentsMetrics", deserialize_with = "object")]
    agents: Option<AgentsActivity>,
    /// The name in the samples of LivePerson's documentation.
    #[serde(rename = "skillsMetricsPerAgent", deserialize_with = "object")]
    skills: Option<SkillsActivity>,
    /// The same by its name in the documentation's table of elements.
    #[serde(rename = "skillsMetrics", deserialize_with = "object")]
    skills_in_table: Option<SkillsActivity>,
}

impl RawAnswer {
    pub(super) fn into_answer(self) -> EngagementAnswer {
        let other = self.skills_in_table;
        // Should both sections come, an empty one must not hide the other.
        let skills = self
            .skills
            .filter(|section| !section.skills.is_empty() || other.is_none());
        EngagementAnswer {
            account: self.account,
            skills: skills.or(other),
            agents: self.agents,
        }
    }
}
