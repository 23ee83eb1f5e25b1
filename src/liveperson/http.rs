//! One HTTP exchange: time limits, capped bodies, and what a status means.
//!
//! Knows nothing of LivePerson's JSON; [`super::client`] says what to send and reads the answer.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode};
use secrecy::zeroize::Zeroizing;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::error::{ApiError, ServerTime};
use super::failure::{self, Stage};
use super::http_clients::{HttpClients, connect_timeout};
use super::redactor::Redactor;
use super::retry_after::retry_after;
use crate::clock::{SystemClock, WallClock as _};

/// The part of an error body that is read, in bytes: its beginning says what is wrong.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// Longest wait for an error body: its status is already known.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Most memory allocated in advance for a body that announces its length, in bytes: the length may
/// be wrong.
const MAX_PREALLOCATION: u64 = 1024 * 1024;
/// Memory allocated for an answer with a token, which is refused when it is longer than 16 KiB.
const SENSITIVE_CAPACITY: u64 = 32 * 1024;

/// What a [`Transport`] is made of.
pub(super) struct TransportSettings {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) request_timeout: Duration,
    pub(super) max_response_bytes: u64,
    /// Whether any URL of the configuration is on this machine.
    pub(super) loopback: bool,
}

/// Sends requests and reads answers.
pub(super) struct Transport {
    clients: HttpClients,
    timeout: Duration,
    limit: u64,
}

/// A request as it is sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// With its content type.
    pub(super) body: Option<(&'static str, Zeroizing<String>)>,
    /// Whether 304 is an answer: only when a condition was sent.
    pub(super) conditional: bool,
}

impl Request {
    /// A GET without anything else.
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            conditional: false,
        }
    }

    /// A POST of a string that is wiped from memory afterwards: it holds a secret.
    pub(super) fn post(url: Url, content_type: &'static str, body: Zeroizing<String>) -> Self {
        Self {
            method: Method::POST,
            body: Some((content_type, body)),
            ..Self::get(url)
        }
    }
}

/// An answer that is a success by its status.
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The body of an answer.
pub(super) enum Body {
    Data(Vec<u8>),
    /// Holds a token, and is wiped.
    Sensitive(Zeroizing<Vec<u8>>),
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Data(bytes) => bytes,
            Self::Sensitive(bytes) => bytes,
        }
    }
}

/// How an exchange ended.
pub(super) struct Exchange {
    pub(super) result: Result<Success, ApiError>,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
    pub(super) server_time: Option<ServerTime>,
}

/// What is known of an exchange however it ends.
#[derive(Default)]
struct Transferred {
    bytes: u64,
    server_time: Option<ServerTime>,
}

impl Transport {
    /// # Errors
    /// A CA file that cannot be read or used; everything else is a fault of this machine.
    pub(super) fn new(settings: &TransportSettings) -> Result<Self, String> {
        let clients = HttpClients::new(
            settings.ca_file.as_deref(),
            settings.request_timeout,
            settings.loopback,
        )?;
        Ok(Self {
            clients,
            timeout: settings.request_timeout,
            limit: settings.max_response_bytes,
        })
    }

    /// Warns, once for all accounts, when no call by TLS can succeed.
    pub(super) fn warn_without_trust_anchors(&self) {
        self.clients.warn_without_trust_anchors();
    }

    /// Sends a request once and reads its answer. A status that is not a success becomes the error
    /// it stands for; `redactor` keeps secrets out of its message.
    pub(super) async fn exchange(&self, request: Request, redactor: &Redactor) -> Exchange {
        let started = Instant::now();
        let mut transferred = Transferred::default();
        let deadline = started + self.timeout;
        let result = self
            .run(request, deadline, redactor, &mut transferred)
            .await;
        Exchange {
            result,
            bytes: transferred.bytes,
            elapsed: started.elapsed(),
            server_time: transferred.server_time,
        }
    }

    async fn run(
        &self,
        request: Request,
        deadline: Instant,
        redactor: &Redactor,
        transferred: &mut Transferred,
    ) -> Result<Success, ApiError> {
        let conditional = request.conditional;
        // Only the answers to requests with a body, for a token or a session, hold secrets.
        let sensitive = request.body.is_some();
        let mut response = self.send(request, deadline, redactor).await?;
        transferred.server_time = server_time(response.headers(), Instant::now());
        let bytes = &mut transferred.bytes;
        let status = response.status().as_u16();
        let success = response.status().is_success() || (status == 304 && conditional);
        if !success {
            return Err(error_response(&mut response, deadline, redactor, bytes).await);
        }
        let reading = read(&mut response, self.limit, sensitive, bytes);
        let body = match timeout_at(deadline, reading).await {
            Ok(Ok(Some(body))) => body,
            Ok(Ok(None)) => return Err(ApiError::TooLarge { limit: self.limit }),
            Ok(Err(error)) => return Err(self.failure(error, Stage::InBody, redactor)),
            Err(_) => return Err(self.timed_out()),
        };
        let headers = std::mem::take(response.headers_mut());
        Ok(Success {
            status,
            headers,
            body: match sensitive {
                true => Body::Sensitive(Zeroizing::new(body)),
                false => Body::Data(body),
            },
        })
    }

