//! From a request to a reply: checks first, then the path, then the method.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, USER_AGENT, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use super::access::{self, Access, Routed};
use super::body::{PageBody, ResponseGuard};
use super::chunks::Chunks;
use super::connection_table::Registration;
use super::handler::{MetricsRequest, Readiness, StatusForm, StatusRequest};
use super::loaded::Loaded;
use super::reload::Outcome;
use super::reply::{RETRY_SOON, Reply};
use super::request_checks::{is_cross_site, reject};
use super::settings::STATUS_PATH;
use super::state::Server;
use super::web_config::WebConfig;

/// Answers one request. Whatever it holds is released when its response is written or dropped.
pub(super) async fn answer(
    server: &Server,
    connection: &Arc<Registration>,
    request: Request<Incoming>,
) -> Response<PageBody> {
    let mut guard = ResponseGuard::new(Arc::clone(connection.activity()));
    let limits = &server.settings.limits;
    let loaded = match &server.web_config {
        Some(web_config) => Some(web_config.current(limits.file_check).await),
        None => None,
    };
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts, ());
    let rejection = reject(&request, body, connection, loaded.as_deref(), limits).await;
    connection.activity().request_admitted();
    let mut reply = match rejection {
        Some(reply) => reply,
        None => route(server, connection, loaded.as_deref(), &request).await,
    };
    guard.permit = reply.permit.take();
    let configured = loaded
        .as_deref()
        .map_or(&[][..], |loaded| loaded.headers.as_slice());
    let headers = reply.take_headers(configured);
    let chunks = match *request.method() {
        Method::HEAD => Chunks::empty(),
        _ => reply.chunks,
    };
    let mut response = Response::new(PageBody::new(chunks, guard));
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}

async fn route(
    server: &Server,
    connection: &Arc<Registration>,
    loaded: Option<&Loaded>,
    request: &Request<()>,
) -> Reply {
    let (prefix, asked) = (&server.settings.route_prefix, request.uri().path());
    let path = match access::route(prefix, asked) {
        Routed::Path(path) => path,
        Routed::Home => return redirect_home(prefix, asked),
        Routed::Unknown => return not_found(),
    };
    if path == "/-/reload" {
        return match *request.method() {
            Method::POST | Method::PUT => reload(server, request.headers()).await,
            _ => wrong_method("POST, PUT"),
        };
    }
    let is_known = |path| {
        let others = ["/-/healthy", "/-/ready", STATUS_PATH, "/"];
        path == server.settings.telemetry_path || others.contains(&path)
    };
    if !is_known(path) {
        return not_found();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return wrong_method("GET, HEAD");
    }
    match path {
        path if path == server.settings.telemetry_path => metrics(server, connection, request),
        "/-/healthy" => Reply::text(StatusCode::OK, "Healthy.\n"),
        "/-/ready" => ready(server),
        STATUS_PATH => status(server, StatusForm::Json, request).await,
        _ => {
            let access = access(server, loaded);
            status(server, StatusForm::Page(&access), request).await
        }
    }
}

fn not_found() -> Reply {
    let text = "Not found. See / for the available pages.\n";
    Reply::text(StatusCode::NOT_FOUND, text)
}

/// Leads to the page behind the prefix. The way is relative to the request's own path, so that it is
/// right with and without a proxy, whatever the proxy puts before the path.
fn redirect_home(prefix: &str, path: &str) -> Reply {
    let from_here = match path {
        "/" => prefix,
        _ => prefix.rfind('/').map_or("", |at| &prefix[at..]),
    };
    // With the dot a colon does not end a scheme.
    let location = format!(".{from_here}/");
    let reply = Reply::text(StatusCode::FOUND, format!("See {location}\n"));
    match HeaderValue::try_from(location) {
        Ok(location) => reply.with(LOCATION, location),
        Err(_) => reply,
    }
}

