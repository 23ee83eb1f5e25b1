//! From a finished exchange to a [`Reply`]: the body is read and becomes a value or an error.

use super::error::{ApiError, Code, IgnoredEntries, Reply, UnreadableCause};
use super::http::{Exchange, Success, status_error};
use super::json::{self, Content, ReadError};
use super::redactor::Redactor;
use super::retry_after::retry_after;
use crate::clock::{SystemClock, WallClock as _};

/// Longer bodies are read on a blocking thread: the executor's threads also serve scrapes.
const READ_ON_EXECUTOR: usize = 16 * 1024;
/// The part of a body that is searched for an error message, in bytes.
const SEARCHED: usize = 64 * 1024;

/// Turns an exchange into a reply, with `read` for the body of a success.
pub(super) async fn reply<T, F>(exchange: Exchange, redactor: &Redactor, read: F) -> Reply<T>
where
    T: Send + 'static,
    F: FnOnce(&Success) -> Result<Content<T>, ReadError> + Send + 'static,
{
    let content = match exchange.result {
        Ok(answer) => read_body(answer, redactor, read).await,
        Err(error) => Err(error),
    };
    let code = match &content {
        Ok(content) => Code::Status(content.status.unwrap_or(200)),
        Err(error) => error.code(),
    };
    let (result, ignored) = match content {
        Ok(content) => {
            let ignored = content.ignored.map(|ignored| IgnoredEntries {
                count: ignored.count,
                example: json::describe(&ignored.first, redactor),
            });
            (Ok(content.value), ignored)
        }
        Err(error) => (Err(error), None),
    };
    Reply {
        result,
        code,
        bytes: exchange.bytes,
        elapsed: exchange.elapsed,
        server_time: exchange.server_time,
        ignored,
    }
}

async fn read_body<T, F>(
    answer: Success,
    redactor: &Redactor,
    read: F,
) -> Result<Content<T>, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Success) -> Result<Content<T>, ReadError> + Send + 'static,
{
    let (answer, content) = if answer.body.len() > READ_ON_EXECUTOR {
        let task = tokio::task::spawn_blocking(move || {
            let content = read(&answer);
            (answer, content)
        });
        task.await.map_err(|error| interrupted(&error))?
    } else {
        let content = read(&answer);
        (answer, content)
    };
    match content {
        Ok(content) => Ok(Content {
            status: content.status.or(Some(answer.status)),
            ..content
        }),
        Err(ReadError::Status(status)) => Err(enveloped_error(status, &answer, redactor)),
        Err(error) => Err(ApiError::Unreadable {
            detail: error.describe(&answer.body, redactor),
            cause: UnreadableCause::Content,
        }),
    }
}

/// The error for a status in an envelope.
fn enveloped_error(status: u16, answer: &Success, redactor: &Redactor) -> ApiError {
    let beginning = answer.body.get(..SEARCHED).unwrap_or(&answer.body);
    let cut = beginning.len() < answer.body.len();
    let message = redactor.message(beginning, cut);
    let wait = retry_after(&answer.headers, SystemClock.now().into());
    status_error(status, message, wait)
}

/// Why the blocking thread has no result.
fn interrupted(error: &tokio::task::JoinError) -> ApiError {
    let detail = if error.is_panic() {
        tracing::error!("a bug: reading an answer of LivePerson panicked; please report it");
        "reading it panicked, which is a bug of this exporter; please report it"
    } else {
        "reading it was interrupted by the end of the program"
    };
    ApiError::Unreadable {
        detail: detail.to_owned(),
        cause: UnreadableCause::Content,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::HeaderMap;

    use super::super::http::Body;
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_reader_is_reported_as_a_bug() {
        let exchange = Exchange {
            result: Ok(Success {
                status: 200,
                headers: HeaderMap::new(),
                body: Body::Data(vec![b' '; READ_ON_EXECUTOR + 1]),
            }),
            bytes: 0,
            elapsed: Duration::ZERO,
            server_time: None,
        };
        let read = |_: &Success| -> Result<Content<()>, ReadError> { panic!("a bug") };
        let reply = reply(exchange, &Redactor::default(), read).await;
        assert_eq!(reply.code, Code::Decode);
        let error = reply.result.unwrap_err().to_string();
        assert!(error.contains("a bug of this exporter"), "{error}");
    }
}
