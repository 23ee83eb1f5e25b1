//! Engagement Activity as running totals: the numbers of an answer by id, and what was made of them to
//! counters.

use super::answer::{EngagementAnswer, NUMBERS};
use super::families;
use super::map::{Labels, each_sample};
use super::query::EngagementQuery;
use crate::metrics::Sink;
use crate::totals::{Counts, SeriesKey};
use crate::vocabulary::Level;

/// The numbers at the levels that a query asks for, in the order of [`Activity::numbers`].
///
/// [`Activity::numbers`]: super::answer::Activity::numbers
pub fn counts(query: &EngagementQuery, answer: &EngagementAnswer) -> Counts {
    let mut counts = Counts::new(NUMBERS);
    // In the order of the keys, so that nothing is left to be sorted.
    for level in Level::ALL {
        if query.levels.contains(&level) {
            answer.visit(level, |key, numbers| counts.push(key, numbers.numbers()));
        }
    }
    counts.sorted()
}

/// Maps the running totals of an id. `values` are the numbers of a [`counts`], NaN for one that
/// LivePerson has never given; they count from `created`, in seconds since the epoch.
pub(super) fn map(
    account: &str,
    key: SeriesKey,
    values: &[f64],
    created: i64,
    sink: &mut dyn Sink,
) {
    let numbers = <[f64; NUMBERS]>::try_from(values);
    let (Some(families), Ok(numbers)) = (families::total_of_level(key.level), numbers) else {
        return;
    };
    let numbers = numbers.map(|number| (!number.is_nan()).then_some(number));
    let labels = Labels::new(account, key);
    each_sample(families, labels, numbers, |family, labels, number| {
        sink.counter(family, labels, number, created);
    });
}

#[cfg(test)]
mod tests {
    use super::super::answer::{Activity, AgentsActivity, SkillActivity, SkillsActivity};
    use super::*;
    use crate::metrics::Recorder;
    use crate::vocabulary::{AgentId, SkillId, Window};

    fn query(levels: &[Level]) -> EngagementQuery {
        EngagementQuery {
            window: Window::SinceAnchor,
            skills: None,
            agents: None,
            levels: levels.to_vec(),
        }
    }

    fn answer() -> EngagementAnswer {
        let agents = |all: &[(i64, f64)]| {
            let all = all.iter();
            all.map(|(id, n)| (AgentId::from(*id), Activity::counting_from(*n)))
                .collect()
        };
        let skill = |id: i64, n: f64, of_agents: &[(i64, f64)]| {
            let activity = SkillActivity {
                totals: Activity::counting_from(n),
                agents: agents(of_agents),
            };
            (SkillId::from(id), activity)
        };
        EngagementAnswer {
            account: Some(Activity::counting_from(100.0)),
            skills: Some(SkillsActivity {
                skills: vec![
                    skill(-1, 10.0, &[]),
                    skill(4, 20.0, &[(3, 30.0), (5, 40.0)]),
                ],
            }),
            agents: Some(AgentsActivity {
                agents: agents(&[(3, 50.0), (5, 60.0)]),
            }),
        }
    }

    #[test]
    fn each_id_of_the_levels_asked_for_is_counted() {
        use Level::{Account, Agent, Skill, SkillAgent};
        let of_agents = vec![
            (SeriesKey::one(Skill, -1), 10.0),
            (SeriesKey::one(Skill, 4), 20.0),
            (SeriesKey::one(Agent, 3), 50.0),
            (SeriesKey::one(Agent, 5), 60.0),
            (SeriesKey::skill_agent(4, 3), 30.0),
            (SeriesKey::skill_agent(4, 5), 40.0),
        ];
        for (levels, expected) in [
            (&[Account][..], vec![(SeriesKey::ACCOUNT, 100.0)]),
            (&[Skill][..], of_agents[..2].to_vec()),
            (&[Skill, SkillAgent, Agent][..], of_agents.clone()),
        ] {
            let counts = counts(&query(levels), &answer());
            let rows: Vec<_> = counts.iter().map(|(key, row)| (key, row[0])).collect();
            assert_eq!(rows, expected, "{levels:?}");
        }
    }

    #[test]
    fn the_numbers_of_an_answer_come_out_as_its_counters() {
        let counts = counts(&query(&[Level::SkillAgent]), &answer());
        let mut recorder = Recorder::default();
        for (key, row) in counts.iter().take(1) {
            map("1", key, row, 300, &mut recorder);
        }
        let ids = "account=1,skill=4,agent=3";
        let mut expected = Vec::new();
        for (name, kind, total) in [
            ("chats", ",kind=interactive", 30.0),
            ("handling_seconds", ",kind=interactive", 32.0),
            ("chats", ",kind=noninteractive", 31.0),
            ("handling_seconds", ",kind=noninteractive", 33.0),
            ("connected_engagements", "", 34.0),
        ] {
            let series = |end: &str| format!("liveperson_skill_agent_{name}_{end}{{{ids}{kind}}}");
            expected.push((series("total"), total));
            expected.push((series("created"), 300.0));
        }
        assert_eq!(recorder.samples, expected);
    }

    #[test]
    fn a_number_never_given_is_no_counter() {
        let mut recorder = Recorder::default();
        let values = [f64::NAN, 1.0, f64::NAN, f64::NAN, f64::NAN];
        map("1", SeriesKey::ACCOUNT, &values, 0, &mut recorder);
        let series = "liveperson_account_chats_total{account=1,kind=noninteractive}";
        assert_eq!(recorder.value(series), Some(1.0));
        assert_eq!(recorder.samples.len(), 2, "with the time: {recorder:?}");
    }
}
