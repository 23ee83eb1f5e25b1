//! The answer of Engagement Activity to samples. A number that LivePerson left out gives no sample.

use super::answer::{EngagementAnswer, NUMBERS};
use super::families::{self, ActivityFamilies};
use super::query::EngagementQuery;
use crate::metrics::{Family, LabelValue, Sink};
use crate::totals::SeriesKey;
use crate::vocabulary::Window;

/// Most labels of a family here: account, skill, agent, window, kind.
const MOST_LABELS: usize = 5;

/// Maps the levels that a query asks for. An answer since an anchor has no series of its own.
pub fn map(account: &str, query: &EngagementQuery, answer: &EngagementAnswer, sink: &mut dyn Sink) {
    if query.window == Window::SinceAnchor {
        return;
    }
    let window = query.window.label();
    for level in &query.levels {
        let Some(families) = families::of_level(*level) else {
            continue;
        };
        answer.visit(*level, |key, numbers| {
            let mut labels = Labels::new(account, key);
            labels.push(LabelValue::Text(&window));
            each_sample(
                families,
                labels,
                numbers.numbers(),
                |family, labels, number| {
                    sink.gauge(family, labels, number);
                },
            );
        });
    }
}

/// Maps the numbers of an id over a window, in the order of [`Activity::numbers`].
///
/// [`Activity::numbers`]: super::answer::Activity::numbers
pub(super) fn map_window(
    account: &str,
    window: Window,
    key: SeriesKey,
    numbers: &[f64],
    sink: &mut dyn Sink,
) {
    let numbers = <[f64; NUMBERS]>::try_from(numbers);
    let (Some(families), Ok(numbers)) = (families::of_level(key.level), numbers) else {
        return;
    };
    let numbers = numbers.map(|number| (!number.is_nan()).then_some(number));
    let window = window.label();
    let mut labels = Labels::new(account, key);
    labels.push(LabelValue::Text(&window));
    each_sample(families, labels, numbers, |family, labels, number| {
        sink.gauge(family, labels, number);
    });
}

/// The labels of an account, skill or agent, and those that follow.
pub(super) struct Labels<'a> {
    values: [LabelValue<'a>; MOST_LABELS],
    count: usize,
}

impl<'a> Labels<'a> {
    pub(super) fn new(account: &'a str, key: SeriesKey) -> Self {
        let mut labels = Self {
            values: [LabelValue::Text(account); MOST_LABELS],
            count: 1,
        };
        for id in key.ids() {
            labels.push(LabelValue::Id(*id));
        }
        labels
    }

    fn push(&mut self, value: LabelValue<'a>) {
        self.values[self.count] = value;
        self.count += 1;
    }
}

/// Hands out the samples of one account, skill or agent. The numbers are in the order of
/// [`Activity::numbers`].
///
/// [`Activity::numbers`]: super::answer::Activity::numbers
pub(super) fn each_sample(
    families: &'static ActivityFamilies,
    labels: Labels<'_>,
    numbers: [Option<f64>; NUMBERS],
    mut sample: impl FnMut(&'static Family, &[LabelValue<'_>], f64),
) {
    let Labels { mut values, count } = labels;
    let [
        interactive_chats,
        noninteractive_chats,
        interactive_seconds,
        noninteractive_seconds,
        connected,
    ] = numbers;
    for (kind, chats, seconds) in [
        ("interactive", interactive_chats, interactive_seconds),
        (
            "noninteractive",
            noninteractive_chats,
            noninteractive_seconds,
        ),
    ] {
        values[count] = LabelValue::Text(kind);
        for (family, number) in [
            (&families.chats, chats),
            (&families.handling_seconds, seconds),
        ] {
            if let Some(number) = number {
                sample(family, &values[..=count], number);
            }
        }
    }
    if let Some(number) = connected {
        sample(&families.connected_engagements, &values[..count], number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::answer::{Activity, AgentsActivity, SkillActivity, SkillsActivity};
    use super::*;
    use crate::metrics::Recorder;
    use crate::vocabulary::{AgentId, Level, SkillId};

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
            account: Some(Activity::counting_from(10.0)),
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
        let number = || (0_u32..1_000_000).prop_map(|n| Activity::counting_from(f64::from(n)));
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

    fn sum(activity: &Activity) -> f64 {
        activity.numbers().into_iter().flatten().sum()
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
