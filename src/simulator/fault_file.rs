//! Faults as they are written in a file or posted to the control path.
//!
//! JSON or YAML, a list or `faults:` with a list:
//! ```yaml
//! - {api: sla, count: 3, status: 429, retry_after: "3"}
//! - api: engactivity
//!   delay: 2s
//! ```
//! Every error is reported with its path, what was expected and what was found.

use config::ValueKind;
use serde_json::{Map, Value, json};

use super::apis::Apis;
use super::deployment_options::{A_DURATION, duration};
use super::faults::{Fault, MOST_FAULTS, Target};
use crate::yaml;

const KEYS: &str =
    "api, contains, count, status, retry_after, delay, body, truncate, html, echo and drop";

/// Longest value that is quoted in a message, in characters.
const LONGEST_QUOTE: usize = 60;

/// Parses a fault file: JSON when it begins with a bracket, otherwise YAML.
///
/// # Errors
/// Every error in the file, one message each.
pub(super) fn parse(text: &str, apis: &Apis) -> Result<Vec<Fault>, Vec<String>> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let value = if start.starts_with(['[', '{']) {
        serde_json::from_str(start).map_err(|error| vec![format!("invalid JSON: {error}")])?
    } else {
        yaml(start).map_err(|error| vec![format!("invalid YAML: {error}")])?
    };
    faults(&value, apis)
}

/// The list in the form in which it can be parsed again.
pub(super) fn write(faults: &[Fault]) -> Value {
    faults.iter().map(write_fault).collect()
}

