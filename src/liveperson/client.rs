//! The client of one account: its hosts, its credentials and the calls it can make.
//!
//! Every call is one HTTP request. What must be known before one (a host, a token) is fetched by
//! calls of their own, so that [`crate::scheduler`] can pace those as well.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, ETAG, HeaderValue, IF_NONE_MATCH};
use url::Url;

use super::api::{Api, EngagementAnswer, EngagementQuery, SlaAnswer, SlaQuery};
use super::auth::{Credentials, TokenLifetime};
use super::domain::{self, AllowedHosts, Found};
use super::envelope::{Content, ReadError};
use super::error::{ApiError, Code, ConnectCause, Reply, UnreadableCause};
use super::http::{Answer, Outgoing, Transport, TransportSettings};
use super::names::{self, NameKind, NamesAnswer};
use super::redactor::Redactor;
use super::service::Service;
use super::{engactivity, lock, paths, reading, sla};
use crate::config::Auth;
use crate::config::values::is_loopback;

/// A longer ETag is not sent back: servers refuse requests with long headers.
const LONGEST_ETAG: usize = 1024;

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
    found_hosts: Mutex<BTreeMap<Service, Url>>,
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
        Ok(Self {
            account: settings.account,
            fixed_hosts: settings.hosts,
            domain_api: settings.domain_api,
            allowed_hosts,
            transport,
            credentials: Credentials::new(settings.auth),
            found_hosts: Mutex::default(),
            etags: Mutex::default(),
        })
    }

    /// The services whose hosts have to be looked up, in the order in which they are needed:
    /// those that this account's calls use, without the ones that `hosts` names. `names`: whether
    /// [`Client::names`] will be called.
    pub fn services(&self, names: bool) -> Vec<Service> {
        let used = |service: &Service| match service {
            Service::Sentinel | Service::AgentVep => {
                self.credentials.token_service() == Some(*service)
            }
            Service::LeDataReporting => true,
            Service::AccountConfigReadOnly => names,
        };
        let fixed = |service: &Service| self.fixed_hosts.contains_key(service.name());
        Service::ALL
            .into_iter()
            .filter(|service| used(service) && !fixed(service))
            .collect()
    }

    /// Whether calls need a token from [`Client::authorise`] first.
    pub fn needs_token(&self) -> bool {
        self.credentials.token_service().is_some()
    }

    /// The base URL that calls of a service go to; `None` until it has been looked up.
    pub fn base_url(&self, service: Service) -> Option<Url> {
        let fixed = self.fixed_hosts.get(service.name()).cloned();
        fixed.or_else(|| lock(&self.found_hosts).get(&service).cloned())
    }

    /// The host that calls of an API go to, for people; `-` until it has been looked up.
    pub fn host_of(&self, api: Api) -> String {
        let service = match api {
            Api::Domain => return shown_host(Some(&self.domain_api)),
            Api::Token => self.credentials.token_service(),
            Api::EngagementActivity | Api::Sla => Some(Service::LeDataReporting),
            Api::Names => Some(Service::AccountConfigReadOnly),
        };
        shown_host(service.and_then(|service| self.base_url(service)).as_ref())
    }

    /// Asks the Domain API for a service's host and keeps it; after a failure the last one stays.
    ///
    /// An account or service that LivePerson does not know is [`ApiError::Rejected`], whatever the
    /// status: the Domain API takes no credentials, so 401 is not about them.
    pub async fn look_up(&self, service: Service) -> Reply<()> {
        let path = paths::base_uri(&self.account, service.name());
        let Some(url) = paths::join(&self.domain_api, &path) else {
            return not_sent(no_url(&self.domain_api));
        };
        let redactor = self.credentials.redactor();
        let read = move |answer: &Answer| domain::read(&answer.body, service.name());
        let exchange = self.transport.exchange(Outgoing::get(url), &redactor).await;
        let reply = reading::reply(exchange, &redactor, read).await;
        let code = reply.code;
        then(reply, |result| {
            let unknown = |status, words: &str| ApiError::Rejected {
                status,
                message: format!(
                    "LivePerson does not know account {} (or the service {service} for it){words}",
                    self.account
                ),
            };
            match result {
                Ok(Found::Host(host)) => match domain::base_url(&host, &self.domain_api) {
                    Some(url) if self.allowed_hosts.allows(&url) => {
                        lock(&self.found_hosts).insert(service, url);
                        Ok(())
                    }
                    Some(url) => Err(foreign_host(&redactor, service, &url)),
                    None => Err(ApiError::Unreadable {
                        detail: format!(
                            "baseURI: \"{}\" is not a host that may be called",
                            redactor.line(&host, 100)
                        ),
                        cause: UnreadableCause::Content,
                    }),
                },
                Ok(Found::Nothing) => match code {
                    Code::Status(status) => Err(unknown(status, "")),
                    _ => Err(unknown(200, "")),
                },
                Err(ApiError::Rejected {
                    status: status @ (400 | 404),
                    message,
                }) => Err(unknown(status, &format!(": {message}"))),
                Err(ApiError::Refused { status, message }) => {
                    Err(unknown(status, &format!(": {message}")))
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Fetches a token (OAuth 2.0) or logs in, and keeps the token for the calls that follow.
    ///
    /// Secrets that came from files are read again first: a token is often asked for because the
    /// last one was refused, and that may be because the secret was rotated. When they are refused
    /// and cannot be read, the error says so, too. With OAuth 1.0 there is nothing to fetch and
    /// nothing is sent.
    pub async fn authorise(&self) -> Reply<TokenLifetime> {
        let credentials = &self.credentials;
        let unread = match self.needs_token() {
            true => credentials.read_again().await.err(),
            false => None,
        };
        let (Some(service), Some(request)) = (
            credentials.token_service(),
            credentials.token_request(&self.account),
        ) else {
            return unsent(Ok(TokenLifetime::UNTIL_REFUSED));
        };
        let url = match self.url(service, &request.path) {
            Ok(url) => url,
            Err(error) => return not_sent(error),
        };
        let redactor = request.redactor;
        let outgoing = Outgoing::post(url, request.content_type, request.body);
        let exchange = self.transport.exchange(outgoing, &redactor).await;
        let read = move |answer: &Answer| {
            // No excerpt: what cannot be read may still hold a token.
            let read = (request.read)(&answer.body);
            read.map_err(|error| error.without_excerpt(&answer.body))
        };
        let reply = reading::reply(exchange, &redactor, read).await;
        let mut reply = then(reply, |result| {
            result.map(|(token, lifetime)| {
                credentials.keep(token);
                lifetime
            })
        });
        if let Err(
            ApiError::Refused { message, .. }
            | ApiError::Rejected {
                status: 400,
                message,
            },
        ) = &mut reply.result
            && let Some(problem) = unread
        {
            message.push_str(&problem);
        }
        reply
    }

    /// One call of Engagement Activity.
    pub async fn engagement_activity(&self, query: &EngagementQuery) -> Reply<EngagementAnswer> {
        let path = paths::engagement_path(&self.account, query);
        let query = query.clone();
        let read = move |answer: &Answer| engactivity::read(&answer.body, &query);
        self.get(Service::LeDataReporting, &path, None, read).await
    }

    /// One call of the SLA Histogram.
    pub async fn sla(&self, query: &SlaQuery) -> Reply<SlaAnswer> {
        let path = paths::sla_path(&self.account, query);
        let read = |answer: &Answer| sla::read(&answer.body);
        self.get(Service::LeDataReporting, &path, None, read).await
    }

    /// One call of the account configuration. Asks only for what has changed since the last answer
    /// that could be read.
    ///
    /// `has_last`: whether what the last answer said is still there; otherwise all of it is asked for.
    pub async fn names(&self, kind: NameKind, has_last: bool) -> Reply<NamesAnswer> {
        let (list, version) = kind.resource();
        let path = paths::configuration(&self.account, list, version);
        let known = lock(&self.etags).get(&kind).filter(|_| has_last).cloned();
        let read = move |answer: &Answer| {
            if answer.status == 304 {
                return Ok(Content {
                    value: (NamesAnswer::Unchanged, None),
                    status: None,
                    ignored: None,
                });
            }
            let etag = answer.headers.get(ETAG).cloned();
            Ok(names::read(kind, &answer.body)?.map(|names| (names, etag)))
        };
        let service = Service::AccountConfigReadOnly;
        let conditional = known.is_some();
        let reply = self.get(service, &path, known, read).await;
        if conditional && matches!(reply.result, Err(ApiError::Rejected { .. })) {
            // It may be the condition that is refused (400, 412, 431): ask without it next time.
            lock(&self.etags).remove(&kind);
        }
        then(reply, |result| {
            let (answer, etag) = result?;
            if let NamesAnswer::Names(_) = answer {
                let mut etags = lock(&self.etags);
                match etag.filter(|etag| etag.len() <= LONGEST_ETAG) {
                    Some(etag) => etags.insert(kind, etag),
                    None => etags.remove(&kind),
                };
            }
            Ok(answer)
        })
    }

    /// An authorised GET.
    async fn get<T, F>(
        &self,
        service: Service,
        path: &str,
        etag: Option<HeaderValue>,
        read: F,
    ) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&Answer) -> Result<Content<T>, ReadError> + Send + 'static,
    {
        let url = match self.url(service, path) {
            Ok(url) => url,
            Err(error) => return not_sent(error),
        };
        let permit = match self.credentials.permit(&url) {
            Ok(permit) => permit,
            Err(error) => return not_sent(error),
        };
        let mut outgoing = Outgoing::get(url);
        outgoing.headers.insert(AUTHORIZATION, permit.header);
        if let Some(etag) = etag {
            outgoing.headers.insert(IF_NONE_MATCH, etag);
            outgoing.conditional = true;
        }
        let exchange = self.transport.exchange(outgoing, &permit.redactor).await;
        let mut reply = reading::reply(exchange, &permit.redactor, read).await;
        // A token is fetched anew with fresh secrets; a signature has nowhere else to get them.
        if let (Err(ApiError::Refused { message, .. }), false) =
            (&mut reply.result, self.needs_token())
            && let Err(problem) = self.credentials.read_again().await
        {
            message.push_str(&problem);
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

/// A host, and its port when it is an unusual one.
pub fn shown_host(url: Option<&Url>) -> String {
    match url.and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "-".to_owned(),
    }
}

fn unreachable(detail: String) -> ApiError {
    ApiError::Connect {
        detail,
        cause: ConnectCause::NotSent,
    }
}

/// The Domain API names a host that nobody has said may get the account's credentials.
fn foreign_host(redactor: &Redactor, service: Service, url: &Url) -> ApiError {
    let host = redactor.line(url.host_str().unwrap_or_default(), 100);
    ApiError::Unreadable {
        detail: format!(
            "the Domain API names {host} for {service}, which is neither LivePerson's nor its own \
             domain: no credentials are sent there; if it is right, add it to allowed_domains"
        ),
        cause: UnreadableCause::ForeignHost,
    }
}

fn no_url(base: &Url) -> ApiError {
    let host = base.host_str().unwrap_or_default();
    unreachable(format!("no request URL can be made for {host}"))
}

/// The reply of a call that was not made.
fn not_sent<T>(error: ApiError) -> Reply<T> {
    unsent(Err(error))
}

fn unsent<T>(result: Result<T, ApiError>) -> Reply<T> {
    let code = match &result {
        Ok(_) => Code::Status(200),
        Err(error) => error.code(),
    };
    Reply {
        result,
        code,
        bytes: 0,
        elapsed: Duration::ZERO,
        server_time: None,
        ignored: None,
    }
}

/// Goes on with the result of a reply; an error found on the way counts as its end.
fn then<T, U>(
    reply: Reply<T>,
    f: impl FnOnce(Result<T, ApiError>) -> Result<U, ApiError>,
) -> Reply<U> {
    let result = f(reply.result);
    let code = match &result {
        Ok(_) => reply.code,
        Err(error) => error.code(),
    };
    Reply {
        result,
        code,
        bytes: reply.bytes,
        elapsed: reply.elapsed,
        server_time: reply.server_time,
        ignored: reply.ignored,
    }
}
