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
        let ours = all
            .into_iter()
            .filter(|one| one.service.as_deref() == Some(service))
            .find_map(|one| one.host);
        return Ok(ours.map_or(HostLookup::Unknown, HostLookup::Host));
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

/// The domains that are LivePerson's.
const LIVEPERSON_DOMAINS: [&str; 2] = ["liveperson.net", "liveperson.com"];

/// Where the Domain API may send calls, and with them the credentials of an account.
pub(super) struct AllowedHosts {
    /// Domains, each with all below it.
    domains: Vec<String>,
    /// Hosts and nothing below them.
    hosts: Vec<String>,
    /// Whether any loopback host will do, because the Domain API itself is on this machine.
    loopback: bool,
}

impl AllowedHosts {
    /// LivePerson's own domains, that of the Domain API, the hosts of the configuration, and
    /// `allowed_domains`.
    pub(super) fn new<'a>(
        domain_api: &Url,
        hosts: impl Iterator<Item = &'a Url>,
        allowed_domains: &[String],
    ) -> Self {
        let mut domains: Vec<String> = LIVEPERSON_DOMAINS.map(str::to_owned).to_vec();
        domains.extend(allowed_domains.iter().cloned());
        let mut exact: Vec<String> = hosts
            .filter_map(|url| Some(host_of(url)?.to_owned()))
            .collect();
        exact.extend(host_of(domain_api).map(str::to_owned));
        if let Some(Host::Domain(name)) = domain_api.host() {
            domains.extend(domain_above(name).map(str::to_owned));
        }
        Self {
            domains,
            hosts: exact,
            loopback: is_loopback(domain_api),
        }
    }

    /// Whether credentials may go there.
    pub(super) fn allows(&self, url: &Url) -> bool {
        let Some(host) = host_of(url) else {
            return false;
        };
        let below = |domain: &String| is_below(host, domain);
        // An address has no domains above it: 1.2.3.4 is not below 3.4.
        let named = matches!(url.host(), Some(Host::Domain(_)));
        self.hosts.iter().any(|known| known == host)
            || self.domains.iter().any(|domain| domain == host)
            || (named && self.domains.iter().any(below))
            || (self.loopback && is_loopback(url))
    }
}

fn host_of(url: &Url) -> Option<&str> {
    // A name with and without a dot at its end is one name.
    let host = url.host_str()?;
    Some(host.strip_suffix('.').unwrap_or(host))
}

/// Domains below which anybody can register a name, so that neighbours are strangers. Such a list is
/// never complete; it only narrows what the rules of [`domain_above`] leave.
const SHARED_HOSTING: [&str; 45] = [
    "amazonaws.com",
    "amplifyapp.com",
    "appspot.com",
    "awsapprunner.com",
    "awsglobalaccelerator.com",
    "azure-api.net",
    "azure.com",
    "azurecontainerapps.io",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "blogspot.com",
    "cloudapp.net",
    "cloudflare.net",
    "cloudfront.net",
    "cloudfunctions.net",
    "ddns.net",
    "digitaloceanspaces.com",
    "duckdns.org",
    "dyndns.org",
    "elasticbeanstalk.com",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "loca.lt",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.app",
    "ngrok.io",
    "nip.io",
    "no-ip.org",
    "ondigitalocean.app",
    "onrender.com",
    "pages.dev",
    "railway.app",
    "run.app",
    "sslip.io",
    "trafficmanager.net",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "windows.net",
    "workers.dev",
];

/// The domain that a Domain API at this host belongs to: `example.com` for `api.example.com`. `None`
/// where the parent may be a registry such as `co.uk` or shared hosting, whose names belong to
/// anybody; such a Domain API may name its own host only.
fn domain_above(host: &str) -> Option<&str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let (_, above) = host.split_once('.')?;
    if is_registry(above) || SHARED_HOSTING.iter().any(|domain| is_below(above, domain)) {
        return None;
    }
    Some(above)
}

