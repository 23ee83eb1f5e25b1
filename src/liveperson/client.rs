//! The client of one account: its hosts, its credentials and the calls it can make.
//!
//! Every call is one HTTP request. What must be known before one (a host, a token) is fetched by
//! separate calls, so that [`crate::scheduler`] can pace those as well.

mod replies;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH};
use url::Url;

use replies::{
    append_to_refusal, foreign_host, map_result, no_url, not_sent, status_of, unreachable, unsent,
};

use super::allowed_hosts::AllowedHosts;
use super::auth::{Credentials, TokenLifetime};
use super::domain::{self, HostLookup};
use super::error::{ApiError, Reply, UnreadableCause};
use super::http::{Request, Success, Transport, TransportSettings};
use super::json::{Content, ReadError};
use super::names::{self, NameKind, NamesAnswer};
use super::redactor::Redactor;
use super::{paths, response};
use crate::config::Auth;
use crate::config::values::is_loopback;
use crate::vocabulary::Service;

/// A longer ETag is not sent back: servers refuse requests with long headers.
const MAX_ETAG_BYTES: usize = 1024;

/// Everything a [`Client`] needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// LivePerson's account id.
    pub account: String,
    /// How calls are authorised.
    pub auth: Auth,
    /// Service name to base URL; these services are never looked up.
    pub hosts: BTreeMap<String, Url>,
    /// Base URL of the Domain API.
    pub domain_api: Url,
    /// Domains that the Domain API may send calls to besides those that are its own.
    pub allowed_domains: Vec<String>,
    /// An extra root certificate (PEM).
    pub ca_file: Option<PathBuf>,
    /// Total time allowed for one request.
    pub request_timeout: Duration,
    /// Longest answer that is read, in bytes, after decompression.
    pub max_response_bytes: u64,
}

/// The client of one account. Shared by reference; calls may run side by side.
pub struct Client {
    account: String,
    fixed_hosts: BTreeMap<String, Url>,
    domain_api: Url,
    allowed_hosts: AllowedHosts,
    transport: Transport,
    credentials: Credentials,
    /// What the Domain API has answered; each entry is replaced whole.
    discovered_hosts: Mutex<BTreeMap<Service, Url>>,
    /// Of the last list of each kind that could be read.
    etags: Mutex<BTreeMap<NameKind, HeaderValue>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Sets up connections; none is opened yet.
    ///
    /// # Errors
    /// A CA file that cannot be read or used.
    pub fn new(settings: ClientSettings) -> Result<Self, String> {
        let loopback =
            is_loopback(&settings.domain_api) || settings.hosts.values().any(is_loopback);
        let hosts = settings.hosts.values();
        let allowed_hosts =
            AllowedHosts::new(&settings.domain_api, hosts, &settings.allowed_domains);
        let transport = Transport::new(&TransportSettings {
            ca_file: settings.ca_file,
            request_timeout: settings.request_timeout,
            max_response_bytes: settings.max_response_bytes,
            loopback,
        })?;
        let mut urls = std::iter::once(&settings.domain_api).chain(settings.hosts.values());
        if urls.any(|url| url.scheme() == "https") {
            transport.warn_without_trust_anchors();
        }
        Ok(Self {
            account: settings.account,
            fixed_hosts: settings.hosts,
            domain_api: settings.domain_api,
            allowed_hosts,
            transport,
            credentials: Credentials::new(settings.auth),
            discovered_hosts: Mutex::default(),
            etags: Mutex::default(),
        })
    }

    /// Those of some services whose hosts have to be looked up, because `hosts` does not name them.
    pub fn unknown_hosts(&self, services: impl IntoIterator<Item = Service>) -> Vec<Service> {
        let services = services.into_iter();
        services
            .filter(|service| !self.fixed_hosts.contains_key(service.name()))
            .collect()
    }

    /// The service that tokens come from; `None` when none is needed.
    pub fn token_service(&self) -> Option<Service> {
        self.credentials.token_service()
    }

    /// Whether calls need a token from [`Client::authorise`] first.
    pub fn needs_token(&self) -> bool {
        self.credentials.token_service().is_some()
    }

    /// The base URL that calls of a service go to; `None` until it has been looked up.
    pub fn base_url(&self, service: Service) -> Option<Url> {
        let fixed = self.fixed_hosts.get(service.name()).cloned();
        fixed.or_else(|| self.discovered_hosts.lock().get(&service).cloned())
    }

