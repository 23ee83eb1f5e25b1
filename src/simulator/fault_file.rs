//! Faults as people write them, in a file or over the control path.
//!
//! JSON or YAML, a list or `faults:` with a list:
//! ```yaml
//! - {api: sla, count: 3, status: 429, retry_after: "3"}
//! - api: engactivity
//!   delay: 2s
//! ```
//! Every mistake is reported with its path, the value met and what is allowed.

use config::ValueKind;
use serde_json::{Map, Value, json};

use super::faults::{Fault, MOST_FAULTS, Target};
use super::options::duration;
use crate::yaml;

const KEYS: &str =
    "api, contains, count, status, retry_after, delay, body, truncate, html, echo and drop";

/// Reads a fault file: JSON when it begins with a bracket, otherwise YAML.
pub(super) fn read_text(text: &str) -> Result<Vec<Fault>, Vec<String>> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with(['[', '{']) {
        let value =
            serde_json::from_str(start).map_err(|error| vec![format!("not JSON: {error}")])?;
        return read(&value);
    }
    read(&yaml(start)?)
}

fn yaml(text: &str) -> Result<Value, Vec<String>> {
    let document = yaml::parse(text).map_err(|reason| vec![format!("not YAML: {reason}")])?;
    if let Some(repeated) = document.duplicates.first() {
        let (first, second) = repeated.lines;
        return Err(vec![format!(
            "not YAML: a key is given twice, in lines {first} and {second}; keep one"
        )]);
    }
    Ok(match json_of(document.root) {
        Value::Null => json!([]),
        value => value,
    })
}

/// The tree as JSON, whose scalars are texts as written; the depth is limited by the reader.
fn json_of(value: config::Value) -> Value {
    match value.kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json_of(value)))
            .collect(),
        ValueKind::Array(items) => items.into_iter().map(json_of).collect(),
        scalar => Value::String(scalar.to_string()),
    }
}

/// Reads a list of faults, or an object that holds one as `faults`.
pub(super) fn read(value: &Value) -> Result<Vec<Fault>, Vec<String>> {
    let list = match value {
        Value::Object(map) => match (map.get("faults"), map.len()) {
            (Some(list), 1) => list,
            _ => {
                return Err(vec![
                    "expected a list of faults, or only the key 'faults'".to_owned(),
                ]);
            }
        },
        other => other,
    };
    let Value::Array(items) = list else {
        return Err(vec![format!(
            "faults: {} is not a list of faults",
            short(list)
        )]);
    };
    if items.len() > MOST_FAULTS {
        return Err(vec![format!(
            "faults: {} are given, at most {MOST_FAULTS} are allowed",
            items.len()
        )]);
    }
    let mut mistakes = Vec::new();
    let faults = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| one(&format!("faults[{index}]"), item, &mut mistakes))
        .collect();
    if mistakes.is_empty() {
        Ok(faults)
    } else {
        Err(mistakes)
    }
}

/// The list as it would be written.
pub(super) fn write(faults: &[Fault]) -> Value {
    faults.iter().map(write_one).collect()
}

fn write_one(fault: &Fault) -> Value {
    let mut map = Map::new();
    map.insert("api".to_owned(), json!(fault.api.name()));
    let delay = fault.delay.map(|delay| format!("{}ms", delay.as_millis()));
    let optional = [
        ("contains", fault.contains.as_ref().map(|text| json!(text))),
        ("count", fault.count.map(|count| json!(count))),
        ("status", fault.status.map(|status| json!(status))),
        (
            "retry_after",
            fault.retry_after.as_ref().map(|text| json!(text)),
        ),
        ("delay", delay.map(|delay| json!(delay))),
        ("body", fault.body.as_ref().map(|body| json!(body))),
        ("truncate", fault.truncate.then_some(Value::Bool(true))),
        ("html", fault.html.then_some(Value::Bool(true))),
        ("echo", fault.echo.then_some(Value::Bool(true))),
        ("drop", fault.drop.then_some(Value::Bool(true))),
    ];
    for (key, value) in optional {
        map.extend(value.map(|value| (key.to_owned(), value)));
    }
    Value::Object(map)
}

