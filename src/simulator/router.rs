//! From a request to its answer: which API a path belongs to, whether a fault lies in its way, who
//! may ask, and what is sent back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, IF_NONE_MATCH, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::State;
use super::access::oauth1::{self, Signed};
use super::apis::names::List;
use super::apis::{domain, engagement_activity, sla};
use super::control::{self, Control};
use super::faults::{Fault, Target};
use super::params::{BadParameter, Params};
use super::response::{Answer, AnswerBody};
use super::world::window::Window;

/// Longest path and query that is looked at, in bytes, as gateways have it.
const LONGEST_URL: usize = 8 * 1024;
/// Longest body of an API call, in bytes.
const LONGEST_BODY: usize = 16 * 1024;
/// Within this time a body must have come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const GATEWAY_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\
    <body><h1>The service is temporarily unavailable</h1><p>Reference: 18.2e9f1a02</p></body></html>\n";

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    Root,
    Control(Control),
    Call { account: &'a str, call: Call<'a> },
    Unknown,
}

/// The calls of the APIs.
#[derive(Debug, PartialEq, Eq)]
enum Call<'a> {
    Domain(Option<&'a str>),
    Token,
    Login,
    EngagementActivity,
    Sla,
    Names(List),
}

impl Route<'_> {
    fn of(path: &str) -> Route<'_> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (account, call) = match segments[..] {
            [""] => return Route::Root,
            ["control", name] => {
                return Control::named(name).map_or(Route::Unknown, Route::Control);
            }
            ["api", "account", id, "service", "baseURI.json"] => (id, Call::Domain(None)),
            ["api", "account", id, "service", name, "baseURI.json"] => {
                (id, Call::Domain(Some(name)))
            }
            ["api", "account", id, "login"] => (id, Call::Login),
            ["api", "account", id, "configuration", "le-users", list] => match List::named(list) {
                Some(list) => (id, Call::Names(list)),
                None => return Route::Unknown,
            },
            ["sentinel", "api", "v2", "account", id, "app", "token"] => (id, Call::Token),
            ["operations", "api", "account", id, "engactivity"] => (id, Call::EngagementActivity),
            ["operations", "api", "account", id, "sla"] => (id, Call::Sla),
            _ => return Route::Unknown,
        };
        Route::Call { account, call }
    }
}

impl Call<'_> {
    fn api(&self) -> Target {
        match self {
            Self::Domain(_) => Target::Domain,
            Self::Token | Self::Login => Target::Token,
            Self::EngagementActivity => Target::EngagementActivity,
            Self::Sla => Target::Sla,
            Self::Names(_) => Target::Names,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Token | Self::Login => Method::POST,
            _ => Method::GET,
        }
    }
}

/// Answers one request.
pub(super) async fn handle(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Dropped> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.path_and_query().map_or("/", |url| url.as_str());
    let answer = match Route::of(parts.uri.path()) {
        _ if url.len() > LONGEST_URL => Answer::error(414, "Request-URI too long"),
        Route::Root => root(&state),
        Route::Control(control) => match read(body, control::LONGEST_BODY).await {
            Ok(body) => control.answer(&state, &parts.method, &body),
            Err(answer) => answer,
        },
        Route::Unknown => {
            let number = state.journal.arrived("other", parts.method.as_str(), url);
            state.journal.answered(number, 404);
            Answer::error(404, "Not found")
        }
        Route::Call { account, call } => {
            let api = call.api();
            let number = state
                .journal
                .arrived(api.name(), parts.method.as_str(), url);
            let answer = meet(&state, &parts, body, account, &call, url).await?;
            state.journal.answered(number, answer.status);
            answer
        }
    };
    tracing::debug!(method = %parts.method, url, status = answer.status, "answered");
    Ok(answer.into_response())
}

