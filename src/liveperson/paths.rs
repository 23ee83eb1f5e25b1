//! Paths and queries of every call, and how they are joined to a base URL.
//!
//! Those of data belong to the collectors.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// Domain API, one service.
pub(super) fn base_uri(account: &str, service: &str) -> String {
    let account = percent_encode(account);
    format!("/api/account/{account}/service/{service}/baseURI.json?version=1.0")
}

/// OAuth 2.0 token.
pub(super) fn token(account: &str) -> String {
    let account = percent_encode(account);
    format!("/sentinel/api/v2/account/{account}/app/token")
}

/// User login.
pub(super) fn login(account: &str) -> String {
    format!("/api/account/{}/login?v=1.3", percent_encode(account))
}

/// Account configuration, one list.
pub(super) fn configuration(account: &str, list: &str, version: &str) -> String {
    let account = percent_encode(account);
    format!("/api/account/{account}/configuration/le-users/{list}?v={version}")
}

/// A path behind a base URL, whose own path, if it has one, stays in front.
pub(super) fn join(base: &Url, path_and_query: &str) -> Option<Url> {
    let (path, query) = path_and_query
        .split_once('?')
        .map_or((path_and_query, None), |(path, query)| (path, Some(query)));
    let mut url = base.clone();
    let full = format!("{}{path}", base.path().trim_end_matches('/'));
    url.set_path(&full);
    url.set_query(query);
    url.set_fragment(None);
    // `set_path` takes out dot segments without an error: then this is another path.
    (url.path() == full).then_some(url)
}

/// RFC 3986's unreserved characters as they are, every other byte as `%XX`: what a path segment
/// may hold anywhere, and what OAuth 1.0 signs.
pub fn percent_encode(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    // Large enough for any text: growing would leave copies of a secret behind.
    let mut encoded = String::with_capacity(3 * text.len());
    encoded.extend(utf8_percent_encode(text, RESERVED));
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn joining_keeps_commas_and_a_base_path() {
        let cases = [
            ("https://h.example", "https://h.example/a%2Fb?x=4,5&y=%2C"),
            (
                "http://127.0.0.1:81/",
                "http://127.0.0.1:81/a%2Fb?x=4,5&y=%2C",
            ),
            ("https://h/lp/?q=1#f", "https://h/lp/a%2Fb?x=4,5&y=%2C"),
        ];
        check_each(cases, |(base, expected)| {
            let url = join(&Url::parse(base).unwrap(), "/a%2Fb?x=4,5&y=%2C").unwrap();
            assert_eq!(url.as_str(), expected);
        });
        let base = Url::parse("https://h.example").unwrap();
        assert!(join(&base, "/a/../b").is_none());
    }
}
