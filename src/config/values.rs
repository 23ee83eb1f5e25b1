//! What single values may be. Every reader here takes the text that was written and returns the
//! value, or the end of a sentence that begins with the value met: `47` + ` is not a multiple of 5`.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use url::{Host, Url};

use super::Window;
use super::node::Parsed;
use super::units::{format_duration, format_size, parse_duration, parse_size};

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// A whole number within limits.
pub(super) fn whole<N>(min: N, max: N) -> impl Fn(&str) -> Parsed<N>
where
    N: FromStr + PartialOrd + Display + Copy,
{
    move |text| match digits(text).and_then(|text| text.parse().ok()) {
        Some(number) if number >= min && number <= max => Ok(number),
        _ => Err(format!("is not a whole number from {min} to {max}")),
    }
}

/// A duration within limits.
pub(super) fn duration(min: Duration, max: Duration) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| match parse_duration(text) {
        Some(duration) if duration >= min && duration <= max => Ok(duration),
        Some(_) => Err(format!(
            "is not between {} and {}",
            format_duration(min),
            format_duration(max)
        )),
        None if digits(text).is_some() => {
            Err("has no unit; durations are written as 250ms, 30s or 1h30m".to_owned())
        }
        None => Err("is not a duration such as 250ms, 30s or 1h30m".to_owned()),
    }
}

/// A number of bytes within limits.
pub(super) fn size(min: u64, max: u64) -> impl Fn(&str) -> Parsed<u64> {
    move |text| match parse_size(text) {
        Some(bytes) if bytes >= min && bytes <= max => Ok(bytes),
        Some(_) => Err(format!(
            "is not between {} and {}",
            format_size(min),
            format_size(max)
        )),
        None => Err("is not a size such as 500kB, 64MiB or a number of bytes".to_owned()),
    }
}

/// A time frame.
pub(super) fn window(text: &str) -> Parsed<Window> {
    Window::parse(text)
        .ok_or_else(|| "is not a window: whole minutes from 1m to 24h, or today".to_owned())
}

/// An id, written as LivePerson writes it.
pub(super) fn id(min: i64) -> impl Fn(&str) -> Parsed<i64> {
    move |text| match text.parse::<i64>() {
        // Other spellings (04, +4) would be a second name for the same id.
        Ok(id) if id >= min && id.to_string() == text => Ok(id),
        _ => Err(format!("is not an id: a whole number of at least {min}")),
    }
}

/// An upper limit of a wait-time bucket, in seconds.
pub(super) fn bucket(text: &str) -> Parsed<u32> {
    let seconds = whole(0, 86_400)(text).map_err(|reason| format!("{reason}, in seconds"))?;
    if seconds % 5 != 0 {
        return Err("is not a multiple of 5".to_owned());
    }
    Ok(seconds)
}

/// An account id: it becomes part of a URL.
pub(super) fn account_id(text: &str) -> Parsed<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err("is not an account id: 1 to 64 letters, digits, _ or -".to_owned())
}

/// A text that says something.
pub(super) fn text(text: &str) -> Parsed<String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// An IANA time zone. The bundled database answers, so that the same configuration is valid on a
/// machine without one.
pub(super) fn time_zone(text: &str) -> Parsed<TimeZone> {
    match TimeZoneDatabase::bundled().get(text) {
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err("is not an IANA time zone such as UTC or Europe/Berlin".to_owned()),
    }
}

