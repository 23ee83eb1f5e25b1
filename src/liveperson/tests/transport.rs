//! The result of every kind of answer and of every kind of failure in transport.

use std::io::Write as _;
use std::time::Duration;

use super::server::*;
use super::*;
use crate::cases::check_each_async;

const SHORT: Duration = Duration::from_millis(100);

/// One call with a time limit that a hanging server passes.
async fn call_with_short_timeout(script: Vec<Act>) -> Reply<EngagementAnswer> {
    let server = Server::plain(script).await;
    let mut settings = settings(&server.url, oauth1());
    settings.request_timeout = SHORT;
    let client = Client::new(settings).unwrap();
    account_totals(&client).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(bytes: &[u8]) -> Act {
    Act::Send(answer(200, &["content-encoding: gzip"], bytes))
}

#[tokio::test]
async fn a_success_with_its_size_and_code() {
    let reply = one_call(vec![send(200, ACCOUNT_BODY)]).await;
    let account = reply.result.unwrap().account.unwrap();
    assert_eq!(account, activity([1.0, 2.0, 12.0, 13.0, 3.0]));
    assert_eq!(reply.code, Code::Status(200));
    assert_eq!(reply.bytes, 198);
    assert!(reply.elapsed > Duration::ZERO);
}

#[tokio::test]
async fn each_status_becomes_its_error() {
    let message = || "no such thing".to_owned();
    let body = r#"{"message":"no such thing"}"#;
    let cases = [400, 401, 403, 404, 410, 499, 500, 502, 503, 599, 600, 304];
    check_each_async(cases, async |status| {
        let expected = match status {
            401 | 403 => ApiError::Refused {
                status,
                message: message(),
            },
            500..=599 => ApiError::Failed {
                status,
                message: message(),
            },
            _ => ApiError::Rejected {
                status,
                // 304 has no body.
                message: if status == 304 {
                    "not modified, although no condition was asked for".to_owned()
                } else {
                    message()
                },
            },
        };
        let reply = one_call(vec![Act::SendAndClose(answer(status, &[], body))]).await;
        assert_eq!(reply.code, Code::Status(status));
        assert_eq!(failure(reply), expected);
    })
    .await;
}

#[tokio::test]
async fn throttling_carries_the_wait() {
    let cases = [
        (vec![], None),
        (vec!["retry-after: 7"], Some(Duration::from_secs(7))),
        (vec!["Retry-After: 0.25"], Some(Duration::from_millis(250))),
        (vec!["retry-after: -1"], Some(Duration::ZERO)),
        (vec!["retry-after: soon"], None),
        (
            vec!["retry-after: 99999999999999999999"],
            Some(Duration::MAX),
        ),
        (
            vec![
                "date: Sun, 06 Nov 1994 08:49:37 GMT",
                "retry-after: Sun, 06 Nov 1994 08:50:07 GMT",
            ],
            Some(Duration::from_secs(30)),
        ),
        (
            vec!["retry-after: Sun, 06 Nov 1994 08:50:07 GMT"],
            Some(Duration::ZERO),
        ),
    ];
    check_each_async(cases, async |(headers, expected)| {
        let reply = one_call(vec![Act::Send(answer(429, &headers, "slow down"))]).await;
        assert_eq!(reply.code, Code::Status(429));
        let retry_after = match failure(reply) {
            ApiError::Throttled { retry_after } => retry_after,
            other => panic!("{other}"),
        };
        assert_eq!(retry_after, expected, "{headers:?}");
    })
    .await;
}

#[tokio::test]
async fn the_status_of_an_envelope_becomes_the_error() {
    let enveloped = |code: u16| {
        let body = format!(r#"{{"meta":{{"responseCode":{code},"message":"why"}},"body":null}}"#);
        Act::Send(answer(200, &["retry-after: 3"], body))
    };
    let reply = one_call(vec![enveloped(429)]).await;
    assert_eq!(reply.code, Code::Status(429));
    let wait = Some(Duration::from_secs(3));
    assert_eq!(failure(reply), ApiError::Throttled { retry_after: wait });
    let cases = [
        (400, "rejected (400): why"),
        (401, "refused (401): why"),
        (503, "LivePerson failed (503): why"),
    ];
    check_each_async(cases, async |(code, expected)| {
        let reply = one_call(vec![enveloped(code)]).await;
        assert_eq!(reply.code, Code::Status(code));
        assert_eq!(failure(reply).to_string(), expected);
    })
    .await;
    let body = format!(r#"{{"body":{ACCOUNT_BODY},"meta":{{"responseCode":200}}}}"#);
    let reply = one_call(vec![send(200, body)]).await;
    assert!(reply.result.unwrap().account.is_some());
}

#[tokio::test]
async fn successes_without_data_are_unreadable() {
    let cases = [
        (
            send(200, "<html><head><title>Maintenance</title></head></html>"),
            "an HTML page instead of JSON: Maintenance",
        ),
        (send(200, ""), "the body is empty"),
        (
            Act::SendAndClose(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
            "the body is empty",
        ),
        (
            send(200, "OK"),
            "not JSON (expected value at line 1 column 1): \"OK\"",
        ),
        (
            send(200, "{}"),
            "asked for the whole account but the answer has no metricsTotals section",
        ),
    ];
    check_each_async(cases, async |(act, expected)| {
        let reply = one_call(vec![act]).await;
        assert_eq!(reply.code, Code::Decode);
        let detail = expected.to_owned();
        let cause = UnreadableCause::Content;
        assert_eq!(failure(reply), ApiError::Unreadable { detail, cause });
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::plain(vec![send(200, ACCOUNT_BODY)]).await;
    let location = format!("location: {}steal?secret=1", elsewhere.url);
    check_each_async([301, 302, 303, 307, 308], async |status| {
        let reply = one_call(vec![Act::Send(answer(status, &[&location], ""))]).await;
        let message = "a redirect to 127.0.0.1, which is not followed".to_owned();
        assert_eq!(failure(reply), ApiError::Rejected { status, message });
    })
    .await;
    assert_eq!(elsewhere.connections(), 0, "no request, no credentials");
}

#[tokio::test]
async fn oversized_answers_are_cut_off() {
    let limit = 64 * 1024;
    let body = vec![b' '; 65_537];
    let reply = one_call(vec![send(200, &body)]).await;
    assert_eq!(
        reply.bytes, 0,
        "a length that is announced is refused unread"
    );
    assert_eq!(failure(reply), ApiError::TooLarge { limit });

    let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..100 {
        endless.extend_from_slice(b"4000\r\n");
        endless.extend_from_slice(&[b' '; 0x4000]);
        endless.extend_from_slice(b"\r\n");
    }
    let reply = one_call(vec![Act::SendAndHang(endless)]).await;
    assert!(
        reply.bytes > limit && reply.bytes < 3 * limit,
        "{}",
        reply.bytes
    );
    assert_eq!(reply.code, Code::TooLarge);
    assert_eq!(failure(reply), ApiError::TooLarge { limit });

    let mut exact = ACCOUNT_BODY.as_bytes().to_vec();
    exact.resize(64 * 1024, b' ');
    let reply = one_call(vec![send(200, &exact)]).await;
    assert!(reply.result.is_ok(), "exactly the limit is allowed");
}

#[tokio::test]
async fn compressed_answers() {
    let reply = one_call(vec![gzipped(&gzip(ACCOUNT_BODY.as_bytes()))]).await;
    assert!(reply.result.unwrap().account.is_some());

    let bomb = gzip(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 64 * 1024, "the bomb itself passes the limit");
    let reply = one_call(vec![gzipped(&bomb)]).await;
    assert!(reply.bytes < 1_000_000, "{} bytes unfolded", reply.bytes);
    assert_eq!(failure(reply), ApiError::TooLarge { limit: 64 * 1024 });

    check_each_async(
        [
            &b"this is not gzip"[..],
            &gzip(ACCOUNT_BODY.as_bytes())[..40],
        ],
        async |broken| {
            let reply = one_call(vec![gzipped(broken)]).await;
            assert_eq!(reply.code, Code::Decode);
            let error = failure(reply).to_string();
            assert!(error.contains("not valid HTTP or gzip"), "{error}");
        },
    )
    .await;
}

#[tokio::test]
async fn broken_connections() {
    let dropped = one_call(vec![Act::SendAndClose(Vec::new())]).await;
    assert_eq!(dropped.code, Code::Connect);
    let half_a_head = one_call(vec![Act::SendAndClose(b"HTTP/1.1 200 O".to_vec())]).await;
    assert_eq!(half_a_head.code, Code::Connect);

    let mut half = answer(200, &[], ACCOUNT_BODY);
    half.truncate(half.len() - 20);
    let reply = one_call(vec![Act::SendAndClose(half)]).await;
    assert_eq!(reply.bytes, 178);
    let error = failure(reply).to_string();
    let expected = "unreadable answer: the connection ended in the middle of the answer";
    assert!(error.starts_with(expected), "{error}");

    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"met".to_vec();
    let reply = one_call(vec![Act::SendAndClose(chunked)]).await;
    let error = failure(reply).to_string();
    assert!(error.starts_with(expected), "{error}");

    let compressed = gzip(&[b'7'; 400]);
    let mut half = answer(200, &["content-encoding: gzip"], &compressed);
    half.truncate(half.len() - 10);
    let reply = one_call(vec![Act::SendAndClose(half)]).await;
    let error = failure(reply).to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn a_port_without_a_server_is_unreachable() {
    let server = Server::plain(Vec::new()).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&server.url, oauth1());
    let gone = format!("http://{}", free.local_addr().unwrap());
    let gone = url::Url::parse(&gone).unwrap();
    settings.hosts.insert("leDataReporting".to_owned(), gone);
    drop(free);
    let client = Client::new(settings).unwrap();
    let error = failure(account_totals(&client).await);
    let text = error.to_string();
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains("timeframe"), "no URL in {text}");
    assert!(matches!(
        error,
        ApiError::Connect {
            cause: ConnectCause::Unreachable,
            ..
        }
    ));
}

#[tokio::test]
async fn something_that_is_not_http() {
    let cases = ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 abc OK\r\n\r\n"];
    check_each_async(cases, async |garbage| {
        let reply = one_call(vec![Act::SendAndClose(garbage.as_bytes().to_vec())]).await;
        assert_eq!(reply.code, Code::Decode, "{garbage}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_is_abandoned_after_the_timeout() {
    let late = ApiError::Timeout { after: SHORT };
    let reply = call_with_short_timeout(vec![Act::SendAndHang(Vec::new())]).await;
    assert_eq!(reply.code, Code::Timeout);
    assert!(reply.elapsed >= SHORT);
    assert_eq!(failure(reply), late);

    let mut half = answer(200, &[], ACCOUNT_BODY);
    half.truncate(half.len() - 20);
    let reply = call_with_short_timeout(vec![Act::SendAndHang(half)]).await;
    assert_eq!(reply.bytes, 178, "what was read is counted nevertheless");
    assert_eq!(failure(reply), late);
}

#[tokio::test]
async fn a_status_counts_even_if_its_body_hangs_or_breaks() {
    let mut half = answer(503, &[], "overloaded, come back later");
    half.truncate(half.len() - 6);
    let cases = [Act::SendAndHang(half.clone()), Act::SendAndClose(half)];
    check_each_async(cases, async |act| {
        let message = "overloaded, come back".to_owned();
        let error = failure(call_with_short_timeout(vec![act]).await);
        let status = 503;
        assert_eq!(error, ApiError::Failed { status, message });
    })
    .await;
    let long = vec![b'x'; 10_000_000];
    let reply = one_call(vec![send(500, &long)]).await;
    assert!(reply.bytes < 1_000_000, "{}", reply.bytes);
    assert_eq!(reply.code, Code::Status(500));
}

#[tokio::test]
async fn large_answers_are_read_on_a_blocking_thread() {
    let server = Server::plain(vec![send(
        200,
        format!("{ACCOUNT_BODY}{}", " ".repeat(400_000)),
    )])
    .await;
    let mut settings = settings(&server.url, oauth1());
    settings.max_response_bytes = 1_000_000;
    let client = Client::new(settings).unwrap();
    let reply = account_totals(&client).await;
    assert!(reply.result.unwrap().account.is_some());
    assert_eq!(reply.bytes, 400_198);
}

/// Errors carry a date as well; one that cannot be read counts as none.
#[tokio::test]
async fn an_answer_carries_the_time_of_its_server() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
    let date_sent = jiff::Timestamp::from_second(784_111_777).unwrap();
    let cases = [
        (200, vec![date], Some(date_sent)),
        (429, vec![date], Some(date_sent)),
        (503, vec![date], Some(date_sent)),
        (
            200,
            vec!["date: Sunday, 06-Nov-94 08:49:37 GMT"],
            Some(date_sent),
        ),
        (200, vec!["date: yesterday"], None),
        (200, vec!["date: Sun, 36 Nov 1994 08:49:37 GMT"], None),
        (200, vec![], None),
    ];
    check_each_async(cases, async |(status, headers, expected)| {
        let reply = one_call(vec![Act::Send(answer(status, &headers, ACCOUNT_BODY))]).await;
        let time = reply.server_time.map(|read| read.time);
        assert_eq!(time, expected, "{status} {headers:?}");
    })
    .await;
    let silent = call_with_short_timeout(vec![Act::SendAndHang(Vec::new())]).await;
    assert_eq!(silent.server_time, None);
}