fn write_fault(fault: &Fault) -> Value {
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

fn yaml(text: &str) -> Result<Value, String> {
    let document = yaml::parse(text)?;
    if let Some(repeated) = document.duplicates.first() {
        let (first, second) = repeated.lines;
        return Err(format!(
            "a key is repeated in lines {first} and {second}; keep one"
        ));
    }
    Ok(match json_of(document.root) {
        Value::Null => json!([]),
        value => value,
    })
}

/// The tree as JSON, in which scalars are strings as written; the parser limits its depth.
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

/// A list of faults, or a mapping that holds one as `faults`.
fn faults(value: &Value, apis: &Apis) -> Result<Vec<Fault>, Vec<String>> {
    let list = match value {
        Value::Object(map) => match (map.get("faults"), map.len()) {
            (Some(list), 1) => list,
            _ => {
                let keys = map
                    .keys()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(vec![format!(
                    "expected a list of faults, or a mapping with only the key 'faults', \
                     found a mapping with {}",
                    quote(&keys)
                )]);
            }
        },
        other => other,
    };
    let Value::Array(items) = list else {
        return Err(vec![expected("faults", "a list of faults", list)]);
    };
    if items.len() > MOST_FAULTS {
        let count = items.len();
        return Err(vec![format!(
            "faults: expected at most {MOST_FAULTS}, found {count}"
        )]);
    }
    let mut errors = Vec::new();
    let mut faults = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match fault(&format!("faults[{index}]"), item, apis) {
            Ok(fault) => faults.push(fault),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() {
        Ok(faults)
    } else {
        Err(errors)
    }
}

/// One fault; `path` is where it stands.
fn fault(path: &str, item: &Value, apis: &Apis) -> Result<Fault, Vec<String>> {
    let Value::Object(map) = item else {
        let fault = format!("a mapping with the keys {KEYS}");
        return Err(vec![expected(path, &fault, item)]);
    };
    let mut fault = Fault::default();
    let mut errors = Vec::new();
    for (key, value) in map {
        if let Err(what) = set(&mut fault, key, value, apis) {
            errors.push(match what {
                Invalid::Key => format!("{path}.{key}: unknown key, expected one of {KEYS}"),
                Invalid::Value(what) => expected(&format!("{path}.{key}"), &what, value),
            });
        }
    }
    if !map.contains_key("api") {
        errors.push(format!(
            "{path}.api: missing key, expected {}",
            target_names(apis)
        ));
    }
    errors.extend(contradictions(&fault).map(|message| format!("{path}.{message}")));
    if errors.is_empty() {
        Ok(fault)
    } else {
        Err(errors)
    }
}

/// Why a key cannot be set.
enum Invalid {
    Key,
    /// What was expected.
    Value(String),
}

fn set(fault: &mut Fault, key: &str, value: &Value, apis: &Apis) -> Result<(), Invalid> {
    match key {
        "api" => fault.api = target(value, apis)?,
        "contains" => fault.contains = Some(string(value)?),
        "count" => {
            let count = whole_number(value).filter(|&count| count > 0);
            fault.count = Some(count.ok_or_else(|| invalid("a whole number of at least 1"))?);
        }
        "status" => {
            let status = whole_number(value).and_then(|status| u16::try_from(status).ok());
            let status = status.filter(|status| (200..600).contains(status));
            fault.status = Some(status.ok_or_else(|| invalid("a status from 200 to 599"))?);
        }
        "retry_after" => fault.retry_after = Some(header_value(value)?),
        "delay" => {
            let delay = duration(&string(value)?);
            fault.delay = Some(delay.map_err(|_| invalid(A_DURATION))?);
        }
        "body" => fault.body = Some(string(value)?),
        "truncate" => fault.truncate = boolean(value)?,
        "html" => fault.html = boolean(value)?,
        "echo" => fault.echo = boolean(value)?,
        "drop" => fault.drop = boolean(value)?,
        _ => return Err(Invalid::Key),
    }
    Ok(())
}

/// Keys that cannot be combined, each message beginning with one of them.
fn contradictions(fault: &Fault) -> impl Iterator<Item = &'static str> {
    let replaces_body = fault.body.is_some() || fault.html || fault.echo;
    let has_response = fault.status.is_some() || replaces_body || fault.truncate;
    [
        (
            fault.drop && has_response,
            "drop: cannot be combined with status, body, html, echo or truncate, \
             because a dropped call has no response",
        ),
        (
            fault.echo && (fault.html || fault.body.is_some()),
            "echo: cannot be combined with html or body, which it would replace",
        ),
        (
            fault.html && fault.body.is_some(),
            "html: cannot be combined with body, which it would replace",
        ),
    ]
    .into_iter()
    .filter_map(|(is_wrong, message)| is_wrong.then_some(message))
}

fn target(value: &Value, apis: &Apis) -> Result<Target, Invalid> {
    if value == Target::Any.name() {
        return Ok(Target::Any);
    }
    let name = apis.names().into_iter().find(|name| value == *name);
    let expected = || Invalid::Value(target_names(apis));
    name.map(Target::Api).ok_or_else(expected)
}

fn target_names(apis: &Apis) -> String {
    format!("one of {}, {}", apis.names().join(", "), Target::Any.name())
}

fn string(value: &Value) -> Result<String, Invalid> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| invalid("a string"))
}

/// A header's value, which may be a number of seconds.
fn header_value(value: &Value) -> Result<String, Invalid> {
    let text = match value {
        Value::Number(seconds) => seconds.to_string(),
        _ => string(value)?,
    };
    match hyper::header::HeaderValue::from_str(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(invalid("a header value")),
    }
}

/// A boolean of JSON, or a scalar of YAML that spells one.
fn boolean(value: &Value) -> Result<bool, Invalid> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if matches!(text.as_str(), "true" | "True" | "TRUE") => Ok(true),
        Value::String(text) if matches!(text.as_str(), "false" | "False" | "FALSE") => Ok(false),
        _ => Err(invalid("true or false")),
    }
}

/// A whole number of JSON, or a scalar of YAML that spells one.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn invalid(expected: &str) -> Invalid {
    Invalid::Value(expected.to_owned())
}

fn expected(path: &str, expected: &str, found: &Value) -> String {
    let found = match found {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        scalar => quote(&scalar.to_string()),
    };
    format!("{path}: expected {expected}, found {found}")
}

/// At most [`LONGEST_QUOTE`] characters of something that was found.
fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
