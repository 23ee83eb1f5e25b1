//! From a request to a reply: checks first, then the path, then the method.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderMap,
    HeaderName, HeaderValue, RETRY_AFTER, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use super::body::{PageBody, ResponseGuard};
use super::chunks::Chunks;
use super::connection_table::Registration;
use super::handler::{MetricsRequest, Readiness};
use super::reload::Outcome;
use super::reply::{RETRY_SOON, Reply};
use super::request_checks::{is_cross_site, reject};
use super::state::Server;
use super::status_page;
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
        None => route(server, connection, &request).await,
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

async fn route(server: &Server, connection: &Arc<Registration>, request: &Request<()>) -> Reply {
    let path = request.uri().path();
    if path == "/-/reload" {
        return match *request.method() {
            Method::POST | Method::PUT => reload(server, request.headers()).await,
            _ => wrong_method("POST, PUT"),
        };
    }
    let page: fn(&Server, &Arc<Registration>, &Request<()>) -> Reply = match path {
        path if path == server.settings.telemetry_path => metrics,
        "/-/healthy" => |_, _, _| Reply::text(StatusCode::OK, "Healthy.\n"),
        "/-/ready" => |server, _, _| ready(server),
        "/" => |server, _, _| status(server),
        _ => {
            let text = "Not found. See / for the available pages.\n";
            return Reply::text(StatusCode::NOT_FOUND, text);
        }
    };
    match *request.method() {
        Method::GET | Method::HEAD => page(server, connection, request),
        _ => wrong_method("GET, HEAD"),
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

fn status(server: &Server) -> Reply {
    let page = status_page::render(&server.handler.status_page(), &server.settings);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    // `default-src` does not cover the last three.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    Reply::new(StatusCode::OK, html, vec![page.into()])
        .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
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