fn one(path: &str, item: &Value, mistakes: &mut Vec<String>) -> Option<Fault> {
    let Value::Object(map) = item else {
        mistakes.push(format!(
            "{path}: {} is not a fault; allowed keys are {KEYS}",
            short(item)
        ));
        return None;
    };
    let mut fault = Fault::default();
    for (key, value) in map {
        if let Err(wrong) = set(&mut fault, key, value) {
            mistakes.push(format!("{path}.{key}: {wrong}"));
        }
    }
    if !map.contains_key("api") {
        mistakes.push(format!("{path}.api: missing; one of {}", targets()));
    }
    let has_body = fault.body.is_some() || fault.html || fault.echo;
    if fault.drop && (fault.status.is_some() || has_body || fault.truncate) {
        mistakes.push(format!(
            "{path}.drop: a dropped call has no answer, so status, body, html, echo and truncate cannot stand with it"
        ));
    }
    if fault.echo && (fault.html || fault.body.is_some()) {
        mistakes.push(format!(
            "{path}.echo: cannot stand with html or body, which it would replace"
        ));
    }
    if fault.html && fault.body.is_some() {
        mistakes.push(format!(
            "{path}.html: cannot stand with body, which it would replace"
        ));
    }
    Some(fault)
}

fn set(fault: &mut Fault, key: &str, value: &Value) -> Result<(), String> {
    let not = |what: &str| format!("{} is not {what}", short(value));
    let flag = || flag(value).ok_or_else(|| not("true or false"));
    let text = || {
        value
            .as_str()
            .ok_or_else(|| not("a text"))
            .map(str::to_owned)
    };
    match key {
        "api" => {
            let found = Target::ALL.iter().find(|(name, _)| value == *name);
            fault.api = found
                .ok_or_else(|| not(&format!("one of {}", targets())))?
                .1;
        }
        "contains" => fault.contains = Some(text()?),
        "count" => {
            let count = whole(value).filter(|&count| count > 0);
            fault.count = Some(count.ok_or_else(|| not("a whole number of at least 1"))?);
        }
        "status" => {
            let status = whole(value).and_then(|status| u16::try_from(status).ok());
            let status = status.filter(|status| (200..600).contains(status));
            fault.status = Some(status.ok_or_else(|| not("a status from 200 to 599"))?);
        }
        "retry_after" => {
            let text = match value {
                Value::Number(seconds) => seconds.to_string(),
                _ => text()?,
            };
            if hyper::header::HeaderValue::from_str(&text).is_err() {
                return Err(not("a header value"));
            }
            fault.retry_after = Some(text);
        }
        "delay" => fault.delay = Some(duration(&text()?)?),
        "body" => fault.body = Some(text()?),
        "truncate" => fault.truncate = flag()?,
        "html" => fault.html = flag()?,
        "echo" => fault.echo = flag()?,
        "drop" => fault.drop = flag()?,
        _ => return Err(format!("unknown key; allowed are {KEYS}")),
    }
    Ok(())
}

/// A flag of JSON, or a scalar of YAML that spells one.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number of JSON, or a scalar of YAML that spells one.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn targets() -> String {
    Target::ALL.map(|(name, _)| name).join(", ")
}

