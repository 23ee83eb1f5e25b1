//! The plan of the Engagement Activity collector: the fewest requests that give every configured
//! level unrestricted by another level's ids.
//!
//! What filters what: account totals come only from a call with no ids at all; a list of agents
//! restricts the skills named beside it, so skills may share a call with `agentIds=all` but not
//! with a list; the agent section is never restricted by skills.

use super::query::{EngagementQuery, path};
use super::settings::Settings;
use crate::collectors::collector::Target;
use crate::collectors::realtime::IdFilter;
use crate::config::{Selection, Window};
use crate::vocabulary::Level;

/// The requests of one poll, window by window.
pub(super) fn plan(settings: &Settings, target: &Target<'_>) -> Vec<EngagementQuery> {
    let windows = settings.windows.iter();
    windows
        .flat_map(|window| of_window(settings, target, *window))
        .collect()
}

fn of_window(settings: &Settings, target: &Target<'_>, window: Window) -> Vec<EngagementQuery> {
    let query = |skills, agents, levels: &[Level]| EngagementQuery {
        window,
        skills,
        agents,
        levels: levels.to_vec(),
    };
    let skill_levels: &[Level] = match settings.skill_agents {
        true => &[Level::Skill, Level::SkillAgent],
        false => &[Level::Skill],
    };
    let mut of_skills = Vec::new();
    for filter in skill_filters(&settings.skills, target) {
        of_skills.push(query(Some(filter), None, skill_levels));
    }
    let mut of_agents = Vec::new();
    for filter in agent_filters(&settings.agents, target) {
        match of_skills.first_mut() {
            // The first call with skills can carry all agents; a list would restrict its skills.
            Some(shared) if filter == IdFilter::All => {
                shared.agents = Some(filter);
                shared.levels.push(Level::Agent);
            }
            _ => of_agents.push(query(None, Some(filter), &[Level::Agent])),
        }
    }
    let of_account = query(None, None, &[Level::Account]);
    let all = std::iter::once(of_account).chain(of_skills).chain(of_agents);
    all.collect()
}

fn skill_filters(selection: &Selection, target: &Target<'_>) -> Vec<IdFilter> {
    filters(selection, target, |ids| (ids, Some(IdFilter::All)))
}

fn agent_filters(selection: &Selection, target: &Target<'_>) -> Vec<IdFilter> {
    filters(selection, target, |ids| (Some(IdFilter::All), ids))
}

/// One filter for each call. `beside` puts an empty list of the ids beside the longest that the other
/// parameter can be: `all`.
fn filters(
    selection: &Selection,
    target: &Target<'_>,
    beside: impl Fn(Option<IdFilter>) -> (Option<IdFilter>, Option<IdFilter>),
) -> Vec<IdFilter> {
    let ids = match selection {
        Selection::None => return Vec::new(),
        Selection::All => return vec![IdFilter::All],
        Selection::Ids(ids) => ids,
    };
    let (skills, agents) = beside(Some(IdFilter::Ids(Vec::new())));
    let longest = EngagementQuery {
        window: Window::Today,
        skills,
        agents,
        levels: Vec::new(),
    };
    // Four digits of minutes are the most there can be.
    let path_without_ids = path(target.account, &longest, &|_| 1440);
    let lists = target.split_ids(&path_without_ids, ids);
    lists.into_iter().map(IdFilter::Ids).collect()
}
