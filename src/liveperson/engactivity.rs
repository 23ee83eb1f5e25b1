//! Engagement Activity: from the body to [`EngagementAnswer`].

use serde::Deserialize;

use super::api::{Activity, AgentsActivity, EngagementAnswer, EngagementQuery, SkillsActivity};
use super::json::{self, Content, ReadError, object};
use super::redactor::Redactor;

/// Reads an answer and makes sure that everything asked for is in it.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub(super) fn read(
    body: &[u8],
    query: &EngagementQuery,
) -> Result<Content<EngagementAnswer>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(|answer| complete(answer.into_answer(), query))
}

/// Reads a body of Engagement Activity as the client does, without a call.
///
/// # Errors
/// What is wrong with the body, with an excerpt of it.
pub fn read_engagement(body: &[u8], query: &EngagementQuery) -> Result<EngagementAnswer, String> {
    match read(body, query) {
        Ok(content) => Ok(content.value),
        Err(error) => Err(error.describe(body, &Redactor::default())),
    }
}

fn complete(
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

fn missing(asked: &str, section: &str) -> ReadError {
    ReadError::Missing(format!(
        "asked for {asked} but the answer has no {section} section"
    ))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAnswer {
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
    fn into_answer(self) -> EngagementAnswer {
        EngagementAnswer {
            account: self.account,
            skills: self.skills.or(self.skills_in_table),
            agents: self.agents,
        }
    }
}
