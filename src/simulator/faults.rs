//! Faults on request: what goes wrong with the next calls of an API.
//!
//! Faults stand in a list. A call is subject to the first one that applies to it; one with a
//! `count` is removed after so many calls. How they are written in files and over the control path
//! is in [`super::fault_file`].

use std::time::Duration;

use hyper::StatusCode;
use parking_lot::Mutex;

use super::response::ApiResponse;

/// Most faults in the list; more are refused.
pub(super) const MOST_FAULTS: usize = 1000;

const GATEWAY_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\
    <body><h1>The service is temporarily unavailable</h1><p>Reference: 18.2e9f1a02</p></body></html>\n";

/// Which calls a fault applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Those of one API, by its [name](super::apis::Api::name).
    Api(&'static str),
    /// Those of every API.
    #[default]
    Any,
}

impl Target {
    /// The name in fault files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api(name) => name,
            Self::Any => "any",
        }
    }

    fn matches(self, api: &str) -> bool {
        match self {
            Self::Api(name) => name == api,
            Self::Any => true,
        }
    }
}

/// Something that goes wrong. What is not set is as in a normal response, so that a fault with
/// only a `delay` gives the normal response late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// Which calls.
    pub api: Target,
    /// Only calls whose path and query contain this, as it was sent.
    pub contains: Option<String>,
    /// How many calls; without limit when not set.
    pub count: Option<u64>,
    /// Status of the response, 200 to 599.
    pub status: Option<u16>,
    /// `Retry-After`, word for word.
    pub retry_after: Option<String>,
    /// Time before the response, instead of the normal latency.
    pub delay: Option<Duration>,
    /// Body of the response instead of the normal one.
    pub body: Option<String>,
    /// The whole body is announced and half of it is sent.
    pub truncate: bool,
    /// The response is a gateway's HTML page, with status 200 unless `status` says otherwise.
    pub html: bool,
    /// The error, 400 unless `status` says otherwise, repeats the `Authorization` header and the body
    /// of the request, as careless gateways do.
    pub echo: bool,
    /// The connection is closed without a response.
    pub drop: bool,
}

impl Fault {
    fn applies_to(&self, api: &str, url: &str) -> bool {
        self.api.matches(api) && self.contains.as_ref().is_none_or(|part| url.contains(part))
    }

    /// The response instead of the API's, unless the fault leaves that as it is or echoes.
    pub(super) fn response(&self) -> Option<ApiResponse> {
        if self.html {
            let (status, page) = (self.status.unwrap_or(200), GATEWAY_PAGE.to_owned());
            return Some(ApiResponse::text(status, "text/html; charset=utf-8", page));
        }
        if let Some(body) = &self.body {
            let (status, body) = (self.status.unwrap_or(200), body.clone());
            return Some(ApiResponse::text(status, "application/json", body));
        }
        let status = self.status.filter(|_| !self.echo)?;
        let known = StatusCode::from_u16(status).ok();
        let reason = known.and_then(|status| status.canonical_reason());
        Some(ApiResponse::error(status, reason.unwrap_or("Error")))
    }
}

/// The faults that remain. The lock is held to change or copy the list.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Appends faults; false when they would become too many, and none is added.
    pub(super) fn push(&self, added: Vec<Fault>) -> bool {
        let mut faults = self.0.lock();
        if faults.len() + added.len() > MOST_FAULTS {
            return false;
        }
        faults.extend(added);
        true
    }

    /// What remains.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.lock().clone()
    }

    /// Removes all.
    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// The fault that a call of `api` is subject to; its count falls by one.
    pub(super) fn take(&self, api: &str, url: &str) -> Option<Fault> {
        let mut faults = self.0.lock();
        faults.retain(|fault| fault.count != Some(0));
        let position = faults.iter().position(|fault| fault.applies_to(api, url))?;
        let taken = faults[position].clone();
        if let Some(count) = &mut faults[position].count {
            *count -= 1;
            if *count == 0 {
                faults.remove(position);
            }
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_apply_in_order_until_their_count_is_reached() {
        let faults = Faults::default();
        let counted = Fault {
            api: Target::Api("sla"),
            count: Some(2),
            ..Fault::default()
        };
        let lasting = Fault {
            contains: Some("agentIds".to_owned()),
            ..Fault::default()
        };
        let nothing = Fault {
            count: Some(0),
            ..Fault::default()
        };
        assert!(faults.push(vec![nothing, counted.clone(), lasting.clone()]));
        assert_eq!(faults.take("engactivity", "/x"), None);
        assert_eq!(faults.take("sla", "/x"), Some(counted));
        assert_eq!(faults.list()[0].count, Some(1));
        assert!(faults.take("sla", "/x").is_some());
        assert_eq!(faults.take("sla", "/x"), None);
        assert_eq!(faults.take("sla", "/x?agentIds=1"), Some(lasting.clone()));
        assert_eq!(faults.list(), [lasting]);
        faults.clear();
        assert!(faults.list().is_empty());
    }

    #[test]
    fn the_list_is_bounded() {
        let faults = Faults::default();
        assert!(faults.push(vec![Fault::default(); MOST_FAULTS]));
        assert!(!faults.push(vec![Fault::default()]));
        assert_eq!(faults.list().len(), MOST_FAULTS);
    }
}
