//! What each call puts on the wire.

use super::server::*;
use super::*;
use crate::cases::{check_each, check_each_async};

#[tokio::test]
async fn connections_are_used_again_and_requests_look_as_promised() {
    let script = vec![
        send(200, ACCOUNT_BODY),
        send(429, "slow down"),
        send(200, SLA_FIXTURE),
    ];
    let server = Server::plain(script).await;
    let client = signing_client(&server);
    let skills = query(ids(&[4, 15]), Some(IdFilter::All));
    failure(client.engagement_activity(&skills).await);
    failure(account_totals(&client).await);
    let sla = SlaQuery {
        window: Window::Minutes(60),
        subject: Subject::Group(7.into()),
        lower_limits: vec![0, 5, 10, 20, 30],
    };
    assert_eq!(client.sla(&sla).await.result.unwrap().buckets.len(), 5);

    assert_eq!(server.connections(), 1);
    let lines: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.lines().next().unwrap().to_owned())
        .collect();
    let path = "/operations/api/account/123";
    assert_eq!(
        lines,
        [
            format!(
                "GET {path}/engactivity?timeframe=1200&skillIds=4,15&agentIds=all&v=1 HTTP/1.1"
            ),
            format!("GET {path}/engactivity?timeframe=1200&v=1 HTTP/1.1"),
            format!("GET {path}/sla?timeframe=60&groupIds=7&histogram=0,5,10,20,30&v=1 HTTP/1.1"),
        ]
    );
    for request in server.requests() {
        let agent = concat!("liveperson_exporter/", env!("CARGO_PKG_VERSION"));
        assert_eq!(header(&request, "user-agent").as_deref(), Some(agent));
        assert_eq!(
            header(&request, "accept").as_deref(),
            Some("application/json")
        );
        assert_eq!(header(&request, "accept-encoding").as_deref(), Some("gzip"));
    }
}

#[tokio::test]
async fn names_are_asked_for_once_and_then_conditionally() {
    let list = r#"[{"id":4,"name":"Sales","deleted":false}]"#;
    let tagged = |tag: &str, body: &str| Act::Send(answer(200, &[&format!("ETag: {tag}")], body));
    let unchanged = || Act::Send(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec());
    let server = Server::plain(vec![
        tagged("\"one\"", list),
        unchanged(),
        tagged("\"broken\"", "[{]"),
        unchanged(),
        send(200, "[]"),
        send(200, "[]"),
        unchanged(),
    ])
    .await;
    let client = signing_client(&server);
    let names = || async { client.names(NameKind::Skills, true).await };

    let sales = NamesAnswer::Names(NameList::Skills(vec![(4.into(), "Sales".to_owned())]));
    assert_eq!(names().await.result, Ok(sales));
    let reply = names().await;
    assert_eq!(
        (reply.result, reply.code),
        (Ok(NamesAnswer::Unchanged), Code::Status(304))
    );
    assert_eq!(failure(names().await).code(), Code::Decode);
    assert_eq!(names().await.result, Ok(NamesAnswer::Unchanged));
    let none = || NamesAnswer::Names(NameList::Skills(Vec::new()));
    assert_eq!(names().await.result, Ok(none()));
    // Nothing to compare with any more, and another list never had anything.
    assert_eq!(names().await.result, Ok(none()));
    let error = failure(client.names(NameKind::Users, true).await);
    assert_eq!(
        error.code(),
        Code::Status(304),
        "304 without a condition is an error"
    );

    let sent: Vec<Option<String>> = server
        .requests()
        .iter()
        .map(|request| header(request, "if-none-match"))
        .collect();
    let one = || Some("\"one\"".to_owned());
    assert_eq!(sent, [None, one(), one(), one(), one(), None, None]);
}

/// A server or gateway that rejects the condition would otherwise reject every request.
#[tokio::test]
async fn a_condition_that_is_refused_is_not_sent_again() {
    check_each_async([400, 412, 431], async |status| {
        let list = || Act::Send(answer(200, &["ETag: \"one\""], "[]"));
        let server = Server::plain(vec![list(), send(status, "no"), list()]).await;
        let client = signing_client(&server);
        for well in [true, false, true] {
            assert_eq!(
                client.names(NameKind::Skills, true).await.result.is_ok(),
                well
            );
        }
        let sent = server.requests().into_iter();
        let conditions: Vec<_> = sent
            .map(|request| header(&request, "if-none-match"))
            .collect();
        assert_eq!(
            conditions,
            [None, Some("\"one\"".to_owned()), None],
            "{status}"
        );
    })
    .await;
    let endless = format!("ETag: \"{}\"", "e".repeat(2_000));
    let script = vec![Act::Send(answer(200, &[&endless], "[]")), send(200, "[]")];
    let server = Server::plain(script).await;
    let client = signing_client(&server);
    for _ in 0..2 {
        client.names(NameKind::Skills, true).await.result.unwrap();
    }
    assert_eq!(header(&server.requests()[1], "if-none-match"), None);
}

#[tokio::test]
async fn every_list_of_names_has_its_path() {
    let server = Server::plain(vec![send(200, "[]"), send(200, "[]"), send(403, "")]).await;
    let client = signing_client(&server);
    for kind in [NameKind::Skills, NameKind::Groups] {
        assert!(client.names(kind, true).await.result.is_ok());
    }
    let error = failure(client.names(NameKind::Users, true).await);
    assert_eq!(error.to_string(), "refused (403): no message");
    let requests = server.requests();
    let path = "GET /api/account/123/configuration/le-users";
    let cases = requests
        .iter()
        .zip(["skills?v=4.0", "agentGroups?v=2.0", "users?v=4.0"]);
    check_each(cases, |(request, expected)| {
        assert!(
            request.starts_with(&format!("{path}/{expected} HTTP/1.1\r\n")),
            "{request}"
        );
    });
}

#[tokio::test]
async fn nothing_is_sent_without_a_host_or_a_token() {
    let server = Server::plain(Vec::new()).await;
    let client = client_with(&server, oauth2());
    let error = failure(account_totals(&client).await);
    assert_eq!(error.to_string(), "refused (401): there is no token yet");

    let mut settings = settings(&server.url, oauth1());
    settings.hosts.clear();
    let client = Client::new(settings).unwrap();
    let error = failure(client.names(NameKind::Skills, true).await);
    let expected = "could not connect: the host of accountConfigReadOnly has not been found yet";
    assert_eq!(error.to_string(), expected);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let server = Server::plain(vec![send(200, ACCOUNT_BODY)]).await;
    let mut settings = settings(&server.url, oauth1());
    let prefixed = server.url.join("/gateway/lp/").unwrap();
    settings
        .hosts
        .insert("leDataReporting".to_owned(), prefixed);
    let client = Client::new(settings).unwrap();
    let reply = account_totals(&client).await;
    assert!(reply.result.is_ok());
    let expected = "GET /gateway/lp/operations/api/account/123/engactivity?";
    assert!(server.requests()[0].starts_with(expected));
}
