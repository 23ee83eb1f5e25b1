//! What can go wrong with a call, by what an operator can do about it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::units::format_duration;

/// Why a call gave no usable answer. Every text in here is free of secrets and at most a few
/// hundred characters long; it may go to a log or the landing page as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum ApiError {
    /// No answer began: DNS, refused, proxy, TLS handshake, closed before an answer.
    Connect {
        /// The causes, outermost first.
        detail: String,
        /// The kind of obstacle.
        cause: ConnectCause,
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
        /// LivePerson's message, shortened.
        message: String,
    },
    /// Another 4xx, or an unexpected 1xx or 3xx: the request is wrong.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// LivePerson's message, shortened.
        message: String,
    },
    /// 5xx: LivePerson's own failure.
    Failed {
        /// The HTTP status.
        status: u16,
        /// LivePerson's message, shortened.
        message: String,
    },
    /// An answer came and is not what the API promises, or not whole.
    Unreadable {
        /// What was found instead, with a short excerpt.
        detail: String,
        /// What is wrong with it.
        cause: UnreadableCause,
    },
    /// The body passed `limits.max_response_bytes` and was cut off while being read.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectCause {
    /// The name of the host has no address.
    Resolve,
    /// The address does not accept connections: refused, no route, not allowed.
    Unreachable,
    /// No connection within its time limit, which is shorter than the request's.
    TooSlow,
    /// The proxy itself cannot be reached.
    ProxyUnreachable,
    /// The proxy requires a user name and a password.
    ProxyLogin,
    /// The proxy does not let the call through.
    ProxyRefused,
    /// No trusted root certificate leads to the certificate.
    CertificateUntrusted,
    /// The certificate has expired, or this machine's clock is ahead.
    CertificateExpired,
    /// The certificate is not valid yet, or this machine's clock is behind.
    CertificateNotYetValid,
    /// The certificate is for another host.
    CertificateOtherHost,
    /// TLS failed for another reason: an alert, no common version, no TLS at all, cut off.
    Tls,
    /// The connection was closed before an answer began.
    Closed,
    /// Nothing was sent: something that the call needs is missing here.
    NotSent,
    /// None of these.
    Other,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnreadableCause {
    /// Not the JSON that the API promises.
    Content,
    /// It broke off or was damaged on the way, after its head had come.
    Transfer,
    /// Not HTTP.
    NotHttp,
    /// HTTP, with a head that is too large, malformed or inconsistent.
    Head,
    /// The Domain API names a host that credentials may not be sent to.
    ForeignHost,
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
                write!(f, "no whole answer within {}", whole_seconds(*after))
            }
            Self::Throttled {
                retry_after: Some(wait),
            } => {
                write!(f, "throttled (429), asked to wait {}", whole_seconds(*wait))
            }
            Self::Throttled { retry_after: None } => {
                f.write_str("throttled (429) without Retry-After")
            }
            Self::Refused { status, message } => write!(f, "refused ({status}): {message}"),
            Self::Rejected { status, message } => write!(f, "rejected ({status}): {message}"),
            Self::Failed { status, message } => {
                write!(f, "LivePerson failed ({status}): {message}")
            }
            Self::Unreadable { detail, .. } => write!(f, "unreadable answer: {detail}"),
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "answer larger than limits.max_response_bytes ({limit} bytes)"
                )
            }
        }
    }
}

/// Longer waits are not shown to the second: a number of 20 digits says no more than this.
const LONGEST_SHOWN: Duration = Duration::from_secs(7 * 86_400);

/// A wait in whole seconds, rounded up: a wait must not be shown too short.
fn whole_seconds(wait: Duration) -> String {
    if wait > LONGEST_SHOWN {
        return "more than a week".to_owned();
    }
    let more = u64::from(wait.subsec_nanos() > 0);
    format_duration(Duration::from_secs(wait.as_secs().saturating_add(more)))
}

impl std::error::Error for ApiError {}

/// How a call ended, as `liveperson_api_requests_total` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An HTTP status (or the envelope's `meta.responseCode`).
    Status(u16),
    /// No whole answer in time.
    Timeout,
    /// No answer began.
    Connect,
    /// An answer that is not what the API promises, or not whole.
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

/// One finished call: its result, and what the exporter's own metrics need of it.
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
    /// LivePerson's clock: the `Date` header of the answer, also of one that is an error. `None`
    /// when nothing was answered, and when the header is missing or malformed.
    pub server_time: Option<ServerTime>,
    /// Entries of a good answer that could not be read and were left out; `None` when all could.
    pub ignored: Option<IgnoredEntries>,
}

/// LivePerson's clock at the moment an answer's head came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTime {
    /// The `Date` header.
    pub time: Timestamp,
    /// When the head came.
    pub at: tokio::time::Instant,
}

/// Entries of an answer that could not be read. The rest of the answer is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredEntries {
    /// How many; never 0.
    pub count: u64,
    /// What is wrong with the first of them: its path and a short value, free of secrets.
    pub example: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn waits_are_shown_in_whole_seconds() {
        let cases = [
            (0, "0s"),
            (1, "1s"),
            (29_362_166_282, "30s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
        ];
        check_each(cases, |(nanos, want)| {
            let retry_after = Some(Duration::from_nanos(nanos));
            let text = ApiError::Throttled { retry_after }.to_string();
            assert_eq!(text, format!("throttled (429), asked to wait {want}"));
        });
        let cases = [
            (LONGEST_SHOWN, format_duration(LONGEST_SHOWN)),
            (Duration::MAX, "more than a week".to_owned()),
        ];
        check_each(cases, |(wait, want)| {
            let retry_after = Some(wait);
            let text = ApiError::Throttled { retry_after }.to_string();
            assert_eq!(text, format!("throttled (429), asked to wait {want}"));
        });
    }
}
