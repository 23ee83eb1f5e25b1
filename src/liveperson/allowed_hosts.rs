//! Where the Domain API may send calls, and with them the credentials of an account.

use url::{Host, Url};

use crate::config::values::is_loopback;

/// The domains that are LivePerson's.
const LIVEPERSON_DOMAINS: [&str; 2] = ["liveperson.net", "liveperson.com"];

/// The hosts and domains that calls may be sent to.
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

/// Domains below which names are sold to the public, so that neighbours are strangers. Such a list is
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
/// where the parent may be a registry such as `co.uk` or shared hosting, whose names have
/// many owners; such a Domain API may name its own host only.
fn domain_above(host: &str) -> Option<&str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let (_, above) = host.split_once('.')?;
    if is_registry(above) || SHARED_HOSTING.iter().any(|domain| is_below(above, domain)) {
        return None;
    }
    Some(above)
}

/// Whether names directly below this one are probably sold to the public.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    /// Addresses of the Domain API, with the hosts that credentials may be sent to and those that
    /// they may not.
    const HOSTS: [(&str, &str, &str); 15] = [
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
    ];

    #[test]
    fn credentials_are_sent_to_allowed_hosts_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let fixed = [url("https://fixed.example:8443/lp")];
        check_each(HOSTS, |(domain_api, allowed, refused)| {
            let hosts = AllowedHosts::new(&url(domain_api), fixed.iter(), &["partner.org".into()]);
            let is_allowed = |host: &&str| hosts.allows(&url(&format!("https://{host}")));
            let (allowed, refused) = (allowed.split_whitespace(), refused.split_whitespace());
            let wrongly_refused: Vec<_> = allowed.filter(|host| !is_allowed(host)).collect();
            let wrongly_allowed: Vec<_> = refused.filter(is_allowed).collect();
            assert_eq!((wrongly_refused, wrongly_allowed), (vec![], vec![]));
        });
    }
}
