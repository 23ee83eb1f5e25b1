//! The plan of the Engagement Activity collector.
//!
//! What filters what: account totals come only from a call with no ids at all; a list of agents
//! restricts the skills named beside it, so skills may share a call with `agentIds=all` but not
//! with a list; the agent section is never restricted by skills.

use super::split::split;
use super::{Ask, Level, PlannedRequest};
use crate::config::{Account, Selection, Window};
use crate::liveperson::{EngagementQuery, IdFilter, engagement_path};

/// The requests of one poll, window by window.
pub fn plan(account: &Account) -> Vec<PlannedRequest> {
    account
        .engagement_activity
        .windows
        .iter()
        .flat_map(|w| of_window(account, *w))
        .collect()
}

fn of_window(account: &Account, window: Window) -> Vec<PlannedRequest> {
    let config = &account.engagement_activity;
    let mut asks = vec![Ask::Engagement {
        skills: None,
        agents: None,
        levels: vec![Level::Account],
    }];
    let mut skill_levels = vec![Level::Skill];
    if config.skill_agents {
        skill_levels.push(Level::SkillAgent);
    }
    for filter in filters(account, &config.skills, true) {
        asks.push(Ask::Engagement {
            skills: Some(filter),
            agents: None,
            levels: skill_levels.clone(),
        });
    }
    for filter in filters(account, &config.agents, false) {
        // The first call with skills can carry all agents; a list would restrict its skills.
        match (&filter, asks.get_mut(1)) {
            (
                IdFilter::All,
                Some(Ask::Engagement {
                    skills: Some(_),
                    agents: agents @ None,
                    levels,
                }),
            ) => {
                *agents = Some(filter);
                levels.push(Level::Agent);
            }
            _ => asks.push(Ask::Engagement {
                skills: None,
                agents: Some(filter),
                levels: vec![Level::Agent],
            }),
        }
    }
    asks.into_iter()
        .map(|ask| PlannedRequest { window, ask })
        .collect()
}

fn filters(account: &Account, selection: &Selection, skills: bool) -> Vec<IdFilter> {
    let ids = match selection {
        Selection::None => return Vec::new(),
        Selection::All => return vec![IdFilter::All],
        Selection::Ids(ids) => ids,
    };
    // The longest the rest of the query can become: four digits of minutes, the other list `all`.
    let (list, all) = (Some(IdFilter::Ids(Vec::new())), Some(IdFilter::All));
    let (skills, agents) = if skills { (list, all) } else { (None, list) };
    let longest = EngagementQuery {
        timeframe: 1440,
        skills,
        agents,
        interval: None,
    };
    split(account, &engagement_path(&account.id, &longest), ids)
        .into_iter()
        .map(IdFilter::Ids)
        .collect()
}
