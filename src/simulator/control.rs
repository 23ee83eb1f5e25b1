//! The control paths, as described at the head of [`super`].

use hyper::Method;
use serde_json::json;

use super::State;
use super::response::Answer;
use super::{fault_file, journal};

/// Longest body of a control call, in bytes.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// What a control path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// `/control/faults`.
    Faults,
    /// `/control/requests`.
    Requests,
    /// `/control/revoke`.
    Revoke,
}

impl Control {
    /// By the last segment of the path.
    pub(super) fn named(segment: &str) -> Option<Self> {
        match segment {
            "faults" => Some(Self::Faults),
            "requests" => Some(Self::Requests),
            "revoke" => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Does what was asked.
    pub(super) fn answer(self, state: &State, method: &Method, body: &[u8]) -> Answer {
        match (self, method.as_str()) {
            (Self::Faults, "POST") => return add(state, body),
            (Self::Faults, "DELETE") => state.faults.clear(),
            (Self::Requests, "DELETE") => state.journal.clear(),
            (Self::Revoke, "POST") => {
                state.tokens.revoke();
                return Answer::json(200, &json!({ "revoked": true }));
            }
            (Self::Faults | Self::Requests, "GET") => {}
            (Self::Faults, _) => return Answer::wrong_method("GET, POST, DELETE"),
            (Self::Requests, _) => return Answer::wrong_method("GET, DELETE"),
            (Self::Revoke, _) => return Answer::wrong_method("POST"),
        }
        let shown = match self {
            Self::Requests => journal::json(&state.journal.list()),
            _ => fault_file::write(&state.faults.list()),
        };
        Answer::json(200, &shown)
    }
}

fn add(state: &State, body: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(body) else {
        return mistakes(&["the body is not UTF-8".to_owned()]);
    };
    let faults = match fault_file::read_text(text) {
        Ok(faults) => faults,
        Err(wrong) => return mistakes(&wrong),
    };
    if !state.faults.push(faults) {
        return mistakes(&["too many faults would wait; DELETE them first".to_owned()]);
    }
    Answer::json(200, &fault_file::write(&state.faults.list()))
}

fn mistakes(mistakes: &[String]) -> Answer {
    Answer::json(400, &json!({ "errors": mistakes }))
}
