//! What the program says of each fault on the way to LivePerson: the code it counts, the line it
//! logs, and the advice of `test-connection`. The real binary against servers that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;

use crate::common::cases::check_each_async;
use crate::common::{self, Exporter, configuration, eventually, only};

/// How a server treats a connection.
enum Server {
    /// Sends these bytes as soon as a request has come, then closes.
    Answers(&'static [u8]),
    /// Sends these bytes as soon as anything has come, then closes.
    Bytes(&'static [u8]),
    /// Takes the request and never answers.
    Silent,
    /// TLS with a certificate that was made so, and with the authority in `tls.ca_file` or not.
    Tls(fn(&mut CertificateParams), bool),
    /// No server listens.
    Gone,
    /// There is no such name.
    Unknown,
}

struct Case {
    name: &'static str,
    server: Server,
    /// Whether the URL in the configuration is `https`.
    https: bool,
    /// The API whose calls meet it: a token is asked for only where it is `token`.
    api: &'static str,
    code: &'static str,
    error: &'static str,
    advice: &'static str,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn plain(
    name: &'static str,
    server: Server,
    code: &'static str,
    error: &'static str,
    advice: &'static str,
) -> Case {
    let https = false;
    let api = "engactivity";
    Case {
        name,
        server,
        https,
        api,
        code,
        error,
        advice,
    }
}

const fn token(
    name: &'static str,
    server: Server,
    code: &'static str,
    error: &'static str,
    advice: &'static str,
) -> Case {
    Case {
        api: "token",
        ..plain(name, server, code, error, advice)
    }
}

const fn secure(
    name: &'static str,
    server: Server,
    code: &'static str,
    error: &'static str,
    advice: &'static str,
) -> Case {
    Case {
        https: true,
        ..plain(name, server, code, error, advice)
    }
}

/// An endless head: LivePerson's have a dozen lines.
fn head(line: &str, lines: usize) -> &'static [u8] {
    let head = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\n{{}}",
        line.repeat(lines)
    );
    head.into_bytes().leak()
}

/// A small answer that unfolds into more than `limits.max_response_bytes`.
fn bomb() -> &'static [u8] {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b' '; 4 << 20]).unwrap();
    let body = gzip.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat().leak()
}

/// The bytes of an answer that is well until here.
macro_rules! ok {
    ($rest:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $rest).as_bytes()
    };
}

/// No connection, or no head that can be read.
#[rustfmt::skip]
fn connections_and_heads() -> Vec<Case> {
    use Server::{Answers, Gone, Unknown};
    vec![
        plain("no listener", Gone, "connect",
            "could not connect: tcp connect error: Connection refused", "firewall allow TCP port 443"),
        secure("no such name", Unknown, "connect",
            "could not connect: invalid dns name", "cannot resolve"),
        plain("closed without a word", Answers(b""), "connect",
            "could not connect: connection closed before message completed", "closes them without an answer"),
        plain("half a head", Answers(b"HTTP/1.1 200 O"), "connect",
            "could not connect: connection closed before message completed", "closes them without an answer"),
        plain("not HTTP", Answers(b"SSH-2.0-OpenSSH_9.6\r\n"), "decode",
            "unreadable answer: the answer is not valid HTTP", "does not speak HTTP"),
        plain("a head too large", Answers(head(&format!("x: {}\r\n", "a".repeat(900_000)), 1)), "decode",
            "unreadable answer: the head of the answer cannot be read", "the head of its answer is too large"),
        plain("too many headers", Answers(head("x: a\r\n", 500)), "decode",
            "unreadable answer: the head of the answer cannot be read", "the head of its answer is too large"),
        plain("two lengths", Answers(ok!("content-length: 2\r\ncontent-length: 7\r\n\r\n{}")), "decode",
            "unreadable answer: the head of the answer cannot be read", "malformed or inconsistent"),
        plain("an endless wait", Answers(b"HTTP/1.1 429 Slow\r\nretry-after: 99999999999999999999\r\ncontent-length: 0\r\n\r\n"), "429",
            "throttled (429), asked to wait more than a week", "wait a minute"),
    ]
}

/// Answers to a request for a token.
#[rustfmt::skip]
fn tokens() -> Vec<Case> {
    use Server::Answers;
    vec![
        token("no token service", Answers(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}"), "404",
            "rejected (404)", "does not accept such requests"),
        token("another protocol", Answers(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), "101",
            "rejected (101)", "does not accept such requests"),
        token("no status of HTTP", Answers(b"HTTP/1.1 999 No\r\ncontent-length: 0\r\n\r\n"), "999",
            "rejected (999)", "does not accept such requests"),
        token("a token too large", Answers(ok!("content-length: 99999999\r\n\r\n{")), "too_large",
            "answer larger than limits.max_response_bytes", "answered something other"),
        token("a token that unfolds", Answers(bomb()), "too_large",
            "answer larger than limits.max_response_bytes", "answered something other"),
        token("a list for a token", Answers(ok!("content-length: 5\r\n\r\n[[[[[")), "decode",
            "unreadable answer: the body: expected an object", "answered something other"),
        token("a wrong secret", Answers(b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}"), "400",
            "rejected (400)", "wrong client id or secret"),
    ]
}

