//! The Domain API: which host serves what for an account.

use serde::de::MapAccess;
use url::{Host, Url};

use super::envelope::{self, ReadError};
use super::lenient::{Fields, ListOf, Text, Trail};

/// What the Domain API said of one service.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The host as it was given; not yet checked.
    Host(String),
    /// The account is unknown, or does not have this service.
    Nothing,
}

/// Finds a service in either form of the answer.
///
/// # Errors
/// A body in neither form.
pub(super) fn read(body: &[u8], service: &str) -> Result<Found, ReadError> {
    let answer: RawAnswer = envelope::read(body)?.value;
    if let Some(all) = answer.all {
        let ours = all
            .into_iter()
            .filter(|one| one.service.as_deref() == Some(service))
            .find_map(|one| one.host);
        return Ok(ours.map_or(Found::Nothing, Found::Host));
    }
    match answer.one {
        One {
            service: Some(other),
            ..
        } if other != service => Err(ReadError::Missing(format!(
            "asked for the service {service} and the answer is about another one"
        ))),
        One {
            host: Some(host), ..
        } => Ok(Found::Host(host)),
        One { host: None, .. } => Err(ReadError::Missing(
            "the answer has neither baseURI nor baseURIs".to_owned(),
        )),
    }
}

/// A base URL from a host with or without scheme.
///
/// HTTPS, whatever was said, so that credentials never travel in clear: except for a loopback host
/// named by a Domain API that is itself asked over plain HTTP, which is a simulated LivePerson.
/// `None` for anything that is more than a scheme, a host and a port.
pub(super) fn base_url(answered: &str, domain_api: &Url) -> Option<Url> {
    let lower = answered.to_ascii_lowercase();
    let (scheme, host) = match lower.split_once("://") {
        Some((scheme, host)) => (Some(scheme), host.strip_suffix('/').unwrap_or(host)),
        None => (None, lower.as_str()),
    };
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    let secure = Url::parse(&format!("https://{host}")).ok()?;
    let simulated = domain_api.scheme() == "http" && is_loopback(&secure);
    match scheme {
        Some("https") => Some(secure),
        None if !simulated => Some(secure),
        Some("http") | None if simulated => Url::parse(&format!("http://{host}")).ok(),
        _ => None,
    }
}

/// Whether a URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[derive(Default)]
struct RawAnswer {
    one: One,
    all: Option<Vec<One>>,
}

#[derive(Default)]
struct One {
    service: Option<String>,
    host: Option<String>,
}

impl Fields for RawAnswer {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        if key != "baseURIs" {
            return self.one.field(key, map, trail);
        }
        self.all = trail.field(map, "baseURIs", ListOf::new())?;
        Ok(true)
    }
}

impl Fields for One {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "service" => self.service = trail.field(map, "service", Text)?,
            "baseURI" => self.host = trail.field(map, "baseURI", Text)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_base_urls() {
        let real = Url::parse("https://api.liveperson.net").unwrap();
        let simulated = Url::parse("http://127.0.0.1:4000").unwrap();
        let url = |answered: &str, api: &Url| base_url(answered, api).map(String::from);
        for (answered, expected) in [
            ("va.data.liveperson.net", "https://va.data.liveperson.net/"),
            (
                "VA.data.liveperson.net:8443",
                "https://va.data.liveperson.net:8443/",
            ),
            (
                "https://va.data.liveperson.net/",
                "https://va.data.liveperson.net/",
            ),
        ] {
            assert_eq!(url(answered, &real).as_deref(), Some(expected));
            assert_eq!(url(answered, &simulated).as_deref(), Some(expected));
        }
        for loopback in ["127.0.0.1:81", "localhost:81", "[::1]:81", "a.localhost:81"] {
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
        }
    }

    #[test]
    fn tricks_are_refused() {
        let simulated = Url::parse("http://127.0.0.1:4000").unwrap();
        for answered in [
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
        ] {
            assert_eq!(base_url(answered, &simulated), None, "{answered:?}");
        }
    }

    #[test]
    fn both_forms_of_the_answer() {
        let one = br#"{"service":"leDataReporting","account":"1","baseURI":"h.example"}"#;
        let all = br#"{"baseURIs":[{"service":"x","baseURI":"y"},
            {"account":"1","baseURI":"h.example","service":"leDataReporting"}]}"#;
        let host = Found::Host("h.example".to_owned());
        assert_eq!(
            read(one, "leDataReporting"),
            Ok(Found::Host("h.example".to_owned()))
        );
        assert_eq!(read(all, "leDataReporting"), Ok(host));
        assert_eq!(read(all, "sentinel"), Ok(Found::Nothing));
        assert_eq!(read(br#"{"baseURIs":[]}"#, "sentinel"), Ok(Found::Nothing));
        for bad in [&b"{}"[..], b"[]", b"null", br#"{"baseURI":[]}"#, one] {
            assert!(read(bad, "sentinel").is_err());
        }
    }
}
