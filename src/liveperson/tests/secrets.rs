//! No error shows a secret, whatever a server answers.

use super::server::*;
use super::*;
use crate::cases::{check_each, check_each_async};

const SECRETS: [&str; 8] = [
    "The/Client&Secret",
    "The%2FClient%26Secret",
    "TheAppSecret",
    "TheAccessToken",
    "TheTokenSecret",
    "ThePassword",
    "tok.en.1",
    "oauth_signature=\\\"",
];

/// Bodies that repeat everything that a request said, each in another form.
fn echoes(request: &str) -> Vec<Act> {
    let json = |key: &str| serde_json::json!({ key: request }).to_string();
    let head = serde_json::json!({ "error": "invalid", "error_description": request });
    let html = format!("<html><title>{request}</title>{request}</html>");
    let mut acts = Vec::new();
    for status in [400, 401, 403, 404, 500, 502] {
        for body in [
            json("message"),
            head.to_string(),
            html.clone(),
            request.to_owned(),
        ] {
            acts.push(send(status, body));
        }
    }
    for body in [
        request.to_owned(),
        html,
        format!(
            "\u{feff}{{\"metricsTotals\":{{\"totalHandlingTime\":{}}}}}",
            json("x")
        ),
        serde_json::json!({ "metricsTotals": { "totalHandlingTime": request } }).to_string(),
        serde_json::json!({ "meta": { "responseCode": 500, "message": request } }).to_string(),
        serde_json::json!({ "metricsTotals": request }).to_string(),
        serde_json::json!({ "access_token": [request] }).to_string(),
        serde_json::json!({ "agentsMetrics": { "metricsPerAgent": { request: {} } } }).to_string(),
    ] {
        acts.push(send(200, body));
    }
    let location = format!(
        "location: https://{}/x",
        "TheAppSecret.TheAccessToken.tok.en.1"
    );
    acts.push(Act::Send(answer(302, &[&location], "")));
    acts
}

fn assert_clean(error: &ApiError) {
    for text in [
        error.to_string(),
        format!("{error:?}"),
        format!("{error:#?}"),
    ] {
        for secret in SECRETS {
            let found = text.to_lowercase().contains(&secret.to_lowercase());
            assert!(!found, "{secret} in {text}");
        }
        assert!(text.chars().count() < 900, "{text}");
    }
}

#[tokio::test]
async fn errors_never_hold_a_secret() {
    let everything = SECRETS.join(" | ");
    let token = r#"{"access_token":"tok.en.1"}"#;
    let cases = [
        (oauth2(), Some(token)),
        (oauth1(), None),
        (login(), Some(r#"{"bearer":"tok.en.1"}"#)),
    ];
    check_each_async(cases, async |(auth, token)| {
        // Only what this account knows can be hidden: each is asked about its own.
        let own: Vec<String> = own_secrets(&auth);
        for act in echoes(&own.join(" | ")) {
            let script = token.map(|token| send(200, token)).into_iter();
            let script = script.chain([act.clone(), act.clone(), act]).collect();
            let server = Server::plain(script).await;
            let client = client_with(&server, auth.clone());
            client.authorise().await.result.unwrap();
            let calls = [
                account_totals(&client).await.result.err(),
                client.names(NameKind::Skills, true).await.result.err(),
                match client.needs_token() {
                    true => client.authorise().await.result.err(),
                    false => None,
                },
            ];
            for error in calls.iter().flatten() {
                assert_clean(error);
            }
            assert!(calls[0].is_some(), "an echo is not an answer");
        }
    })
    .await;
    // The check itself must be able to fail.
    let leak = ApiError::Unreadable {
        detail: everything,
        cause: UnreadableCause::Content,
    };
    assert!(std::panic::catch_unwind(|| assert_clean(&leak)).is_err());
}

fn own_secrets(auth: &crate::config::Auth) -> Vec<String> {
    let own: &[&str] = match auth {
        crate::config::Auth::OAuth2 { .. } => &[
            "The/Client&Secret",
            "The%2FClient%26Secret",
            "The%2fClient%26Secret",
            "tok.en.1",
        ],
        crate::config::Auth::OAuth1 { .. } => &["TheAppSecret", "TheAccessToken", "TheTokenSecret"],
        crate::config::Auth::Login { .. } => &["ThePassword", "tok.en.1"],
    };
    own.iter().map(|secret| (*secret).to_owned()).collect()
}

#[tokio::test]
async fn a_signature_that_is_echoed_is_hidden() {
    // The server's answer has to hold what the client is about to send: so it plays by hand.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let echo = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 8192];
        let read = stream.read(&mut buffer).await.unwrap();
        let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let sent = header(&request, "authorization").unwrap();
        let (_, signature) = sent.split_once("oauth_signature=").unwrap();
        let body = format!("bad signature {signature}");
        stream.write_all(&answer(401, &[], body)).await.unwrap();
    });
    let client = Client::new(settings(&url, oauth1())).unwrap();
    let error = failure(account_totals(&client).await);
    echo.await.unwrap();
    assert_eq!(
        error.to_string(),
        "refused (401): bad signature \"[secret]\""
    );
}

#[tokio::test]
async fn nothing_prints_its_secrets() {
    let url = url::Url::parse("https://api.liveperson.net").unwrap();
    check_each([oauth2(), oauth1(), login()], |auth| {
        let settings = settings(&url, auth);
        let shown = format!("{settings:?} {:?}", Client::new(settings.clone()).unwrap());
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    });
}
