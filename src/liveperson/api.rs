//! Queries and answers of the two APIs as plain values.
//!
//! Numbers are `f64` because that is what Prometheus stores; ids are `i64` because an id above
//! 2^53 would not survive a float. A number that LivePerson left out is `None`, never 0.

use serde::Deserialize;

use super::json::{count, numeric_map, object_or_default};

/// The LivePerson interfaces that are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// Engagement Activity.
    EngagementActivity,
    /// SLA Histogram.
    Sla,
    /// OAuth 2.0 token or user login.
    Token,
    /// Domain API.
    Domain,
    /// Account configuration: names for ids.
    Names,
}

impl Api {
    /// The value of the `api` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::EngagementActivity => "engactivity",
            Self::Sla => "sla",
            Self::Token => "token",
            Self::Domain => "domain",
            Self::Names => "names",
        }
    }
}

/// A list of ids in a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IdFilter {
    /// The word `all`.
    All,
    /// Ids, comma separated.
    Ids(Vec<i64>),
}

/// One call of `engactivity`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EngagementQuery {
    /// `timeframe`, minutes, 1 to 1440.
    pub timeframe: u16,
    /// `skillIds`.
    pub skills: Option<IdFilter>,
    /// `agentIds`.
    pub agents: Option<IdFilter>,
}

/// One call of `sla`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlaQuery {
    /// `timeframe`, minutes, 1 to 1440.
    pub timeframe: u16,
    /// `skillIds`.
    pub skills: Option<IdFilter>,
    /// `groupIds`.
    pub groups: Option<IdFilter>,
    /// `histogram`: LOWER limits in seconds, ascending, beginning with 0.
    pub lower_limits: Vec<u32>,
}

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

/// One skill of `metricsPerSkill`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SkillActivity {
    /// `metricsTotals` of the skill.
    #[serde(rename = "metricsTotals", deserialize_with = "object_or_default")]
    pub totals: Activity,
    /// `metricsPerAgent` inside the skill, ascending by agent id, unique.
    #[serde(rename = "metricsPerAgent", deserialize_with = "numeric_map")]
    pub agents: Vec<(i64, Activity)>,
}

/// `skillsMetricsPerAgent`, also seen as `skillsMetrics`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SkillsActivity {
    /// `metricsPerSkill`, ascending by skill id, unique.
    #[serde(rename = "metricsPerSkill", deserialize_with = "numeric_map")]
    pub skills: Vec<(i64, SkillActivity)>,
}

/// `agentsMetrics`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AgentsActivity {
    /// `metricsPerAgent`, ascending by agent id, unique.
    #[serde(rename = "metricsPerAgent", deserialize_with = "numeric_map")]
    pub agents: Vec<(i64, Activity)>,
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

/// One bucket of `slaDataRange`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlaBucket {
    /// The key: lower limit of the wait, seconds.
    pub lower_limit: u32,
    /// `chats`: this bucket's own count.
    pub chats: f64,
}

/// An answer of `sla`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlaAnswer {
    /// `slaDataRange`, ascending by lower limit, unique.
    pub buckets: Vec<SlaBucket>,
}
