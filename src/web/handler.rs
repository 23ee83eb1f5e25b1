//! The interface to what is served: requests in, pages out.

use std::future::Future;
use std::pin::Pin;

use hyper::StatusCode;

use bytes::Bytes;

use super::access::Access;
use super::chunks::Chunks;

/// What the server serves; implemented by the daemon.
pub trait Handler: Send + Sync + 'static {
    /// The metrics page. Called on the executor for every scrape: cheap, and it never blocks.
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage;

    /// What `/-/ready` answers.
    fn ready(&self) -> Readiness;

    /// What `/` and `/api/v1/status` answer.
    fn status<'a>(
        &'a self,
        request: StatusRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = StatusDocument> + Send + 'a>>;

    /// Reads the configuration again. An error is shown to the client: free of secrets, one per
    /// line. Never called twice at once, and not cancelled when the client disconnects.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

/// The parts of a scrape request that decide which page it gets.
#[derive(Clone, Copy, Debug)]
pub struct MetricsRequest<'a> {
    /// The `Accept` headers, joined with `, ` when there are several.
    pub accept: Option<&'a str>,
    /// The `Accept-Encoding` headers, joined in the same way.
    pub accept_encoding: Option<&'a str>,
    /// The `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// What follows `?` in the URL, not decoded.
    pub query: Option<&'a str>,
}

/// A request for the state of the exporter.
#[derive(Clone, Copy, Debug)]
pub struct StatusRequest<'a> {
    /// In which form.
    pub form: StatusForm<'a>,
    /// The `Accept-Encoding` headers, joined with `, ` when there are several.
    pub accept_encoding: Option<&'a str>,
}

/// A form of the state of the exporter.
#[derive(Clone, Copy, Debug)]
pub enum StatusForm<'a> {
    /// `/api/v1/status`.
    Json,
    /// `/`, which also says how this server is reached.
    Page(&'a Access),
}

/// The state of the exporter, written.
#[derive(Debug)]
pub struct StatusDocument {
    /// The status of the reply.
    pub status: StatusCode,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, when the body is compressed.
    pub content_encoding: Option<&'static str>,
    /// `Content-Security-Policy`.
    pub policy: Option<&'static str>,
    /// The body.
    pub body: Bytes,
}

impl StatusDocument {
    /// A line of plain text in place of the state.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            content_encoding: None,
            policy: None,
            body: text.into(),
        }
    }
}

/// One rendered metrics page.
#[derive(Debug)]
pub struct MetricsPage {
    /// The status of the reply.
    pub status: StatusCode,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, when the chunks are compressed.
    pub content_encoding: Option<&'static str>,
    /// The body, in order. The chunks are never copied.
    pub chunks: Chunks,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

/// The answer of `/-/ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// 200.
    Ready,
    /// 503, with one line for each reason, free of secrets.
    NotReady(Vec<String>),
}