    /// The host that calls of a service go to, for messages; `-` until it has been looked up.
    pub fn host_of(&self, service: Service) -> String {
        display_host(self.base_url(service).as_ref())
    }

    /// The host of the Domain API, for messages.
    pub fn domain_api_host(&self) -> String {
        display_host(Some(&self.domain_api))
    }

    /// Asks the Domain API for a service's host and stores it; after a failure the last one stays.
    ///
    /// An account or service that LivePerson does not know is [`ApiError::Rejected`], whatever the
    /// status: the Domain API takes no credentials, so 401 is not about them.
    pub async fn look_up(&self, service: Service) -> Reply<()> {
        let path = paths::base_uri(&self.account, service.name());
        let Some(url) = paths::join(&self.domain_api, &path) else {
            return not_sent(no_url(&self.domain_api));
        };
        let redactor = self.credentials.redactor();
        let read = move |answer: &Success| domain::read(&answer.body, service.name());
        let exchange = self.transport.exchange(Request::get(url), &redactor).await;
        let reply = response::reply(exchange, &redactor, read).await;
        let code = reply.code;
        map_result(reply, |result| match result {
            Ok(HostLookup::Host(host)) => self.store_host(service, &host, &redactor),
            Ok(HostLookup::Unknown) => Err(self.unknown_service(service, status_of(code), None)),
            Err(
                ApiError::Rejected {
                    status: status @ (400 | 404),
                    message,
                }
                | ApiError::Refused { status, message },
            ) => Err(self.unknown_service(service, status, Some(&message))),
            Err(error) => Err(error),
        })
    }

    /// Stores a host of the Domain API, if calls and the credentials in them may go there.
    fn store_host(
        &self,
        service: Service,
        host: &str,
        redactor: &Redactor,
    ) -> Result<(), ApiError> {
        let Some(url) = domain::base_url(host, &self.domain_api) else {
            return Err(ApiError::Unreadable {
                detail: format!(
                    "baseURI: \"{}\" is not a host that may be called",
                    redactor.line(host, 100)
                ),
                cause: UnreadableCause::Content,
            });
        };
        if !self.allowed_hosts.allows(&url) {
            return Err(foreign_host(redactor, service, &url));
        }
        self.discovered_hosts.lock().insert(service, url);
        Ok(())
    }

    fn unknown_service(&self, service: Service, status: u16, message: Option<&str>) -> ApiError {
        let account = &self.account;
        let mut text =
            format!("LivePerson does not know account {account} (or the service {service} for it)");
        if let Some(message) = message {
            text.push_str(": ");
            text.push_str(message);
        }
        ApiError::Rejected {
            status,
            message: text,
        }
    }

    /// Fetches a token (OAuth 2.0) or logs in, and stores the token for the calls that follow.
    ///
    /// Secrets that came from files are read again first: a token is often asked for because the
    /// last one was refused, and that may be because the secret was rotated. When they are refused
    /// and cannot be read, the error says so, too. With OAuth 1.0 there is nothing to fetch and
    /// nothing is sent.
    pub async fn authorise(&self) -> Reply<TokenLifetime> {
        if !self.needs_token() {
            return unsent(Ok(TokenLifetime::UNTIL_REFUSED));
        }
        let reloaded = self.credentials.reload_secrets().await;
        let mut reply = self.fetch_token().await;
        if let Err(problem) = reloaded {
            append_to_refusal(&mut reply.result, &problem);
        }
        reply
    }

    async fn fetch_token(&self) -> Reply<TokenLifetime> {
        let credentials = &self.credentials;
        let (Some(service), Some(token_request)) = (
            credentials.token_service(),
            credentials.token_request(&self.account),
        ) else {
            return unsent(Ok(TokenLifetime::UNTIL_REFUSED));
        };
        let url = match self.url(service, &token_request.path) {
            Ok(url) => url,
            Err(error) => return not_sent(error),
        };
        let redactor = token_request.redactor;
        let request = Request::post(url, token_request.content_type, token_request.body);
        let exchange = self.transport.exchange(request, &redactor).await;
        let read = move |answer: &Success| {
            // No excerpt: a body that cannot be read may still hold a token.
            let read = (token_request.read)(&answer.body);
            read.map_err(|error| error.without_excerpt(&answer.body))
        };
        let reply = response::reply(exchange, &redactor, read).await;
        map_result(reply, |result| {
            let (token, lifetime) = result?;
            credentials.store_token(token);
            Ok(lifetime)
        })
    }

