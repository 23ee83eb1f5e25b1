//! Connections: names are resolved again, connections have an age limit and a time limit below that of
//! a request, and no TLS below 1.2.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::http_clients::HttpClients;
use super::server::*;
use super::*;

/// A resolver whose answer can be changed.
#[derive(Clone)]
struct MutableResolver {
    address: Arc<Mutex<SocketAddr>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolve for MutableResolver {
    fn resolve(&self, name: Name) -> Resolving {
        self.asked.lock().push(name.as_str().to_owned());
        let address = *self.address.lock();
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}

#[tokio::test]
async fn each_connection_resolves_the_name_again() {
    let closing = || Act::SendAndClose(answer(200, &[], "old"));
    let old = Server::plain(vec![send(200, "old"), closing()]).await;
    let new = Server::plain(vec![send(200, "new")]).await;
    let address = |server: &Server| server.url.socket_addrs(|| None).unwrap()[0];
    let resolver = MutableResolver {
        address: Arc::new(Mutex::new(address(&old))),
        asked: Arc::default(),
    };
    let shared = Some(Arc::new(resolver.clone()) as _);
    let time_limit = Duration::from_secs(20);
    let clients = HttpClients::with_resolver(None, time_limit, false, shared).unwrap();
    let url = url::Url::parse("http://data.liveperson.test/").unwrap();
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let reply = clients.for_url(&url).get(url.clone()).send().await.unwrap();
        bodies.push(reply.text().await.unwrap());
        // The host has moved; open connections may still be used.
        *resolver.address.lock() = address(&new);
    }
    assert_eq!(bodies, ["old", "old", "new"]);
    assert_eq!(old.connections(), 1, "a connection is used again");
    assert_eq!(*resolver.asked.lock(), ["data.liveperson.test"; 2]);
}

/// Knows no names.
struct EmptyResolver;

impl Resolve for EmptyResolver {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("no such host is known".into()) })
    }
}

#[tokio::test]
async fn an_unknown_name_is_not_reported_as_a_host_that_is_down() {
    let resolver = Some(Arc::new(EmptyResolver) as _);
    let clients = HttpClients::with_resolver(None, Duration::from_secs(20), false, resolver);
    let url = url::Url::parse("https://data.liveperson.test/").unwrap();
    let clients = clients.unwrap();
    let error = clients.for_url(&url).get(url).send().await.unwrap_err();
    let client = failure::ClientInfo {
        no_trust_anchors: false,
        connect_timeout: Duration::from_secs(5),
    };
    let redactor = redactor::Redactor::default();
    let error = failure::classify(error, failure::Stage::BeforeHead, &client, &redactor);
    assert_eq!(
        error,
        ApiError::Connect {
            detail: "dns error: error resolving DNS: no such host is known".to_owned(),
            cause: ConnectCause::Resolve,
        }
    );
}

#[tokio::test]
async fn connections_are_replaced_after_ten_minutes() {
    let server = Server::plain(vec![send(200, ACCOUNT_BODY); 22]).await;
    let client = signing_client(&server);
    let mut connections = Vec::new();
    for _ in 0..=21 {
        let reply = account_totals(&client).await;
        assert!(reply.result.is_ok());
        connections.push(server.connections());
        // Time stands still only while it is moved: real connections need the real one.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(60)).await;
        tokio::time::resume();
    }
    let expected = [vec![1; 10], vec![2; 10], vec![3; 2]].concat();
    assert_eq!(connections, expected, "one call a minute");
}

/// Under paused time, which passes as soon as nothing else happens, the shorter limit is met first.
#[tokio::test(start_paused = true)]
async fn a_connection_has_less_time_than_a_request() {
    // Accepts connections and never sends anything: no handshake ends.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = format!("https://{}", silent.local_addr().unwrap());
    let url = url::Url::parse(&secure).unwrap();
    let client = Client::new(settings(&url, oauth1())).unwrap();
    let reply = account_totals(&client).await;
    assert_eq!(reply.elapsed.as_secs(), 5);
    assert_eq!(
        failure(reply).to_string(),
        "could not connect: no connection within 5s"
    );
}

/// Plays the first message of a TLS server of some version, and returns what the client offered.
async fn hello_of_a_client(answer: &'static [u8]) -> (Vec<u8>, ApiError) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = format!("https://{}", listener.local_addr().unwrap());
    let listening = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut header = [0; 5];
        stream.read_exact(&mut header).await.unwrap();
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let mut hello = vec![0; length];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(answer).await.unwrap();
        // The rest does not matter.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        hello
    });
    let url = url::Url::parse(&secure).unwrap();
    let client = Client::new(settings(&url, oauth1())).unwrap();
    let reply = account_totals(&client).await;
    let error = failure(reply);
    (listening.await.unwrap(), error)
}

/// A ServerHello of TLS 1.1: version 3.2, 32 bytes of random, no session, one of its ciphers.
const TLS_1_1: &[u8] = &[
    22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0x00, 0x2f, 0,
];

#[tokio::test]
async fn nothing_below_tls_1_2_is_offered_or_taken() {
    let (hello, error) = hello_of_a_client(TLS_1_1).await;
    assert!(matches!(error, ApiError::Connect { .. }), "{error}");
    assert_eq!(hello[0], 1, "a ClientHello");
    assert_eq!(versions(&hello), [[3, 4], [3, 3]], "TLS 1.3 and 1.2");
}

/// The extension `supported_versions` of a ClientHello.
fn versions(hello: &[u8]) -> Vec<[u8; 2]> {
    let number = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    let session = 4 + 2 + 32;
    let ciphers = session + 1 + usize::from(hello[session]);
    let compression = ciphers + 2 + number(ciphers);
    let mut at = compression + 1 + usize::from(hello[compression]) + 2;
    while at + 4 <= hello.len() {
        let (kind, length) = (number(at), number(at + 2));
        if kind == 43 {
            let list = &hello[at + 5..at + 4 + length];
            return list.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
        }
        at += 4 + length;
    }
    panic!("no supported_versions in {hello:?}");
}
