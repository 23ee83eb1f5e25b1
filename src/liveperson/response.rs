//! From a finished exchange to a [`Reply`]: the answer is read, and what it says becomes a value
//! or an error in words.

use std::time::SystemTime;

use super::error::{ApiError, Code, IgnoredEntries, Reply, UnreadableCause};
use super::http::{Answer, Exchange, status_error};
use super::json::{self, Content, ReadError};
use super::redactor::Redactor;
use super::retry_after::retry_after;

/// Longer bodies are read aside, off the threads that serve scrapes.
const READ_IN_PLACE: usize = 16 * 1024;
/// Most of a body that is searched for the words of an error.
const SEARCHED: usize = 64 * 1024;

/// Turns an exchange into a reply, with `read` for the body of a success.
pub(super) async fn reply<T, F>(exchange: Exchange, redactor: &Redactor, read: F) -> Reply<T>
where
    T: Send + 'static,
    F: FnOnce(&Answer) -> Result<Content<T>, ReadError> + Send + 'static,
{
    let result = match exchange.result {
        Ok(answer) => digest(answer, redactor, read).await,
        Err(error) => Err(error),
    };
    let (result, code, ignored) = match result {
        Ok(Content {
            value,
            status,
            ignored,
        }) => {
            let ignored = ignored.map(|ignored| IgnoredEntries {
                count: ignored.count,
                example: json::describe(&ignored.first, redactor),
            });
            (Ok(value), Code::Status(status.unwrap_or(200)), ignored)
        }
        Err(error) => {
            let code = error.code();
            (Err(error), code, None)
        }
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

async fn digest<T, F>(answer: Answer, redactor: &Redactor, read: F) -> Result<Content<T>, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Answer) -> Result<Content<T>, ReadError> + Send + 'static,
{
    let (answer, content) = if answer.body.len() > READ_IN_PLACE {
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
        Err(ReadError::Status(status)) => {
            let beginning = answer.body.get(..SEARCHED).unwrap_or(&answer.body);
            let cut = beginning.len() < answer.body.len();
            let message = redactor.message(beginning, cut);
            let wait = retry_after(&answer.headers, SystemTime::now());
            Err(status_error(status, message, wait))
        }
        Err(error) => Err(ApiError::Unreadable {
            detail: error.describe(&answer.body, redactor),
            cause: UnreadableCause::Content,
        }),
    }
}

/// Why work aside has no result.
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
    async fn a_panic_while_reading_aside_is_called_a_bug_and_stops_nothing() {
        let exchange = Exchange {
            result: Ok(Answer {
                status: 200,
                headers: HeaderMap::new(),
                body: Body::Data(vec![b' '; READ_IN_PLACE + 1]),
            }),
            bytes: 0,
            elapsed: Duration::ZERO,
            server_time: None,
        };
        let read = |_: &Answer| -> Result<Content<()>, ReadError> { panic!("a bug") };
        let reply = reply(exchange, &Redactor::default(), read).await;
        assert_eq!(reply.code, Code::Decode);
        let error = reply.result.unwrap_err().to_string();
        assert!(error.contains("a bug of this exporter"), "{error}");
    }
}
