//! What single values may be: each function here reads the string that was written.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use url::{Host, Url};

use super::units::{format_duration, format_size, parse_duration, parse_size};
use crate::vocabulary::{Id, Window};

/// A value, or why the string is none.
pub(super) type Parsed<T> = Result<T, ValueError>;

/// Why a string is not the value it should be. The message is completed with the string, unless
/// that is a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueError {
    /// What is expected: `expected a duration such as 30s, found soon`.
    Expected(String),
    /// What is wrong with a value of the right form: `30 has no unit`.
    Rejected(String),
}

impl ValueError {
    fn expected<T>(what: impl Into<String>) -> Parsed<T> {
        Err(Self::Expected(what.into()))
    }

    fn rejected<T>(reason: impl Into<String>) -> Parsed<T> {
        Err(Self::Rejected(reason.into()))
    }

    /// The message, with what was found in its place.
    pub(super) fn message(&self, found: &str) -> String {
        match self {
            Self::Expected(what) => format!("expected {what}, found {found}"),
            Self::Rejected(reason) => format!("{found} {reason}"),
        }
    }
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => ValueError::expected("true or false"),
    }
}

/// A whole number within limits.
pub(super) fn integer<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Parsed<N>
where
    N: FromStr + PartialOrd + Display + Copy,
{
    move |text| match parse_digits(text) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => ValueError::expected(format!(
            "a whole number from {} to {}",
            range.start(),
            range.end()
        )),
    }
}

/// A duration within limits.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| match parse_duration(text) {
        Some(duration) if range.contains(&duration) => Ok(duration),
        Some(_) => ValueError::expected(format!(
            "a duration from {} to {}",
            format_duration(*range.start()),
            format_duration(*range.end())
        )),
        None if is_digits(text) => {
            ValueError::rejected("has no unit; write durations as 250ms, 30s or 1h30m")
        }
        None => ValueError::expected("a duration such as 250ms, 30s or 1h30m"),
    }
}

/// A number of bytes within limits.
pub(super) fn size(range: RangeInclusive<u64>) -> impl Fn(&str) -> Parsed<u64> {
    move |text| match parse_size(text) {
        Some(bytes) if range.contains(&bytes) => Ok(bytes),
        Some(_) => ValueError::expected(format!(
            "a size from {} to {}",
            format_size(*range.start()),
            format_size(*range.end())
        )),
        None => ValueError::expected("a size such as 500kB, 64MiB or a number of bytes"),
    }
}

/// A window: `today`, or a length in whole minutes from 1m to 24h.
pub(super) fn window(text: &str) -> Parsed<Window> {
    if text == "today" {
        return Ok(Window::Today);
    }
    match parse_duration(text).and_then(whole_minutes) {
        Some(minutes) if (1..=Window::MAX_MINUTES).contains(&minutes) => {
            Ok(Window::Minutes(minutes))
        }
        _ => ValueError::expected("a window (whole minutes from 1m to 24h, or today)"),
    }
}

fn whole_minutes(duration: Duration) -> Option<u16> {
    let millis = duration.as_millis();
    let minutes = u16::try_from(millis / 60_000).ok()?;
    millis.is_multiple_of(60_000).then_some(minutes)
}

/// An id, written as LivePerson writes it.
pub(super) fn id<I: Id>(text: &str) -> Parsed<I> {
    match text.parse::<i64>() {
        // Other spellings (04, +4) would be a second name for the same id.
        Ok(id) if id >= I::MIN && id.to_string() == text => Ok(id.into()),
        _ => ValueError::expected(format!("an id (a whole number of at least {})", I::MIN)),
    }
}

/// A number of seconds that is a multiple of `step` and at most `max`.
pub(super) fn seconds(step: u32, max: u32) -> impl Fn(&str) -> Parsed<u32> {
    move |text| match parse_digits::<u32>(text) {
        Some(seconds) if seconds > max => out_of_seconds(max),
        Some(seconds) if seconds.is_multiple_of(step) => Ok(seconds),
        Some(_) => ValueError::expected(format!("a multiple of {step}")),
        None => out_of_seconds(max),
    }
}

fn out_of_seconds(max: u32) -> Parsed<u32> {
    ValueError::expected(format!("a whole number of seconds from 0 to {max}"))
}

/// An account id: it becomes part of a URL.
pub(super) fn account_id(text: &str) -> Parsed<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    ValueError::expected("an account id (1 to 64 letters, digits, _ or -)")
}

/// A string that is not blank.
pub(super) fn non_empty(text: &str) -> Parsed<String> {
    match text.trim() {
        "" => ValueError::expected("a non-empty string"),
        _ => Ok(text.to_owned()),
    }
}

/// A credential as it goes into a header or a form.
pub(super) fn credential(text: &str) -> Parsed<String> {
    if text.contains('\0') {
        return ValueError::rejected("contains a NUL character");
    }
    non_empty(text)
}

/// An IANA time zone. The bundled database answers, so that the same configuration is valid on a
/// machine without one.
pub(super) fn time_zone(text: &str) -> Parsed<TimeZone> {
    match TimeZoneDatabase::bundled().get(text) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => ValueError::expected("an IANA time zone such as UTC or Europe/Berlin"),
    }
}

/// The address of a LivePerson service. Credentials are sent there, so only TLS or this
/// machine is accepted.
pub(super) fn base_url(text: &str) -> Parsed<Url> {
    let Some(url) = web_address(text) else {
        return ValueError::expected("a web address such as https://va.data.liveperson.net");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return ValueError::rejected(
            "contains a user name or password; credentials belong under auth",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return ValueError::rejected("has a query or fragment; keep only scheme, host and path");
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return ValueError::rejected(
            "is plain http to a host that is not loopback: it would send credentials in clear; use https",
        );
    }
    Ok(url)
}

/// A URL with a scheme that is written in full, a host and no white space: the parser of `url`
/// repairs more than a configuration should rely on.
fn web_address(text: &str) -> Option<Url> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("https://") && !lower.starts_with("http://") {
        return None;
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    Url::parse(text).ok().filter(Url::has_host)
}

/// Whether a URL's host is this machine, and certain to be: a loopback address or `localhost`
/// itself. What ends in `.localhost` may be any machine, if the resolver says so.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A domain, which includes all of its subdomains.
pub(super) fn domain(text: &str) -> Parsed<String> {
    let lower = text.to_ascii_lowercase();
    if lower.len() > 253 || !lower.split('.').all(is_domain_label) {
        return ValueError::expected(
            "a domain such as example.com (its subdomains are included; no scheme, port or *)",
        );
    }
    if !lower.contains('.') && lower != "localhost" {
        return ValueError::rejected("is a top-level domain; name a domain below it");
    }
    Ok(lower)
}

fn is_domain_label(label: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=63).contains(&label.len()) && label.chars().all(allowed)
}

/// A number without sign, fraction or exponent.
fn parse_digits<N: FromStr>(text: &str) -> Option<N> {
    is_digits(text).then(|| text.parse().ok()).flatten()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
