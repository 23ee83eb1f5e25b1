//! The fewest requests, and which levels each of them feeds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::config::secret::Secret;
use crate::config::{Auth, EngagementActivity, Selection, Sla};
use crate::liveperson::engagement_path;

fn account() -> Account {
    let client_secret = Secret::from_value("s".to_owned());
    Account {
        id: "1".to_owned(),
        auth: Auth::OAuth2 {
            client_id: "c".to_owned(),
            client_secret,
        },
        hosts: BTreeMap::new(),
        engagement_activity: EngagementActivity {
            enabled: true,
            interval: Duration::from_secs(30),
            windows: vec![Window::Minutes(5)],
            skills: Selection::All,
            agents: Selection::All,
            skill_agents: false,
        },
        sla: Sla {
            enabled: true,
            interval: Duration::from_secs(60),
            windows: vec![Window::Minutes(5)],
            buckets: vec![15, 30],
            account: true,
            skills: Selection::None,
            groups: Selection::None,
        },
    }
}

fn ids(ids: &[i64]) -> Selection {
    Selection::Ids(ids.to_vec())
}

/// The Engagement Activity plan as `skillIds / agentIds: levels`.
fn activity(skills: Selection, agents: Selection, skill_agents: bool) -> Vec<String> {
    let mut account = account();
    account.engagement_activity.skills = skills;
    account.engagement_activity.agents = agents;
    account.engagement_activity.skill_agents = skill_agents;
    let plan = CollectorKind::EngagementActivity.plan(&account, None);
    let filter = |filter: &Option<IdFilter>| match filter {
        None => "-".to_owned(),
        Some(IdFilter::All) => "all".to_owned(),
        Some(IdFilter::Ids(ids)) => ids
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(","),
    };
    let describe = |request: &PlannedRequest| match &request.ask {
        Ask::Engagement {
            skills,
            agents,
            levels,
        } => {
            let levels: Vec<_> = levels.iter().map(|level| level.label()).collect();
            format!(
                "{} / {}: {}",
                filter(skills),
                filter(agents),
                levels.join(" ")
            )
        }
        other => panic!("{other:?} in the plan of Engagement Activity"),
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
        activity(ids(&[4, 15]), Selection::All, false),
        ["- / -: account", "4,15 / all: skill agent"]
    );
}

#[test]
fn a_list_of_agents_would_restrict_the_skills_beside_it() {
    assert_eq!(
        activity(Selection::All, ids(&[3]), true),
        [
            "- / -: account",
            "all / -: skill skill_agent",
            "- / 3: agent"
        ]
    );
    assert_eq!(
        activity(ids(&[-1]), ids(&[3, 5]), false),
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
    let mut account = account();
    account.engagement_activity.windows = vec![Window::Minutes(5), Window::Today];
    let plan = CollectorKind::EngagementActivity.plan(&account, None);
    let windows: Vec<_> = plan.iter().map(|request| request.window).collect();
    let (five, today) = (Window::Minutes(5), Window::Today);
    assert_eq!(windows, [five, five, today, today]);
}

#[test]
fn long_lists_are_split_so_that_no_url_passes_2000_characters() {
    let skills: Vec<i64> = (0..500).map(|n| i64::MAX - n).collect();
    let agents: Vec<i64> = (0..500).map(|n| 1_000_000 + n).collect();
    for agent_selection in [Selection::All, ids(&agents)] {
        let mut account = account();
        account.engagement_activity.skills = ids(&skills);
        account.engagement_activity.agents = agent_selection.clone();
        let plan = CollectorKind::EngagementActivity.plan(&account, None);
        let (mut seen_skills, mut seen_agents, mut agent_levels) = (vec![], vec![], 0);
        for request in &plan {
            let Query::Engagement(query) = request.query(1440) else {
                panic!("{request:?}")
            };
            let longest_host = 8 + 253 + 6;
            assert!(longest_host + engagement_path("1", &query).len() <= 2_000);
            if let Some(IdFilter::Ids(ids)) = query.skills {
                seen_skills.extend(ids);
            }
            if let Some(IdFilter::Ids(ids)) = query.agents {
                seen_agents.extend(ids);
            }
            let Ask::Engagement { levels, .. } = &request.ask else {
                panic!()
            };
            agent_levels += usize::from(levels.contains(&Level::Agent));
        }
        assert_eq!(seen_skills, skills);
        if agent_selection == Selection::All {
            assert_eq!(agent_levels, 1, "all agents are asked for once");
            assert_eq!(plan.len(), 8);
        } else {
            assert_eq!(seen_agents, agents);
        }
    }
}

fn subjects(account: &Account, skills: Option<&[i64]>) -> Vec<Option<SlaSubject>> {
    let plan = CollectorKind::Sla.plan(account, skills);
    let subject = |request: &PlannedRequest| match request.ask {
        Ask::Sla { subject, .. } => Some(subject),
        _ => None,
    };
    plan.iter().map(subject).collect()
}

#[test]
fn sla_needs_a_request_per_histogram() {
    let mut account = account();
    account.sla.skills = ids(&[4, -1]);
    account.sla.groups = ids(&[7]);
    assert_eq!(
        subjects(&account, None),
        [
            Some(SlaSubject::Account),
            Some(SlaSubject::Skill(4)),
            Some(SlaSubject::Skill(-1)),
            Some(SlaSubject::Group(7)),
        ]
    );
    account.sla.account = false;
    account.sla.windows.push(Window::Minutes(60));
    assert_eq!(subjects(&account, None).len(), 6);
    let plan = CollectorKind::Sla.plan(&account, None);
    let Query::Sla(query) = plan[0].query(5) else {
        panic!()
    };
    assert_eq!(query.lower_limits, [0, 15, 30]);
    assert_eq!(
        (query.skills, query.groups),
        (Some(IdFilter::Ids(vec![4])), None)
    );
}

#[test]
fn all_skills_of_sla_come_from_engagement_activity_when_it_covers_the_windows() {
    let mut account = account();
    account.sla.skills = Selection::All;
    let (discover, whole) = (None, Some(SlaSubject::Account));
    // Not asked yet: one request says which skills there are.
    assert_eq!(subjects(&account, None), [discover, whole]);
    let four = Some(SlaSubject::Skill(4));
    assert_eq!(subjects(&account, Some(&[4])), [whole, four]);
    // A longer window can hold skills that the shorter one does not name.
    account.sla.windows = vec![Window::Minutes(60)];
    assert_eq!(subjects(&account, Some(&[4])), [discover, whole]);
    assert_eq!(
        CollectorKind::Sla.plan(&account, None)[0].window,
        Window::Minutes(60)
    );
    account.sla.windows = vec![Window::Today];
    account.engagement_activity.windows = vec![Window::Minutes(1440)];
    assert_eq!(subjects(&account, Some(&[4])), [whole, four]);
    account.engagement_activity.enabled = false;
    assert_eq!(subjects(&account, Some(&[4])), [discover, whole]);
    let found = sla::plan_found_skills(&account, &[4, 5]);
    assert_eq!(found.len(), 2);
}