/// The address of a LivePerson service. Credentials are sent there, hence only TLS, or this
/// machine.
pub(super) fn base_url(text: &str) -> Parsed<Url> {
    let lower = text.to_ascii_lowercase();
    let written = lower.starts_with("https://") || lower.starts_with("http://");
    let url = Url::parse(text).ok().filter(|url| {
        written && url.has_host() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    });
    let Some(url) = url else {
        return Err("is not a web address such as https://va.data.liveperson.net".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; those belong under auth".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment; scheme, host and path are enough".to_owned());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("is plain http to a host that is not loopback: it would send credentials in clear; use https".to_owned());
    }
    Ok(url)
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

/// A domain, which stands for itself and all below it.
pub(super) fn domain(text: &str) -> Parsed<String> {
    let lower = text.to_ascii_lowercase();
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(letters);
    if lower.len() > 253 || !lower.split('.').all(fits) {
        return Err(
            "is not a domain such as example.com (its subdomains are included; no scheme, port or *)"
                .to_owned(),
        );
    }
    if !lower.contains('.') && lower != "localhost" {
        return Err("is a whole top-level domain; name the one that is meant below it".to_owned());
    }
    Ok(lower)
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_64_bit_and_have_one_spelling() {
        let any = id(-1);
        for text in ["-1", "0", "4", "9007199254740993", "9223372036854775807"] {
            assert_eq!(any(text).unwrap().to_string(), text);
        }
        for text in [
            "-2",
            "04",
            "+4",
            "4.0",
            "",
            " 4",
            "9223372036854775808",
            "1e3",
        ] {
            assert!(any(text).is_err(), "{text}");
        }
        assert!(id(0)("-1").is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let good = [
            "https://va.data.liveperson.net",
            "HTTPS://proxy.example:8443/lp",
            "http://127.0.0.1:8080",
            "http://127.8.9.1",
            "http://[::1]:80",
            "http://localhost:9/",
        ];
        for text in good {
            assert!(base_url(text).is_ok(), "{text}");
        }
        let clear = [
            "http://example.com",
            "http://10.0.0.1",
            "http://localhost.evil.com",
            "http://evil.localhost",
            "http://[::ffff:127.0.0.1]",
        ];
        for text in clear {
            assert!(base_url(text).unwrap_err().contains("in clear"), "{text}");
        }
    }

    #[test]
    fn domains_are_names_and_nothing_else() {
        for (text, want) in [
            ("example.com", "example.com"),
            ("LP.Example.com", "lp.example.com"),
            ("localhost", "localhost"),
            ("10.1.2.3", "10.1.2.3"),
        ] {
            assert_eq!(domain(text).as_deref(), Ok(want));
        }
        for text in [
            "",
            ".",
            "*",
            "*.example.com",
            ".example.com",
            "example.com.",
            "https://a.b",
        ]
        .into_iter()
        .chain(["a.b:443", "a.b/c", "a b.c", "ä.example", "com"])
        {
            assert!(domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_whole_and_hold_nothing_else() {
        for text in [
            "va.data.liveperson.net",
            "https:host",
            "ftp://h",
            "https://",
            "",
            "https://h /",
            "\thttps://h",
        ] {
            assert!(
                base_url(text)
                    .unwrap_err()
                    .starts_with("is not a web address"),
                "{text}"
            );
        }
        assert!(
            base_url("https://u:p@h")
                .unwrap_err()
                .contains("under auth")
        );
        assert!(base_url("https://h?a=b").unwrap_err().contains("query"));
        assert!(base_url("https://h#a").unwrap_err().contains("fragment"));
    }

    #[test]
    fn time_zones_are_found_without_a_database_on_the_machine() {
        assert_eq!(time_zone("UTC"), Ok(TimeZone::UTC));
        assert!(time_zone("America/New_York").is_ok());
        for text in [
            "",
            "Mars/Olympus",
            "../../etc/passwd",
            "Etc/Unknown",
            "CET-1CEST",
        ] {
            assert!(time_zone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_sizes_and_durations_keep_their_limits() {
        assert_eq!(whole(1, 64)("64"), Ok(64));
        for text in ["0", "65", "-1", "+1", "1.0", "", "99999999999999999999"] {
            assert!(whole(1, 64)(text).is_err(), "{text}");
        }
        assert_eq!(size(1024, 4096)("4KiB"), Ok(4096));
        assert_eq!(
            size(1024, 4096)("5KiB").unwrap_err(),
            "is not between 1KiB and 4KiB"
        );
        let second = Duration::from_secs(1);
        assert_eq!(duration(second, second)("1s"), Ok(second));
        assert_eq!(
            duration(second, second)("2s").unwrap_err(),
            "is not between 1s and 1s"
        );
        assert!(
            duration(second, second)("30")
                .unwrap_err()
                .starts_with("has no unit")
        );
    }
}
