//! The HTTP clients for calls to LivePerson: TLS, trusted certificates, proxies.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::trust::{Trust, TrustStore};
use super::{failure, proxy};
use crate::config::values::is_loopback;

/// Longest wait for a connection, TLS included: an unreachable host should not use up the whole time limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections are reused for this long. A busy one would otherwise never be closed, and a host that
/// has moved to another address would never be found there.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(10 * 60);

/// Resolves names instead of the system.
type Resolver = Arc<dyn reqwest::dns::Resolve>;

/// The clients, whose connections are kept open and reused for a while.
pub(super) struct HttpClients {
    settings: Settings,
    trust: Arc<TrustStore>,
    /// Replaced whole.
    current: Mutex<Arc<Current>>,
}

#[derive(Clone)]
struct Settings {
    request_timeout: Duration,
    loopback: bool,
    resolver: Option<Resolver>,
}

/// The clients in use.
struct Current {
    default: reqwest::Client,
    /// For hosts on this machine: a proxy could not reach them.
    direct: Option<reqwest::Client>,
    trust: Arc<Trust>,
    replace_at: Instant,
}

impl HttpClients {
    /// `loopback`: whether any URL of the configuration is on this machine.
    ///
    /// # Errors
    /// A CA file or a proxy that cannot be used; everything else is a fault of this machine.
    pub(super) fn new(
        ca_file: Option<&Path>,
        request_timeout: Duration,
        loopback: bool,
    ) -> Result<Self, String> {
        Self::with_resolver(ca_file, request_timeout, loopback, None)
    }

    /// With another resolver than the system's.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn with_resolver(
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

    /// The client for this URL's host.
    pub(super) fn for_url(&self, url: &Url) -> reqwest::Client {
        let current = self.current();
        match &current.direct {
            Some(direct) if is_loopback(url) => direct.clone(),
            _ => current.default.clone(),
        }
    }

    /// Warns, once for all clients, when there is not a single root certificate to trust.
    pub(super) fn warn_without_trust_anchors(&self) {
        self.trust.warn_if_empty();
    }

    /// Whether there is not a single root certificate to trust.
    pub(super) fn no_trust_anchors(&self) -> bool {
        self.current.lock().trust.is_empty()
    }

    /// The clients in use; new ones, without open connections, when the old ones have reached their
    /// age or other certificates are trusted now. Calls in progress continue on their connections.
    fn current(&self) -> Arc<Current> {
        self.trust.refresh_if_due();
        let trust = self.trust.current();
        let mut current = self.current.lock();
        let outdated = Instant::now() >= current.replace_at || !Arc::ptr_eq(&trust, &current.trust);
        if outdated {
            match Current::new(&self.settings, trust) {
                Ok(fresh) => *current = Arc::new(fresh),
                // Only a fault of this machine leads here, and the old ones still work.
                Err(error) => {
                    tracing::warn!(error, "connections not replaced; the old ones stay in use")
                }
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
        let default = builder().build().map_err(setup_error)?;
        let direct = match settings.loopback {
            true => Some(builder().no_proxy().build().map_err(setup_error)?),
            false => None,
        };
        Ok(Self {
            default,
            direct,
            trust,
            replace_at: Instant::now() + MAX_CONNECTION_AGE,
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
        // Every request has to pass the scheduler.
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(4)
}

fn setup_error(error: reqwest::Error) -> String {
    let causes = failure::describe_causes(&error.without_url());
    format!("the HTTP client could not be set up: {causes}")
}
