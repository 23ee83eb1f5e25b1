//! Connections to LivePerson: TLS, trusted certificates, proxies, and what is never done.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::trust::{Trust, TrustStore};
use super::{failure, lock, proxy};
use crate::config::values::is_loopback;

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
    trust: Arc<TrustStore>,
    current: Mutex<Arc<Current>>,
}

#[derive(Clone)]
struct Settings {
    request_timeout: Duration,
    loopback: bool,
    resolver: Option<Resolver>,
}

/// The connections that are used at present.
struct Current {
    default: reqwest::Client,
    /// For hosts on this machine: a proxy could not reach them.
    direct: Option<reqwest::Client>,
    trust: Arc<Trust>,
    renew_at: Instant,
}

impl Connections {
    /// `loopback` tells whether any URL of the configuration is on this machine.
    ///
    /// # Errors
    /// A CA file or a proxy that cannot be used; everything else is a fault of this machine.
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
        proxy::check(|name| std::env::var_os(name))?;
        let trust = TrustStore::shared(ca_file)?;
        let settings = Settings {
            request_timeout,
            loopback,
            resolver,
        };
        let current = Current::new(&settings, trust.current())?;
        Ok(Self {
            settings,
            trust,
            current: Mutex::new(Arc::new(current)),
        })
    }

    /// What to reach this URL's host with.
    pub(super) fn to(&self, url: &Url) -> reqwest::Client {
        let current = self.current();
        match &current.direct {
            Some(direct) if is_loopback(url) => direct.clone(),
            _ => current.default.clone(),
        }
    }

    /// Whether there is not a single root certificate to trust.
    pub(super) fn no_trust_anchors(&self) -> bool {
        lock(&self.current).trust.is_empty()
    }

    /// The present connections; new ones, none of them open, when the old ones have been used for
    /// long or other certificates are trusted now. Calls under way continue on theirs.
    fn current(&self) -> Arc<Current> {
        self.trust.renew_when_old();
        let trust = self.trust.current();
        let mut current = lock(&self.current);
        let outdated = Instant::now() >= current.renew_at || !Arc::ptr_eq(&trust, &current.trust);
        if outdated {
            match Current::new(&self.settings, trust) {
                Ok(fresh) => *current = Arc::new(fresh),
                // Only a fault of this machine comes here, and the old ones are as good as before.
                Err(error) => tracing::warn!(error, "connections not renewed; the old ones remain"),
            }
        }
        Arc::clone(&current)
    }
}

impl Current {
    fn new(settings: &Settings, trust: Arc<Trust>) -> Result<Self, String> {
        let builder = || {
            let builder = builder(settings.request_timeout, &trust);
            match &settings.resolver {
                Some(resolver) => builder.dns_resolver(Arc::clone(resolver)),
                None => builder,
            }
        };
        let default = builder().build().map_err(no_client)?;
        let direct = match settings.loopback {
            true => Some(builder().no_proxy().build().map_err(no_client)?),
            false => None,
        };
        Ok(Self {
            default,
            direct,
            trust,
            renew_at: Instant::now() + LONGEST_USE,
        })
    }
}

/// How long a connection may take when a whole request may take `request_timeout`.
pub(super) fn connect_timeout(request_timeout: Duration) -> Duration {
    request_timeout.min(CONNECT_TIMEOUT)
}

fn builder(request_timeout: Duration, trust: &Trust) -> ClientBuilder {
    let agent = concat!("liveperson_exporter/", env!("CARGO_PKG_VERSION"));
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    reqwest::Client::builder()
        .user_agent(agent)
        .default_headers(headers)
        .gzip(true)
        .connect_timeout(connect_timeout(request_timeout))
        // rustls knows nothing below TLS 1.2.
        .tls_backend_preconfigured(trust.tls.clone())
        .http1_only()
        // A redirect could carry credentials to another host.
        .redirect(reqwest::redirect::Policy::none())
        // Every request on the wire is one that the pacing has let through.
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(4)
}

fn no_client(error: reqwest::Error) -> String {
    let causes = failure::causes(&error.without_url());
    format!("the HTTP client could not be set up: {causes}")
}
