//! What a failure most likely means, and what the person in front of it can do.

use crate::config::{Account, Auth};
use crate::liveperson::{ApiError, Service};

/// What the answer depends on besides the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether the environment names a proxy for HTTPS.
    pub proxy: bool,
}

impl Surroundings {
    /// As the environment of this process has it.
    pub fn of_process() -> Self {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        Self {
            proxy: names.iter().any(set),
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The host of a service.
    Host(Service),
    /// A token or a login.
    Token,
    /// One of the two APIs, by name.
    Data(&'static str),
    /// Names for ids.
    Names,
}

/// What to do about a failure. Free of secrets, as the error is.
pub(super) fn advice(
    asked: Asked,
    error: &ApiError,
    account: &Account,
    host: &str,
    surroundings: &Surroundings,
) -> String {
    match error {
        ApiError::Connect {
            certificate: true, ..
        } => format!(
            "the certificate of {host} is not trusted by this machine. If your network inspects TLS, \
             set tls.ca_file to the root certificate it uses; otherwise install the package \
             ca-certificates. A wrong clock does this, too."
        ),
        ApiError::Connect { detail, .. } => no_connection(detail, host, surroundings),
        ApiError::Timeout { .. } => format!(
            "{host} does not answer in time. {}Try again; if it lasts, raise limits.request_timeout \
             and look at LivePerson's status page.",
            proxy_first(surroundings)
        ),
        ApiError::Throttled { .. } => "LivePerson throttles this account: wait a minute and try \
             again. Is another client using the account? The daemon slows down by itself."
            .to_owned(),
        ApiError::Rejected { status: 407, .. } => proxy_login(),
        ApiError::Rejected {
            status: 300..=399, ..
        } => format!(
            "redirects are not followed, so that credentials never travel to another host. Is there \
             a proxy with a sign-in page, or a wrong entry in hosts? {host} should answer by itself."
        ),
        ApiError::Failed { .. } => "LivePerson itself is failing: try again in a few minutes and \
             look at its status page."
            .to_owned(),
        ApiError::Unreadable { .. } => format!(
            "{host} answered something else than LivePerson's API does. Is it the right host (hosts, \
             domain_api), or does a proxy or a sign-in page answer in its place?"
        ),
        ApiError::TooLarge { .. } => "raise limits.max_response_bytes.".to_owned(),
        ApiError::Refused { .. } | ApiError::Rejected { .. } => refused(asked, error, account),
    }
}

/// LivePerson was reached and says no.
fn refused(asked: Asked, error: &ApiError, account: &Account) -> String {
    let forbidden = matches!(error, ApiError::Refused { status: 403, .. });
    let unauthorised = matches!(error, ApiError::Refused { .. }) && !forbidden;
    match (asked, &account.auth) {
        (Asked::Host(service), _) => format!(
            "unknown account: compare accounts[].id ({}) with the account number that the LivePerson \
             console shows. If the other hosts were found, the account does not have the service \
             {service}: ask LivePerson, or name its host in hosts.",
            account.id
        ),
        (Asked::Token, Auth::OAuth2 { .. }) if forbidden => "missing permission: the OAuth 2.0 \
             application exists but may not get tokens for this account. Is it installed and enabled \
             there, and does its list of allowed addresses include this machine?"
            .to_owned(),
        (Asked::Token, Auth::OAuth2 { .. }) => "wrong client id or secret: compare client_id and \
             client_secret with the application at LivePerson. A secret file must hold only the \
             secret. Does the application belong to this account?"
            .to_owned(),
        (Asked::Token, _) => "wrong user name or password, or the user is disabled or locked: sign \
             in once by hand as this user. A user with single sign-on or a second factor cannot be \
             used."
            .to_owned(),
        (Asked::Names, _) if forbidden || unauthorised => "missing permission: give the key or \
             user the Skills, Agent Groups and Users APIs (Read); or set names.lookup to false to do \
             without names. Data is not affected."
            .to_owned(),
        (_, Auth::OAuth1 { .. }) if unauthorised => "wrong key: compare all four parts (app_key, \
             app_secret, access_token, access_token_secret) with the API key at LivePerson, and the \
             clock of this machine with the time. The key may be disabled, or restricted to other \
             addresses."
            .to_owned(),
        (Asked::Data(api), _) if forbidden || unauthorised => format!(
            "missing permission for the {api} API: give the key or user the Operational Realtime API \
             (Read) of this account."
        ),
        _ => "LivePerson does not take the request: its words above say why. If they do not help, \
             please report it with them."
            .to_owned(),
    }
}

fn no_connection(detail: &str, host: &str, surroundings: &Surroundings) -> String {
    let detail = detail.to_ascii_lowercase();
    if detail.contains("proxy auth") {
        return proxy_login();
    }
    if detail.contains("underlying connection") {
        return "the proxy itself cannot be reached: is HTTPS_PROXY right, and is the proxy running?"
            .to_owned();
    }
    if detail.contains("tunnel") || detail.contains("proxy") {
        return format!(
            "the proxy does not let the call through: allow {host} there, port 443, or name the host \
             in NO_PROXY if it can be reached directly."
        );
    }
    let first = proxy_first(surroundings);
    format!(
        "there is no way to {host}. {first}Can this machine resolve the name, and does the firewall \
         allow TCP port 443 to it?"
    )
}

fn proxy_login() -> String {
    "the proxy wants a user name and a password: put them into HTTPS_PROXY \
     (http://user:password@proxy:port)."
        .to_owned()
}

fn proxy_first(surroundings: &Surroundings) -> &'static str {
    if surroundings.proxy {
        "HTTPS_PROXY is set: is the proxy right and running? "
    } else {
        "If your network needs a proxy, set HTTPS_PROXY. "
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Environment, load_text};

    fn account(auth: &str) -> Account {
        let text = format!("accounts: [{{id: \"42\", auth: {{{auth}}}}}]");
        let nothing: [(&str, &str); 0] = [];
        let loaded = load_text("test", &text, &Environment::from_pairs(nothing));
        loaded.unwrap().config.accounts.remove(0)
    }

    #[test]
    fn each_failure_has_its_advice() {
        let oauth2 = || account("oauth2: {client_id: c, client_secret: s}");
        let oauth1 = || {
            account("oauth1: {app_key: k, app_secret: s, access_token: t, access_token_secret: u}")
        };
        let login = || account("login: {username: u, password: p}");
        let refused = |status| ApiError::Refused {
            status,
            message: String::new(),
        };
        let rejected = |status| ApiError::Rejected {
            status,
            message: String::new(),
        };
        let connect = |detail: &str, certificate| ApiError::Connect {
            detail: detail.to_owned(),
            certificate,
        };
        let host = Asked::Host(Service::Sentinel);
        let data = Asked::Data("SLA Histogram");
        for (asked, error, account, expected) in [
            (host, rejected(404), oauth2(), "unknown account"),
            (
                host,
                connect("dns error", false),
                oauth2(),
                "set HTTPS_PROXY",
            ),
            (host, connect("x", true), oauth2(), "tls.ca_file"),
            (
                host,
                connect("tunnel error: unsuccessful", false),
                oauth2(),
                "allow h there",
            ),
            (
                host,
                connect("tunnel error: proxy authorization required", false),
                oauth2(),
                "user:password@",
            ),
            (
                Asked::Token,
                refused(401),
                oauth2(),
                "wrong client id or secret",
            ),
            (
                Asked::Token,
                rejected(400),
                oauth2(),
                "wrong client id or secret",
            ),
            (Asked::Token, refused(403), oauth2(), "missing permission"),
            (
                Asked::Token,
                refused(401),
                login(),
                "wrong user name or password",
            ),
            (
                data,
                refused(401),
                oauth2(),
                "missing permission for the SLA",
            ),
            (
                data,
                refused(403),
                oauth1(),
                "missing permission for the SLA",
            ),
            (data, refused(401), oauth1(), "all four parts"),
            (data, rejected(404), oauth2(), "its words above"),
            (data, rejected(302), oauth2(), "redirects are not followed"),
            (data, rejected(407), oauth2(), "the proxy wants a user name"),
            (
                Asked::Names,
                refused(403),
                oauth2(),
                "names.lookup to false",
            ),
            (Asked::Names, refused(401), login(), "names.lookup to false"),
            (
                data,
                ApiError::Throttled { retry_after: None },
                oauth2(),
                "wait a minute",
            ),
            (
                data,
                ApiError::Timeout {
                    after: Duration::from_secs(1),
                },
                oauth2(),
                "limits.request_timeout",
            ),
            (
                data,
                ApiError::Failed {
                    status: 500,
                    message: String::new(),
                },
                oauth2(),
                "LivePerson itself",
            ),
            (
                data,
                ApiError::Unreadable {
                    detail: String::new(),
                },
                oauth2(),
                "something else",
            ),
            (
                data,
                ApiError::TooLarge { limit: 1 },
                oauth2(),
                "max_response_bytes",
            ),
        ] {
            let text = advice(asked, &error, &account, "h", &Surroundings::default());
            assert!(text.contains(expected), "{error}: {text}");
        }
        let behind = Surroundings { proxy: true };
        let error = connect("connection refused", false);
        let text = advice(host, &error, &oauth2(), "h", &behind);
        assert!(text.contains("HTTPS_PROXY is set"), "{text}");
    }
}
