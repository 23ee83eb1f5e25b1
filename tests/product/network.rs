//! Networks as companies have them: a proxy, a private certificate authority, and names that only
//! the proxy can resolve. The real binary on one side, the simulated LivePerson behind TLS on the
//! other.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use liveperson_exporter::simulator::{Options, Simulator};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::common::cases::{check_each, check_each_async};
use crate::common::{self, COLLECTORS, Exporter, eventually, liveperson, only, sample, up};

/// No resolver knows it.
const HOST: &str = "api.liveperson.test";

/// The simulated LivePerson behind TLS, with a certificate of a private authority.
struct Secured {
    simulator: Simulator,
    address: SocketAddr,
    authority: String,
}

async fn secured() -> Secured {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let options = Options {
        skills: 2,
        agents: 3,
        ..Options::in_process()
    };
    let simulator = liveperson::simulator(options).await;
    let (listener, behind) = (listener().await, simulator.local_addr());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate hangs up here.
                if let Ok(mut outside) = acceptor.accept(stream).await {
                    let mut inside = TcpStream::connect(behind).await.unwrap();
                    let _ = copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    Secured {
        simulator,
        address,
        authority: authority_pem,
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A proxy that knows CONNECT and nothing else, and that leads every name to one address.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(to: SocketAddr, status: &'static str) -> Self {
        let listener = listener().await;
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heads = Arc::clone(&heads);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    heads.lock().push(String::from_utf8(head).unwrap());
                    let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                    if status.starts_with("200") {
                        let mut inside = TcpStream::connect(to).await.unwrap();
                        let _ = copy_bidirectional(&mut stream, &mut inside).await;
                    }
                });
            }
        });
        proxy
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().clone()
    }
}

const YAML: &str = r#"
accounts:
  - id: "12345678"
    auth: {oauth2: {client_id: demo, client_secret: demo-secret}}
domain_api: "https://api.liveperson.test"
limits: {min_spacing: 10ms, request_timeout: 5s}
"#;

const CA: &str = "tls: {ca_file: ca.pem}\n";

/// A folder with a configuration and the authority's certificate.
fn folder(secured: &Secured, yaml: &str) -> tempfile::TempDir {
    let (folder, _) = common::configuration(&format!("{yaml}{}", only(&COLLECTORS)));
    std::fs::write(folder.path().join("ca.pem"), &secured.authority).unwrap();
    folder
}

async fn exporter(folder: tempfile::TempDir, environment: &[(&str, String)]) -> Exporter {
    let mut command = common::command();
    let file = folder.path().join("liveperson_exporter.yml");
    command
        .arg("--log.level=debug")
        .arg("--config.file")
        .arg(file);
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    Exporter::spawn(command, folder).await
}