    /// One authorised GET of `path_and_query` below the base URL of `service`. The body of a
    /// success is given to `read`: a short one at once, a long one on a blocking thread.
    pub async fn get<T, F>(&self, service: Service, path_and_query: &str, read: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&[u8]) -> Result<Content<T>, ReadError> + Send + 'static,
    {
        let read = move |answer: &Success| read(&answer.body);
        self.get_if_changed(service, path_and_query, None, read)
            .await
    }

    /// One call of the account configuration. Asks only for what has changed since the last answer
    /// that could be read.
    ///
    /// `has_last`: whether the names of the last answer are still at hand; otherwise all are asked
    /// for.
    pub async fn names(&self, kind: NameKind, has_last: bool) -> Reply<NamesAnswer> {
        let (list, version) = kind.resource();
        let path = paths::configuration(&self.account, list, version);
        let etag = self.etags.lock().get(&kind).filter(|_| has_last).cloned();
        let conditional = etag.is_some();
        let service = Service::ACCOUNT_CONFIG_READ_ONLY;
        let read = move |answer: &Success| read_names(kind, answer);
        let reply = self.get_if_changed(service, &path, etag, read).await;
        if conditional && matches!(reply.result, Err(ApiError::Rejected { .. })) {
            // It may be the condition that is refused (400, 412, 431): ask without it next time.
            self.etags.lock().remove(&kind);
        }
        map_result(reply, |result| {
            let (answer, etag) = result?;
            if let NamesAnswer::Names(_) = answer {
                self.store_etag(kind, etag);
            }
            Ok(answer)
        })
    }

    fn store_etag(&self, kind: NameKind, etag: Option<HeaderValue>) {
        let mut etags = self.etags.lock();
        match etag.filter(|etag| etag.len() <= MAX_ETAG_BYTES) {
            Some(etag) => etags.insert(kind, etag),
            None => etags.remove(&kind),
        };
    }

    /// An authorised GET; with an `etag` 304 is a success as well.
    async fn get_if_changed<T, F>(
        &self,
        service: Service,
        path_and_query: &str,
        etag: Option<HeaderValue>,
        read: F,
    ) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&Success) -> Result<Content<T>, ReadError> + Send + 'static,
    {
        let url = match self.url(service, path_and_query) {
            Ok(url) => url,
            Err(error) => return not_sent(error),
        };
        let authorization = match self.credentials.authorization(&url) {
            Ok(authorization) => authorization,
            Err(error) => return not_sent(error),
        };
        let mut request = Request::get(url);
        request.headers.insert(AUTHORIZATION, authorization.header);
        if let Some(etag) = etag {
            request.headers.insert(IF_NONE_MATCH, etag);
            request.conditional = true;
        }
        let redactor = authorization.redactor;
        let exchange = self.transport.exchange(request, &redactor).await;
        let mut reply = response::reply(exchange, &redactor, read).await;
        let refused = matches!(reply.result, Err(ApiError::Refused { .. }));
        // The next token is fetched with reloaded secrets; a signature has to reload them here.
        if refused
            && !self.needs_token()
            && let Err(problem) = self.credentials.reload_secrets().await
        {
            append_to_refusal(&mut reply.result, &problem);
        }
        reply
    }

    fn url(&self, service: Service, path: &str) -> Result<Url, ApiError> {
        let base = self
            .base_url(service)
            .ok_or_else(|| unreachable(format!("the host of {service} has not been found yet")))?;
        paths::join(&base, path).ok_or_else(|| no_url(&base))
    }
}

/// A body of the account configuration and its ETag; 304 has neither.
fn read_names(
    kind: NameKind,
    answer: &Success,
) -> Result<Content<(NamesAnswer, Option<HeaderValue>)>, ReadError> {
    if answer.status == 304 {
        return Ok(Content {
            value: (NamesAnswer::Unchanged, None),
            status: None,
            ignored: None,
        });
    }
    let etag = answer.headers.get(ETAG).cloned();
    Ok(names::read(kind, &answer.body)?.map(|names| (names, etag)))
}

/// A host, and its port when it is not the scheme's default; `-` for none.
pub fn display_host(url: Option<&Url>) -> String {
    match url.and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "-".to_owned(),
    }
}
