//! The answer of Engagement Activity, and its parser.
//!
//! Numbers are `f64` because that is what Prometheus stores; ids are `i64` because an id above
//! 2^53 would not survive a float. A number that LivePerson left out is `None`, never 0.

use serde::de::MapAccess;

use super::query::EngagementQuery;
use crate::liveperson::json::{
    self, Content, Count, Fields, Keyed, Object, ReadError, Trail,
};

/// The five numbers LivePerson gives for an account, a skill or an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// `totalInteractiveChats`: interactive chats closed in the time frame.
    pub interactive_chats: Option<f64>,
    /// `totalNonInteractiveChats`: non-interactive chats closed, abandoned ones included.
    pub noninteractive_chats: Option<f64>,
    /// `totalHandlingTime`: seconds spent on interactive chats.
    pub interactive_handling_seconds: Option<f64>,
    /// `nonInteractiveTotalHandlingTime`: seconds spent on non-interactive chats.
    pub noninteractive_handling_seconds: Option<f64>,
    /// `connectedEngagements`: chats connected to an agent.
    pub connected_engagements: Option<f64>,
}

/// One skill of `metricsPerSkill`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkillActivity {
    /// `metricsTotals` of the skill.
    pub totals: Activity,
    /// `metricsPerAgent` inside the skill, ascending by agent id, unique.
    pub agents: Vec<(i64, Activity)>,
}

/// `skillsMetricsPerAgent`, also seen as `skillsMetrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkillsActivity {
    /// `metricsPerSkill`, ascending by skill id, unique.
    pub skills: Vec<(i64, SkillActivity)>,
}

/// `agentsMetrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentsActivity {
    /// `metricsPerAgent`, ascending by agent id, unique.
    pub agents: Vec<(i64, Activity)>,
}

/// An answer of `engactivity`; which sections are there depends on the ids asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngagementAnswer {
    /// `metricsTotals` at the top: only when no ids were asked for.
    pub account: Option<Activity>,
    /// The skill section: only when `skillIds` was asked for.
    pub skills: Option<SkillsActivity>,
    /// The agent section: only when `agentIds` was asked for.
    pub agents: Option<AgentsActivity>,
}

/// Reads an answer and makes sure that everything asked for is in it.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub fn read(body: &[u8], query: &EngagementQuery) -> Result<Content<EngagementAnswer>, ReadError> {
    json::read::<EngagementAnswer>(body)?.try_map(|answer| {
        check_sections(&answer, query)?;
        Ok(answer)
    })
}

fn check_sections(answer: &EngagementAnswer, query: &EngagementQuery) -> Result<(), ReadError> {
    if query.skills.is_some() && answer.skills.is_none() {
        return Err(missing("skillIds", "skillsMetricsPerAgent section"));
    }
    if query.agents.is_some() && answer.agents.is_none() {
        return Err(missing("agentIds", "agentsMetrics section"));
    }
    if query.skills.is_none() && query.agents.is_none() && answer.account.is_none() {
        return Err(missing("the whole account", "metricsTotals section"));
    }
    Ok(())
}

fn missing(asked: &str, what: &str) -> ReadError {
    ReadError::Missing(format!("asked for {asked} but the answer has no {what}"))
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
