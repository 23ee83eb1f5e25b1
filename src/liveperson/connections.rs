//! Connections to LivePerson: TLS, trusted certificates, proxies, and what is never done.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder};
use tokio::time::Instant;
use url::Url;

use super::{domain, failure, lock};

/// Longest wait for a connection, TLS included: a dead host should not eat the whole time limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections are used again for this long. A busy one would otherwise never end by itself, and
/// who moved to another address would never be found there.
const LONGEST_USE: Duration = Duration::from_secs(10 * 60);

/// Answers names with addresses in the system's place.
type Resolver = Arc<dyn reqwest::dns::Resolve>;

/// Connections, kept open and used again for a while.
pub(super) struct Connections {
    settings: Settings,
    present: Mutex<Arc<Present>>,
    renew_at: Mutex<Instant>,
}

#[derive(Clone)]
struct Settings {
    ca_file: Option<PathBuf>,
    request_timeout: Duration,
    loopback: bool,
    resolver: Option<Resolver>,
}

/// The connections that are used at present.
struct Present {
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
        Self::resolving(ca_file, request_timeout, loopback, None)
    }

    /// With another resolver than the system's.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn resolving(
        ca_file: Option<&Path>,
        request_timeout: Duration,
        loopback: bool,
        resolver: Option<Resolver>,
    ) -> Result<Self, String> {
        // Another part of the process may have done it already: the same provider, no matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = Settings {
            ca_file: ca_file.map(Path::to_owned),
            request_timeout,
            loopback,
            resolver,
        };
        Ok(Self {
            present: Mutex::new(Arc::new(Present::new(&settings)?)),
            renew_at: Mutex::new(Instant::now() + LONGEST_USE),
            settings,
        })
    }

    /// What to reach this URL's host with.
    pub(super) fn to(&self, url: &Url) -> reqwest::Client {
        let present = Arc::clone(&lock(&self.present));
        match &present.direct {
            Some(direct) if domain::is_loopback(url) => direct.clone(),
            _ => present.usual.clone(),
        }
    }

    /// Whether there is not a single root certificate to trust.
    pub(super) fn rootless(&self) -> bool {
        lock(&self.present).rootless
    }

    /// Begins anew with no connection when the present ones have been used for long: names are
    /// resolved again, and certificates read. Calls under way go on.
    pub(super) async fn renew_when_old(&self) {
        let now = Instant::now();
        {
            let mut renew_at = lock(&self.renew_at);
            if now < *renew_at {
                return;
            }
            *renew_at = now + LONGEST_USE;
        }
        let settings = self.settings.clone();
        // Reading all root certificates takes a while: not on a thread that serves scrapes.
        let renewed = tokio::task::spawn_blocking(move || Present::new(&settings)).await;
        match renewed {
            Ok(Ok(fresh)) => *lock(&self.present) = Arc::new(fresh),
            Ok(Err(error)) => tracing::debug!(error, "connections not renewed; the old ones go on"),
            // The program is ending.
            Err(_) => {}
        }
    }
}

impl Present {
    fn new(settings: &Settings) -> Result<Self, String> {
        let ca_file = settings.ca_file.as_deref();
        let extra = match ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let builder = || {
            let builder = builder(settings.request_timeout);
            match &settings.resolver {
                Some(resolver) => builder.dns_resolver(Arc::clone(resolver)),
                None => builder,
            }
        };
        let trusting = |builder: ClientBuilder| builder.tls_certs_merge(extra.clone());
        let (usual, rootless) = match trusting(builder()).build() {
            Ok(client) => (client, false),
            // Without any root certificate on this machine the platform verifier refuses to exist.
            // That must not stop a simulated LivePerson on plain HTTP; HTTPS fails at its first use
            // and then says why.
            Err(_) if extra.is_empty() => {
                let nothing = builder().tls_certs_only([]);
                let client = nothing.build().map_err(|e| no_client(e, None))?;
                (client, true)
            }
            Err(error) => return Err(no_client(error, ca_file)),
        };
        let direct = if settings.loopback {
            let builder = builder().no_proxy();
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
