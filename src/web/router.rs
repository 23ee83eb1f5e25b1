//! From a request to a reply: admission first, then the path, then the method.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::time::timeout;

use super::activity::Activity;
use super::basic_auth::Verdict;
use super::body::{Chunks, PageBody, ResponseGuard};
use super::connection_table::{Registration, ResponsePermit};
use super::reload::Outcome;
use super::web_config::Loaded;
use super::{Limits, MetricsRequest, Readiness, Server, WebConfig, status_page};

/// Who asks, on which connection.
pub(super) struct Client {
    pub(super) registration: Arc<Registration>,
    pub(super) activity: Arc<Activity>,
}

/// Seconds after which a client that met a limit may try again.
const TRY_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// A reply before it meets its connection.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    chunks: Chunks,
    permit: Option<ResponsePermit>,
}

impl Reply {
    fn new(status: StatusCode, content_type: HeaderValue, chunks: impl Into<Chunks>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type);
        Self {
            status,
            headers,
            chunks: chunks.into(),
            permit: None,
        }
    }

    fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        Self::new(status, plain, vec![text.into()])
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// Answers one request. Whatever it holds is released when its response is written or dropped.
pub(super) async fn answer(
    server: &Server,
    client: &Client,
    request: Request<Incoming>,
) -> Response<PageBody> {
    let mut guard = ResponseGuard::new(Arc::clone(&client.activity));
    let loaded = match &server.web {
        Some(web) => Some(web.current(server.settings.limits.file_check).await),
        None => None,
    };
    let head_only = request.method() == Method::HEAD;
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, ());
    let refused = refuse(server, client, loaded.as_deref(), &request, body).await;
    client.activity.admitted();
    let reply = match refused {
        Some(reply) => reply,
        None => route(server, client, &request).await,
    };
    guard.permit = reply.permit;
    let length = reply.chunks.length();
    let chunks = if head_only {
        Vec::new().into()
    } else {
        reply.chunks
    };
    let mut response = Response::new(PageBody::new(chunks, guard));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(loaded) = loaded {
        for (name, value) in &loaded.headers {
            headers.insert(name, value.clone());
        }
    }
    response
}

/// Everything that keeps a request from being routed, cheapest first.
async fn refuse(
    server: &Server,
    client: &Client,
    loaded: Option<&Loaded>,
    request: &Request<()>,
    body: Incoming,
) -> Option<Reply> {
    let limits = &server.settings.limits;
    if let Some(reply) = refuse_host(request) {
        return Some(reply);
    }
    match refuse_unknown(loaded, request.headers(), client, limits).await {
        None => refuse_body(body, limits).await,
        refused => refused,
    }
}

/// HTTP/1.1 wants one valid `Host`; a proxy in between may take another of two, or read an invalid
/// one in its own way (RFC 9112, section 3.2).
fn refuse_host(request: &Request<()>) -> Option<Reply> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let fine = match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    };
    if fine {
        return None;
    }
    let text = "A request needs exactly one Host header, with a host and perhaps a port.\n";
    let close = HeaderValue::from_static("close");
    Some(Reply::text(StatusCode::BAD_REQUEST, text).with(CONNECTION, close))
}

/// Whether this is `host` or `host:port`, with nothing else.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else {
        return false;
    };
    let (text, host) = (authority.as_str(), authority.host());
    let port = text.strip_prefix(host);
    !host.is_empty()
        && port.is_some_and(|port| matches!(port, "" | ":") || authority.port_u16().is_some())
}

