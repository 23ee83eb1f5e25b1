//! TLS: handshakes, client certificates, renewal while running, and clients that do not use it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use liveperson_exporter::web::{Limits, Settings, Stopped, WebConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, IsCa, Issuer, KeyPair,
    generate_simple_self_signed,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::client::{LARGE, Running, ask_on, reloadable, start_with};
use crate::common::cases::check_each_async;

/// Writes a new pair for localhost and returns the certificate.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, text) in [
        ("server.crt", cert.pem()),
        ("server.key", signing_key.serialize_pem()),
    ] {
        // Replaced by renaming, as programs that renew certificates do.
        fs::write(folder.join("new"), text).unwrap();
        fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }
    cert.der().clone()
}

fn load(folder: &Path, more: &str) -> WebConfig {
    let path = folder.join("web.yml");
    let text = format!("tls_server_config: {{cert_file: server.crt, key_file: server.key{more}}}");
    fs::write(&path, text).unwrap();
    WebConfig::load(&path).unwrap()
}

/// Settings with which every connection checks the files.
fn without_check_interval() -> Settings {
    Settings {
        limits: Limits {
            file_check: Duration::ZERO,
            ..Limits::default()
        },
        ..Settings::default()
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn connector(trusted: &CertificateDer<'static>, identity: Option<Identity>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    TlsConnector::from(Arc::new(config))
}

/// A scrape, as text. An end without close_notify is an error, and so is a certificate that the
/// server rejects, which in TLS 1.3 shows only when reading.
async fn get(running: &Running, connector: &TlsConnector) -> std::io::Result<String> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, running.connect().await).await?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(answer)
}

#[tokio::test]
async fn only_scrapes_over_tls_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_pair(folder.path());
    let web = load(folder.path(), "");
    assert!(web.tls_enabled());
    let running = start_with(Settings::default(), Some(web)).await;
    let answer = get(&running, &connector(&trusted, None)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\none two three\n"), "{answer}");

    let mut plain = running.connect().await;
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes).await;
    assert!(
        !bytes.starts_with(b"HTTP"),
        "answered in clear text: {bytes:?}"
    );
}

#[tokio::test]
async fn an_http_page_may_not_reload_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_pair(folder.path());
    let running = start_with(reloadable(), Some(load(folder.path(), ""))).await;
    let cases = [
        ("", 200),
        ("Origin: https://x\r\n", 200),
        ("Origin: http://x\r\n", 403),
    ];
    check_each_async(cases, async |(origin, status)| {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector(&trusted, None).connect(name, running.connect().await);
        let answer = ask_on(stream.await.unwrap(), "POST", "/-/reload", origin).await;
        assert_eq!(answer.status, status, "{origin:?}");
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_waits_for_a_large_page_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_pair(folder.path());
    let running = start_with(Settings::default(), Some(load(folder.path(), ""))).await;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = connector(&trusted, None);
    let stream = connector.connect(name, running.connect().await).await;
    let asking = tokio::spawn(ask_on(stream.unwrap(), "GET", "/metrics?large", ""));
    running.handler.until(|handler| &handler.scrapes, 1).await;
    running.stop.send(()).unwrap();
    assert_eq!(asking.await.unwrap().body.len(), LARGE);
    assert_eq!(running.server.await.unwrap(), Ok(Stopped::Drained));
}

#[tokio::test]
async fn a_connection_without_handshake_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_pair(folder.path());
    let limits = Limits {
        handshake_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let running = start_with(settings, Some(load(folder.path(), ""))).await;
    let mut silent = running.connect().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    // The short limit may hit this handshake too on a busy machine; once it must go through.
    let connector = connector(&trusted, None);
    let mut tries = 0;
    while get(&running, &connector).await.is_err() {
        tries += 1;
        assert!(tries < 50, "no handshake works");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_an_invalid_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_pair(folder.path());
    let running = start_with(without_check_interval(), Some(load(folder.path(), ""))).await;
    get(&running, &connector(&old, None)).await.unwrap();

    let new = write_pair(folder.path());
    get(&running, &connector(&new, None)).await.unwrap();
    assert!(get(&running, &connector(&old, None)).await.is_err());

    // A certificate whose key is not written yet, then an invalid one: the previous pair stays.
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for text in [other.cert.pem(), "rubbish".to_owned()] {
        fs::write(folder.path().join("server.crt"), text).unwrap();
        get(&running, &connector(&new, None)).await.unwrap();
    }
    let newest = write_pair(folder.path());
    get(&running, &connector(&newest, None)).await.unwrap();
}

/// A certificate authority and an identity that it signed.
fn authority() -> (String, Identity) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["scraper".to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    (ca, (chain, key))
}

/// Which clients are admitted: with a certificate of the authority, of another one, without one.
#[tokio::test]
async fn client_auth_types_admit_the_same_clients_as_the_toolkit() {
    let with_ca = ", client_ca_file: ca.crt, client_auth_type: ";
    let without = ", client_auth_type: ";
    let cases = [
        (without, "NoClientCert", "", [true, true, true]),
        (without, "RequestClientCert", "", [true, true, true]),
        (without, "RequireAnyClientCert", "", [true, true, false]),
        (without, "RequireClientCert", "", [true, true, false]),
        (with_ca, "VerifyClientCertIfGiven", "", [true, false, true]),
        (
            with_ca,
            "RequireAndVerifyClientCert",
            "",
            [true, false, false],
        ),
        (
            with_ca,
            "RequireAndVerifyClientCert",
            ", client_allowed_sans: [other, scraper]",
            [true, false, false],
        ),
        (
            with_ca,
            "RequireAndVerifyClientCert",
            ", client_allowed_sans: [other]",
            [false, false, false],
        ),
        (
            without,
            "RequireAnyClientCert",
            ", client_allowed_sans: [scraper]",
            [true, true, false],
        ),
        (
            without,
            "RequireAnyClientCert",
            ", client_allowed_sans: []",
            [false, false, false],
        ),
    ];
    check_each_async(cases, async |(start, policy, more, admitted)| {
        let folder = tempfile::tempdir().unwrap();
        let trusted = write_pair(folder.path());
        let (ca, identity) = authority();
        let (_, other) = authority();
        fs::write(folder.path().join("ca.crt"), ca).unwrap();
        let web = load(folder.path(), &format!("{start}{policy}{more}"));
        let running = start_with(Settings::default(), Some(web)).await;
        let clients = [Some(identity), Some(other), None];
        for (identity, admitted) in clients.into_iter().zip(admitted) {
            let who = identity.is_some();
            let outcome = get(&running, &connector(&trusted, identity)).await;
            let context = format!("{policy}{more}, certificate: {who}: {outcome:?}");
            assert_eq!(outcome.is_ok(), admitted, "{context}");
        }
    })
    .await;
}
