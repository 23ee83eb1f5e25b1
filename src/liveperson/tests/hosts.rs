//! Finding hosts by the Domain API.

use super::server::*;
use super::*;
use crate::cases::check_each_async;

fn looking(server: &Server, auth: crate::config::Auth) -> Client {
    let mut settings = settings(&server.url, auth);
    settings.hosts.clear();
    Client::new(settings).unwrap()
}

/// An answer that says where the data is.
fn found(base_uri: &str) -> String {
    format!(r#"{{"service":"leDataReporting","account":"123","baseURI":"{base_uri}"}}"#)
}

#[tokio::test]
async fn a_host_is_found_used_and_kept() {
    let server = Server::plain(Vec::new()).await;
    let host = format!("127.0.0.1:{}", server.url.port().unwrap());
    let domain = Server::plain(vec![
        send(200, found(&host)),
        send(500, "no"),
        send(200, r#"{"baseURIs":[]}"#),
        send(200, found("user@evil.example")),
        send(200, found("http://evil.example")),
        send(200, found("evil.example")),
        send(
            200,
            r#"{"baseURIs":[{"service":"leDataReporting","baseURI":"new.liveperson.net"}]}"#,
        ),
    ])
    .await;
    let client = looking(&domain, oauth1());
    let service = Service::LE_DATA_REPORTING;
    assert_eq!(client.base_url(service), None);
    let reply = client.look_up(service).await;
    assert_eq!((reply.result, reply.code), (Ok(()), Code::Status(200)));
    assert_eq!(client.base_url(service), Some(server.url.clone()));
    for code in [
        Code::Status(500),
        Code::Status(200),
        Code::Decode,
        Code::Decode,
        Code::Decode,
    ] {
        assert_eq!(failure(client.look_up(service).await).code(), code);
        assert_eq!(
            client.base_url(service),
            Some(server.url.clone()),
            "the last good one"
        );
    }
    client.look_up(service).await.result.unwrap();
    assert_eq!(
        client.base_url(service).unwrap().as_str(),
        "https://new.liveperson.net/"
    );

    let request = &domain.requests()[0];
    let line = "GET /api/account/123/service/leDataReporting/baseURI.json?version=1.0 HTTP/1.1";
    assert!(request.starts_with(line), "{request}");
    assert_eq!(
        header(request, "authorization"),
        None,
        "no credentials to the Domain API"
    );
}

#[tokio::test]
async fn an_unknown_account_is_not_reported_as_refused() {
    check_each_async([400, 401, 403, 404], async |status| {
        let domain = Server::plain(vec![send(status, r#"{"message":"site?"}"#)]).await;
        let error = failure(looking(&domain, oauth2()).look_up(Service::SENTINEL).await);
        let message =
            "LivePerson does not know account 123 (or the service sentinel for it): site?";
        let message = message.to_owned();
        assert_eq!(error, ApiError::Rejected { status, message });
    })
    .await;
    let other = r#"{"baseURIs":[{"service":"sentinel","baseURI":"h.example"}]}"#;
    check_each_async([r#"{"baseURIs":[]}"#, other], async |body| {
        let domain = Server::plain(vec![send(200, body)]).await;
        let error = failure(looking(&domain, login()).look_up(Service::AGENT_VEP).await);
        let message = "LivePerson does not know account 123 (or the service agentVep for it)";
        let (status, message) = (200, message.to_owned());
        assert_eq!(error, ApiError::Rejected { status, message });
    })
    .await;
}

#[tokio::test]
async fn a_configured_host_takes_precedence() {
    let domain = Server::plain(vec![send(200, r#"{"baseURI":"found.liveperson.net"}"#)]).await;
    let client = signing_client(&domain);
    assert!(
        client
            .look_up(Service::LE_DATA_REPORTING)
            .await
            .result
            .is_ok()
    );
    assert_eq!(
        client.base_url(Service::LE_DATA_REPORTING),
        Some(domain.url.clone())
    );
}

#[tokio::test]
async fn credentials_are_not_sent_to_other_domains() {
    let thief = Server::plain(vec![send(200, r#"{"access_token":"t"}"#)]).await;
    // `localhost` is this machine as well, but the configuration does not allow it.
    let port = thief.url.port().unwrap();
    let body = format!(r#"{{"service":"sentinel","baseURI":"thief.localhost:{port}"}}"#);
    let domain = Server::plain(vec![send(200, &body), send(200, body)]).await;
    let client = looking(&domain, oauth2());
    let error = failure(client.look_up(Service::SENTINEL).await);
    let text = error.to_string();
    assert!(
        text.contains("names thief.localhost for sentinel"),
        "{text}"
    );
    assert!(text.contains("add it to allowed_domains"), "{text}");
    assert!(client.authorise().await.result.is_err());
    assert_eq!(thief.connections(), 0);
    let mut settings = settings(&domain.url, oauth2());
    settings.hosts.clear();
    settings.allowed_domains = vec!["thief.localhost".to_owned()];
    let client = Client::new(settings).unwrap();
    client.look_up(Service::SENTINEL).await.result.unwrap();
}
