//! The simulated APIs of LivePerson: one file and one line in `STANDARD` each.
//!
//! A file holds all that the simulator knows of its API: the path, the method, the parameters and
//! their checks, and the response, written from LivePerson's documents. The router, the faults,
//! the request log, the Domain API and the start page ask [`Apis`].
//!
//! # An API from outside
//! What only an example or a test needs is handed to [`Simulator::start_with`](super::Simulator::start_with); `examples/` has a whole one:
//! ```no_run
//! use std::sync::Arc;
//!
//! use liveperson_exporter::simulator::apis::{Api, ApiRequest, Apis};
//! use liveperson_exporter::simulator::{
//!     ApiResponse, InvalidParameter, Options, Simulator, SystemClock, World,
//! };
//!
//! struct WaitingChats;
//!
//! impl Api for WaitingChats {
//!     fn name(&self) -> &'static str {
//!         "waitingchats"
//!     }
//!
//!     fn service(&self) -> Option<&'static str> {
//!         Some("leDataReporting")
//!     }
//!
//!     fn path(&self) -> &'static str {
//!         "/operations/api/account/{account}/waitingchats"
//!     }
//!
//!     fn example_query(&self) -> &'static str {
//!         "v=1"
//!     }
//!
//!     fn respond(
//!         &self,
//!         request: &ApiRequest,
//!         world: &World<'_>,
//!     ) -> Result<ApiResponse, InvalidParameter> {
//!         request.params().check_version()?;
//!         let waiting = world.waiting_chats().len();
//!         let body = serde_json::json!({ "waiting": waiting });
//!         Ok(ApiResponse::json(200, &body))
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let apis = Apis::standard().with(&WaitingChats);
//! let options = Options::in_process();
//! let simulator = Simulator::start_with(apis, options, Arc::new(SystemClock)).await?;
//! # drop(simulator);
//! # Ok(())
//! # }
//! ```

mod domain;
pub(super) mod engagement_activity;
mod login;
mod names;
pub(super) mod sla;
mod token;

use std::fmt;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};

use super::faults::Target;
use super::params::{InvalidParameter, Params};
use super::response::ApiResponse;
use super::world::World;

use domain::Domain;
use engagement_activity::EngagementActivity;
use login::Login;
use names::Names;
use sla::Sla;
use token::Token;

/// Every API that is simulated without being asked for.
const STANDARD: &[&dyn Api] = &[
    &EngagementActivity,
    &Sla,
    &Token,
    &Login,
    &Domain::OneService,
    &Domain::AllServices,
    &Names::Skills,
    &Names::AgentGroups,
    &Names::Users,
];

/// What the request log calls a path of no API.
pub(super) const UNKNOWN_PATH: &str = "other";

/// The placeholder of the account id in a path.
const ACCOUNT: &str = "{account}";

/// One API at one path.
pub trait Api: Send + Sync {
    /// What faults and the request log call it, such as `sla`. The paths of one API share it.
    fn name(&self) -> &'static str;

    /// The service that the Domain API lists for it, such as `leDataReporting`.
    fn service(&self) -> Option<&'static str> {
        None
    }

    /// The path with placeholders for whole segments: `/operations/api/account/{account}/sla`.
    /// `{account}` is always the account id.
    fn path(&self) -> &'static str;

    /// The method it expects.
    fn method(&self) -> Method {
        Method::GET
    }

    /// A query that gets a response with status 200, for the start page and for tests.
    fn example_query(&self) -> &'static str {
        ""
    }

    /// What a caller must show.
    fn access(&self) -> Access {
        Access::Authorized
    }

    /// Whether deployments that wrap responses as `{"meta":…,"body":…}` do so with this API's.
    /// Its bodies must be JSON then.
    fn has_envelope(&self) -> bool {
        false
    }

    /// The response to a request that may be made. Called on a thread that may block.
    ///
    /// # Errors
    /// A parameter that is answered 400.
    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter>;
}

/// Names that faults and the request log use for something else.
const RESERVED_NAMES: [&str; 2] = [Target::Any.name(), UNKNOWN_PATH];

/// What a caller of an API must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A token or a signature of the account. Counts towards the account's concurrent requests.
    Authorized,
    /// Secrets, which the API checks itself: it hands out tokens. Counts towards the account's
    /// concurrent requests.
    SignIn,
    /// Nothing; the API checks the account itself.
    Public,
}

/// A request to an API, with its path taken apart and its query decoded.
#[derive(Debug)]
pub struct ApiRequest {
    pub(super) path_params: PathParams,
    pub(super) params: Params,
    pub(super) headers: HeaderMap,
    pub(super) host: String,
    pub(super) body: Vec<u8>,
}

impl ApiRequest {
    /// The account id in the path.
    pub fn account(&self) -> &str {
        self.path_params.account()
    }

    /// The segment of the path at the placeholder `{name}`.
    pub fn path_param(&self, name: &str) -> Option<&str> {
        self.path_params.get(name)
    }