fn wrong_method(allowed: &'static str) -> Reply {
    let text = format!("Method not allowed. Allowed are {allowed}.\n");
    Reply::text(StatusCode::METHOD_NOT_ALLOWED, text).with(ALLOW, HeaderValue::from_static(allowed))
}

fn metrics(server: &Server, connection: &Arc<Registration>, request: &Request<()>) -> Reply {
    let Some(permit) = connection.begin_scrape() else {
        let text = format!(
            "{} scrapes are being written on this connection, which is the limit.\n",
            server.settings.limits.scrapes
        );
        let reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, text);
        return reply.with(RETRY_AFTER, RETRY_SOON);
    };
    let accept = join_values(request.headers(), ACCEPT);
    let accept_encoding = join_values(request.headers(), ACCEPT_ENCODING);
    let page = server.handler.metrics(&MetricsRequest {
        accept: accept.as_deref(),
        accept_encoding: accept_encoding.as_deref(),
        user_agent: request
            .headers()
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok()),
        query: request.uri().query(),
    });
    let mut reply = Reply::new(
        page.status,
        HeaderValue::from_static(page.content_type),
        page.chunks,
    )
    .with(
        VARY,
        HeaderValue::from_static("Accept, Accept-Encoding, User-Agent"),
    );
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
fn join_values(headers: &HeaderMap, name: HeaderName) -> Option<String> {
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

/// How this server is reached, by the web configuration that is in use now.
fn access(server: &Server, loaded: Option<&Loaded>) -> Access {
    let settings = &server.settings;
    let tls = loaded.and_then(|loaded| loaded.tls.as_ref());
    Access {
        external_url: settings.external_url.clone(),
        route_prefix: settings.route_prefix.clone(),
        telemetry_path: settings.telemetry_path.clone(),
        reachable_at: settings.reachable_at.clone(),
        tls: tls.is_some(),
        basic_auth: loaded.is_some_and(|loaded| loaded.users.is_some()),
        client_certificates: loaded.is_some_and(Loaded::demands_certificates),
        lifecycle: settings.lifecycle,
    }
}

async fn status(server: &Server, form: StatusForm<'_>, request: &Request<()>) -> Reply {
    let accept_encoding = join_values(request.headers(), ACCEPT_ENCODING);
    let request = StatusRequest {
        form,
        accept_encoding: accept_encoding.as_deref(),
    };
    let document = server.handler.status(request).await;
    let content_type = HeaderValue::from_static(document.content_type);
    let mut reply = Reply::new(document.status, content_type, vec![document.body])
        .with(VARY, HeaderValue::from_static("Accept-Encoding"))
        .with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(encoding) = document.content_encoding {
        reply = reply.with(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Some(policy) = document.policy {
        reply = reply
            .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
            .with(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    reply
}

/// Runs a reload to its end even when the client disconnects, and never two at once.
async fn reload(server: &Server, headers: &HeaderMap) -> Reply {
    if !server.settings.lifecycle {
        let text = "Lifecycle API is not enabled. Start with --web.enable-lifecycle.\n";
        return Reply::text(StatusCode::FORBIDDEN, text);
    }
    let tls = server
        .web_config
        .as_ref()
        .is_some_and(WebConfig::tls_enabled);
    if is_cross_site(headers, tls) {
        let text = "A page of another site may not reload this exporter.\n";
        return Reply::text(StatusCode::FORBIDDEN, text);
    }
    let error = match server.reloads.run(&server.handler).await {
        Outcome::Reloaded => return Reply::text(StatusCode::OK, "Reloaded.\n"),
        Outcome::Failed(errors) => {
            format!("Reload failed; the previous configuration stays in use:\n{errors}\n")
        }
        Outcome::Panicked => {
            "Reload failed with an internal error; the log may say more.\n".to_owned()
        }
    };
    Reply::text(StatusCode::INTERNAL_SERVER_ERROR, error)
}
