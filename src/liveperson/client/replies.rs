//! Replies that the client makes itself, and what it makes of those that came.

use std::time::Duration;

use url::Url;

use crate::liveperson::error::{ApiError, Code, ConnectCause, Reply, UnreadableCause};
use crate::liveperson::redactor::Redactor;
use crate::vocabulary::Service;

/// Adds to the message of refused credentials why the present secrets could not be read.
pub(super) fn append_to_refusal<T>(result: &mut Result<T, ApiError>, problem: &str) {
    if let Err(
        ApiError::Refused { message, .. }
        | ApiError::Rejected {
            status: 400,
            message,
        },
    ) = result
    {
        message.push_str(problem);
    }
}

pub(super) fn status_of(code: Code) -> u16 {
    match code {
        Code::Status(status) => status,
        Code::Timeout | Code::Connect | Code::Decode | Code::TooLarge => 200,
    }
}

pub(super) fn unreachable(detail: String) -> ApiError {
    ApiError::Connect {
        detail,
        cause: ConnectCause::NotSent,
    }
}

/// The Domain API names a host to which the account's credentials may not be sent.
pub(super) fn foreign_host(redactor: &Redactor, service: Service, url: &Url) -> ApiError {
    let host = redactor.line(url.host_str().unwrap_or_default(), 100);
    ApiError::Unreadable {
        detail: format!(
            "the Domain API names {host} for {service}, which is neither LivePerson's nor its own \
             domain: no credentials are sent there; if it is right, add it to allowed_domains"
        ),
        cause: UnreadableCause::ForeignHost,
    }
}

pub(super) fn no_url(base: &Url) -> ApiError {
    let host = base.host_str().unwrap_or_default();
    unreachable(format!("no request URL can be made for {host}"))
}

/// The reply of a call that was not made.
pub(super) fn not_sent<T>(error: ApiError) -> Reply<T> {
    unsent(Err(error))
}

pub(super) fn unsent<T>(result: Result<T, ApiError>) -> Reply<T> {
    let code = match &result {
        Ok(_) => Code::Status(200),
        Err(error) => error.code(),
    };
    Reply {
        result,
        code,
        bytes: 0,
        elapsed: Duration::ZERO,
        server_time: None,
        ignored: None,
    }
}

/// Makes another result of a reply's; an error that comes up on the way becomes its code.
pub(super) fn map_result<T, U>(
    reply: Reply<T>,
    f: impl FnOnce(Result<T, ApiError>) -> Result<U, ApiError>,
) -> Reply<U> {
    let result = f(reply.result);
    let code = match &result {
        Ok(_) => reply.code,
        Err(error) => error.code(),
    };
    Reply {
        result,
        code,
        bytes: reply.bytes,
        elapsed: reply.elapsed,
        server_time: reply.server_time,
        ignored: reply.ignored,
    }
}