/// Lets a call meet the limit, the latency and the faults, and otherwise answers it.
async fn meet(
    state: &Arc<State>,
    parts: &Parts,
    body: Incoming,
    account: &str,
    call: &Call<'_>,
    url: &str,
) -> Result<Answer, Dropped> {
    // The Domain API is everybody's: it does not count towards the account's limit.
    let _place = match call {
        Call::Domain(_) => None,
        _ => match state.places.try_acquire() {
            Ok(place) => Some(place),
            Err(_) => return Ok(Answer::error(429, "Too many concurrent requests")),
        },
    };
    let fault = state.faults.take(call.api(), url).unwrap_or_default();
    let usual = state.options.latency.mul_f64(0.5 + fastrand::f64());
    let wait = fault.delay.unwrap_or(usual);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    if fault.drop {
        return Err(Dropped);
    }
    let answer = match replacement(&fault) {
        Some(answer) => answer,
        None if fault.echo => echo(state, parts, body, fault.status.unwrap_or(400)).await,
        None => answer(state, parts, body, account, call).await,
    };
    let answer = match fault.retry_after {
        Some(text) => answer.with(RETRY_AFTER, text),
        None => answer,
    };
    Ok(if fault.truncate {
        answer.truncated()
    } else {
        answer
    })
}

/// What a fault answers instead of the API.
fn replacement(fault: &Fault) -> Option<Answer> {
    if fault.html {
        let status = fault.status.unwrap_or(200);
        return Some(Answer::text(
            status,
            "text/html; charset=utf-8",
            GATEWAY_PAGE.to_owned(),
        ));
    }
    if let Some(body) = &fault.body {
        let status = fault.status.unwrap_or(200);
        return Some(Answer::text(status, "application/json", body.clone()));
    }
    if fault.echo {
        return None;
    }
    fault.status.map(|status| {
        let reason = hyper::StatusCode::from_u16(status).ok();
        let reason = reason.and_then(|status| status.canonical_reason());
        Answer::error(status, reason.unwrap_or("Error"))
    })
}

