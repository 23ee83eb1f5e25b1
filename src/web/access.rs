//! How clients reach this server: what a page needs in order to tell them.

use url::Url;

use super::settings::check_path;

/// How clients reach this server.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `--web.external-url`.
    pub external_url: Option<Url>,
    /// `--web.route-prefix`: what all paths begin with, without a slash at its end.
    pub route_prefix: String,
    /// Path of the metrics page, after the prefix.
    pub telemetry_path: String,
    /// A host and port that it listens on; none when that are Unix sockets only.
    pub reachable_at: Option<String>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it requires a password.
    pub basic_auth: bool,
    /// Whether it refuses clients without a certificate.
    pub client_certificates: bool,
    /// Whether `/-/reload` does anything.
    pub lifecycle: bool,
}

/// Checks an external URL as given on the command line.
///
/// # Errors
/// What is wrong with it, and what is allowed.
pub fn parse_external_url(text: &str) -> Result<Url, String> {
    let expected = "expected a URL such as https://proxy.example/liveperson/";
    let url = Url::parse(text).map_err(|error| format!("{expected}, found {text:?}: {error}"))?;
    let found = if !matches!(url.scheme(), "http" | "https") {
        "a scheme that is neither http nor https"
    } else if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it may be a secret.
        return Err(format!("{expected}, found one with a user or a password"));
    } else if url.query().is_some() || url.fragment().is_some() {
        "a query or a fragment"
    } else if url.path().contains("//") {
        "a path with \"//\""
    } else {
        return Ok(url);
    };
    Err(format!("{expected}, found {found} in {text:?}"))
}

/// Checks a route prefix as given on the command line; returns it without a slash at its end.
///
/// # Errors
/// What is wrong with it, and what is allowed.
pub fn parse_route_prefix(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!(
            "expected a path that begins with \"/\", such as \"/liveperson\", found {text:?}"
        ));
    }
    check_path(text)?;
    Ok(text.trim_end_matches('/').to_owned())
}

/// A request's path below the prefix.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Routed<'a> {
    /// It begins with the prefix; this follows.
    Path(&'a str),
    /// It is the root or the prefix without its slash: the reader wants the page below it.
    Home,
    /// Anything else.
    Unknown,
}

/// Takes the prefix off.
pub(super) fn route<'a>(prefix: &str, path: &'a str) -> Routed<'a> {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.starts_with('/') || prefix.is_empty() => Routed::Path(rest),
        Some("") => Routed::Home,
        _ if path == "/" => Routed::Home,
        _ => Routed::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn paths_are_routed_below_the_prefix_and_nowhere_else() {
        let cases = [
            ("", "/metrics", Routed::Path("/metrics")),
            ("", "*", Routed::Path("*")),
            ("/lp", "/lp/metrics", Routed::Path("/metrics")),
            ("/lp", "/lp/", Routed::Path("/")),
            ("/lp", "/lp", Routed::Home),
            ("/lp", "/", Routed::Home),
            ("/lp", "/metrics", Routed::Unknown),
            ("/lp", "/lpx/metrics", Routed::Unknown),
            ("/lp", "*", Routed::Unknown),
        ];
        check_each(cases, |(prefix, path, expected)| {
            assert_eq!(route(prefix, path), expected);
        });
    }

    #[test]
    fn external_urls_and_prefixes_are_checked() {
        let url = parse_external_url("https://a.example/b").unwrap();
        assert_eq!(url.as_str(), "https://a.example/b");
        let cases = [("/", ""), ("/lp", "/lp"), ("/a/b/", "/a/b")];
        check_each(cases, |(text, prefix)| {
            assert_eq!(parse_route_prefix(text).as_deref(), Ok(prefix));
        });
        let wrong = [
            parse_external_url("a.example").unwrap_err(),
            parse_external_url("ftp://a.example").unwrap_err(),
            parse_external_url("http://a.example/?q").unwrap_err(),
            parse_external_url("http://a.example/#f").unwrap_err(),
            parse_route_prefix("lp").unwrap_err(),
            parse_route_prefix("/l p").unwrap_err(),
            parse_route_prefix("//").unwrap_err(),
            parse_route_prefix("//evil.example").unwrap_err(),
            parse_route_prefix("/lp//").unwrap_err(),
            parse_route_prefix("/lp/../x").unwrap_err(),
            parse_route_prefix("/%2e%2E").unwrap_err(),
            parse_external_url("http://a.example//x//").unwrap_err(),
        ];
        check_each(wrong, |error| assert!(error.contains('"'), "{error}"));
        let secret = parse_external_url("http://user:hunter2@a.example").unwrap_err();
        assert!(!secret.contains("hunter2"), "{secret}");
    }
}
