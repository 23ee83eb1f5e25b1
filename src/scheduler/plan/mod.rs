//! The request plan: the fewest requests that give every configured level unrestricted by another
//! level's ids.
//!
//! One file per collector. A planned request says what is asked and which levels its answer
//! feeds; the window becomes minutes only when the call starts, because `today` grows.

pub mod engagement_activity;
pub mod sla;
mod split;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::{Account, Selection, Window};
use crate::liveperson::{EngagementQuery, IdFilter, SlaQuery};

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The whole account.
    Account,
    /// One skill.
    Skill,
    /// One agent.
    Agent,
    /// One agent in one skill.
    SkillAgent,
    /// One agent group.
    Group,
}

impl Level {
    /// The level's word in series names and in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Skill => "skill",
            Self::Agent => "agent",
            Self::SkillAgent => "skill_agent",
            Self::Group => "group",
        }
    }
}

/// The collectors, in the order in which they are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CollectorKind {
    /// Engagement Activity.
    EngagementActivity,
    /// SLA Histogram.
    Sla,
}

impl CollectorKind {
    /// Every collector there is.
    pub const ALL: [Self; 2] = [Self::EngagementActivity, Self::Sla];

    /// The value of the `collector` label and the name of its section in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::EngagementActivity => "engagement_activity",
            Self::Sla => "sla",
        }
    }

    /// Whether it runs for this account.
    pub fn enabled(self, account: &Account) -> bool {
        match self {
            Self::EngagementActivity => account.engagement_activity.enabled,
            Self::Sla => account.sla.enabled,
        }
    }

    /// Time between the beginnings of two polls.
    pub fn interval(self, account: &Account) -> Duration {
        match self {
            Self::EngagementActivity => account.engagement_activity.interval,
            Self::Sla => account.sla.interval,
        }
    }

    /// Whether it asks for the same things as often under both configurations of an account.
    pub fn asks_the_same(self, a: &Account, b: &Account) -> bool {
        match self {
            Self::EngagementActivity => a.engagement_activity == b.engagement_activity,
            // With `skills: all` it depends on Engagement Activity who finds the skills.
            Self::Sla => {
                a.sla == b.sla
                    && (a.sla.skills != Selection::All
                        || a.engagement_activity == b.engagement_activity)
            }
        }
    }

    /// The requests of one poll. `skills` are those LivePerson has reported, for plans that need
    /// a request each; `None` when it has not been asked yet.
    pub fn plan(self, account: &Account, skills: Option<&[i64]>) -> Vec<PlannedRequest> {
        match self {
            Self::EngagementActivity => engagement_activity::plan(account),
            Self::Sla => sla::plan(account, skills),
        }
    }
}

/// One request of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlannedRequest {
    /// The time frame.
    pub window: Window,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked, and what the answer is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Engagement Activity; the answer feeds the levels named.
    Engagement {
        /// `skillIds`.
        skills: Option<IdFilter>,
        /// `agentIds`.
        agents: Option<IdFilter>,
        /// Levels that take their series from this answer.
        levels: Vec<Level>,
    },
    /// Engagement Activity of all skills, only to learn which skills there are.
    DiscoverSkills,
    /// One SLA histogram.
    Sla {
        /// Whose waits.
        subject: SlaSubject,
        /// LOWER limits in seconds, beginning with 0.
        lower_limits: Vec<u32>,
    },
}

/// Whose waits an SLA histogram counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlaSubject {
    /// Everybody's.
    Account,
    /// One skill's.
    Skill(i64),
    /// One agent group's.
    Group(i64),
}

/// A request as it goes to LivePerson.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// `engactivity`.
    Engagement(EngagementQuery),
    /// `sla`.
    Sla(SlaQuery),
}

impl PlannedRequest {
    /// The call for a window of `timeframe` minutes.
    pub fn query(&self, timeframe: u16) -> Query {
        let engagement = |skills: &Option<IdFilter>, agents: &Option<IdFilter>| {
            Query::Engagement(EngagementQuery {
                timeframe,
                skills: skills.clone(),
                agents: agents.clone(),
                interval: None,
            })
        };
        match &self.ask {
            Ask::Engagement { skills, agents, .. } => engagement(skills, agents),
            Ask::DiscoverSkills => engagement(&Some(IdFilter::All), &None),
            Ask::Sla {
                subject,
                lower_limits,
            } => {
                let only = |id: &i64| Some(IdFilter::Ids(vec![*id]));
                Query::Sla(SlaQuery {
                    timeframe,
                    skills: if let SlaSubject::Skill(id) = subject {
                        only(id)
                    } else {
                        None
                    },
                    groups: if let SlaSubject::Group(id) = subject {
                        only(id)
                    } else {
                        None
                    },
                    lower_limits: lower_limits.clone(),
                })
            }
        }
    }
}
