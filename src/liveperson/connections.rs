//! Connections to LivePerson: TLS, trusted certificates, proxies, and what is never done.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder};
use url::Url;

use super::{domain, failure};

/// Longest wait for a connection, TLS included: a dead host should not eat the whole time limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections, kept open and used again.
pub(super) struct Connections {
    usual: reqwest::Client,
    /// For hosts on this machine: a proxy could not reach them.
    direct: Option<reqwest::Client>,
    rootless: bool,
}

impl Connections {
    /// `loopback` tells whether any URL of the configuration is on this machine.
    ///
    /// # Errors
    /// A CA file that cannot be read or used; everything else is a fault of this machine.
    pub(super) fn new(
        ca_file: Option<&Path>,
        request_timeout: Duration,
        loopback: bool,
    ) -> Result<Self, String> {
        // Another part of the process may have done it already: the same provider, no matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let extra = match ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let trusting = |builder: ClientBuilder| builder.tls_certs_merge(extra.clone());
        let (usual, rootless) = match trusting(builder(request_timeout)).build() {
            Ok(client) => (client, false),
            // Without any root certificate on this machine the platform verifier refuses to exist.
            // That must not stop a simulated LivePerson on plain HTTP; HTTPS fails at its first use
            // and then says why.
            Err(_) if extra.is_empty() => {
                let nothing = builder(request_timeout).tls_certs_only([]);
                let client = nothing.build().map_err(|e| no_client(e, None))?;
                (client, true)
            }
            Err(error) => return Err(no_client(error, ca_file)),
        };
        let direct = if loopback {
            let builder = builder(request_timeout).no_proxy();
            let builder = if rootless {
                builder.tls_certs_only([])
            } else {
                trusting(builder)
            };
            Some(builder.build().map_err(|e| no_client(e, None))?)
        } else {
            None
        };
        Ok(Self {
            usual,
            direct,
            rootless,
        })
    }

    /// What to reach this URL's host with.
    pub(super) fn to(&self, url: &Url) -> &reqwest::Client {
        match &self.direct {
            Some(direct) if domain::is_loopback(url) => direct,
            _ => &self.usual,
        }
    }

    /// Whether there is not a single root certificate to trust.
    pub(super) fn rootless(&self) -> bool {
        self.rootless
    }
}

/// How long a connection may take when a whole request may take `request_timeout`.
pub(super) fn connect_timeout(request_timeout: Duration) -> Duration {
    request_timeout.min(CONNECT_TIMEOUT)
}

fn builder(request_timeout: Duration) -> ClientBuilder {
    let agent = concat!("liveperson_exporter/", env!("CARGO_PKG_VERSION"));
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    reqwest::Client::builder()
        .user_agent(agent)
        .default_headers(headers)
        .gzip(true)
        .connect_timeout(connect_timeout(request_timeout))
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        // A redirect could carry credentials to another host.
        .redirect(reqwest::redirect::Policy::none())
        // Every request on the wire is one that the pacing has let through.
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(4)
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|e| format!("tls.ca_file {shown}: {e}"))?;
    let all = Certificate::from_pem_bundle(&pem)
        .map_err(|_| format!("tls.ca_file {shown}: not a readable certificate in PEM form"))?;
    if all.is_empty() {
        return Err(format!(
            "tls.ca_file {shown}: there is no certificate in it"
        ));
    }
    Ok(all)
}

fn no_client(error: reqwest::Error, ca_file: Option<&Path>) -> String {
    let causes = failure::causes(&error.without_url());
    match ca_file {
        Some(path) => format!("tls.ca_file {}: {causes}", path.display()),
        None => format!("the HTTP client could not be set up: {causes}"),
    }
}