/// A value for a message, not longer than a line.
fn short(value: &Value) -> String {
    let text: String = value.to_string().chars().take(61).collect();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml = "# two of them\n- api: sla\n  count: 3\n  status: 429\n  retry_after: \"3\"\n\
                    - {api: engactivity, delay: 2s, truncate: true}\n";
        let json = r#"[{"api":"sla","count":3,"status":429,"retry_after":3},
                       {"api":"engactivity","delay":"2s","truncate":true}]"#;
        let expected = [
            Fault {
                api: Target::Sla,
                count: Some(3),
                status: Some(429),
                retry_after: Some("3".to_owned()),
                ..Fault::default()
            },
            Fault {
                api: Target::EngagementActivity,
                delay: Some(Duration::from_secs(2)),
                truncate: true,
                ..Fault::default()
            },
        ];
        assert_eq!(read_text(yaml).unwrap(), expected);
        assert_eq!(read_text(&format!("---\n{yaml}")).unwrap(), expected);
        let quoted = yaml.replace("429", "\"429\"").replace("true", "True");
        assert_eq!(read_text(&quoted).unwrap(), expected);
        assert_eq!(read_text(json).unwrap(), expected);
        assert_eq!(
            read_text(&format!("{{\"faults\": {json}}}")).unwrap(),
            expected
        );
        let nested = format!("faults:\n{}", yaml.replace("# two of them\n", ""));
        assert_eq!(read_text(&nested).unwrap(), expected);
        assert_eq!(read_text("# nothing yet\n").unwrap(), []);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let faults = vec![Fault {
            api: Target::Names,
            contains: Some("users".to_owned()),
            count: Some(1),
            status: Some(503),
            retry_after: Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned()),
            delay: Some(Duration::from_millis(1500)),
            body: Some("oops".to_owned()),
            truncate: true,
            html: false,
            echo: false,
            drop: false,
        }];
        assert_eq!(read(&write(&faults)).unwrap(), faults);
    }

    #[test]
    fn mistakes_are_named_with_their_path_all_at_once() {
        let table = [
            (
                r#"[{"api":"slaa"}]"#,
                "faults[0].api: \"slaa\" is not one of engactivity, sla, token, domain, names, any",
            ),
            ("[{}]", "faults[0].api: missing"),
            (
                r#"[{"api":"any","count":0}]"#,
                "faults[0].count: 0 is not a whole number of at least 1",
            ),
            (
                r#"[{"api":"any","status":99}]"#,
                "faults[0].status: 99 is not a status from 200 to 599",
            ),
            (
                r#"[{"api":"any","delay":"soon"}]"#,
                "faults[0].delay: \"soon\" is not a duration",
            ),
            (
                r#"[{"api":"any","retry_after":"a\nb"}]"#,
                "faults[0].retry_after:",
            ),
            (
                r#"[{"api":"any","html":"yes"}]"#,
                "faults[0].html: \"yes\" is not true or false",
            ),
            (
                r#"[{"api":"any","colour":1}]"#,
                "faults[0].colour: unknown key; allowed are api,",
            ),
            (
                r#"[{"api":"any","drop":true,"status":500}]"#,
                "faults[0].drop: a dropped call",
            ),
            (
                r#"[{"api":"any","html":true,"body":"x"}]"#,
                "faults[0].html: cannot stand",
            ),
            ("[1]", "faults[0]: 1 is not a fault"),
            ("[", "not JSON"),
            ("api: sla", "expected a list of faults"),
            ("faults: 7", "faults: \"7\" is not a list"),
            ("- [unclosed", "not YAML: line 2, column 1: "),
            (
                "- api: any\n  api: sla",
                "not YAML: a key is given twice, in lines 1 and 2",
            ),
            (
                "- {api: any, count: -1}",
                "faults[0].count: \"-1\" is not a whole number",
            ),
        ];
        for (text, expected) in table {
            let mistakes = read_text(text).unwrap_err();
            assert!(mistakes[0].starts_with(expected), "{text}: {mistakes:?}");
        }
        let nested = read_text(&format!("# c\r{}", "- ".repeat(500_000))).unwrap_err();
        assert!(nested[0].contains("levels deep"), "{nested:?}");
        let both = read_text(r#"[{"api":"x"},{"api":"y"}]"#).unwrap_err();
        assert_eq!(both.len(), 2, "{both:?}");
    }
}
