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
use crate::vocabulary::{AgentId, Id, Level, Selection, SkillId, Window};

/// The requests of one poll, window by window; running totals are one more window.
pub(super) fn plan(settings: &Settings, target: &Target<'_>) -> Vec<EngagementQuery> {
    let totals = settings.totals.then_some(Window::SinceAnchor);
    let windows = settings.windows.iter().copied().chain(totals);
    windows
        .flat_map(|window| of_window(settings, target, window))
        .collect()
}

/// The requests of one poll for one window.
pub(super) fn of_window(
    settings: &Settings,
    target: &Target<'_>,
    window: Window,
) -> Vec<EngagementQuery> {
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
    let all = std::iter::once(of_account)
        .chain(of_skills)
        .chain(of_agents);
    all.collect()
}

fn skill_filters(selection: &Selection<SkillId>, target: &Target<'_>) -> Vec<IdFilter<SkillId>> {
    // The first list of skills may share its call with all agents.
    filters(selection, target, |ids| (ids, Some(IdFilter::All)))
}

fn agent_filters(selection: &Selection<AgentId>, target: &Target<'_>) -> Vec<IdFilter<AgentId>> {
    // A list of agents restricts skills and never shares a call with them.
    filters(selection, target, |ids| (None, ids))
}

/// One filter for each call. `beside` puts an empty list of the ids beside the longest that the other
/// parameter can be.
fn filters<I: Id>(
    selection: &Selection<I>,
    target: &Target<'_>,
    beside: impl Fn(Option<IdFilter<I>>) -> (Option<IdFilter<SkillId>>, Option<IdFilter<AgentId>>),
) -> Vec<IdFilter<I>> {
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

#[cfg(test)]
mod tests {
    use super::super::tests::{TARGET, selected, settings};
    use crate::cases::check_each;

    use super::*;
    use crate::collectors::realtime::commas;

    fn filter<I: Id>(filter: Option<&IdFilter<I>>) -> String {
        match filter {
            None => "-".to_owned(),
            Some(IdFilter::All) => "all".to_owned(),
            Some(IdFilter::Ids(ids)) => commas(ids),
        }
    }

    /// The plan as `skillIds / agentIds: levels`.
    fn activity(
        skills: Selection<SkillId>,
        agents: Selection<AgentId>,
        skill_agents: bool,
    ) -> Vec<String> {
        let plan = plan(&settings(skills, agents, skill_agents), &TARGET);
        let describe = |query: &EngagementQuery| {
            let levels: Vec<_> = query.levels.iter().map(|level| level.label()).collect();
            let (skills, agents) = (query.skills.as_ref(), query.agents.as_ref());
            format!(
                "{} / {}: {}",
                filter(skills),
                filter(agents),
                levels.join(" ")
            )
        };
        plan.iter().map(describe).collect()
    }

    #[test]
    fn all_skills_with_all_agents_need_two_requests() {
        assert_eq!(
            activity(Selection::All, Selection::All, false),
            ["- / -: account", "all / all: skill agent"]
        );
        assert_eq!(
            activity(Selection::All, Selection::All, true),
            ["- / -: account", "all / all: skill skill_agent agent"]
        );
    }

    #[test]
    fn a_list_of_skills_can_share_its_request_with_all_agents() {
        assert_eq!(
            activity(selected(&[4, 15]), Selection::All, false),
            ["- / -: account", "4,15 / all: skill agent"]
        );
    }

    #[test]
    fn a_list_of_agents_would_restrict_the_skills_beside_it() {
        assert_eq!(
            activity(Selection::All, selected(&[3]), true),
            [
                "- / -: account",
                "all / -: skill skill_agent",
                "- / 3: agent"
            ]
        );
        assert_eq!(
            activity(selected(&[-1]), selected(&[3, 5]), false),
            ["- / -: account", "-1 / -: skill", "- / 3,5: agent"]
        );
    }

    #[test]
    fn levels_that_are_not_configured_are_not_asked_for() {
        assert_eq!(
            activity(Selection::None, Selection::None, false),
            ["- / -: account"]
        );
        assert_eq!(
            activity(Selection::None, Selection::All, false),
            ["- / -: account", "- / all: agent"]
        );
        assert_eq!(
            activity(Selection::All, Selection::None, false),
            ["- / -: account", "all / -: skill"]
        );
    }

    #[test]
    fn each_window_is_asked_for_by_itself() {
        let settings = Settings {
            windows: vec![Window::Minutes(5), Window::Today],
            ..settings(Selection::All, Selection::All, false)
        };
        let plan = plan(&settings, &TARGET);
        let windows: Vec<_> = plan.iter().map(|request| request.window).collect();
        let (five, today) = (Window::Minutes(5), Window::Today);
        assert_eq!(windows, [five, five, today, today]);
    }

    #[test]
    fn running_totals_are_asked_for_like_one_more_window() {
        let settings = Settings {
            windows: vec![Window::Minutes(5)],
            totals: true,
            ..settings(selected(&[4]), selected(&[3]), true)
        };
        let plan = plan(&settings, &TARGET);
        let (window, totals) = plan.split_at(3);
        let as_totals = window.iter().map(|query| EngagementQuery {
            window: Window::SinceAnchor,
            ..query.clone()
        });
        assert_eq!(totals, as_totals.collect::<Vec<_>>());
    }

    #[test]
    fn long_lists_are_split_so_that_no_url_passes_2000_characters() {
        let skills: Vec<i64> = (0..500).map(|n| i64::MAX - n).collect();
        let agents: Vec<i64> = (0..500).map(|n| 1_000_000 + n).collect();
        check_each([Selection::All, selected(&agents)], |agent_selection| {
            let settings = settings(selected(&skills), agent_selection.clone(), false);
            let plan = plan(&settings, &TARGET);
            let (mut seen_skills, mut seen_agents, mut agent_levels) = (vec![], vec![], 0);
            for query in &plan {
                let longest_host = 8 + 253 + 6;
                assert!(longest_host + path("1", query, &|_| 1440).len() <= 2_000);
                if let Some(IdFilter::Ids(ids)) = &query.skills {
                    seen_skills.extend(ids.iter().copied().map(i64::from));
                }
                if let Some(IdFilter::Ids(ids)) = &query.agents {
                    seen_agents.extend(ids.iter().copied().map(i64::from));
                }
                agent_levels += usize::from(query.levels.contains(&Level::Agent));
            }
            assert_eq!(seen_skills, skills);
            if agent_selection == Selection::All {
                assert_eq!(agent_levels, 1, "all agents are asked for once");
                assert_eq!(plan.len(), 8);
            } else {
                assert_eq!(seen_agents, agents);
            }
        });
    }

    #[test]
    fn a_list_of_agents_fills_its_url_as_far_as_it_may() {
        let agents: Vec<i64> = (0..500).map(|n| 1_000_000 + n).collect();
        let settings = settings(Selection::All, selected(&agents), false);
        let plan = plan(&settings, &TARGET);
        let longest_host = 8 + 253 + 6;
        let length = |query| longest_host + path("1", query, &|_| 1440).len();
        let first_list = plan
            .iter()
            .find(|query| query.skills.is_none() && query.agents.is_some());
        // One more agent would be eight characters.
        assert!(length(first_list.unwrap()) > 2_000 - 8 - 1);
    }
}
