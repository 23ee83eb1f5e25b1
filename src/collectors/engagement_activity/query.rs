//! What is asked of `engactivity`, and the path of the call.

use crate::collectors::collector::Minutes;
use crate::collectors::realtime::{IdFilter, OperationsPath};
use crate::vocabulary::{AgentId, Id, Level, SkillId, Window};

/// One call of `engactivity`, and the levels that its answer feeds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EngagementQuery {
    /// The time frame.
    pub window: Window,
    /// `skillIds`.
    pub skills: Option<IdFilter<SkillId>>,
    /// `agentIds`.
    pub agents: Option<IdFilter<AgentId>>,
    /// Levels that take their series from the answer; none when only the skills are wanted.
    pub levels: Vec<Level>,
}

impl EngagementQuery {
    /// The ids that it asks for at a level; `None` for all of them, or for the whole account.
    pub(super) fn ids(&self, level: Level) -> Option<Vec<i64>> {
        match level {
            Level::Skill | Level::SkillAgent => ids(self.skills.as_ref()),
            Level::Agent => ids(self.agents.as_ref()),
            Level::Account | Level::Group => None,
        }
    }
}

fn ids<I: Id>(filter: Option<&IdFilter<I>>) -> Option<Vec<i64>> {
    match filter? {
        IdFilter::All => None,
        IdFilter::Ids(ids) => Some(ids.iter().map(|id| (*id).into()).collect()),
    }
}

/// Path and query of the call:
/// `/operations/api/account/1/engactivity?timeframe=5&skillIds=4,15&agentIds=all&v=1`.
pub(super) fn path(account: &str, query: &EngagementQuery, minutes: Minutes<'_>) -> String {
    OperationsPath::new(account, "engactivity")
        .with("timeframe", &minutes(query.window).to_string())
        .with_ids("skillIds", query.skills.as_ref())
        .with_ids("agentIds", query.agents.as_ref())
        .version("1")
}

/// The same with `interval`, which splits the answer into slots. `minutes` is a multiple of 5.
pub(super) fn slots_path(account: &str, query: &EngagementQuery, minutes: u16) -> String {
    OperationsPath::new(account, "engactivity")
        .with("timeframe", &minutes.to_string())
        .with("interval", "5")
        .with_ids("skillIds", query.skills.as_ref())
        .with_ids("agentIds", query.agents.as_ref())
        .version("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_documents() {
        let mut query = EngagementQuery {
            window: Window::Minutes(5),
            skills: Some(IdFilter::Ids([4, -1, i64::MAX].map(SkillId::from).to_vec())),
            agents: Some(IdFilter::All),
            levels: vec![],
        };
        assert_eq!(
            path("1", &query, &|_| 5),
            "/operations/api/account/1/engactivity?timeframe=5&skillIds=4,-1,9223372036854775807&agentIds=all&v=1"
        );
        assert_eq!(
            slots_path("1", &query, 1385),
            "/operations/api/account/1/engactivity?timeframe=1385&interval=5&skillIds=4,-1,9223372036854775807&agentIds=all&v=1"
        );
        query.skills = None;
        query.agents = None;
        assert_eq!(
            path("a/../b", &query, &|_| 7),
            "/operations/api/account/a%2F..%2Fb/engactivity?timeframe=7&v=1"
        );
    }
}