async fn test_connection(folder: tempfile::TempDir, environment: &[(&str, String)]) -> String {
    let mut command = common::command();
    let file = folder.path().join("liveperson_exporter.yml");
    command.arg("test-connection").arg(file);
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn calls_use_the_proxy_and_trust_a_private_authority() {
    check_each_async(["HTTPS_PROXY", "https_proxy"], async |variable| {
        let secured = secured().await;
        let proxy = Proxy::start(secured.address, "200 Connection established").await;
        let url = format!("http://user:pr0xy-pa55@{}", proxy.address);
        let environment = [(variable, url)];
        let exporter = exporter(folder(&secured, &format!("{YAML}{CA}")), &environment).await;
        exporter.page_with_all_up("12345678").await;
        eventually("names are there, too", async || {
            let requests = secured.simulator.requests();
            (requests.iter().filter(|r| r.api == "names").count() == 3).then_some(())
        })
        .await;
        let heads = proxy.heads();
        let login = base64::engine::general_purpose::STANDARD.encode("user:pr0xy-pa55");
        for head in &heads {
            assert!(
                head.starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n")),
                "{head}"
            );
            assert!(head.contains(&login), "the proxy's own login");
            assert!(
                !head.to_lowercase().contains("bearer"),
                "no request in clear text: {head}"
            );
        }
        let calls = secured.simulator.requests().len();
        assert!(calls >= 12, "{calls}");
        assert!(
            heads.len() <= 3,
            "connections are used again: {} for {calls}",
            heads.len()
        );
        assert!(!exporter.log().contains("pr0xy-pa55"), "{}", exporter.log());
        assert!(!exporter.log().contains(&login), "{}", exporter.log());
    })
    .await;
}

#[tokio::test]
async fn no_proxy_is_honoured() {
    let secured = secured().await;
    let cases = [
        (".liveperson.test", false),
        ("*", false),
        (".example.org", true),
    ];
    check_each_async(cases, async |(exception, proxied)| {
        let proxy = Proxy::start(secured.address, "200 OK").await;
        let environment = [
            ("HTTPS_PROXY", format!("http://{}", proxy.address)),
            ("NO_PROXY", exception.to_owned()),
        ];
        let exporter = exporter(folder(&secured, &format!("{YAML}{CA}")), &environment).await;
        if proxied {
            exporter.page_with(&up("12345678", "sla"), 1.0).await;
        } else {
            // Only the proxy can resolve the name.
            let failed = "liveperson_api_requests_total{account=\"12345678\",api=\"domain\",code=\"connect\"}";
            exporter.page_with_at_least(failed, 1.0).await;
        }
        assert_eq!(!proxy.heads().is_empty(), proxied, "NO_PROXY={exception}");
    }).await;
}

/// Whoever is not trusted gets no request, not even one for a host.
#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_explained() {
    let secured = secured().await;
    let proxy = Proxy::start(secured.address, "200 OK").await;
    let environment = [("HTTPS_PROXY", format!("http://{}", proxy.address))];
    let report = test_connection(folder(&secured, YAML), &environment).await;
    let cases = ["certificate", "set tls.ca_file", "not tried: the host of"];
    check_each(cases, |words| {
        assert!(report.contains(words), "{words:?} is not in\n{report}");
    });
    assert!(secured.simulator.requests().is_empty());
    let exporter = exporter(folder(&secured, YAML), &environment).await;
    let (status, reasons) = eventually("it says why it is not ready", async || {
        let (status, reasons) = exporter.get("/-/ready").await;
        reasons.contains("certificate").then_some((status, reasons))
    })
    .await;
    assert_eq!(status, 503, "{reasons}");
    let page = exporter.page().await;
    for collector in COLLECTORS {
        assert_eq!(
            sample(&page, &up("12345678", collector)),
            Some(0.0),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_explained() {
    let secured = secured().await;
    let cases = [
        (
            "407 Proxy Authentication Required",
            "the proxy requires a user name and a password",
        ),
        (
            "403 Forbidden",
            "the proxy does not let the call through: allow api.liveperson.test",
        ),
        ("502 Bad Gateway", "the proxy does not let the call through"),
    ];
    check_each_async(cases, async |(status, words)| {
        let proxy = Proxy::start(secured.address, status).await;
        let environment = [("HTTPS_PROXY", format!("http://{}", proxy.address))];
        let folder = folder(&secured, &format!("{YAML}{CA}"));
        let report = test_connection(folder, &environment).await;
        assert!(report.contains(words), "{words:?} is not in\n{report}");
        assert!(!proxy.heads().is_empty());
    })
    .await;
    let unreachable = listener().await;
    let environment = [(
        "HTTPS_PROXY",
        format!("http://{}", unreachable.local_addr().unwrap()),
    )];
    drop(unreachable);
    let folder = folder(&secured, &format!("{YAML}{CA}"));
    let report = test_connection(folder, &environment).await;
    let words = "the proxy itself cannot be reached: is HTTPS_PROXY right";
    assert!(report.contains(words), "{report}");
    assert!(report.contains("what to do: as above"), "{report}");
}

/// The HTTP library would call LivePerson directly.
#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_not_bypassed() {
    let secured = secured().await;
    let cases = [
        "socks5://u:pr0xy-pa55@127.0.0.1:1080",
        "http://u:pr0xy-pa55@pro xy",
    ];
    check_each_async(cases, async |value| {
        let environment = [("HTTPS_PROXY", value.to_owned())];
        let folder = folder(&secured, &format!("{YAML}{CA}"));
        let report = test_connection(folder, &environment).await;
        let words = "HTTPS_PROXY is not the URL of an HTTP proxy";
        assert!(report.contains(words), "{report}");
        assert!(!report.contains("pr0xy-pa55"), "{report}");
    })
    .await;
    assert!(secured.simulator.requests().is_empty());
}
