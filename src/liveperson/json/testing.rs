//! For tests of parsers: a writer of LivePerson's JSON in all forms that have been seen or may occur,
//! which shares nothing with the reader, and what is said of a body that cannot be read.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::ReadError;
use crate::liveperson::redactor::Redactor;

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers {
    Plain,
    Double,
    Exponent,
    Text,
    PaddedText,
}

pub(crate) const NUMBERS: [Numbers; 5] = [
    Numbers::Plain,
    Numbers::Double,
    Numbers::Exponent,
    Numbers::Text,
    Numbers::PaddedText,
];

/// How a document is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) numbers: Numbers,
    pub(crate) reversed: bool,
    pub(crate) unknown: bool,
    pub(crate) twice: bool,
    pub(crate) other_section_name: bool,
    pub(crate) envelope: bool,
}

pub(crate) const PLAIN: Style = Style {
    numbers: Numbers::Plain,
    reversed: false,
    unknown: false,
    twice: false,
    other_section_name: false,
    envelope: false,
};

pub(crate) fn write(value: &Value, style: Style) -> String {
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

/// Every combination worth having: each number form with everything else off and on.
pub(crate) fn styles() -> Vec<Style> {
    let mut styles = Vec::new();
    for numbers in NUMBERS {
        for bits in 0..32_u8 {
            let on = |bit: u8| bits & (1 << bit) != 0;
            styles.push(Style {
                numbers,
                reversed: on(0),
                unknown: on(1),
                twice: on(2),
                other_section_name: on(3),
                envelope: on(4),
            });
        }
    }
    styles
}

/// Any combination, for proptest.
pub(crate) fn any_style() -> impl Strategy<Value = Style> {
    (0..NUMBERS.len(), any::<[bool; 5]>()).prop_map(|(numbers, flags)| Style {
        numbers: NUMBERS[numbers],
        reversed: flags[0],
        unknown: flags[1],
        twice: flags[2],
        other_section_name: flags[3],
        envelope: flags[4],
    })
}

/// What an operator reads about a body that cannot be read.
pub(crate) fn description(error: &ReadError, body: &str) -> String {
    error.describe(body.as_bytes(), &Redactor::default())
}