/// Asks the rate limit and the users of the web configuration file.
async fn refuse_unknown(
    loaded: Option<&Loaded>,
    headers: &HeaderMap,
    client: &Client,
    limits: &Limits,
) -> Option<Reply> {
    let loaded = loaded?;
    if loaded.rate.as_ref().is_some_and(|rate| !rate.allow()) {
        let text = "Too many requests: the web configuration file sets a rate_limit.\n";
        let reply = Reply::text(StatusCode::TOO_MANY_REQUESTS, text);
        return Some(reply.with(RETRY_AFTER, TRY_AGAIN));
    }
    let users = loaded.users.as_ref()?;
    let header = headers.get(AUTHORIZATION);
    let peer = client.registration.peer();
    let hashing = |now| client.activity.set_checking(now);
    match users.check(header, peer, limits.auth_time, hashing).await {
        Verdict::Granted => None,
        Verdict::Denied => {
            let reply = Reply::text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
            Some(reply.with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic")))
        }
        Verdict::Busy => {
            let text = "Too many passwords are waiting to be checked.\n";
            let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
            Some(reply.with(RETRY_AFTER, TRY_AGAIN))
        }
    }
}

/// Reads a small body and throws it away, as no page needs one; a large or slow one is refused.
async fn refuse_body(body: Incoming, limits: &Limits) -> Option<Reply> {
    if body.is_end_stream() {
        return None;
    }
    let too_large = (
        StatusCode::PAYLOAD_TOO_LARGE,
        "No request here needs a body.\n",
    );
    let announced = body.size_hint().lower();
    let mut body = Limited::new(body, limits.body_bytes);
    let read = timeout(limits.body_time, async {
        while let Some(frame) = body.frame().await {
            drop(frame?);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    let (status, text) = if announced > limits.body_bytes as u64 {
        too_large
    } else {
        match read.await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) if error.is::<LengthLimitError>() => too_large,
            Ok(Err(_)) => (
                StatusCode::BAD_REQUEST,
                "The request body cannot be read.\n",
            ),
            Err(_) => (
                StatusCode::REQUEST_TIMEOUT,
                "The request body took too long.\n",
            ),
        }
    };
    Some(Reply::text(status, text).with(CONNECTION, HeaderValue::from_static("close")))
}

async fn route(server: &Server, client: &Client, request: &Request<()>) -> Reply {
    let settings = &server.settings;
    let path = request.uri().path();
    if path == "/-/reload" {
        return match *request.method() {
            Method::POST | Method::PUT => reload(server, request.headers()).await,
            _ => wrong_method("POST, PUT"),
        };
    }
    let page: fn(&Server, &Client, &Request<()>) -> Reply = match path {
        path if path == settings.telemetry_path => metrics,
        "/-/healthy" => |_, _, _| Reply::text(StatusCode::OK, "Healthy.\n"),
        "/-/ready" => |server, _, _| ready(server),
        "/" => |server, _, _| home(server),
        _ => {
            return Reply::text(
                StatusCode::NOT_FOUND,
                "Not found. See / for what there is.\n",
            );
        }
    };
    match *request.method() {
        Method::GET | Method::HEAD => page(server, client, request),
        _ => wrong_method("GET, HEAD"),
    }
}

fn wrong_method(allowed: &'static str) -> Reply {
    let text = format!("Method not allowed. Allowed are {allowed}.\n");
    Reply::text(StatusCode::METHOD_NOT_ALLOWED, text).with(ALLOW, HeaderValue::from_static(allowed))
}

fn metrics(server: &Server, client: &Client, request: &Request<()>) -> Reply {
    let Some(permit) = client.registration.begin_response() else {
        let text = format!(
            "{} scrapes are under way on this connection, which is the limit.\n",
            server.settings.limits.scrapes
        );
        let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
        return reply.with(RETRY_AFTER, TRY_AGAIN);
    };
    let accept = joined(request.headers(), ACCEPT);
    let accept_encoding = joined(request.headers(), ACCEPT_ENCODING);
    let page = server.handler.metrics(&MetricsRequest {
        accept: accept.as_deref(),
        accept_encoding: accept_encoding.as_deref(),
        query: request.uri().query(),
    });
    let mut reply = Reply::new(
        page.status,
        HeaderValue::from_static(page.content_type),
        page.chunks,
    )
    .with(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if let Some(encoding) = page.content_encoding {
        reply = reply.with(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Some(seconds) = page.retry_after {
        reply = reply.with(RETRY_AFTER, seconds.into());
    }
    reply.permit = Some(permit);
    reply
}

/// The values of a header that may come several times; values that are not text are left out.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn ready(server: &Server) -> Reply {
    match server.handler.ready() {
        Readiness::Ready => Reply::text(StatusCode::OK, "Ready.\n"),
        Readiness::NotReady(reasons) => {
            let mut text = "Not ready.\n".to_owned();
            for reason in reasons {
                text.push_str(&reason);
                text.push('\n');
            }
            Reply::text(StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

fn home(server: &Server) -> Reply {
    let page = status_page::render(&server.handler.status_page(), &server.settings);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    // What `default-src` does not cover is named.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    Reply::new(StatusCode::OK, html, vec![page.into()])
        .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
}

/// Runs a reload to its end even when the client leaves, and never two at once.
async fn reload(server: &Server, headers: &HeaderMap) -> Reply {
    if !server.settings.lifecycle {
        let text = "Lifecycle API is not enabled. Start with --web.enable-lifecycle.\n";
        return Reply::text(StatusCode::FORBIDDEN, text);
    }
    let tls = server.web.as_ref().is_some_and(WebConfig::tls_enabled);
    if is_from_another_site(headers, tls) {
        let text = "A page of another site must not reload this exporter.\n";
        return Reply::text(StatusCode::FORBIDDEN, text);
    }
    let failed = |text| Reply::text(StatusCode::INTERNAL_SERVER_ERROR, text);
    match server.reloads.run(&server.handler).await {
        Outcome::Done => Reply::text(StatusCode::OK, "Reloaded.\n"),
        Outcome::Refused(reasons) => {
            failed(format!("Reload failed, the old state stays:\n{reasons}\n"))
        }
        Outcome::Panicked => {
            failed("Reload failed with an internal error; the log may say more.\n".to_owned())
        }
    }
}

/// Whether a browser sends this on behalf of a page that is not ours. Browsers send credentials
/// and reach loopback and intranets for any page; what is no browser sends neither header. `tls` is
/// whether this server speaks it: our pages are `https` then. Without it a proxy in front may.
fn is_from_another_site(headers: &HeaderMap, tls: bool) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_ascii_lowercase();
    if let Some(site) = headers.get("sec-fetch-site") {
        // The browser's own judgement; `none` is the person's own doing.
        return !matches!(text(site).as_str(), "same-origin" | "none");
    }
    let Some(origin) = headers.get(ORIGIN).map(text) else {
        return false;
    };
    let host = headers.get(HOST).map(text).unwrap_or_default();
    // `null`, and whatever else is no origin, is another one.
    origin.split_once("://").is_none_or(|(scheme, authority)| {
        let ours = scheme == "https" || (scheme == "http" && !tls);
        !ours || authority != host
    })
}
