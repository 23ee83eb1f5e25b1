//! The answer of Engagement Activity to samples. A number that LivePerson left out gives no sample.

use super::answer::{Activity, EngagementAnswer};
use super::families::{self, ActivityFamilies};
use super::query::EngagementQuery;
use crate::metrics::{LabelValue, Sink};
use crate::vocabulary::Level;

/// Maps the levels that a query asks for.
pub fn map(account: &str, query: &EngagementQuery, answer: &EngagementAnswer, sink: &mut dyn Sink) {
    let window = query.window.label();
    for level in &query.levels {
        if let Some(families) = families::of_level(*level) {
            let mut samples = Samples {
                families,
                window: &window,
                sink,
            };
            of_level(account, *level, answer, &mut samples);
        }
    }
}

fn of_level(account: &str, level: Level, answer: &EngagementAnswer, samples: &mut Samples<'_>) {
    let account = LabelValue::Text(account);
    let skills = answer.skills.iter().flat_map(|section| &section.skills);
    match level {
        Level::Account => {
            if let Some(totals) = &answer.account {
                samples.add(&[account], totals);
            }
        }
        Level::Skill => {
            for (skill, numbers) in skills {
                samples.add(&[account, (*skill).into()], &numbers.totals);
            }
        }
        Level::SkillAgent => {
            for (skill, numbers) in skills {
                for (agent, numbers) in &numbers.agents {
                    let ids = [account, (*skill).into(), (*agent).into()];
                    samples.add(&ids, numbers);
                }
            }
        }
        Level::Agent => {
            for (agent, numbers) in answer.agents.iter().flat_map(|section| &section.agents) {
                samples.add(&[account, (*agent).into()], numbers);
            }
        }
        Level::Group => {}
    }
}

/// Most labels of a family here: account, skill, agent, window, kind.
const MOST_LABELS: usize = 5;

/// The samples of one level in one window.
struct Samples<'a> {
    families: &'static ActivityFamilies,
    window: &'a str,
    sink: &'a mut dyn Sink,
}

impl Samples<'_> {
    /// Adds the samples of one account, skill or agent.
    fn add(&mut self, ids: &[LabelValue<'_>], numbers: &Activity) {
        let Self {
            families,
            window,
            sink,
        } = self;
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
                (&families.chats, chats),
                (&families.handling_seconds, seconds),
            ] {
                if let Some(number) = number {
                    sink.gauge(family, &labels[..=kind], number);
                }
            }
        }
        if let Some(number) = numbers.connected_engagements {
            sink.gauge(&families.connected_engagements, &labels[..kind], number);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::answer::{AgentsActivity, SkillActivity, SkillsActivity};
    use super::*;
    use crate::metrics::Recorder;
    use crate::vocabulary::{AgentId, SkillId, Window};

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
        let query = EngagementQuery {
            window: Window::Minutes(5),
            skills: None,
            agents: None,
            levels: levels.to_vec(),
        };
        map("1", &query, answer, &mut recorder);
        recorder
    }

    #[test]
    fn each_field_becomes_its_series() {
        let answer = EngagementAnswer {
            account: Some(numbers(10.0)),
            ..EngagementAnswer::default()
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
        let answer = EngagementAnswer {
            account: Some(partial),
            ..EngagementAnswer::default()
        };
        assert_eq!(mapped(&[Level::Account], &answer).samples.len(), 1);
    }

    fn any_answer() -> impl Strategy<Value = EngagementAnswer> {
        let number = || (0_u32..1_000_000).prop_map(|n| numbers(f64::from(n)));
        let agent = (-1_i64..50).prop_map(AgentId::from);
        let agents = move || proptest::collection::btree_map(agent.clone(), number(), 0..8);
        let skill = (number(), agents()).prop_map(|(totals, agents)| SkillActivity {
            totals,
            agents: agents.into_iter().collect(),
        });
        let skills =
            proptest::collection::btree_map(any::<i64>().prop_map(SkillId::from), skill, 0..8);
        (skills, agents(), number()).prop_map(|(skills, agents, totals)| EngagementAnswer {
            account: Some(totals),
            skills: Some(SkillsActivity {
                skills: skills.into_iter().collect(),
            }),
            agents: Some(AgentsActivity {
                agents: agents.into_iter().collect(),
            }),
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
            let skills = &answer.skills.as_ref().unwrap().skills;
            let agents = &answer.agents.as_ref().unwrap().agents;
            for (level, expected) in [
                (Level::Account, sum(&answer.account.unwrap())),
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
