//! Tokens, logins, signatures, and secrets that are rotated.

use std::path::Path;
use std::time::Duration;

use super::server::*;
use super::*;
use crate::cases::{check_each, check_each_async};
use crate::config::Auth;
use crate::config::secret::Secret;

fn file_secret(folder: &Path, name: &str, value: &str) -> Secret {
    let path = folder.join(name);
    std::fs::write(&path, value).unwrap();
    Secret::from_file(&path).unwrap()
}

#[tokio::test]
async fn oauth2_fetches_a_token_and_uses_it() {
    let server = Server::plain(vec![
        send(
            200,
            r#"{"access_token":"tok.en.1","token_type":"Bearer","expires_in":3600}"#,
        ),
        send(200, ACCOUNT_BODY),
        send(401, "expired"),
        send(200, r#"{"access_token":"tok.en.2"}"#),
        send(200, ACCOUNT_BODY),
    ])
    .await;
    let client = client_with(&server, oauth2());
    let call = || async { account_totals(&client).await };
    let lifetime = |seconds, source| {
        let lifetime = Some(Duration::from_secs(seconds));
        Ok(TokenLifetime { lifetime, source })
    };
    let expected = lifetime(3600, LifetimeSource::ExpiresIn);
    assert_eq!(client.authorise().await.result, expected);
    assert!(call().await.result.is_ok());
    assert_eq!(failure(call().await).code(), Code::Status(401));
    let unknown = lifetime(300, LifetimeSource::Unknown);
    assert_eq!(client.authorise().await.result, unknown);
    assert!(call().await.result.is_ok());

    let requests = server.requests();
    let line = "POST /sentinel/api/v2/account/123/app/token HTTP/1.1\r\n";
    assert!(requests[0].starts_with(line), "{}", requests[0]);
    let kind = header(&requests[0], "content-type");
    assert_eq!(kind.as_deref(), Some("application/x-www-form-urlencoded"));
    let body = "client_id=the-id&client_secret=The%2FClient%26Secret&grant_type=client_credentials";
    assert!(requests[0].ends_with(&format!("\r\n\r\n{body}")));
    let bearers: Vec<_> = requests
        .iter()
        .map(|r| header(r, "authorization"))
        .collect();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(
        bearers,
        [
            None,
            bearer("tok.en.1"),
            bearer("tok.en.1"),
            None,
            bearer("tok.en.2")
        ]
    );
}

#[tokio::test]
async fn a_login_lasts_until_it_is_refused() {
    let server = Server::plain(vec![
        send(200, r#"{"csrf":"c","bearer":"b1","sessionId":"s"}"#),
        send(200, SLA_FIXTURE),
        send(429, ""),
    ])
    .await;
    let client = client_with(&server, login());
    let lifetime = TokenLifetime::UNTIL_REFUSED;
    assert_eq!(client.authorise().await.result, Ok(lifetime));
    let sla = SlaQuery {
        window: Window::Minutes(5),
        subject: Subject::Account,
        lower_limits: vec![0],
    };
    assert!(client.sla(&sla).await.result.is_ok());
    assert_eq!(failure(client.authorise().await).code(), Code::Status(429));
    let requests = server.requests();
    assert!(requests[0].starts_with("POST /api/account/123/login?v=1.3 HTTP/1.1\r\n"));
    assert_eq!(
        header(&requests[0], "content-type").as_deref(),
        Some("application/json")
    );
    assert!(requests[0].ends_with("{\"username\":\"the-user\",\"password\":\"ThePassword\"}"));
    assert_eq!(
        header(&requests[1], "authorization").as_deref(),
        Some("Bearer b1")
    );
}

#[tokio::test]
async fn oauth1_signs_every_call_separately() {
    let server = Server::plain(vec![send(200, ACCOUNT_BODY), send(200, ACCOUNT_BODY)]).await;
    let client = signing_client(&server);
    let reply = client.authorise().await;
    assert_eq!(reply.result, Ok(TokenLifetime::UNTIL_REFUSED));
    assert_eq!(server.connections(), 0, "there is nothing to fetch");
    for _ in 0..2 {
        let reply = account_totals(&client).await;
        assert!(reply.result.is_ok());
    }
    let headers: Vec<String> = server
        .requests()
        .iter()
        .map(|request| header(request, "authorization").unwrap())
        .collect();
    assert_ne!(headers[0], headers[1]);
    for header in headers {
        let expected = "OAuth oauth_consumer_key=\"the-app-key\", oauth_token=\"TheAccessToken\", \
            oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"";
        assert!(header.starts_with(expected), "{header}");
        assert_eq!(header.matches("=\"").count(), 7);
    }
}

#[tokio::test]
async fn every_token_is_fetched_with_the_current_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.txt");
    let client_secret = file_secret(folder.path(), "secret.txt", "first-secret\n");
    let refusal = || send(401, r#"{"error":"invalid_client"}"#);
    let token = || send(200, r#"{"access_token":"tok.en.1"}"#);
    let script = vec![token(), token(), token(), refusal()];
    let server = Server::plain(script).await;
    let client_id = "the-id".to_owned();
    let auth = Auth::OAuth2 {
        client_id,
        client_secret,
    };
    let client = client_with(&server, auth);
    client.authorise().await.result.unwrap();
    std::fs::write(&path, "second-secret\n").unwrap();
    client.authorise().await.result.unwrap();
    // Half-way through a rotation: the one that is known stays in use.
    std::fs::write(&path, "").unwrap();
    client.authorise().await.result.unwrap();
    let error = failure(client.authorise().await);
    assert_eq!(error.code(), Code::Status(401));
    let text = error.to_string();
    assert!(
        text.contains("; the secret could not be read again: "),
        "{text}"
    );
    assert!(text.contains("is empty"), "{text}");
    let used = ["first", "second", "second", "second"];
    check_each(server.requests().iter().zip(used), |(request, secret)| {
        let field = format!("client_secret={secret}-secret");
        assert!(request.contains(&field), "{request}");
    });
}

#[tokio::test]
async fn a_refused_signature_reloads_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str| file_secret(folder.path(), name, name);
    let auth = Auth::OAuth1 {
        app_key: "k".to_owned(),
        app_secret: secret("app-secret"),
        access_token: secret("token-1"),
        access_token_secret: secret("token-secret"),
    };
    let server = Server::plain(vec![
        send(401, "who?"),
        send(401, "who?"),
        send(200, ACCOUNT_BODY),
    ])
    .await;
    let client = client_with(&server, auth);
    let call = || async { account_totals(&client).await };
    std::fs::write(folder.path().join("token-1"), "token-2").unwrap();
    assert_eq!(failure(call().await).to_string(), "refused (401): who?");
    std::fs::remove_file(folder.path().join("app-secret")).unwrap();
    let error = failure(call().await).to_string();
    assert!(
        error.starts_with("refused (401): who?; the secret could not be read again: "),
        "{error}"
    );
    assert!(call().await.result.is_ok(), "the last ones stay in use");
    let requests = server.requests();
    assert!(requests[0].contains("oauth_token=\"token-1\""));
    assert!(requests[1].contains("oauth_token=\"token-2\""));
    assert!(requests[2].contains("oauth_token=\"token-2\""));
}

#[tokio::test]
async fn token_answers_that_cannot_be_used() {
    check_each_async(
        [
            ("", "the body is empty"),
            ("{}", "the answer has no access_token"),
            (
                r#"{"access_token":"a b"}"#,
                "access_token is not a token that a header can carry",
            ),
            (
                r#"{"access_token":["hidden"]}"#,
                "access_token: expected a string",
            ),
            (
                r#"{"access_token":"hidden"#,
                "not JSON (EOF while parsing a string at line 1 column 23)",
            ),
            (
                &format!(r#"{{"access_token":"{}"}}"#, "t".repeat(20_000)),
                "access_token has 20000 characters, and a token of more than 16384 is refused",
            ),
            ("<html>Sign in", "an HTML page instead of JSON: Sign in"),
        ],
        async |(body, expected)| {
            let server = Server::plain(vec![send(200, body)]).await;
            let client = client_with(&server, oauth2());
            let detail = expected.to_owned();
            assert_eq!(
                failure(client.authorise().await),
                ApiError::Unreadable {
                    detail,
                    cause: UnreadableCause::Content
                }
            );
        },
    )
    .await;
}