/// An error that repeats what the request said.
async fn echo(state: &State, parts: &Parts, body: Incoming, status: u16) -> Answer {
    let body = match read(body, LONGEST_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let authorisation = header(&parts.headers, AUTHORIZATION).unwrap_or_default();
    state.guard.note_header(authorisation);
    let body = String::from_utf8_lossy(&body);
    Answer::error(status, &format!("{authorisation} {body}"))
}

/// The answer of a healthy API.
async fn answer(
    state: &Arc<State>,
    parts: &Parts,
    body: Incoming,
    account: &str,
    call: &Call<'_>,
) -> Answer {
    let method = call.method();
    if parts.method != method {
        return Answer::wrong_method(method.as_str());
    }
    let known = account == state.options.account;
    let params = Params::parse(parts.uri.query());
    match call {
        Call::Domain(_) if !known => domain::unknown_account(account),
        Call::Domain(service) => {
            domain::answer(account, *service, &params, &host(state, &parts.headers))
        }
        Call::Token | Call::Login if !known => Answer::error(401, "Unknown account"),
        Call::Token | Call::Login => match read(body, LONGEST_BODY).await {
            Err(answer) => answer,
            Ok(body) => {
                let content_type = header(&parts.headers, CONTENT_TYPE);
                let now = state.clock.now_ms();
                let options = (&state.options, &state.guard);
                match call {
                    Call::Token => state.tokens.grant(options, content_type, &body, now),
                    _ => state.tokens.login(options, content_type, &body, now),
                }
            }
        },
        Call::EngagementActivity | Call::Sla | Call::Names(_) => {
            if let Err((scheme, why)) = authorised(state, parts) {
                return Answer::error(401, &format!("Unauthorized: {why}"))
                    .with(hyper::header::WWW_AUTHENTICATE, scheme.to_owned());
            }
            if !known {
                return Answer::error(403, "The token does not belong to this account");
            }
            protected(state, &parts.headers, params, call).await
        }
    }
}

/// Whether a call carries a token that is valid or a signature that is right; otherwise the scheme
/// of authorisation and what is wrong.
fn authorised(state: &State, parts: &Parts) -> Result<(), (&'static str, &'static str)> {
    let authorisation = header(&parts.headers, AUTHORIZATION);
    if let Some(authorisation) = authorisation {
        state.guard.note_header(authorisation);
        if oauth1::parameters(authorisation).is_some() {
            let request = Signed {
                method: parts.method.as_str(),
                host: &host(state, &parts.headers),
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
            };
            let app_key = &state.options.app_key;
            let checked = state
                .guard
                .check_signature(app_key, authorisation, &request);
            return checked.map_err(|why| ("OAuth", why));
        }
    }
    if state.tokens.accepts(authorisation, state.clock.now_ms()) {
        return Ok(());
    }
    Err(("Bearer", "missing, invalid or expired token"))
}

/// The calls behind a token. Counting can take a while, and does so beside the event loop.
async fn protected(
    state: &Arc<State>,
    headers: &HeaderMap,
    params: Params,
    call: &Call<'_>,
) -> Answer {
    let counted = match call {
        Call::Names(list) => {
            let list = *list;
            let state = Arc::clone(state);
            let tag = header(headers, IF_NONE_MATCH).map(str::to_owned);
            tokio::task::spawn_blocking(move || list.answer(&state.staff, &params, tag.as_deref()))
        }
        _ => {
            let sla = matches!(call, Call::Sla);
            let state = Arc::clone(state);
            tokio::task::spawn_blocking(move || data(&state, &params, sla))
        }
    };
    match counted.await {
        Ok(answer) => answer,
        Err(error) => Answer::error(500, &format!("the simulator failed: {error}")),
    }
}

/// The two data APIs.
fn data(state: &State, params: &Params, sla: bool) -> Answer {
    let options = &state.options;
    let counted: Result<Value, BadParameter> = if sla {
        sla::Request::read(params).map(|request| {
            let window = Window::ending(state.clock.now_ms(), request.timeframe);
            let blocks = state.history.around(window);
            let chats = blocks.iter().flat_map(|block| block.iter());
            request.answer(window, chats, options.numbers)
        })
    } else {
        engagement_activity::Request::read(params).map(|request| {
            let window = Window::ending(state.clock.now_ms(), request.timeframe);
            let blocks = state.history.around(window);
            let chats = blocks.iter().flat_map(|block| block.iter());
            request.answer(window, chats, options.numbers, options.section_name)
        })
    };
    let (status, body) = match counted {
        Ok(body) => (200, body),
        Err(BadParameter(message)) => (
            400,
            json!({ "error": { "statusCode": 400, "message": message } }),
        ),
    };
    if options.envelope {
        let body = json!({ "meta": { "responseCode": status }, "body": body });
        return Answer::json(status, &body);
    }
    Answer::json(status, &body)
}

/// Reads a body that may neither be long nor slow.
async fn read(body: Incoming, limit: usize) -> Result<Vec<u8>, Answer> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("The body is longer than {limit} bytes");
            Err(Answer::error(413, &message))
        }
        Ok(Err(_)) => Err(Answer::error(400, "The body could not be read")),
        Err(_) => Err(Answer::error(408, "The body did not come in time")),
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The host and port that the client called, so that it finds the services where it found this.
fn host(state: &State, headers: &HeaderMap) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_[]".contains(c);
    let sent = header(headers, HOST)
        .filter(|host| (1..=255).contains(&host.len()) && host.chars().all(plain));
    sent.unwrap_or(&state.authority).to_owned()
}

fn root(state: &State) -> Answer {
    let options = &state.options;
    let text = format!(
        "A simulated LivePerson account.\n\n\
         account: {}\nskills: {}, agents: {}, groups: {}, seed: {}\n\n\
         GET  /api/account/{0}/service/baseURI.json?version=1.0\n\
         POST /sentinel/api/v2/account/{0}/app/token\n\
         GET  /operations/api/account/{0}/engactivity?timeframe=60&v=1\n\
         GET  /operations/api/account/{0}/sla?timeframe=60&v=1\n\
         GET, POST, DELETE /control/faults\nGET, DELETE /control/requests\nPOST /control/revoke\n",
        options.account, options.skills, options.agents, options.groups, options.seed
    );
    Answer::text(200, "text/plain; charset=utf-8", text)
}
