//! The control paths, as described at the head of [`super`].

use hyper::Method;
use serde_json::{Value, json};

use super::State;
use super::faults::MOST_FAULTS;
use super::params::{Params, whole_number};
use super::response::ApiResponse;
use super::truth::Truth;
use super::world::DAY;
use super::{fault_file, journal};

/// Longest body of a control call, in bytes.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// Longest span of the truth, and longest time to put the clock forward by, in milliseconds.
const LONGEST_SPAN: i64 = 31 * DAY;
/// The end of the year 9999, in milliseconds since the epoch.
const LATEST: i64 = 253_402_300_799_999;

/// A control call with its body read.
pub(super) struct ControlCall {
    pub(super) method: Method,
    pub(super) params: Params,
    pub(super) body: Vec<u8>,
}

/// The control paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// `/control/faults`.
    Faults,
    /// `/control/requests`.
    Requests,
    /// `/control/revoke`.
    Revoke,
    /// `/control/truth`.
    Truth,
    /// `/control/advance`.
    Advance,
}

impl Control {
    /// By the last segment of the path.
    pub(super) fn named(segment: &str) -> Option<Self> {
        match segment {
            "faults" => Some(Self::Faults),
            "requests" => Some(Self::Requests),
            "revoke" => Some(Self::Revoke),
            "truth" => Some(Self::Truth),
            "advance" => Some(Self::Advance),
            _ => None,
        }
    }

    /// Carries out a control call. Blocks the thread while the truth is counted.
    pub(super) fn respond(self, state: &State, call: &ControlCall) -> ApiResponse {
        let ControlCall {
            method,
            params,
            body,
        } = call;
        match (self, method.as_str()) {
            (Self::Faults, "POST") => return add(state, body),
            (Self::Faults, "DELETE") => state.faults.clear(),
            (Self::Requests, "DELETE") => state.journal.clear(),
            (Self::Revoke, "POST") => {
                state.credentials.tokens().revoke_all();
                return ApiResponse::json(200, &json!({ "revoked": true }));
            }
            (Self::Truth, "GET") => return truth(state, params),
            (Self::Advance, "POST") => return advance(state, params),
            (Self::Faults | Self::Requests, "GET") => {}
            (Self::Faults, _) => return ApiResponse::method_not_allowed("GET, POST, DELETE"),
            (Self::Requests, _) => return ApiResponse::method_not_allowed("GET, DELETE"),
            (Self::Revoke | Self::Advance, _) => return ApiResponse::method_not_allowed("POST"),
            (Self::Truth, _) => return ApiResponse::method_not_allowed("GET"),
        }
        let body = match self {
            Self::Requests => journal::json(&state.journal.list()),
            _ => fault_file::write(&state.faults.list()),
        };
        ApiResponse::json(200, &body)
    }
}

fn add(state: &State, body: &[u8]) -> ApiResponse {
    let Ok(text) = std::str::from_utf8(body) else {
        return errors(&["expected a body in UTF-8".to_owned()]);
    };
    let faults = match fault_file::parse(text, &state.apis) {
        Ok(faults) => faults,
        Err(found) => return errors(&found),
    };
    if !state.faults.push(faults) {
        return errors(&[format!(
            "expected at most {MOST_FAULTS} faults with those that remain; DELETE them first"
        )]);
    }
    ApiResponse::json(200, &fault_file::write(&state.faults.list()))
}

/// Puts the clock forward by `ms` milliseconds.
fn advance(state: &State, params: &Params) -> ApiResponse {
    let ms = params.get("ms").and_then(whole_number);
    let Some(ms) = ms.filter(|ms| (0..=LONGEST_SPAN).contains(ms)) else {
        return errors(&["ms: expected milliseconds, at most 31 days".to_owned()]);
    };
    state.clock.advance(ms);
    ApiResponse::json(200, &json!({ "now_ms": state.clock.now_ms() }))
}

/// What happened between `from` and `to`.
fn truth(state: &State, params: &Params) -> ApiResponse {
    let now_ms = state.clock.now_ms();
    let time = |name: &str, default: i64| match params.get(name) {
        None => Ok(default),
        Some(text) => whole_number(text)
            .filter(|time| (0..=LATEST).contains(time))
            .ok_or_else(|| {
                format!("{name}: expected milliseconds since the epoch, found {text:?}")
            }),
    };
    let span = time("to", now_ms).and_then(|to| Ok((time("from", to - DAY)?, to)));
    let (from_ms, to_ms) = match span {
        Ok(span) => span,
        Err(error) => return errors(&[error]),
    };
    if !(0..=LONGEST_SPAN).contains(&(to_ms - from_ms)) {
        return errors(&["expected from at or before to, at most 31 days apart".to_owned()]);
    }
    let chats = state.history.chats_between(from_ms, to_ms);
    let mut body = Truth::of(&chats, from_ms, to_ms).json();
    for (name, time) in [("now_ms", now_ms), ("from_ms", from_ms), ("to_ms", to_ms)] {
        body.insert(name.to_owned(), json!(time));
    }
    ApiResponse::json(200, &Value::Object(body))
}

fn errors(errors: &[String]) -> ApiResponse {
    ApiResponse::json(400, &json!({ "errors": errors }))
}