    /// The query.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// A header's value, when it is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Host and port that the client called.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The body; empty for GET.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether `Content-Type` is `expected`, whatever its parameters.
    pub fn has_media_type(&self, expected: &str) -> bool {
        let content_type = self.header(CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case(expected)
    }
}

/// The segments of a path that stand at placeholders, by the placeholder with its braces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathParams(Vec<(&'static str, String)>);

impl PathParams {
    /// Matches a path against a template.
    fn of(template: &'static str, path: &str) -> Option<Self> {
        let mut found = Vec::new();
        let mut expected = segments(template);
        let mut given = segments(path);
        loop {
            match (expected.next(), given.next()) {
                (None, None) => return Some(Self(found)),
                (Some(expected), Some(given)) if expected.starts_with('{') => {
                    found.push((expected, given.to_owned()));
                }
                (expected, given) if expected == given => {}
                _ => return None,
            }
        }
    }

    pub(super) fn account(&self) -> &str {
        self.with_braces(ACCOUNT).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.with_braces(&format!("{{{name}}}"))
    }

    fn with_braces(&self, placeholder: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == placeholder);
        found.map(|(_, segment)| segment.as_str())
    }
}

fn segments(path: &str) -> std::str::Split<'_, char> {
    path.trim_start_matches('/').split('/')
}

/// The APIs of a simulated account.
#[derive(Clone)]
pub struct Apis(Vec<&'static dyn Api>);

impl Apis {
    /// The APIs that the exporter uses.
    pub fn standard() -> Self {
        Self(STANDARD.to_vec())
    }

    /// The same with one more. The simulator does not start when its path is taken.
    #[must_use]
    pub fn with(mut self, api: &'static dyn Api) -> Self {
        self.0.push(api);
        self
    }

    /// Each of them, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Api> {
        self.0.iter().copied()
    }

    /// The names that faults and the request log use, each once.
    pub fn names(&self) -> Vec<&'static str> {
        distinct(self.iter().map(Api::name))
    }

    /// What keeps the simulator from starting: two APIs at one path, or a reserved name.
    pub(super) fn errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for (index, api) in self.iter().enumerate() {
            let (name, method, path) = (api.name(), api.method(), api.path());
            let is_taken =
                |other: &dyn Api| (other.method(), other.path()) == (method.clone(), path);
            if self.iter().take(index).any(is_taken) {
                errors.push(format!(
                    "API {name}: {method} {path} belongs to another API"
                ));
            }
            if RESERVED_NAMES.contains(&name) {
                errors.push(format!("API {name}: the name is reserved"));
            }
        }
        errors
    }

    /// The API at `path`: the one that expects `method`, or else any, with the path taken apart.
    pub(super) fn at(&self, method: &Method, path: &str) -> Option<(&'static dyn Api, PathParams)> {
        let mut here: Vec<_> = self
            .iter()
            .filter_map(|api| Some((api, PathParams::of(api.path(), path)?)))
            .collect();
        let expected = here.iter().position(|(api, _)| api.method() == *method);
        (!here.is_empty()).then(|| here.swap_remove(expected.unwrap_or(0)))
    }

    /// The services that the Domain API lists, each once.
    pub(super) fn services(&self) -> Vec<&'static str> {
        distinct(self.iter().filter_map(Api::service))
    }

    /// One call of each API for the account, as `METHOD /path?query`.
    pub(super) fn examples(&self, account: &str) -> Vec<String> {
        let example = |api: &dyn Api| {
            let path = api.path().replace(ACCOUNT, account);
            let query = Some(api.example_query()).filter(|query| !query.is_empty());
            let query = query.map_or(String::new(), |query| format!("?{query}"));
            format!("{:<4} {path}{query}", api.method().as_str())
        };
        self.iter().map(example).collect()
    }
}

impl Default for Apis {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Apis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Apis").field(&self.names()).finish()
    }
}

fn distinct(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn every_standard_path_finds_its_own_api() {
        let apis = Apis::standard();
        check_each(apis.iter(), |api| {
            assert!(api.path().contains(ACCOUNT), "{}", api.path());
            let path = api.path().replace(ACCOUNT, "7");
            let (found, params) = apis.at(&api.method(), &path).unwrap();
            assert_eq!(found.path(), api.path());
            assert_eq!(params.account(), "7");
        });
    }

    #[test]
    fn a_path_matches_segment_by_segment() {
        let template = "/a/{account}/{list}/z";
        let params = PathParams::of(template, "/a/7/users/z").unwrap();
        assert_eq!(params.account(), "7");
        assert_eq!(params.get("list"), Some("users"));
        assert_eq!(params.get("other"), None);
        let cases = ["/a/7/users", "/a/7/users/z/", "/a/7/users/y", "/", ""];
        check_each(cases, |other| {
            assert_eq!(PathParams::of(template, other), None, "{other}");
        });
    }

    #[test]
    fn a_path_cannot_be_taken_twice() {
        assert_eq!(Apis::standard().errors(), Vec::<String>::new());
        let errors = Apis::standard().with(&Sla).errors();
        let expected = "API sla: GET /operations/api/account/{account}/sla belongs to another API";
        assert_eq!(errors, [expected]);
    }

    #[test]
    fn the_wrong_method_still_finds_the_api() {
        let apis = Apis::standard();
        let path = "/operations/api/account/7/sla";
        assert_eq!(apis.at(&Method::POST, path).unwrap().0.name(), "sla");
        assert!(apis.at(&Method::GET, "/operations/api/account/7").is_none());
    }
}
