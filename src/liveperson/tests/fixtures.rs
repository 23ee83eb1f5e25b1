//! Every sample of the two documents, and every number in it.

use super::*;

const ZERO: [f64; 5] = [0.0; 5];
const SOME: [f64; 5] = [1.0, 2.0, 12.0, 13.0, 3.0];
const SKILL_2: [f64; 5] = [1.0, 1.0, 12.0, 5.0, 2.0];
/// The intervals of the samples, ascending.
const ENDS: [i64; 3] = [1_412_608_800_000, 1_412_644_800_000, 1_412_680_800_000];

fn answer(name: &str) -> EngagementAnswer {
    let all = engagement_fixtures();
    let found = all.iter().find(|(file, _, _)| *file == name);
    let (_, body, query) = found.expect("a fixture of that name");
    parse(body, query)
}

fn account(numbers: [f64; 5]) -> Sections {
    Sections {
        account: Some(activity(numbers)),
        ..Sections::default()
    }
}

fn agents(agents: &[(i64, [f64; 5])]) -> AgentsActivity {
    AgentsActivity {
        agents: agents.iter().map(|(id, n)| (*id, activity(*n))).collect(),
    }
}

fn one_skill(skill: i64, agent: i64, numbers: [f64; 5]) -> SkillsActivity {
    let inside = SkillActivity {
        totals: activity(numbers),
        agents: vec![(agent, activity(numbers))],
    };
    SkillsActivity {
        skills: vec![(skill, inside)],
    }
}

fn no_skills() -> SkillsActivity {
    SkillsActivity { skills: Vec::new() }
}

fn intervals(data: [Sections; 3]) -> Vec<Interval> {
    let spans = ENDS.into_iter().zip(data);
    spans
        .map(|(end_ms, data)| Interval { end_ms, data })
        .collect()
}

#[test]
fn every_fixture_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/engactivity");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut listed: Vec<&str> = engagement_fixtures().iter().map(|f| f.0).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

#[test]
fn account_totals() {
    let expected = EngagementAnswer {
        whole: account(SOME),
        intervals: Vec::new(),
    };
    assert_eq!(answer("account.json"), expected);
}

#[test]
fn account_intervals_are_put_in_order() {
    let expected = EngagementAnswer {
        whole: account(SOME),
        intervals: intervals([account(ZERO), account(ZERO), account(SOME)]),
    };
    assert_eq!(answer("account-intervals.json"), expected);
}

#[test]
fn agent_intervals() {
    let full = || Sections {
        agents: Some(agents(&[(2, SOME)])),
        ..Sections::default()
    };
    let empty = || Sections {
        agents: Some(agents(&[])),
        ..Sections::default()
    };
    let expected = EngagementAnswer {
        whole: full(),
        intervals: intervals([empty(), empty(), full()]),
    };
    assert_eq!(answer("agent-2-intervals.json"), expected);
}

#[test]
fn all_skills_and_one_agent() {
    let expected = Sections {
        account: None,
        skills: Some(one_skill(2, 3, SOME)),
        agents: Some(agents(&[(3, SOME)])),
    };
    let found = answer("all-skills-agent-3.json");
    assert_eq!(found.whole, expected);
    assert_eq!(found.intervals, []);
}

#[test]
fn one_skill_by_itself() {
    let expected = Sections {
        skills: Some(one_skill(2, 3, SKILL_2)),
        ..Sections::default()
    };
    let found = answer("skill-2.json");
    assert_eq!(found.whole, expected);
    assert_eq!(found.intervals, []);
}

#[test]
fn no_data_is_zero_totals_and_empty_maps() {
    let expected = Sections {
        account: None,
        skills: Some(no_skills()),
        agents: Some(agents(&[])),
    };
    let found = answer("skill-and-agent-no-data.json");
    assert_eq!(found.whole, expected);
    assert_eq!(found.intervals, []);
}

#[test]
fn no_data_in_intervals() {
    let empty = || Sections {
        skills: Some(no_skills()),
        ..Sections::default()
    };
    let expected = EngagementAnswer {
        whole: empty(),
        intervals: intervals([empty(), empty(), empty()]),
    };
    assert_eq!(answer("skill-no-data-intervals.json"), expected);
}

#[test]
fn the_histogram() {
    let bucket = |lower_limit, chats| SlaBucket { lower_limit, chats };
    let expected = vec![
        bucket(0, 2.0),
        bucket(5, 2.0),
        bucket(10, 0.0),
        bucket(20, 1.0),
        bucket(30, 0.0),
    ];
    let content = sla::read(SLA_FIXTURE.as_bytes()).unwrap();
    assert_eq!(content.value.buckets, expected);
    assert_eq!(content.status, None);
}
