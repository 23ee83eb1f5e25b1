//! Certificates: only trusted ones, an extra root when one is given, and clear messages otherwise.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server::*;
use super::*;
use crate::cases::check_each;

/// Set in the process of [`a_machine_without_root_certificates`].
const NO_ROOTS: &str = "LIVEPERSON_TEST_WITHOUT_ROOTS";

fn fixture(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");
    PathBuf::from(folder).join(name)
}

async fn secure_server(script: Vec<Act>) -> Server {
    secure_server_offering(script, &[]).await
}

/// A server that takes these protocols (ALPN), the first of them before the others.
async fn secure_server_offering(script: Vec<Act>, protocols: &[&[u8]]) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = CertificateDer::pem_file_iter(fixture("server.pem")).unwrap();
    let certificates = certificates.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    Server::start(script, Some(acceptor)).await
}

#[tokio::test]
async fn an_unknown_certificate_is_named_as_the_reason() {
    let server = secure_server(vec![send(200, ACCOUNT_BODY)]).await;
    let client = signing_client(&server);
    let error = failure(account_totals(&client).await);
    let text = error.to_string();
    assert!(
        matches!(
            error,
            ApiError::Connect {
                cause: ConnectCause::CertificateUntrusted,
                ..
            }
        ),
        "{text}"
    );
    assert!(text.contains("certificate"), "{text}");
    let no_trust_anchors = std::env::var_os(NO_ROOTS).is_some();
    assert_eq!(
        text.contains("install ca-certificates"),
        no_trust_anchors,
        "{text}"
    );
    assert!(
        server.requests().is_empty(),
        "no credentials to an unverified server"
    );
}

/// The environment of a process cannot be changed safely: so these tests run once more in one of
/// their own, on a machine that seems to have no root certificates.
#[test]
fn a_machine_without_root_certificates() {
    let cases = [
        "liveperson::tests::tls::an_unknown_certificate_is_named_as_the_reason",
        "liveperson::tests::tls::an_extra_root_is_trusted",
        "liveperson::tests::transport::a_success_with_its_size_and_code",
    ];
    check_each(cases, |test| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(NO_ROOTS, "1")
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains("1 passed"), "{printed}");
    });
}

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let server = secure_server(vec![send(200, ACCOUNT_BODY)]).await;
    let mut settings = settings(&server.url, oauth1());
    settings.ca_file = Some(fixture("ca.pem"));
    let client = Client::new(settings).unwrap();
    let reply = account_totals(&client).await;
    assert!(reply.result.is_ok(), "{:?}", reply.result);
}

#[tokio::test]
async fn plain_http_where_tls_is_expected() {
    let server = Server::plain(vec![Act::SendAndClose(
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    )])
    .await;
    let mut settings = settings(&server.url, oauth1());
    let secure = format!("https://127.0.0.1:{}", server.url.port().unwrap());
    let secure = url::Url::parse(&secure).unwrap();
    settings.hosts.insert("leDataReporting".to_owned(), secure);
    settings.request_timeout = std::time::Duration::from_millis(500);
    let client = Client::new(settings).unwrap();
    let error = failure(account_totals(&client).await);
    assert!(
        matches!(
            error,
            ApiError::Connect {
                cause: ConnectCause::Tls | ConnectCause::TooSlow,
                ..
            } | ApiError::Timeout { .. }
        ),
        "{error}"
    );
}

#[test]
fn ca_files_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let url = url::Url::parse("https://api.liveperson.net").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        ("missing.pem", None, "does not exist"),
        ("empty.pem", Some(""), "there is no certificate in it"),
        ("text.pem", Some("hello"), "there is no certificate in it"),
        (
            "broken.pem",
            Some(broken),
            "a certificate in it cannot be used",
        ),
        (
            "cut.pem",
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n"),
            "not a readable certificate in PEM form",
        ),
    ];
    check_each(cases, |(name, content, expected)| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let mut settings = settings(&url, oauth1());
        settings.ca_file = Some(path.clone());
        let error = Client::new(settings).unwrap_err();
        let start = format!("tls.ca_file {}: ", path.display());
        assert!(
            error.starts_with(&start) && error.contains(expected),
            "{error}"
        );
    });
}

/// With HTTP/2 a timeout resets one stream, and the pool keeps the stuck connection for others.
#[tokio::test]
async fn a_connection_that_hangs_is_not_used_again() {
    let hang = || Act::SendAndHang(Vec::new());
    let script = vec![send(200, ACCOUNT_BODY), hang(), send(200, ACCOUNT_BODY)];
    let server = secure_server_offering(script, &[b"h2", b"http/1.1"]).await;
    let mut settings = settings(&server.url, oauth1());
    settings.ca_file = Some(fixture("ca.pem"));
    settings.request_timeout = std::time::Duration::from_secs(2);
    let client = Client::new(settings).unwrap();
    let mut codes = Vec::new();
    for _ in 0..3 {
        let reply = account_totals(&client).await;
        codes.push((reply.code, server.connections()));
    }
    let well = Code::Status(200);
    assert_eq!(codes, [(well, 1), (Code::Timeout, 1), (well, 2)]);
}

/// A file that becomes a named pipe must block no call and no thread of the executor.
#[tokio::test]
async fn a_ca_file_that_can_no_longer_be_read_blocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::copy(fixture("ca.pem"), &path).unwrap();
    let server = secure_server(vec![send(200, ACCOUNT_BODY); 3]).await;
    let mut settings = settings(&server.url, oauth1());
    settings.ca_file = Some(path.clone());
    let client = Client::new(settings).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    for round in 0..3 {
        let reply = account_totals(&client).await;
        assert!(reply.result.is_ok(), "round {round}: {:?}", reply.result);
        tokio::time::pause();
        tokio::time::advance(std::time::Duration::from_secs(601)).await;
        tokio::time::resume();
    }
    assert!(server.connections() >= 2, "with the last good roots");
}
