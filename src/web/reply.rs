//! A reply before it becomes a response: status, headers and page.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};

use super::chunks::Chunks;
use super::connection_table::ScrapePermit;

/// Value of `Retry-After`, in seconds, for a client that met a limit.
pub(super) const RETRY_SOON: HeaderValue = HeaderValue::from_static("5");

/// The answer to one request.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) chunks: Chunks,
    /// Held until the reply is written, when it is a metrics page.
    pub(super) permit: Option<ScrapePermit>,
}

impl Reply {
    /// A reply with nothing but a page.
    pub(super) fn new(
        status: StatusCode,
        content_type: HeaderValue,
        chunks: impl Into<Chunks>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type);
        Self {
            status,
            headers,
            chunks: chunks.into(),
            permit: None,
        }
    }

    /// A reply in plain text.
    pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        Self::new(status, plain, vec![text.into()])
    }

    /// Sets a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The headers of the response: its own, those that every response has, and the configured
    /// ones, which replace them. Only a policy of its own stays: any other would stop the page's
    /// style and script, which are allowed by their hashes.
    pub(super) fn take_headers(&mut self, configured: &[(HeaderName, HeaderValue)]) -> HeaderMap {
        let mut headers = std::mem::take(&mut self.headers);
        headers.insert(CONTENT_LENGTH, self.chunks.length().into());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let has_policy = headers.contains_key(CONTENT_SECURITY_POLICY);
        let replaces = |name: &HeaderName| !(has_policy && name == CONTENT_SECURITY_POLICY);
        for (name, value) in configured.iter().filter(|(name, _)| replaces(name)) {
            headers.insert(name, value.clone());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_headers_replace_all_but_the_pages_policy() {
        let of = |text| HeaderValue::from_static(text);
        let configured = [
            (CONTENT_SECURITY_POLICY, of("sandbox")),
            (X_CONTENT_TYPE_OPTIONS, of("other")),
        ];
        let mut plain = Reply::text(StatusCode::OK, "x");
        let headers = plain.take_headers(&configured);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "sandbox");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "other");
        let mut page = Reply::text(StatusCode::OK, "x").with(CONTENT_SECURITY_POLICY, of("own"));
        let headers = page.take_headers(&configured);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "own");
        assert_eq!(headers.get_all(CONTENT_SECURITY_POLICY).iter().count(), 1);
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "other");
    }
}
