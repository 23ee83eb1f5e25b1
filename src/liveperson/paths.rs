//! Paths and queries of every call, and how they are joined to a base URL.
//!
//! The paths are public because a plan must know their length and a user wants to see them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::api::{EngagementQuery, IdFilter, SlaQuery};

/// Path and query of an `engactivity` call, with literal commas:
/// `/operations/api/account/1/engactivity?timeframe=5&skillIds=4,15&agentIds=all&v=1`.
pub fn engagement_path(account: &str, query: &EngagementQuery) -> String {
    let mut path = start(account, "engactivity", query.timeframe);
    push_ids(&mut path, "skillIds", query.skills.as_ref());
    push_ids(&mut path, "agentIds", query.agents.as_ref());
    push(&mut path, "v", "1");
    path
}

/// Path and query of an `sla` call, with literal commas:
/// `/operations/api/account/1/sla?timeframe=5&groupIds=7&histogram=0,15,30&v=1`.
pub fn sla_path(account: &str, query: &SlaQuery) -> String {
    let mut path = start(account, "sla", query.timeframe);
    push_ids(&mut path, "skillIds", query.skills.as_ref());
    push_ids(&mut path, "groupIds", query.groups.as_ref());
    if !query.lower_limits.is_empty() {
        push(&mut path, "histogram", &commas(&query.lower_limits));
    }
    push(&mut path, "v", "1");
    path
}

fn start(account: &str, api: &str, timeframe: u16) -> String {
    let account = percent_encode(account);
    format!("/operations/api/account/{account}/{api}?timeframe={timeframe}")
}

fn push_ids(path: &mut String, name: &str, ids: Option<&IdFilter>) {
    match ids {
        None => {}
        Some(IdFilter::All) => push(path, name, "all"),
        Some(IdFilter::Ids(ids)) => push(path, name, &commas(ids)),
    }
}

fn push(path: &mut String, name: &str, value: &str) {
    path.push('&');
    path.push_str(name);
    path.push('=');
    path.push_str(value);
}

fn commas<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(",")
}

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
pub(super) fn percent_encode(text: &str) -> String {
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

    #[test]
    fn engagement_queries() {
        let mut query = EngagementQuery {
            timeframe: 5,
            skills: Some(IdFilter::Ids(vec![4, -1, i64::MAX])),
            agents: Some(IdFilter::All),
        };
        assert_eq!(
            engagement_path("1", &query),
            "/operations/api/account/1/engactivity?timeframe=5&skillIds=4,-1,9223372036854775807&agentIds=all&v=1"
        );
        query.skills = None;
        query.agents = None;
        assert_eq!(
            engagement_path("a/../b", &query),
            "/operations/api/account/a%2F..%2Fb/engactivity?timeframe=5&v=1"
        );
    }

    #[test]
    fn sla_queries() {
        let mut query = SlaQuery {
            timeframe: 1440,
            skills: None,
            groups: Some(IdFilter::Ids(vec![7])),
            lower_limits: vec![0, 15, 30],
        };
        assert_eq!(
            sla_path("12345678", &query),
            "/operations/api/account/12345678/sla?timeframe=1440&groupIds=7&histogram=0,15,30&v=1"
        );
        query.groups = None;
        query.skills = Some(IdFilter::Ids(vec![4, 15]));
        query.lower_limits.clear();
        assert_eq!(
            sla_path("1", &query),
            "/operations/api/account/1/sla?timeframe=1440&skillIds=4,15&v=1"
        );
    }

    #[test]
    fn joining_keeps_commas_and_a_base_path() {
        for (base, expected) in [
            ("https://h.example", "https://h.example/a%2Fb?x=4,5&y=%2C"),
            (
                "http://127.0.0.1:81/",
                "http://127.0.0.1:81/a%2Fb?x=4,5&y=%2C",
            ),
            ("https://h/lp/?q=1#f", "https://h/lp/a%2Fb?x=4,5&y=%2C"),
        ] {
            let url = join(&Url::parse(base).unwrap(), "/a%2Fb?x=4,5&y=%2C").unwrap();
            assert_eq!(url.as_str(), expected);
        }
        let base = Url::parse("https://h.example").unwrap();
        assert!(join(&base, "/a/../b").is_none());
    }
}
