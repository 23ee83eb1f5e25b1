//! From a request to its response: which API a path belongs to, whether a fault applies, who may
//! call, and what is sent back.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, DATE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::sync::{SemaphorePermit, TryAcquireError};

use super::State;
use super::apis::{Access, Api, ApiRequest, PathParams, UNKNOWN_PATH};
use super::auth::SignedRequest;
use super::control::{self, Control, ControlCall};
use super::faults::Fault;
use super::load_balancer::Connection;
use super::params::Params;
use super::response::{ApiResponse, ResponseBody};
use super::world::Node;

/// Longest path and query that is accepted, in bytes, as with gateways.
const LONGEST_URL: usize = 8 * 1024;
/// Longest body of an API call, in bytes.
const LONGEST_BODY: usize = 16 * 1024;
/// Within this time a body must have arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection is to be closed without a response.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

/// What a path stands for.
enum Route {
    Start,
    Control(Control),
    Api(Call),
    Unknown,
}

/// A call of an API.
struct Call {
    api: &'static dyn Api,
    path_params: PathParams,
    connection: Connection,
}

impl Route {
    fn of(state: &State, connection: Connection, parts: &Parts) -> Self {
        let path = parts.uri.path().trim_start_matches('/');
        if path.is_empty() {
            return Self::Start;
        }
        if let Some(control) = path.strip_prefix("control/").and_then(Control::named) {
            return Self::Control(control);
        }
        match state.apis.at(&parts.method, path) {
            Some((api, path_params)) => Self::Api(Call {
                api,
                path_params,
                connection,
            }),
            None => Self::Unknown,
        }
    }
}

/// Responds to one request.
pub(super) async fn handle(
    state: Arc<State>,
    connection: Connection,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Dropped> {
    let (parts, body) = request.into_parts();
    let url = url(&parts);
    let response = match Route::of(&state, connection, &parts) {
        _ if url.len() > LONGEST_URL => ApiResponse::error(414, "Request-URI too long"),
        Route::Start => start_page(&state),
        Route::Control(control) => match read_body(body, control::LONGEST_BODY).await {
            Ok(body) => respond_to_control(&state, control, &parts, body).await,
            Err(response) => response,
        },
        Route::Unknown => {
            let call = state
                .journal
                .record_arrival(UNKNOWN_PATH, parts.method.as_str(), url);
            state.journal.record_status(call, 404);
            ApiResponse::error(404, "Not found")
        }
        Route::Api(call) => {
            let (name, method) = (call.api.name(), parts.method.as_str());
            let number = state.journal.record_arrival(name, method, url);
            let response = apply_faults(&state, &parts, body, call).await?;
            state.journal.record_status(number, response.status());
            response
        }
    };
    tracing::debug!(method = %parts.method, url, status = response.status(), "responded");
    let mut response = response.into_response();
    if let Some(date) = date(&state) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

/// LivePerson's clock as a `Date` header.
fn date(state: &State) -> Option<HeaderValue> {
    let now = u64::try_from(state.clock.now_ms() / 1000).ok()?;
    let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now))?;
    HeaderValue::from_str(&httpdate::fmt_http_date(now)).ok()
}

async fn respond_to_control(
    state: &Arc<State>,
    control: Control,
    parts: &Parts,
    body: Vec<u8>,
) -> ApiResponse {
    let call = ControlCall {
        method: parts.method.clone(),
        params: Params::parse(parts.uri.query()),
        body,
    };
    let state = Arc::clone(state);
    blocking(move || control.respond(&state, &call)).await
}

/// Runs what can take a while, so that it is not on the event loop.
async fn blocking(respond: impl FnOnce() -> ApiResponse + Send + 'static) -> ApiResponse {
    match tokio::task::spawn_blocking(respond).await {
        Ok(response) => response,
        Err(error) => ApiResponse::error(500, &format!("the simulator failed: {error}")),
    }
}

/// Subjects a call to the limit, the latency and the faults, and otherwise lets the API respond.
async fn apply_faults(
    state: &Arc<State>,
    parts: &Parts,
    body: Incoming,
    call: Call,
) -> Result<ApiResponse, Dropped> {
    let url = url(parts);
    let Ok(_permit) = acquire_permit(state, call.api.access()) else {
        return Ok(ApiResponse::error(429, "Too many concurrent requests"));
    };
    let fault = state.faults.take(call.api.name(), url).unwrap_or_default();
    let latency = state.options.latency.mul_f64(0.5 + fastrand::f64());
    let wait = fault.delay.unwrap_or(latency);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    if fault.drop {
        return Err(Dropped);
    }
    let mut response = match fault.response() {
        Some(response) => response,
        None if fault.echo => echo(state, parts, body, &fault).await,
        None => respond(state, parts, body, call).await,
    };
    if let Some(value) = fault.retry_after {
        response = response.with_header(RETRY_AFTER, value);
    }
    Ok(if fault.truncate {
        response.truncated()
    } else {
        response
    })
}

