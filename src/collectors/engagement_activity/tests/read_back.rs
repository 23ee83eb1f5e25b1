//! Whatever was written in any form reads back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::liveperson::json::testing::{any_style, write};

fn activity_json(activity: &Activity) -> Value {
    let mut map = Map::new();
    for (name, number) in [
        ("totalInteractiveChats", activity.interactive_chats),
        ("totalNonInteractiveChats", activity.noninteractive_chats),
        ("totalHandlingTime", activity.interactive_handling_seconds),
        (
            "nonInteractiveTotalHandlingTime",
            activity.noninteractive_handling_seconds,
        ),
        ("connectedEngagements", activity.connected_engagements),
    ] {
        // Half of what is missing is null, the other half is left out.
        match number {
            Some(number) => map.insert(name.to_owned(), json!(number)),
            None if name.len() % 2 == 0 => map.insert(name.to_owned(), Value::Null),
            None => None,
        };
    }
    Value::Object(map)
}

fn by_id<I: Id, T>(all: &[(I, T)], write: impl Fn(&T) -> Value) -> Value {
    let fields = all.iter().map(|(id, one)| (id.to_string(), write(one)));
    Value::Object(fields.collect())
}

fn answer_json(answer: &EngagementAnswer) -> Value {
    let mut map = Map::new();
    if let Some(account) = &answer.account {
        map.insert("metricsTotals".to_owned(), activity_json(account));
    }
    if let Some(skills) = &answer.skills {
        let per_skill = by_id(&skills.skills, |skill| {
            json!({
                "metricsPerAgent": by_id(&skill.agents, activity_json),
                "metricsTotals": activity_json(&skill.totals),
            })
        });
        let section = json!({
            "metricsPerSkill": per_skill,
            "metricsTotals": "not read",
        });
        map.insert("skillsMetricsPerAgent".to_owned(), section);
    }
    if let Some(agents) = &answer.agents {
        let section = json!({
            "metricsPerAgent": by_id(&agents.agents, activity_json),
            "metricsTotals": [],
        });
        map.insert("agentsMetrics".to_owned(), section);
    }
    Value::Object(map)
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    // Quarters: exact in every way of writing them.
    proptest::option::of(any::<u32>().prop_map(|n| f64::from(n) / 4.0))
}

fn any_activity() -> impl Strategy<Value = Activity> {
    proptest::array::uniform5(any_number()).prop_map(|[a, b, c, d, e]| Activity {
        interactive_chats: a,
        noninteractive_chats: b,
        interactive_handling_seconds: c,
        noninteractive_handling_seconds: d,
        connected_engagements: e,
    })
}

fn any_by_id<I: Id, T: std::fmt::Debug>(
    one: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(I, T)>> {
    proptest::collection::btree_map(any::<i64>().prop_map(I::from), one, 0..5)
        .prop_map(|map: BTreeMap<I, T>| map.into_iter().collect())
}

fn any_answer() -> impl Strategy<Value = EngagementAnswer> {
    let skill = (any_activity(), any_by_id(any_activity()))
        .prop_map(|(totals, agents)| SkillActivity { totals, agents });
    let skills = any_by_id(skill).prop_map(|skills| SkillsActivity { skills });
    let agents = any_by_id(any_activity()).prop_map(|agents| AgentsActivity { agents });
    (any_activity(), skills, agents).prop_map(|(account, skills, agents)| EngagementAnswer {
        account: Some(account),
        skills: Some(skills),
        agents: Some(agents),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engagement_answers_read_back(answer in any_answer(), style in any_style()) {
        let query = query(Some(IdFilter::All), Some(IdFilter::All));
        let text = write(&answer_json(&answer), style);
        prop_assert_eq!(parse(&text, &query), answer, "{}", text);
    }
}
