//! Engagement Activity to families. A number that LivePerson left out gives no sample.

use super::catalogue::{ActivityFamilies, activity};
use super::{LabelValue, Sink};
use crate::liveperson::{Activity, EngagementAnswer};
use crate::scheduler::plan::Level;

/// Maps the levels wanted of one answer.
pub fn map(
    account: &str,
    window: &str,
    levels: &[Level],
    answer: &EngagementAnswer,
    sink: &mut impl Sink,
) {
    for level in levels {
        if let Some(families) = activity(*level) {
            of_level(account, window, *level, families, answer, sink);
        }
    }
}

fn of_level(
    account: &str,
    window: &str,
    level: Level,
    families: ActivityFamilies,
    answer: &EngagementAnswer,
    sink: &mut impl Sink,
) {
    let sections = &answer.whole;
    let account = LabelValue::Text(account);
    let mut put = |ids: &[LabelValue<'_>], numbers: &Activity| {
        samples(families, ids, window, numbers, sink);
    };
    let skills = sections.skills.iter().flat_map(|section| &section.skills);
    match level {
        Level::Account => {
            if let Some(totals) = &sections.account {
                put(&[account], totals);
            }
        }
        Level::Skill => {
            for (skill, numbers) in skills {
                put(&[account, LabelValue::Id(*skill)], &numbers.totals);
            }
        }
        Level::SkillAgent => {
            for (skill, numbers) in skills {
                for (agent, numbers) in &numbers.agents {
                    put(
                        &[account, LabelValue::Id(*skill), LabelValue::Id(*agent)],
                        numbers,
                    );
                }
            }
        }
        Level::Agent => {
            for (agent, numbers) in sections.agents.iter().flat_map(|section| &section.agents) {
                put(&[account, LabelValue::Id(*agent)], numbers);
            }
        }
        Level::Group => {}
    }
}

/// Most labels of a family here: account, skill, agent, window, kind.
const MOST_LABELS: usize = 5;

fn samples(
    families: ActivityFamilies,
    ids: &[LabelValue<'_>],
    window: &str,
    numbers: &Activity,
    sink: &mut impl Sink,
) {
    let mut labels = [LabelValue::Text(window); MOST_LABELS];
    labels[..ids.len()].copy_from_slice(ids);
    let kind = ids.len() + 1;
    for (word, chats, seconds) in [
        (
            "interactive",
            numbers.interactive_chats,
            numbers.interactive_handling_seconds,
        ),
        (
            "noninteractive",
            numbers.noninteractive_chats,
            numbers.noninteractive_handling_seconds,
        ),
    ] {
        labels[kind] = LabelValue::Text(word);
        for (family, number) in [
            (families.chats, chats),
            (families.handling_seconds, seconds),
        ] {
            if let Some(number) = number {
                sink.gauge(family, &labels[..=kind], number);
            }
        }
    }
    if let Some(number) = numbers.connected_engagements {
        sink.gauge(families.connected_engagements, &labels[..kind], number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Recorder;
    use super::*;
    use crate::liveperson::{AgentsActivity, Sections, SkillActivity, SkillsActivity};

    fn numbers(n: f64) -> Activity {
        Activity {
            interactive_chats: Some(n),
            noninteractive_chats: Some(n + 1.0),
            interactive_handling_seconds: Some(n + 2.0),
            noninteractive_handling_seconds: Some(n + 3.0),
            connected_engagements: Some(n + 4.0),
        }
    }

    fn mapped(levels: &[Level], answer: &EngagementAnswer) -> Recorder {
        let mut recorder = Recorder::default();
        map("1", "5m", levels, answer, &mut recorder);
        recorder
    }

    #[test]
    fn each_field_becomes_its_series() {
        let sections = Sections {
            account: Some(numbers(10.0)),
            ..Sections::default()
        };
        let answer = EngagementAnswer {
            whole: sections,
            intervals: vec![],
        };
        let mut samples = mapped(&[Level::Account], &answer).samples;
        samples.sort_by(|a, b| a.1.total_cmp(&b.1));
        let names: Vec<_> = samples.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "liveperson_window_account_chats{account=1,window=5m,kind=interactive}",
                "liveperson_window_account_chats{account=1,window=5m,kind=noninteractive}",
                "liveperson_window_account_handling_seconds{account=1,window=5m,kind=interactive}",
                "liveperson_window_account_handling_seconds{account=1,window=5m,kind=noninteractive}",
                "liveperson_window_account_connected_engagements{account=1,window=5m}",
            ]
        );
    }

    #[test]
    fn a_missing_number_gives_no_sample() {
        let partial = Activity {
            connected_engagements: Some(3.0),
            ..Activity::default()
        };
        let sections = Sections {
            account: Some(partial),
            ..Sections::default()
        };
        let answer = EngagementAnswer {
            whole: sections,
            intervals: vec![],
        };
        assert_eq!(mapped(&[Level::Account], &answer).samples.len(), 1);
    }

    fn any_answer() -> impl Strategy<Value = EngagementAnswer> {
        let number = || (0_u32..1_000_000).prop_map(|n| numbers(f64::from(n)));
        let agents = move || proptest::collection::btree_map(-1_i64..50, number(), 0..8);
        let skill = (number(), agents()).prop_map(|(totals, agents)| SkillActivity {
            totals,
            agents: agents.into_iter().collect(),
        });
        let skills = proptest::collection::btree_map(any::<i64>(), skill, 0..8);
        (skills, agents(), number()).prop_map(|(skills, agents, totals)| EngagementAnswer {
            whole: Sections {
                account: Some(totals),
                skills: Some(SkillsActivity {
                    skills: skills.into_iter().collect(),
                }),
                agents: Some(AgentsActivity {
                    agents: agents.into_iter().collect(),
                }),
            },
            intervals: vec![],
        })
    }

    fn sum(numbers: &Activity) -> f64 {
        [
            numbers.interactive_chats,
            numbers.noninteractive_chats,
            numbers.interactive_handling_seconds,
            numbers.noninteractive_handling_seconds,
            numbers.connected_engagements,
        ]
        .into_iter()
        .flatten()
        .sum()
    }

    proptest! {
        #[test]
        fn mapping_conserves_every_total(answer in any_answer()) {
            let skills = &answer.whole.skills.as_ref().unwrap().skills;
            let agents = &answer.whole.agents.as_ref().unwrap().agents;
            for (level, expected) in [
                (Level::Account, sum(&answer.whole.account.unwrap())),
                (Level::Skill, skills.iter().map(|(_, s)| sum(&s.totals)).sum()),
                (Level::Agent, agents.iter().map(|(_, a)| sum(a)).sum()),
                (Level::SkillAgent,
                    skills.iter().flat_map(|(_, s)| &s.agents).map(|(_, a)| sum(a)).sum()),
            ] {
                let recorder = mapped(&[level], &answer);
                let got: f64 = recorder.samples.iter().map(|(_, value)| value).sum();
                prop_assert_eq!(got, expected);
                let mut names: Vec<_> = recorder.samples.iter().map(|(name, _)| name).collect();
                let all = names.len();
                names.sort();
                names.dedup();
                prop_assert_eq!(names.len(), all, "a series twice");
            }
        }
    }
}