/// Answers with a good head, and statuses that have a meaning.
#[rustfmt::skip]
fn bodies_and_statuses() -> Vec<Case> {
    use Server::{Answers, Silent};
    vec![
        plain("silence", Silent, "timeout",
            "no whole answer within 1s", "raise limits.request_timeout"),
        plain("a body cut off", Answers(ok!("content-length: 100\r\n\r\n{\"metricsTotals\"")), "decode",
            "unreadable answer: the connection ended in the middle of the answer", "did not arrive whole"),
        plain("a chunk cut off", Answers(ok!("transfer-encoding: chunked\r\n\r\n20\r\n{\"metr")), "decode",
            "unreadable answer: the connection ended in the middle of the answer", "did not arrive whole"),
        plain("a bad chunk", Answers(ok!("transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n")), "decode",
            "unreadable answer: the", "did not arrive whole"),
        plain("bad gzip", Answers(ok!("content-encoding: gzip\r\ncontent-length: 7\r\n\r\nnot gzi")), "decode",
            "unreadable answer: the answer is not valid HTTP or gzip", "did not arrive whole"),
        plain("a sign-in page", Answers(ok!("content-length: 26\r\n\r\n<html><title>Sign in</html")), "decode",
            "unreadable answer: an HTML page instead of JSON", "answered something other"),
        plain("too large", Answers(ok!("content-length: 99999999\r\n\r\n{")), "too_large",
            "answer larger than limits.max_response_bytes", "raise limits.max_response_bytes"),
        plain("304 unasked", Answers(b"HTTP/1.1 304 Not Modified\r\n\r\n"), "304",
            "rejected (304): not modified, although no condition was asked for", "a cache answers"),
        plain("a redirect", Answers(b"HTTP/1.1 302 Found\r\nlocation: https://sso.example/x\r\ncontent-length: 0\r\n\r\n"), "302",
            "rejected (302): a redirect to sso.example, which is not followed", "redirects are not followed"),
        plain("throttled", Answers(b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"), "429",
            "throttled (429), asked to wait 7s", "wait a minute"),
        plain("forbidden", Answers(b"HTTP/1.1 403 No\r\ncontent-length: 4\r\n\r\nnope"), "403",
            "refused (403): nope", "missing permission for the Engagement Activity API"),
        plain("failing", Answers(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nnope"), "503",
            "LivePerson failed (503): nope", "LivePerson itself is failing"),
    ]
}

/// Handshakes and certificates.
#[rustfmt::skip]
fn tls_faults() -> Vec<Case> {
    use Server::{Bytes, Tls};
    vec![
        secure("an alert of TLS", Bytes(&[0x15, 3, 3, 0, 2, 2, 40]), "connect",
            "could not connect: received fatal alert", "no TLS could be agreed on"),
        secure("no TLS at all", Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "connect",
            "could not connect:", "no TLS could be agreed on"),
        secure("TLS cut off", Bytes(b""), "connect",
            "could not connect:", "no TLS could be agreed on"),
        secure("a stranger's certificate", Tls(|_| {}, false), "connect",
            "invalid peer certificate: UnknownIssuer", "set tls.ca_file"),
        secure("an expired certificate", Tls(|leaf| leaf.not_after = date_time_ymd(2001, 1, 1), true), "connect",
            "certificate", "compare the clock of this machine"),
        secure("a certificate of the future", Tls(|leaf| leaf.not_before = date_time_ymd(4000, 1, 1), true), "connect",
            "certificate", "compare the clock of this machine"),
        secure("another host's certificate", Tls(|leaf| leaf.subject_alt_names.clear(), true), "connect",
            "certificate", "another host answers in the place"),
    ]
}

/// Starts the server of a case; its URL, and the authority for `tls.ca_file`.
fn start(case: &Case) -> (String, Option<String>) {
    let scheme = if case.https { "https" } else { "http" };
    if let Server::Unknown = case.server {
        // Too long for a label: no resolver is asked, and none can say that it exists.
        return (format!("{scheme}://{}.invalid", "x".repeat(64)), None);
    }
    if let Server::Gone = case.server {
        return (format!("{scheme}://{}", common::free_address()), None);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    match case.server {
        Server::Gone | Server::Unknown => {}
        Server::Answers(bytes) => serve(listener, move |stream| {
            read_head(stream);
            let _ = stream.write_all(bytes);
        }),
        Server::Bytes(bytes) => serve(listener, move |stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
        }),
        Server::Silent => serve(listener, |stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        }),
        Server::Tls(change, trusted) => {
            let (config, authority) = tls(change);
            serve(listener, move |stream| {
                let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let _ = tls.complete_io(stream);
            });
            return (url, trusted.then_some(authority));
        }
    }
    (url, None)
}

fn serve(listener: TcpListener, each: impl Fn(&mut TcpStream) + Send + 'static) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            each(&mut stream);
        }
    });
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
}

fn tls(change: fn(&mut CertificateParams)) -> (Arc<rustls::ServerConfig>, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (Arc::new(config), pem)
}

