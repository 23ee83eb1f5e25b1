//! A server that sends the bytes of a script and records the requests it gets.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::config::Auth;
use crate::config::secret::Secret;

/// What happens to one request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// These bytes, then on to the next request of the same connection.
    Send(Vec<u8>),
    /// These bytes, then the end of the connection.
    SendAndClose(Vec<u8>),
    /// These bytes, then nothing.
    SendAndHang(Vec<u8>),
}

/// The server; requests beyond the script get no answer.
pub(super) struct Server {
    pub(super) url: Url,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

type Script = Arc<Mutex<std::vec::IntoIter<Act>>>;

impl Server {
    pub(super) async fn plain(script: Vec<Act>) -> Self {
        Self::start(script, None).await
    }

    pub(super) async fn start(script: Vec<Act>, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Self {
            url: Url::parse(&format!("{scheme}://127.0.0.1:{port}")).unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let script: Script = Arc::new(Mutex::new(script.into_iter()));
        let requests = Arc::clone(&server.requests);
        let connections = Arc::clone(&server.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock() += 1;
                let (script, requests) = (Arc::clone(&script), Arc::clone(&requests));
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => play(stream, script, requests).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                play(stream, script, requests).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// The requests so far, head and body, in the order of their arrival.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock()
    }
}

async fn play<S>(mut stream: S, script: Script, requests: Arc<Mutex<Vec<String>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(request) = request(&mut stream).await {
        requests.lock().push(request);
        let act = script.lock().next();
        let (bytes, close) = match act {
            Some(Act::Send(bytes)) => (bytes, false),
            Some(Act::SendAndClose(bytes)) => (bytes, true),
            Some(Act::SendAndHang(bytes)) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
                return std::future::pending().await;
            }
            None => return std::future::pending().await,
        };
        // The client may have closed the connection.
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if close {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
    }
}

/// The value of a header in the text of a request.
pub(super) fn header(request: &str, name: &str) -> Option<String> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let found = key.eq_ignore_ascii_case(name);
        found.then(|| value.trim().to_owned())
    })
}

/// An answer with a length; `headers` are whole lines.
pub(super) fn answer(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} Some Reason\r\n").into_bytes();
    for line in headers {
        bytes.extend_from_slice(format!("{line}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn send(status: u16, body: impl AsRef<[u8]>) -> Act {
    Act::Send(answer(status, &[], body))
}

pub(super) const ACCOUNT_BODY: &str =
    include_str!("../../../tests/fixtures/engactivity/account.json");

pub(super) fn oauth2() -> Auth {
    Auth::OAuth2 {
        client_id: "the-id".to_owned(),
        client_secret: Secret::from_value("The/Client&Secret".to_owned()),
    }
}

pub(super) fn oauth1() -> Auth {
    let secret = |value: &str| Secret::from_value(value.to_owned());
    Auth::OAuth1 {
        app_key: "the-app-key".to_owned(),
        app_secret: secret("TheAppSecret"),
        access_token: secret("TheAccessToken"),
        access_token_secret: secret("TheTokenSecret"),
    }
}

pub(super) fn login() -> Auth {
    Auth::Login {
        username: "the-user".to_owned(),
        password: Secret::from_value("ThePassword".to_owned()),
    }
}

/// Settings that send every call to one server.
pub(super) fn settings(url: &Url, auth: Auth) -> ClientSettings {
    let hosts: BTreeMap<String, Url> = [
        "sentinel",
        "agentVep",
        "leDataReporting",
        "accountConfigReadOnly",
    ]
    .into_iter()
    .map(|service| (service.to_owned(), url.clone()))
    .collect();
    ClientSettings {
        account: ACCOUNT.to_owned(),
        auth,
        hosts,
        domain_api: url.clone(),
        allowed_domains: Vec::new(),
        ca_file: None,
        request_timeout: Duration::from_secs(20),
        max_response_bytes: 64 * 1024,
    }
}

/// A client whose calls go to this server.
pub(super) fn client_with(server: &Server, auth: Auth) -> Client {
    Client::new(settings(&server.url, auth)).unwrap()
}

/// A client that signs its calls, so that each of them is one request and nothing else.
pub(super) fn signing_client(server: &Server) -> Client {
    client_with(server, oauth1())
}

/// A call for the totals of the account.
pub(super) async fn account_totals(client: &Client) -> Reply<EngagementAnswer> {
    client.engagement_activity(&query(None, None)).await
}

/// The same to a server with this script.
pub(super) async fn one_call(script: Vec<Act>) -> Reply<EngagementAnswer> {
    let server = Server::plain(script).await;
    account_totals(&signing_client(&server)).await
}

pub(super) fn failure<T: std::fmt::Debug>(reply: Reply<T>) -> ApiError {
    let error = reply.result.expect_err("this call fails");
    assert_eq!(reply.code, error.code());
    error
}
