//! An HTTP answer before it is written, and the body that can be cut in the middle.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    content_type: &'static str,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    truncated: bool,
}

impl Answer {
    /// JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// Anything else.
    pub(super) fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            truncated: false,
        }
    }

    /// An error as LivePerson's services word it.
    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "error": { "statusCode": status, "message": message } }),
        )
    }

    /// A wrong method; `allowed` is the right one.
    pub(super) fn wrong_method(allowed: &str) -> Self {
        Self::error(405, &format!("Method not allowed; use {allowed}"))
            .with(hyper::header::ALLOW, allowed.to_owned())
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(super) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Announces the body whole and sends half of it.
    pub(super) fn truncated(mut self) -> Self {
        self.truncated = true;
        self
    }

    /// The response for hyper.
    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let length = self.body.len();
        let body = if self.truncated {
            AnswerBody {
                data: Some(self.body.slice(..length / 2)),
                end: End::Broken { flushed: false },
            }
        } else {
            AnswerBody {
                data: Some(self.body),
                end: End::Whole,
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
pub(super) struct AnswerBody {
    data: Option<Bytes>,
    end: End,
}

enum End {
    Whole,
    Broken {
        /// Whether the connection was given the time to send the half.
        flushed: bool,
    },
}

impl Body for AnswerBody {
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
            End::Whole => Poll::Ready(None),
            End::Broken { flushed: true } => {
                let cut = io::Error::other("cut in the middle by a fault");
                Poll::Ready(Some(Err(cut)))
            }
            End::Broken { flushed } => {
                // An error at once would throw away the half that is still in hyper's buffer.
                *flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole) && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.end, &self.data) {
            (End::Whole, Some(data)) => SizeHint::with_exact(data.len() as u64),
            (End::Whole, None) => SizeHint::with_exact(0),
            (End::Broken { .. }, _) => SizeHint::default(),
        }
    }
}