fn folder(case: &Case) -> tempfile::TempDir {
    let (url, authority) = start(case);
    let auth = match case.api {
        "token" => "oauth2: {client_id: id, client_secret: secret1}",
        _ => {
            "oauth1: {app_key: key, app_secret: secret1, access_token: token1, \
             access_token_secret: secret2}"
        }
    };
    let mut yaml = format!(
        "accounts: [{{id: \"1\", hosts: {{leDataReporting: \"{url}\", sentinel: \"{url}\"}}, \
         auth: {{{auth}}}}}]\n\
         names: {{lookup: false}}\n\
         limits: {{min_spacing: 10ms, request_timeout: 1s, max_response_bytes: 1MiB}}\n{}",
        only(&["engagement_activity"])
    );
    if authority.is_some() {
        yaml.push_str("tls: {ca_file: ca.pem}\n");
    }
    let (folder, _) = configuration(&yaml);
    if let Some(pem) = authority {
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
    }
    folder
}

/// What `test-connection` says.
async fn report(case: &Case) -> String {
    let folder = folder(case);
    let mut command = common::command();
    command.arg("test-connection");
    command.arg(folder.path().join("liveperson_exporter.yml"));
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    String::from_utf8(run.await.unwrap().stdout).unwrap()
}

/// The page of the daemon once it has counted a call, and the line that it logged of it.
async fn page_and_log(case: &Case) -> (String, String) {
    let folder = folder(case);
    let mut command = common::command();
    let file = folder.path().join("liveperson_exporter.yml");
    command.arg("--config.file").arg(file);
    let exporter = Exporter::spawn(command, folder).await;
    eventually(case.name, async || {
        let page = exporter.page().await;
        let counter = "liveperson_api_requests_total{account=\"1\"";
        let counted = page.contains(&format!("{counter},api=\"{}\"", case.api));
        let log = exporter.log();
        let line = log
            .lines()
            .find(|line| line.contains("calls fail") || line.contains("LivePerson throttles"));
        Some((page, line?.to_owned())).filter(|_| counted)
    })
    .await
}

#[tokio::test]
async fn every_fault_has_its_code_its_log_line_and_its_advice() {
    let of_answers = connections_and_heads().into_iter().chain(tokens());
    let cases = of_answers.chain(bodies_and_statuses()).chain(tls_faults());
    check_each_async(cases, async |case| {
        let report = report(&case).await;
        // Where an error begins differently, only its important part is given.
        for words in [case.error, case.advice] {
            assert!(report.contains(words), "{words:?} is not in\n{report}");
        }
        let (page, line) = page_and_log(&case).await;
        let counted = format!("api=\"{}\",code=\"{}\"", case.api, case.code);
        let codes = page.lines().filter(|line| line.contains("requests_total{"));
        let codes: Vec<_> = codes.collect();
        assert!(page.contains(&counted), "{counted} is not in {codes:#?}");
        // What the log says of a 429 is that the daemon slows down by itself.
        let has_advice = case.code == "429" || line.contains(case.advice);
        assert!(has_advice, "{:?} is not in\n{line}", case.advice);
        // A 429 is logged as throttling, with its wait.
        let error = match case.code {
            "429" if case.error.ends_with(" 7s") => "wait=7",
            "429" => "wait=",
            _ => case.error,
        };
        let status = format!("status={}", case.code);
        for words in [error, &status] {
            assert!(line.contains(words), "{words:?} is not in\n{line}");
        }
    })
    .await;
}

/// Each of two windows has an odd agent: both are counted, one line reports them, and the others
/// are served.
#[tokio::test]
async fn odd_entries_are_counted_reported_once_and_cost_nothing_else() {
    let body = r#"{"metricsTotals":{},"agentsMetrics":{"metricsPerAgent":{"4":{"connectedEngagements":3},
        "5":{"connectedEngagements":"token1"},"x":{}}}}"#;
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    let odd: &'static [u8] = answer.leak().as_bytes();
    let case = plain("odd entries", Server::Answers(odd), "200", "", "");
    let folder = folder(&case);
    let file = folder.path().join("liveperson_exporter.yml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    let activity = "engagement_activity: {windows: [5m, 1h], skills: none, agents: all}\n";
    std::fs::write(&file, yaml + activity).unwrap();
    let mut command = common::command();
    command.arg("--config.file").arg(file);
    let exporter = Exporter::spawn(command, folder).await;
    let ignored = "liveperson_api_entries_ignored_total{account=\"1\",api=\"engactivity\"}";
    let page = eventually("four requests have come back", async || {
        let page = exporter.page().await;
        (common::sample(&page, ignored)? >= 4.0 && page.contains("agent=\"4\"")).then_some(page)
    })
    .await;
    assert!(!page.contains("agent=\"5\""), "{page}");
    let log = exporter.log();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("are left out"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    let example = "agentsMetrics.metricsPerAgent.5.connectedEngagements: expected a number, found \\\"[secret]\\\"";
    assert!(lines[0].contains(example), "{}", lines[0]);
}