/// One of the account's concurrent requests; none is needed for what is public.
fn acquire_permit(
    state: &State,
    access: Access,
) -> Result<Option<SemaphorePermit<'_>>, TryAcquireError> {
    match access {
        Access::Public => Ok(None),
        Access::Authorized | Access::SignIn => state.concurrency.try_acquire().map(Some),
    }
}

/// An error that repeats the credentials of the request.
async fn echo(state: &State, parts: &Parts, body: Incoming, fault: &Fault) -> ApiResponse {
    let body = match read_body(body, LONGEST_BODY).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let authorization = header(&parts.headers, AUTHORIZATION).unwrap_or_default();
    state.credentials.record_header(authorization);
    let body = String::from_utf8_lossy(&body);
    let status = fault.status.unwrap_or(400);
    ApiResponse::error(status, &format!("{authorization} {body}"))
}

/// The response of an API, or the reason why the call may not be made.
async fn respond(state: &Arc<State>, parts: &Parts, body: Incoming, call: Call) -> ApiResponse {
    if let Err(response) = check_access(state, parts, &call) {
        return response;
    }
    let body = if parts.method == Method::GET {
        Vec::new()
    } else {
        match read_body(body, LONGEST_BODY).await {
            Ok(body) => body,
            Err(response) => return response,
        }
    };
    let request = ApiRequest {
        path_params: call.path_params,
        params: Params::parse(parts.uri.query()),
        headers: parts.headers.clone(),
        host: host(state, &parts.headers),
        body,
    };
    let node = match call.api.access() {
        Access::Authorized => state.load_balancer.node(call.connection),
        Access::SignIn | Access::Public => Node::default(),
    };
    let state = Arc::clone(state);
    blocking(move || respond_blocking(&state, call.api, &request, node)).await
}

fn respond_blocking(state: &State, api: &dyn Api, request: &ApiRequest, node: Node) -> ApiResponse {
    let response = match api.respond(request, &state.world(node)) {
        Ok(response) => response,
        Err(invalid) => ApiResponse::error(400, invalid.message()),
    };
    if state.options.envelope && api.has_envelope() {
        response.in_envelope()
    } else {
        response
    }
}

/// Checks method, authorisation and account.
fn check_access(state: &State, parts: &Parts, call: &Call) -> Result<(), ApiResponse> {
    let method = call.api.method();
    if parts.method != method {
        return Err(ApiResponse::method_not_allowed(method.as_str()));
    }
    let is_known = call.path_params.account() == state.options.account;
    match call.api.access() {
        Access::Public => Ok(()),
        Access::SignIn if is_known => Ok(()),
        Access::SignIn => Err(ApiResponse::error(401, "Unknown account")),
        Access::Authorized => {
            check_authorization(state, parts)?;
            if is_known {
                return Ok(());
            }
            let message = "The token does not belong to this account";
            Err(ApiResponse::error(403, message))
        }
    }
}

fn check_authorization(state: &State, parts: &Parts) -> Result<(), ApiResponse> {
    let request = SignedRequest {
        method: parts.method.as_str(),
        host: &host(state, &parts.headers),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
    };
    let authorization = header(&parts.headers, AUTHORIZATION);
    let (app_key, now_ms) = (&state.options.app_key, state.clock.unaccelerated_ms());
    let checked = state
        .credentials
        .check(app_key, authorization, &request, now_ms);
    checked.map_err(|(scheme, reason)| {
        ApiResponse::error(401, &format!("Unauthorized: {reason}"))
            .with_header(WWW_AUTHENTICATE, scheme.to_owned())
    })
}

/// Reads a body that must be neither long nor slow.
async fn read_body(body: Incoming, limit: usize) -> Result<Vec<u8>, ApiResponse> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("The body is longer than {limit} bytes");
            Err(ApiResponse::error(413, &message))
        }
        Ok(Err(_)) => Err(ApiResponse::error(400, "The body could not be read")),
        Err(_) => Err(ApiResponse::error(408, "The body did not arrive in time")),
    }
}

fn url(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |url| url.as_str())
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The host and port that the client called, so that the Domain API sends it back to the same.
fn host(state: &State, headers: &HeaderMap) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".:-_[]".contains(c);
    let sent = header(headers, HOST)
        .filter(|host| (1..=255).contains(&host.len()) && host.chars().all(is_plain));
    sent.unwrap_or(&state.authority).to_owned()
}

fn start_page(state: &State) -> ApiResponse {
    let options = &state.options;
    let text = format!(
        "A simulated LivePerson account.\n\n\
         account: {}\nskills: {}, agents: {}, groups: {}, seed: {}\n\n\
         {}\n\
         GET, POST, DELETE /control/faults\nGET, DELETE /control/requests\nPOST /control/revoke\n\
         GET  /control/truth\nPOST /control/advance\n",
        options.account,
        options.skills,
        options.agents,
        options.groups,
        options.seed,
        state.apis.examples(&options.account).join("\n"),
    );
    ApiResponse::text(200, "text/plain; charset=utf-8", text)
}
