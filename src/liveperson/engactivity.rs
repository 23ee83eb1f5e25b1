//! Engagement Activity: from the body to [`EngagementAnswer`].

use serde::de::MapAccess;

use super::api::{
    Activity, AgentsActivity, EngagementAnswer, EngagementQuery, SkillActivity, SkillsActivity,
};
use super::json::{self, Content, ReadError};
use super::json::{Count, Fields, Keyed, Object, Trail};
use super::redactor::Redactor;

/// Reads an answer and makes sure that everything asked for is in it.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub(super) fn read(
    body: &[u8],
    query: &EngagementQuery,
) -> Result<Content<EngagementAnswer>, ReadError> {
    json::read::<EngagementAnswer>(body)?.try_map(|answer| complete(answer, query))
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

impl Fields for EngagementAnswer {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "metricsTotals" => self.account = trail.field(map, "metricsTotals", Object::new())?,
            "agentsMetrics" => self.agents = trail.field(map, "agentsMetrics", Object::new())?,
            // The samples call it one thing, the table of elements another; should both come, an
            // empty one must not hide the other.
            "skillsMetricsPerAgent" => {
                let skills = trail.field(map, "skillsMetricsPerAgent", Object::new())?;
                self.skills = skills.or(self.skills.take());
            }
            "skillsMetrics" => {
                let skills = trail.field(map, "skillsMetrics", Object::new())?;
                self.skills = skills.or(self.skills.take());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for SkillsActivity {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "metricsPerSkill" => self.skills = by_id(map, trail, "metricsPerSkill")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for SkillActivity {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "metricsPerAgent" => self.agents = by_id(map, trail, "metricsPerAgent")?,
            _ => return totals(&mut self.totals, key, map, trail),
        }
        Ok(true)
    }
}

impl Fields for AgentsActivity {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "metricsPerAgent" => self.agents = by_id(map, trail, "metricsPerAgent")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A map of ids; absent or `null` is an empty one.
fn by_id<'de, A: MapAccess<'de>, T: Fields>(
    map: &mut A,
    trail: &mut Trail,
    name: &'static str,
) -> Result<Vec<(i64, T)>, A::Error> {
    Ok(trail.field(map, name, Keyed::new())?.unwrap_or_default())
}

/// `metricsTotals` inside a section; absent or `null` leaves every number out.
fn totals<'de, A: MapAccess<'de>>(
    totals: &mut Activity,
    key: &str,
    map: &mut A,
    trail: &mut Trail,
) -> Result<bool, A::Error> {
    let known = key == "metricsTotals";
    if known {
        *totals = trail
            .field(map, "metricsTotals", Object::new())?
            .unwrap_or_default();
    }
    Ok(known)
}

impl Fields for Activity {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        let (number, name) = match key {
            "totalInteractiveChats" => (&mut self.interactive_chats, "totalInteractiveChats"),
            "totalNonInteractiveChats" => {
                (&mut self.noninteractive_chats, "totalNonInteractiveChats")
            }
            "totalHandlingTime" => (&mut self.interactive_handling_seconds, "totalHandlingTime"),
            "nonInteractiveTotalHandlingTime" => (
                &mut self.noninteractive_handling_seconds,
                "nonInteractiveTotalHandlingTime",
            ),
            "connectedEngagements" => (&mut self.connected_engagements, "connectedEngagements"),
            _ => return Ok(false),
        };
        *number = trail.field(map, name, Count)?;
        Ok(true)
    }
}
