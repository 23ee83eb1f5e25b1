//! Every sample of the document, and every number in it.

use super::*;
use crate::cases::check_each;

const SOME: [f64; 5] = [1.0, 2.0, 12.0, 13.0, 3.0];
const SKILL_2: [f64; 5] = [1.0, 1.0, 12.0, 5.0, 2.0];

fn answer(name: &str) -> EngagementAnswer {
    let all = fixtures();
    let found = all.iter().find(|(file, _, _)| *file == name);
    let (_, body, query) = found.expect("a fixture of that name");
    parse(body, query)
}

fn agents(agents: &[(i64, [f64; 5])]) -> AgentsActivity {
    AgentsActivity {
        agents: agents
            .iter()
            .map(|(id, n)| ((*id).into(), activity(*n)))
            .collect(),
    }
}

fn one_skill(skill: i64, agent: i64, numbers: [f64; 5]) -> SkillsActivity {
    let inside = SkillActivity {
        totals: activity(numbers),
        agents: vec![(agent.into(), activity(numbers))],
    };
    SkillsActivity {
        skills: vec![(skill.into(), inside)],
    }
}

#[test]
fn every_fixture_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engactivity");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut listed: Vec<&str> = fixtures().iter().map(|f| f.0).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

#[test]
fn account_totals_with_and_without_intervals() {
    let expected = EngagementAnswer {
        account: Some(activity(SOME)),
        ..EngagementAnswer::default()
    };
    check_each(["account.json", "account-intervals.json"], |name| {
        assert_eq!(answer(name), expected, "{name}");
    });
}

#[test]
fn one_agent_with_intervals() {
    let expected = EngagementAnswer {
        agents: Some(agents(&[(2, SOME)])),
        ..EngagementAnswer::default()
    };
    assert_eq!(answer("agent-2-intervals.json"), expected);
}

#[test]
fn all_skills_and_one_agent() {
    let expected = EngagementAnswer {
        account: None,
        skills: Some(one_skill(2, 3, SOME)),
        agents: Some(agents(&[(3, SOME)])),
    };
    assert_eq!(answer("all-skills-agent-3.json"), expected);
}

#[test]
fn one_skill_by_itself() {
    let expected = EngagementAnswer {
        skills: Some(one_skill(2, 3, SKILL_2)),
        ..EngagementAnswer::default()
    };
    assert_eq!(answer("skill-2.json"), expected);
}

#[test]
fn no_data_is_zero_totals_and_empty_maps() {
    let no_skills = || Some(SkillsActivity { skills: Vec::new() });
    let expected = EngagementAnswer {
        account: None,
        skills: no_skills(),
        agents: Some(agents(&[])),
    };
    assert_eq!(answer("skill-and-agent-no-data.json"), expected);
    let expected = EngagementAnswer {
        skills: no_skills(),
        ..EngagementAnswer::default()
    };
    assert_eq!(answer("skill-no-data-intervals.json"), expected);
}
