//! A response before it is sent, and the body that can be cut in the middle.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// What an API responds.
#[derive(Debug)]
pub struct ApiResponse {
    status: u16,
    content_type: &'static str,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    truncated: bool,
}

impl ApiResponse {
    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// Any other body.
    pub fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            truncated: false,
        }
    }

    /// An error in the form of LivePerson's services.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": { "statusCode": status, "message": message } }),
        )
    }

    /// 405; `allowed` is the list of the methods that are right.
    pub(super) fn method_not_allowed(allowed: &str) -> Self {
        Self::error(405, &format!("Method not allowed; use {allowed}"))
            .with_header(hyper::header::ALLOW, allowed.to_owned())
    }

    /// Adds a header; a value that HTTP does not allow is left out.
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Wraps the body, which must be JSON, with the status as `meta.responseCode`.
    pub(super) fn in_envelope(mut self) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        let status = self.status;
        let wrapped = format!(r#"{{"body":{body},"meta":{{"responseCode":{status}}}}}"#);
        self.body = wrapped.into();
        self
    }

    /// Announces the whole body and sends half of it.
    pub(super) fn truncated(mut self) -> Self {
        self.truncated = true;
        self
    }

    /// The same as hyper sends it.
    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let length = self.body.len();
        let body = if self.truncated {
            ResponseBody {
                data: Some(self.body.slice(..length / 2)),
                end: End::Broken { flushed: false },
            }
        } else {
            ResponseBody {
                data: Some(self.body),
                end: End::Complete,
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = hyper::StatusCode::from_u16(self.status)
            .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.truncated {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// A body in one piece, or half of one followed by a broken connection.
pub(super) struct ResponseBody {
    data: Option<Bytes>,
    end: End,
}

enum End {
    Complete,
    Broken {
        /// Whether the connection was given time to send what was written.
        flushed: bool,
    },
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut self.end {
            End::Complete => Poll::Ready(None),
            End::Broken { flushed: true } => {
                let cut = io::Error::other("cut in the middle by a fault");
                Poll::Ready(Some(Err(cut)))
            }
            End::Broken { flushed } => {
                // An error at once would discard the half that is still in hyper's buffer.
                *flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Complete) && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.end, &self.data) {
            (End::Complete, Some(data)) => SizeHint::with_exact(data.len() as u64),
            (End::Complete, None) => SizeHint::with_exact(0),
            (End::Broken { .. }, _) => SizeHint::default(),
        }
    }
}
