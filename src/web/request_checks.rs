//! What rejects a request before it is routed, cheapest check first, and cross-site reloads.

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode, Version};
use tokio::time::timeout;

use super::basic_auth::Verdict;
use super::connection_table::Registration;
use super::loaded::Loaded;
use super::reply::{RETRY_SOON, Reply};
use super::settings::Limits;

/// The reply to a request that fails a check; none when it may be routed.
pub(super) async fn reject(
    request: &Request<()>,
    body: Incoming,
    connection: &Registration,
    loaded: Option<&Loaded>,
    limits: &Limits,
) -> Option<Reply> {
    if let Some(reply) = reject_host(request) {
        return Some(reply);
    }
    if let Some(loaded) = loaded {
        let reply = reject_by_config(loaded, request.headers(), connection, limits).await;
        if reply.is_some() {
            return reply;
        }
    }
    reject_body(body, limits).await
}

/// HTTP/1.1 requires one valid `Host`; a proxy in between may take the other one of two, or read an
/// invalid one differently (RFC 9112, section 3.2).
fn reject_host(request: &Request<()>) -> Option<Reply> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let valid = match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    };
    if valid {
        return None;
    }
    let text = "A request needs exactly one Host header, with a host and optionally a port.\n";
    Some(close(StatusCode::BAD_REQUEST, text))
}

/// A rejection after which the connection cannot be used any further.
fn close(status: StatusCode, text: &'static str) -> Reply {
    Reply::text(status, text).with(CONNECTION, HeaderValue::from_static("close"))
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

/// Applies the rate limit and the users of the web configuration file.
async fn reject_by_config(
    loaded: &Loaded,
    headers: &HeaderMap,
    connection: &Registration,
    limits: &Limits,
) -> Option<Reply> {
    if loaded.rate.as_ref().is_some_and(|rate| !rate.allow()) {
        let text = "Too many requests: rate_limit of the web configuration file is exceeded.\n";
        let reply = Reply::text(StatusCode::TOO_MANY_REQUESTS, text);
        return Some(reply.with(RETRY_AFTER, RETRY_SOON));
    }
    let users = loaded.users.as_ref()?;
    let header = headers.get(AUTHORIZATION);
    let on_hashing = |hashing| connection.activity().set_hashing(hashing);
    let check = users.check(header, connection.peer(), limits.auth_time, on_hashing);
    match check.await {
        Verdict::Granted => None,
        Verdict::Denied => {
            let reply = Reply::text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
            Some(reply.with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic")))
        }
        Verdict::Busy => {
            let text = "Too many passwords are waiting to be checked.\n";
            let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
            Some(reply.with(RETRY_AFTER, RETRY_SOON))
        }
    }
}

/// Reads a small body and discards it, as no page needs one; a large or slow one is rejected.
async fn reject_body(mut body: Incoming, limits: &Limits) -> Option<Reply> {
    if body.is_end_stream() {
        return None;
    }
    let too_large = || {
        let text = "The request body is too large; no request here needs one.\n";
        Some(close(StatusCode::PAYLOAD_TOO_LARGE, text))
    };
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return too_large();
    }
    match timeout(limits.body_time, discard(&mut body, limits.body_bytes)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(),
        Ok(Err(_)) => {
            let text = "The request body cannot be read.\n";
            Some(close(StatusCode::BAD_REQUEST, text))
        }
        Err(_) => {
            let text = "The request body took too long.\n";
            Some(close(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

/// Reads a body of at most `max_bytes`.
async fn discard(
    body: &mut Incoming,
    max_bytes: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut body = Limited::new(body, max_bytes);
    while let Some(frame) = body.frame().await {
        drop(frame?);
    }
    Ok(())
}

/// Whether a browser sends this on behalf of a page of another site. Browsers send credentials and
/// reach loopback and intranets for any page; other programs send neither header. `tls` is whether
/// this server speaks it: its pages are `https` then. Without it a proxy in front may.
pub(super) fn is_cross_site(headers: &HeaderMap, tls: bool) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // The browser decided; `none` is what the user started, not a page.
        return !matches!(lower_case(site).as_str(), "same-origin" | "none");
    }
    let Some(origin) = headers.get(ORIGIN).map(lower_case) else {
        return false;
    };
    let host = headers.get(HOST).map(lower_case).unwrap_or_default();
    match origin.split_once("://") {
        Some(("https", authority)) => authority != host,
        Some(("http", authority)) => tls || authority != host,
        // `null`, and anything else that is not an origin, is another site.
        _ => true,
    }
}

fn lower_case(value: &HeaderValue) -> String {
    value.to_str().unwrap_or("?").to_ascii_lowercase()
}
