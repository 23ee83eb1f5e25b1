//! The control paths, as described at the head of [`super`].

use hyper::Method;
use serde_json::json;

use super::State;
use super::faults::MOST_FAULTS;
use super::response::ApiResponse;
use super::{fault_file, journal};

/// Longest body of a control call, in bytes.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// The control paths.
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

    /// Carries out a control call.
    pub(super) fn respond(self, state: &State, method: &Method, body: &[u8]) -> ApiResponse {
        match (self, method.as_str()) {
            (Self::Faults, "POST") => return add(state, body),
            (Self::Faults, "DELETE") => state.faults.clear(),
            (Self::Requests, "DELETE") => state.journal.clear(),
            (Self::Revoke, "POST") => {
                state.credentials.tokens().revoke_all();
                return ApiResponse::json(200, &json!({ "revoked": true }));
            }
            (Self::Faults | Self::Requests, "GET") => {}
            (Self::Faults, _) => return ApiResponse::method_not_allowed("GET, POST, DELETE"),
            (Self::Requests, _) => return ApiResponse::method_not_allowed("GET, DELETE"),
            (Self::Revoke, _) => return ApiResponse::method_not_allowed("POST"),
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

fn errors(errors: &[String]) -> ApiResponse {
    ApiResponse::json(400, &json!({ "errors": errors }))
}
