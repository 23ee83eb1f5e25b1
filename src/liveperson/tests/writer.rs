//! A writer of LivePerson's JSON in all forms that have been seen or may occur; it shares nothing with
//! the reader.

use serde_json::{Map, Value, json};

use super::*;

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers {
    Plain,
    Double,
    Exponent,
    Text,
    PaddedText,
}

pub(super) const NUMBERS: [Numbers; 5] = [
    Numbers::Plain,
    Numbers::Double,
    Numbers::Exponent,
    Numbers::Text,
    Numbers::PaddedText,
];

/// How a document is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) numbers: Numbers,
    pub(super) reversed: bool,
    pub(super) unknown: bool,
    pub(super) twice: bool,
    pub(super) other_section_name: bool,
    pub(super) envelope: bool,
}

pub(super) const PLAIN: Style = Style {
    numbers: Numbers::Plain,
    reversed: false,
    unknown: false,
    twice: false,
    other_section_name: false,
    envelope: false,
};

pub(super) fn write(value: &Value, style: Style) -> String {
    let text = write_value(value, style, false);
    if !style.envelope {
        return text;
    }
    let meta = r#""meta":{"requestId":{"a":[1]},"responseCode":200}"#;
    if style.reversed {
        format!(r#"{{"body":{text},{meta}}}"#)
    } else {
        format!(r#"{{{meta},"body":{text},"more":null}}"#)
    }
}

fn write_value(value: &Value, style: Style, id_map: bool) -> String {
    match value {
        Value::Object(map) => write_object(map, style, id_map),
        Value::Array(list) => {
            let items = list.iter().map(|item| write_value(item, style, false));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        Value::Number(number) => write_number(number, style.numbers),
        other => other.to_string(),
    }
}

fn write_number(number: &serde_json::Number, numbers: Numbers) -> String {
    let double = number.as_f64().unwrap();
    match numbers {
        Numbers::Plain => number.to_string(),
        Numbers::Double => format!("{double:?}"),
        Numbers::Exponent => format!("{double:e}"),
        Numbers::Text => format!("\"{number}\""),
        Numbers::PaddedText => format!("\" {double:?} \""),
    }
}

fn write_object(map: &Map<String, Value>, style: Style, id_map: bool) -> String {
    let mut fields = Vec::new();
    for (key, value) in map {
        let name = match key.as_str() {
            "skillsMetricsPerAgent" if style.other_section_name => "skillsMetrics",
            other => other,
        };
        let ids = ["metricsPerSkill", "metricsPerAgent", "slaDataRange"].contains(&name);
        let text = write_value(value, style, ids);
        if style.twice {
            fields.push(format!("\"{name}\":{}", wrong_first(value)));
        }
        fields.push(format!("\"{name}\":{text}"));
    }
    if style.unknown && !id_map {
        let odd = r#""new\u0020field":{"x":[null,true,-1e-7,"\ud83d\ude00",{"12":{}}]}"#;
        fields.insert(0, odd.to_owned());
        fields.push(r#""":[[[]]]"#.to_owned());
    }
    // The values of a key that comes twice must stay in their order.
    if style.reversed && !style.twice {
        fields.reverse();
    }
    format!("{{{}}}", fields.join(","))
}

/// Something of the right kind that must not count, because the real value follows.
fn wrong_first(value: &Value) -> String {
    match value {
        Value::Number(_) | Value::Null => "987".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        _ => "[]".to_owned(),
    }
}

pub(super) fn activity_json(activity: &Activity) -> Value {
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

pub(super) fn answer_json(answer: &EngagementAnswer) -> Value {
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

pub(super) fn sla_json(answer: &SlaAnswer) -> Value {
    let buckets = answer.buckets.iter().map(|bucket| {
        let value = json!({
            "chats": bucket.chats,
            "accumulated": "not read",
            "percentageFromTotal": null,
        });
        (bucket.lower_limit.to_string(), value)
    });
    json!({ "slaDataRange": Value::Object(buckets.collect()) })
}
