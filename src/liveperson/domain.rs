//! The Domain API: which host serves what for an account.

use serde::Deserialize;
use url::{Host, Url};

use super::json::{self, Content, EntryList, ReadError, text};
use crate::config::values::is_loopback;

/// What the Domain API answered for one service.
#[derive(Debug, PartialEq)]
pub(super) enum HostLookup {
    /// The host as it was given; not yet checked.
    Host(String),
    /// The account is unknown, or does not have this service.
    Unknown,
}

/// Finds a service in either form of the answer.
///
/// # Errors
/// A body in neither form.
pub(super) fn read(body: &[u8], service: &str) -> Result<Content<HostLookup>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(|answer| find(answer, service))
}

fn find(answer: RawAnswer, service: &str) -> Result<HostLookup, ReadError> {
    if let Some(EntryList(all)) = answer.all {
        let host = all
            .into_iter()
            .filter(|one| one.service.as_deref() == Some(service))
            .find_map(|one| one.host);
        return Ok(host.map_or(HostLookup::Unknown, HostLookup::Host));
    }
    if answer.service.is_some_and(|other| other != service) {
        return Err(ReadError::Missing(format!(
            "asked for the service {service} and the answer is about another one"
        )));
    }
    match answer.host {
        Some(host) => Ok(HostLookup::Host(host)),
        None => Err(ReadError::Missing(
            "the answer has neither baseURI nor baseURIs".to_owned(),
        )),
    }
}

/// A base URL from a host with or without scheme.
///
/// Always HTTPS, so that credentials never travel in clear: except for a loopback host
/// named by a Domain API that is itself called over plain HTTP, which is a simulated LivePerson.
/// `None` for anything that is more than a scheme, a host and a port, and for a host that no server
/// can have.
pub(super) fn base_url(answered: &str, domain_api: &Url) -> Option<Url> {
    let lower = answered.to_ascii_lowercase();
    let (scheme, host) = match lower.split_once("://") {
        Some((scheme, host)) => (Some(scheme), host.strip_suffix('/').unwrap_or(host)),
        None => (None, lower.as_str()),
    };
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || host.ends_with(':') || !host.chars().all(plain) {
        return None;
    }
    let secure = Url::parse(&format!("https://{host}")).ok()?;
    if secure.port() == Some(0) || !is_valid_host(&secure) {
        return None;
    }
    let simulated = domain_api.scheme() == "http" && is_loopback(&secure);
    match scheme {
        Some("https") => Some(secure),
        None if !simulated => Some(secure),
        Some("http") | None if simulated => Url::parse(&format!("http://{host}")).ok(),
        _ => None,
    }
}

/// Whether a name is made of labels that DNS can hold. Resolvers differ in how they treat others, and
/// credentials must not go to a host other than the one that was checked.
fn is_valid_host(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else {
        return url.host().is_some();
    };
    // One dot at the end makes the name absolute.
    let name = name.strip_suffix('.').unwrap_or(name);
    let proper = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(proper)
}

/// One service, or a list of all.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAnswer {
    #[serde(deserialize_with = "text")]
    service: Option<String>,
    #[serde(rename = "baseURI", deserialize_with = "text")]
    host: Option<String>,
    #[serde(rename = "baseURIs")]
    all: Option<EntryList<OneService>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneService {
    #[serde(deserialize_with = "text")]
    service: Option<String>,
    #[serde(rename = "baseURI", deserialize_with = "text")]
    host: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn hosts_become_base_urls() {
        let real = Url::parse("https://api.liveperson.net").unwrap();
        let simulated = Url::parse("http://127.0.0.1:4000").unwrap();
        let url = |answered: &str, api: &Url| base_url(answered, api).map(String::from);
        let cases = [
            ("va.data.liveperson.net", "https://va.data.liveperson.net/"),
            (
                "VA.data.liveperson.net:8443",
                "https://va.data.liveperson.net:8443/",
            ),
            (
                "https://va.data.liveperson.net/",
                "https://va.data.liveperson.net/",
            ),
            (
                "va.data--x.liveperson.net.",
                "https://va.data--x.liveperson.net./",
            ),
        ];
        check_each(cases, |(answered, expected)| {
            assert_eq!(url(answered, &real).as_deref(), Some(expected));
            assert_eq!(url(answered, &simulated).as_deref(), Some(expected));
        });
        let cases = ["127.0.0.1:81", "localhost:81", "[::1]:81"];
        check_each(cases, |loopback| {
            let plain = format!("http://{loopback}/");
            let secure = format!("https://{loopback}/");
            assert_eq!(url(loopback, &simulated), Some(plain.clone()));
            assert_eq!(url(&plain, &simulated), Some(plain.clone()));
            assert_eq!(url(&secure, &simulated), Some(secure.clone()));
            assert_eq!(url(loopback, &real), Some(secure));
            assert_eq!(
                url(&plain, &real),
                None,
                "plain HTTP needs a plain Domain API"
            );
        });
    }

    #[test]
    fn hosts_that_are_more_than_a_host_are_refused() {
        let simulated = Url::parse("http://127.0.0.1:4000").unwrap();
        check_each(
            [
                "",
                " ",
                "a b",
                " va.data.liveperson.net",
                "evil.example/path",
                "evil.example/",
                "user@evil.example",
                "evil.example?x",
                "evil.example#x",
                "evil.example\\x",
                "http://evil.example",
                "ftp://127.0.0.1",
                "://x",
                "https://",
                "https:///x",
                "https://a/b",
                "https://a//",
                "host:port",
                "host:99999",
                "[::1",
                "127.0.0.1.evil.example:x",
                "ho\nst",
                "javascript:alert",
                "äöü.example",
                ".liveperson.net",
                "a..liveperson.net",
                "a.liveperson.net..",
                ".",
                "-.liveperson.net",
                "-a.liveperson.net",
                "a-.liveperson.net",
                "a.-.liveperson.net",
                "xn--liveperson-.net",
                "liveperson.net-",
                "a.liveperson.net:0",
                "127.0.0.1:0",
                "a.liveperson.net:",
                &format!("{}.liveperson.net", "a".repeat(64)),
                &format!("{}liveperson.net", "a.".repeat(130)),
            ],
            |answered| {
                assert_eq!(base_url(answered, &simulated), None, "{answered:?}");
            },
        );
    }

    #[test]
    fn both_forms_of_the_answer() {
        let one = br#"{"service":"leDataReporting","account":"1","baseURI":"h.example"}"#;
        let all = br#"{"baseURIs":[{"service":"x","baseURI":"y"},
            {"account":"1","baseURI":"h.example","service":"leDataReporting"}]}"#;
        let host = HostLookup::Host("h.example".to_owned());
        let found = |body: &[u8], service| read(body, service).unwrap().value;
        assert_eq!(found(one, "leDataReporting"), host);
        assert_eq!(found(all, "leDataReporting"), host);
        assert_eq!(found(all, "sentinel"), HostLookup::Unknown);
        assert_eq!(
            found(br#"{"baseURIs":[]}"#, "sentinel"),
            HostLookup::Unknown
        );
        let odd = br#"{"baseURIs":[7,{"service":"leDataReporting","baseURI":"h.example"}]}"#;
        assert_eq!(found(odd, "leDataReporting"), host);
        let cases = [&b"{}"[..], b"[]", b"null", br#"{"baseURI":[]}"#, one];
        check_each(cases, |bad| {
            assert!(read(bad, "sentinel").is_err());
        });
    }
}