/// Whether names directly below this one are probably sold to anybody.
fn is_registry(domain: &str) -> bool {
    // Second levels of countries that are longer than `co` and `com`.
    const CLASSES: [&str; 9] = [
        "asso", "conf", "firm", "gouv", "govt", "info", "name", "school", "shop",
    ];
    let Some((second, top)) = domain.split_once('.') else {
        return true;
    };
    match top {
        "com" | "net" | "org" => second.len() <= 2,
        _ => top.len() == 2 && (second.len() <= 3 || CLASSES.contains(&second)),
    }
}

/// Whether a name is this domain or below it.
fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
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
            (
                "va.data--x.liveperson.net.",
                "https://va.data--x.liveperson.net./",
            ),
        ] {
            assert_eq!(url(answered, &real).as_deref(), Some(expected));
            assert_eq!(url(answered, &simulated).as_deref(), Some(expected));
        }
        for loopback in ["127.0.0.1:81", "localhost:81", "[::1]:81"] {
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
    fn hosts_that_are_more_than_a_host_are_refused() {
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
        ] {
            assert_eq!(base_url(answered, &simulated), None, "{answered:?}");
        }
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
        for bad in [&b"{}"[..], b"[]", b"null", br#"{"baseURI":[]}"#, one] {
            assert!(read(bad, "sentinel").is_err());
        }
    }

    #[test]
    fn credentials_are_sent_to_allowed_hosts_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let fixed = [url("https://fixed.example:8443/lp")];
        let mut wrong = Vec::new();
        for (domain_api, allowed, refused) in [
            (
                "https://api.liveperson.net",
                "va.data.liveperson.net liveperson.net x.liveperson.com fixed.example \
                 lp.partner.org partner.org VA.DATA.LIVEPERSON.NET",
                "evil.example liveperson.net.evil.example evilliveperson.net below.fixed.example \
                 notpartner.org 127.0.0.1 localhost a.localhost 10.0.0.1 [::1] net",
            ),
            (
                "https://api.lp.example.com",
                "data.lp.example.com lp.example.com va.data.liveperson.net",
                "example.com other.example.com api.lp.example.org",
            ),
            (
                "https://api.example.co.uk",
                "data.example.co.uk",
                "evil.co.uk",
            ),
            (
                "https://example.co.uk",
                "example.co.uk",
                "evil.co.uk co.uk data.example.co.uk",
            ),
            ("https://api.lp.de", "api.lp.de", "evil.de"),
            ("https://api.lp.com", "api.lp.com", "evil.lp.com"),
            ("https://x.govt.nz", "x.govt.nz", "evil.govt.nz"),
            ("https://x.example", "x.example", "evil.example a.x.example"),
            (
                "https://lp.herokuapp.com",
                "lp.herokuapp.com",
                "evil.herokuapp.com a.lp.herokuapp.com",
            ),
            (
                "https://x.execute-api.eu-west-1.amazonaws.com",
                "x.execute-api.eu-west-1.amazonaws.com",
                "evil.execute-api.eu-west-1.amazonaws.com amazonaws.com",
            ),
            (
                "https://api.myherokuapp.com",
                "data.myherokuapp.com",
                "evil.herokuapp.com",
            ),
            ("https://example.com", "example.com", "evil.com"),
            (
                "https://10.1.2.3",
                "10.1.2.3 a.liveperson.net",
                "9.1.2.3 2.3 10.1.2.4 localhost",
            ),
            (
                "http://127.0.0.1:1",
                "127.0.0.1:2 localhost:3 [::1]:4",
                "a.localhost 10.0.0.1",
            ),
            (
                "http://localhost:1",
                "localhost:2 127.0.0.1",
                "a.localhost evil.example",
            ),
        ] {
            let hosts = AllowedHosts::new(&url(domain_api), fixed.iter(), &["partner.org".into()]);
            for (list, expected) in [(allowed, true), (refused, false)] {
                for host in list.split_whitespace() {
                    if hosts.allows(&url(&format!("https://{host}"))) != expected {
                        wrong.push(format!("{domain_api} to {host}: not {expected}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
