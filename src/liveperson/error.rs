//! What can go wrong with a call, kept apart by who can mend it.

use std::fmt;
use std::time::Duration;

use crate::config::units::format_rounded;

/// Why a call gave no usable answer. Every text in here is free of secrets and at most a few
/// hundred characters long; it may go to a log or the landing page as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiError {
    /// No connection: DNS, refused, TLS handshake, dropped before an answer.
    Connect {
        /// The causes, outermost first.
        detail: String,
        /// Whether the server's certificate was the reason.
        certificate: bool,
    },
    /// No whole answer within `limits.request_timeout`.
    Timeout {
        /// The limit that was passed.
        after: Duration,
    },
    /// 429.
    Throttled {
        /// `Retry-After` as a wait from now, when it was given and readable. Not clamped.
        retry_after: Option<Duration>,
    },
    /// 401 or 403: the credentials.
    Refused {
        /// The HTTP status.
        status: u16,
        /// LivePerson's words, shortened.
        message: String,
    },
    /// Another 4xx, or an unexpected 1xx or 3xx: the request is wrong.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// LivePerson's words, shortened.
        message: String,
    },
    /// 5xx: LivePerson's own failure.
    Failed {
        /// The HTTP status.
        status: u16,
        /// LivePerson's words, shortened.
        message: String,
    },
    /// A success whose body is not what the API promises.
    Unreadable {
        /// What was found instead, with a short excerpt.
        detail: String,
    },
    /// The body passed `limits.max_response_bytes` and was cut off while being read.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl ApiError {
    /// The value of the `code` label of `liveperson_api_requests_total`.
    pub fn code(&self) -> Code {
        match self {
            Self::Connect { .. } => Code::Connect,
            Self::Timeout { .. } => Code::Timeout,
            Self::Throttled { .. } => Code::Status(429),
            Self::Refused { status, .. }
            | Self::Rejected { status, .. }
            | Self::Failed { status, .. } => Code::Status(*status),
            Self::Unreadable { .. } => Code::Decode,
            Self::TooLarge { .. } => Code::TooLarge,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { detail, .. } => write!(f, "could not connect: {detail}"),
            Self::Timeout { after } => {
                write!(f, "no whole answer within {}", format_rounded(*after))
            }
            Self::Throttled {
                retry_after: Some(wait),
            } => {
                write!(
                    f,
                    "throttled (429), asked to wait {}",
                    format_rounded(*wait)
                )
            }
            Self::Throttled { retry_after: None } => {
                f.write_str("throttled (429) without Retry-After")
            }
            Self::Refused { status, message } => write!(f, "refused ({status}): {message}"),
            Self::Rejected { status, message } => write!(f, "rejected ({status}): {message}"),
            Self::Failed { status, message } => {
                write!(f, "LivePerson failed ({status}): {message}")
            }
            Self::Unreadable { detail } => write!(f, "unreadable answer: {detail}"),
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "answer larger than limits.max_response_bytes ({limit} bytes)"
                )
            }
        }
    }
}

impl std::error::Error for ApiError {}

/// How a call ended, as `liveperson_api_requests_total` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An HTTP status (or the envelope's `meta.responseCode`).
    Status(u16),
    /// No whole answer in time.
    Timeout,
    /// No connection.
    Connect,
    /// A success status with an unreadable body.
    Decode,
    /// A body over the limit.
    TooLarge,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Connect => f.write_str("connect"),
            Self::Decode => f.write_str("decode"),
            Self::TooLarge => f.write_str("too_large"),
        }
    }
}

/// One finished call: its result and what the exporter's own metrics want to know of it.
#[derive(Debug)]
pub struct Reply<T> {
    /// The answer, or why there is none.
    pub result: Result<T, ApiError>,
    /// How it ended; the HTTP status also of a success.
    pub code: Code,
    /// Body bytes read, before decoding, also of failures.
    pub bytes: u64,
    /// From the start of the call to the last byte.
    pub elapsed: Duration,
}
