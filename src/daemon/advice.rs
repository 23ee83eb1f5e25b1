//! What a failure most likely means, and what the operator can do about it.

use crate::collectors::About;
use crate::config::{Account, Auth};
use crate::liveperson::{ApiError, ConnectCause, UnreadableCause};
use crate::vocabulary::Service;

/// What the answer depends on besides the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyEnv {
    /// Whether the environment names a proxy for HTTPS.
    pub proxy: bool,
}

impl ProxyEnv {
    /// As the environment of this process has it.
    pub fn of_process() -> Self {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        Self {
            proxy: names.iter().any(set),
        }
    }
}

/// What a step of the test asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The host of a service.
    Host(Service),
    /// A token or a login.
    Token,
    /// The API of a collector.
    Data(&'static About),
    /// Names for ids.
    Names,
}

/// What to do about a failure. Free of secrets, as the error is.
pub(super) fn advice(
    step: Step,
    error: &ApiError,
    account: &Account,
    host: &str,
    proxy: &ProxyEnv,
) -> String {
    match error {
        ApiError::Connect { cause, .. } => no_answer(*cause, host, proxy),
        ApiError::Timeout { .. } => format!(
            "{host} does not answer in time. {}Try again; if it lasts, raise limits.request_timeout \
             and look at LivePerson's status page.",
            proxy_first(proxy)
        ),
        ApiError::Throttled { .. } => "LivePerson throttles this account: wait a minute and try \
             again. Is another client using the account? The daemon slows down by itself."
            .to_owned(),
        ApiError::Rejected { status: 407, .. } => proxy_login(),
        ApiError::Rejected { status: 304, .. } => format!(
            "{host} says that nothing has changed since an answer that it never gave: a cache answers \
             in LivePerson's place. Exclude {host} from the cache."
        ),
        ApiError::Rejected {
            status: 300..=399, ..
        } => format!(
            "redirects are not followed, so that credentials never travel to another host. Is there \
             a proxy with a sign-in page, or a wrong entry in hosts? {host} should answer directly."
        ),
        ApiError::Failed { .. } => "LivePerson itself is failing: try again in a few minutes and \
             look at its status page."
            .to_owned(),
        ApiError::Unreadable { cause, .. } => unreadable(*cause, host),
        // No limit is too low for a host or a token.
        ApiError::TooLarge { .. } => match step {
            Step::Host(_) | Step::Token => unreadable(UnreadableCause::Content, host),
            Step::Data(_) | Step::Names => "raise limits.max_response_bytes.".to_owned(),
        },
        ApiError::Refused { .. } => refused(step, error, account),
        // What the Domain API says of an account that it does not know, also in an answer of 200;
        // and OAuth 2.0's own status for credentials that are wrong.
        ApiError::Rejected { status, .. } => match (step, status) {
            (Step::Host(_), 200 | 400 | 401 | 403 | 404) | (Step::Token, 400) => {
                refused(step, error, account)
            }
            (Step::Host(_) | Step::Token, _) => format!(
                "{host} does not accept such requests, which says nothing about the account or its \
                 credentials. Is it the right host (hosts, domain_api), or does a proxy answer in \
                 its place?"
            ),
            (Step::Data(_) | Step::Names, _) => refused(step, error, account),
        },
    }
}

/// LivePerson was reached and says no.
fn refused(step: Step, error: &ApiError, account: &Account) -> String {
    let forbidden = matches!(error, ApiError::Refused { status: 403, .. });
    let unauthorised = matches!(error, ApiError::Refused { .. }) && !forbidden;
    match (step, &account.auth) {
        (Step::Host(service), _) => format!(
            "unknown account: compare accounts[].id with the account number that the LivePerson \
             console shows. If the other hosts were found, the account does not have the service \
             {service}: ask LivePerson, or name its host in hosts."
        ),
        (Step::Token, Auth::OAuth2 { .. }) if forbidden => "missing permission: the OAuth 2.0 \
             application exists but may not get tokens for this account. Is it installed and enabled \
             there, and does its list of allowed addresses include this machine?"
            .to_owned(),
        (Step::Token, Auth::OAuth2 { .. }) => "wrong client id or secret: compare client_id and \
             client_secret with the application at LivePerson. A secret file must hold only the \
             secret. Does the application belong to this account?"
            .to_owned(),
        (Step::Token, _) => "wrong user name or password, or the user is disabled or locked: sign \
             in once by hand as this user. A user with single sign-on or a second factor cannot be \
             used."
            .to_owned(),
        (Step::Names, _) if forbidden || unauthorised => "missing permission: give the key or \
             user the Skills, Agent Groups and Users APIs (Read); or set names.lookup to false to do \
             without names. Data is not affected."
            .to_owned(),
        (_, Auth::OAuth1 { .. }) if unauthorised => "wrong key: compare all four parts (app_key, \
             app_secret, access_token, access_token_secret) with the API key at LivePerson, and the \
             clock of this machine with the time. The key may be disabled, or restricted to other \
             addresses."
            .to_owned(),
        (Step::Data(about), _) if forbidden || unauthorised => format!(
            "missing permission for the {} API: give the key or user {} of this account.",
            about.title, about.permission
        ),
        _ => "LivePerson does not accept the request: the error above says why. If that does not help, \
             please report it with the error."
            .to_owned(),
    }
}

