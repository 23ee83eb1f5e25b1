//! What reads LivePerson's answers, for `fuzz/`. Errors are described as for a user, with `secret`
//! taken out of them.

use std::time::{Duration, SystemTime};

use url::Url;

use super::allowed_hosts::AllowedHosts;
use super::json::{Content, ReadError};
use super::names::{NameKind, NameList, NamesAnswer};
use super::redactor::Redactor;
use super::{auth, domain, names};

/// Longest text that [`error_text`] returns, in characters, and one for the mark of a cut.
pub const LONGEST_ERROR_TEXT: usize = 201;

fn redactor(secret: &str) -> Redactor {
    Redactor::new([secret.to_owned()])
}

/// What is wrong with an answer, as it is logged.
pub fn describe(error: &ReadError, body: &[u8], secret: &str) -> String {
    error.describe(body, &redactor(secret))
}

fn described<T>(
    read: Result<Content<T>, ReadError>,
    body: &[u8],
    secret: &str,
) -> Result<T, String> {
    read.map(|content| content.value)
        .map_err(|error| describe(&error, body, secret))
}

/// Ids and names of an answer of the account configuration.
///
/// # Errors
/// What is wrong with it.
pub fn names(kind: NameKind, body: &[u8], secret: &str) -> Result<NameList, String> {
    match described(names::read(kind, body), body, secret)? {
        NamesAnswer::Names(names) => Ok(names),
        NamesAnswer::Unchanged => Err("a body is never unchanged".to_owned()),
    }
}

/// Where the Domain API sends the calls for `service`; `None` for nowhere that is allowed.
///
/// # Errors
/// What is wrong with the answer.
pub fn domain(
    body: &[u8],
    service: &str,
    domain_api: &Url,
    secret: &str,
) -> Result<Option<Url>, String> {
    let allowed = AllowedHosts::new(domain_api, std::iter::empty(), &[]);
    Ok(
        match described(domain::read(body, service), body, secret)? {
            domain::HostLookup::Host(host) => {
                domain::base_url(&host, domain_api).filter(|url| allowed.allows(url))
            }
            domain::HostLookup::Unknown => None,
        },
    )
}

/// An OAuth 2.0 token and how long it is valid, as read at the beginning of 1970.
///
/// # Errors
/// What is wrong with the answer, without any word of it.
pub fn oauth2_token(body: &[u8]) -> Result<(String, Option<Duration>), String> {
    let read = auth::fuzzing::oauth2(body, SystemTime::UNIX_EPOCH);
    described(read.map_err(|error| error.without_excerpt(body)), body, "")
}

/// The token of a user login.
///
/// # Errors
/// What is wrong with the answer, without any word of it.
pub fn login_token(body: &[u8]) -> Result<String, String> {
    let read = auth::fuzzing::login(body);
    described(read.map_err(|error| error.without_excerpt(body)), body, "")
}

/// The words of an error answer.
pub fn error_text(body: &[u8], is_cut: bool, secret: &str) -> String {
    redactor(secret).message(body, is_cut)
}