    /// Sends a request and waits for the head of the answer.
    async fn send(
        &self,
        request: Request,
        deadline: Instant,
        redactor: &Redactor,
    ) -> Result<Response, ApiError> {
        match timeout_at(deadline, self.builder(request).send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failure(error, Stage::BeforeHead, redactor)),
            Err(_) => Err(self.timed_out()),
        }
    }

    fn failure(&self, error: reqwest::Error, stage: Stage, redactor: &Redactor) -> ApiError {
        let client = failure::ClientInfo {
            no_trust_anchors: self.clients.no_trust_anchors(),
            connect_timeout: connect_timeout(self.timeout),
        };
        failure::classify(error, stage, &client, redactor)
    }

    fn timed_out(&self) -> ApiError {
        ApiError::Timeout {
            after: self.timeout,
        }
    }

    fn builder(&self, request: Request) -> reqwest::RequestBuilder {
        let client = self.clients.for_url(&request.url);
        let builder = client
            .request(request.method, request.url)
            .headers(request.headers);
        match request.body {
            Some((kind, body)) => builder
                .header(CONTENT_TYPE, kind)
                .body(Bytes::from_owner(body)),
            None => builder,
        }
    }
}

/// The server's clock as its answer, whose head came at `at`, states it.
fn server_time(headers: &HeaderMap, at: Instant) -> Option<ServerTime> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = httpdate::parse_http_date(date.trim()).ok()?;
    let time = Timestamp::try_from(date).ok()?;
    Some(ServerTime { time, at })
}

/// Reads a body until it ends; `None` when it passed `limit` and was cut off. `bytes` counts also
/// when this future is dropped half-way.
async fn read(
    response: &mut Response,
    limit: u64,
    sensitive: bool,
    bytes: &mut u64,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit {
        return Ok(None);
    }
    // A buffer that grows leaves copies behind: one for a token is large enough from the start.
    let least = if sensitive { SENSITIVE_CAPACITY } else { 0 };
    let capacity = usize::try_from(announced.clamp(least, MAX_PREALLOCATION)).unwrap_or_default();
    let mut body = Vec::with_capacity(capacity);
    while let Some(chunk) = response.chunk().await? {
        // Counted after decompression, so that a small body cannot unfold into a huge one.
        *bytes = bytes.saturating_add(length(&chunk));
        if *bytes > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn length(chunk: &[u8]) -> u64 {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX)
}

/// The error that a status stands for. The body only gives the message: whether it can be read does
/// not change the error.
async fn error_response(
    response: &mut Response,
    deadline: Instant,
    redactor: &Redactor,
    bytes: &mut u64,
) -> ApiError {
    let status = response.status().as_u16();
    if status == 429 {
        let retry_after = retry_after(response.headers(), SystemClock.now().into());
        drain(response, deadline, bytes).await;
        return ApiError::Throttled { retry_after };
    }
    if let Some(message) = redirection(response, redactor) {
        return ApiError::Rejected { status, message };
    }
    let (body, cut) = drain(response, deadline, bytes).await;
    status_error(status, redactor.message(&body, cut), None)
}

/// Reads an error body, so that the connection can be used again; true means that there was more.
async fn drain(response: &mut Response, deadline: Instant, bytes: &mut u64) -> (Vec<u8>, bool) {
    let deadline = deadline.min(Instant::now() + ERROR_BODY_TIMEOUT);
    let mut body = Vec::new();
    let reading = read_error_body(response, &mut body, bytes);
    let whole = timeout_at(deadline, reading).await.unwrap_or(false);
    (body, !whole)
}

async fn read_error_body(response: &mut Response, body: &mut Vec<u8>, bytes: &mut u64) -> bool {
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return true,
            Err(_) => return false,
        };
        *bytes = bytes.saturating_add(length(&chunk));
        let left = MAX_ERROR_BODY.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..left).unwrap_or(&chunk));
        if body.len() >= MAX_ERROR_BODY {
            return false;
        }
    }
}

/// The error for a status that is not a success.
pub(super) fn status_error(
    status: u16,
    message: String,
    retry_after: Option<Duration>,
) -> ApiError {
    match status {
        429 => ApiError::Throttled { retry_after },
        401 | 403 => ApiError::Refused { status, message },
        500..=599 => ApiError::Failed { status, message },
        _ => ApiError::Rejected { status, message },
    }
}

fn redirection(response: &Response, redactor: &Redactor) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        let message = "not modified, although no condition was asked for";
        return Some(message.to_owned());
    }
    // Only the host: the rest of a location may repeat what the request said.
    let location = response.headers().get(LOCATION);
    let target = location.and_then(|to| response.url().join(to.to_str().ok()?).ok());
    let host = match target.as_ref().and_then(Url::host_str) {
        Some(host) => redactor.line(host, 100),
        None => "an unreadable location".to_owned(),
    };
    Some(format!("a redirect to {host}, which is not followed"))
}