/// No answer began.
fn no_answer(cause: ConnectCause, host: &str, proxy: &ProxyEnv) -> String {
    let proxy = proxy_first(proxy);
    match cause {
        ConnectCause::Resolve => format!(
            "cannot resolve {host}. {proxy}Is the name right (hosts, domain_api), \
             and does the DNS server that this machine uses know it?"
        ),
        ConnectCause::Unreachable | ConnectCause::TooSlow => {
            format!("cannot connect to {host}. {proxy}Does the firewall allow TCP port 443 to it?")
        }
        ConnectCause::ProxyLogin => proxy_login(),
        ConnectCause::ProxyUnreachable => {
            "the proxy itself cannot be reached: is HTTPS_PROXY right, and is the proxy running?"
                .to_owned()
        }
        ConnectCause::ProxyRefused => format!(
            "the proxy does not let the call through: allow {host} there, port 443, or name the host \
             in NO_PROXY if it can be reached directly."
        ),
        ConnectCause::CertificateUntrusted => format!(
            "the certificate of {host} is not trusted by this machine. If your network inspects TLS, \
             set tls.ca_file to the root certificate it uses; otherwise install the package \
             ca-certificates."
        ),
        ConnectCause::CertificateExpired | ConnectCause::CertificateNotYetValid => format!(
            "compare the clock of this machine with the time. If it is right, the certificate of \
             {host} is not valid at present: report it to the operator of the host, or the proxy that inspects TLS."
        ),
        ConnectCause::CertificateOtherHost => format!(
            "another host answers in the place of {host}: is the name right (hosts, domain_api), and \
             does DNS, a proxy or a sign-in page lead elsewhere?"
        ),
        ConnectCause::Tls => format!(
            "{host} was reached, but no TLS could be agreed on. Does the port speak TLS (1.2 or 1.3)? A \
             firewall or proxy that inspects or blocks TLS by name does this, too: have it let {host} \
             through."
        ),
        ConnectCause::Closed => format!(
            "{host} accepts connections and closes them without an answer. {proxy}Try again; if it lasts, \
             a firewall, proxy or load balancer in between cuts the calls off."
        ),
        ConnectCause::NotSent => {
            "this call needs what an earlier step could not get: see above.".to_owned()
        }
        ConnectCause::Other => {
            format!(
                "cannot connect to {host}. {proxy}The error above says what this machine found."
            )
        }
    }
}

/// An answer that is not what LivePerson's API gives.
fn unreadable(cause: UnreadableCause, host: &str) -> String {
    match cause {
        UnreadableCause::Content => format!(
            "{host} answered something other than LivePerson's API does. Is it the right host (hosts, \
             domain_api), or does a proxy or a sign-in page answer in its place?"
        ),
        UnreadableCause::Transfer => format!(
            "{host} was reached and its answer began, but did not arrive whole. Try again; if it lasts, \
             something in between (a proxy, a firewall, a load balancer) cuts off or changes answers."
        ),
        UnreadableCause::NotHttp => format!(
            "the server at {host} does not speak HTTP. Are host and port right (hosts, domain_api)?"
        ),
        UnreadableCause::Head => format!(
            "{host} speaks HTTP, but the head of its answer is too large, malformed or \
             inconsistent, which LivePerson's are not. Is it the right host (hosts, domain_api), or does a \
             proxy or load balancer in between add headers?"
        ),
        UnreadableCause::ForeignHost => {
            "nothing was sent to that host. If LivePerson confirms it, add \
             its domain to allowed_domains, or name it in hosts; otherwise, is domain_api right?"
                .to_owned()
        }
    }
}

fn proxy_login() -> String {
    "the proxy requires a user name and a password: put them into HTTPS_PROXY \
     (http://user:password@proxy:port)."
        .to_owned()
}

fn proxy_first(proxy: &ProxyEnv) -> &'static str {
    if proxy.proxy {
        "HTTPS_PROXY is set: is the proxy right and running? "
    } else {
        "If your network needs a proxy, set HTTPS_PROXY. "
    }
}

#[cfg(test)]
mod tests;
