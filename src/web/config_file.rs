//! The file of `--web.config.file`, in the format of the Prometheus exporter-toolkit.
//!
//! All errors are collected, each with its place in the file, and none repeats a secret.
//! `docs/web-configuration.md` lists the differences from the toolkit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::basic_auth;
use super::config_section::{Section, expected, redacted_preview};
use super::pem::Pem;
use super::rate_limit::RateLimitSettings;
use crate::yaml;

/// Headers that may be configured, with the values allowed for them (any, if none is listed).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// The file, field by field.
#[derive(Default)]
pub(super) struct ConfigFile {
    /// Whether it contains nothing but white space and comments.
    pub(super) empty: bool,
    /// Whether `basic_auth_users:` has nothing below it, as in a half-written file.
    pub(super) users_null: bool,
    /// `tls_server_config`, if it has any keys.
    pub(super) tls: Option<TlsFields>,
    /// `http_server_config.headers`.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// `basic_auth_users`: bcrypt hashes by user.
    pub(super) users: BTreeMap<String, SecretString>,
    /// `rate_limit`, unless its interval is zero.
    pub(super) rate: Option<RateLimitSettings>,
}

/// `tls_server_config` as it is in the file; `tls` interprets it.
#[derive(Default)]
pub(super) struct TlsFields {
    pub(super) cert: Option<Pem>,
    pub(super) key: Option<Pem>,
    pub(super) client_ca: Option<Pem>,
    pub(super) client_auth_type: Option<String>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Vec<String>,
    pub(super) curve_preferences: Vec<String>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

/// Parses the text of the web configuration file at `path`; relative paths in it are relative to
/// its folder.
pub(super) fn parse(text: &str, path: &Path, errors: &mut Vec<String>) -> ConfigFile {
    let Some(root) = root(text, path, errors) else {
        return ConfigFile::default();
    };
    if root.is_empty() {
        return ConfigFile {
            empty: true,
            ..ConfigFile::default()
        };
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut root = Section::new(String::new(), root);
    let users_null = root.is_null("basic_auth_users");
    let tls = root.section("tls_server_config", errors);
    let http = root.section("http_server_config", errors);
    let users = root.section("basic_auth_users", errors);
    let rate = root.section("rate_limit", errors);
    root.reject_unknown_keys(errors);
    ConfigFile {
        empty: false,
        users_null,
        tls: tls
            .filter(|section| !section.is_empty())
            .map(|section| tls_fields(section, folder, errors)),
        headers: http.map_or_else(Vec::new, |section| http_headers(section, errors)),
        users: users.map_or_else(BTreeMap::new, |section| user_hashes(section, errors)),
        rate: rate.and_then(|section| rate_limit(section, errors)),
    }
}

/// The mapping at the top of the file, which the toolkit allows to be absent.
fn root(text: &str, path: &Path, errors: &mut Vec<String>) -> Option<Map<String, Value>> {
    let path = path.display().to_string();
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(error) => {
            errors.push(format!("{path}: {error}"));
            return None;
        }
    };
    for duplicate in &document.duplicates {
        let (first, second) = duplicate.lines;
        errors.push(format!(
            "{path}: duplicate key, in lines {first} and {second}; keep one"
        ));
    }
    match document.root.kind {
        ValueKind::Table(entries) => Some(entries),
        ValueKind::Nil => Some(Map::new()),
        other => {
            let mapping = "a mapping with keys such as tls_server_config and basic_auth_users";
            errors.push(expected(mapping, &path, &other));
            None
        }
    }
}

fn tls_fields(mut section: Section, folder: &Path, errors: &mut Vec<String>) -> TlsFields {
    let fields = TlsFields {
        cert: section.pem("cert", folder, errors),
        key: section.pem("key", folder, errors),
        client_ca: section.pem("client_ca", folder, errors),
        client_auth_type: section.string("client_auth_type", errors),
        client_allowed_sans: section.strings("client_allowed_sans", errors),
        min_version: section.string("min_version", errors),
        max_version: section.string("max_version", errors),
        cipher_suites: section.strings("cipher_suites", errors).unwrap_or_default(),
        curve_preferences: section
            .strings("curve_preferences", errors)
            .unwrap_or_default(),
        prefer_server_cipher_suites: section.boolean("prefer_server_cipher_suites", errors),
    };
    section.reject_unknown_keys(errors);
    fields
}

fn http_headers(mut section: Section, errors: &mut Vec<String>) -> Vec<(HeaderName, HeaderValue)> {
    // Accepted for the toolkit's sake; this server speaks HTTP/1.1 only.
    let _http2 = section.boolean("http2", errors);
    let headers = section.section("headers", errors);
    section.reject_unknown_keys(errors);
    let Some(mut section) = headers else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, allowed) in HEADERS {
        let Some(text) = section.string(name, errors) else {
            continue;
        };
        let path = section.path(name);
        if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
            let (allowed, found) = (allowed.join(" or "), redacted_preview(&text));
            errors.push(format!("{path}: expected {allowed}, found {found}"));
        }
        match (HeaderName::try_from(name), HeaderValue::try_from(&text)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => errors.push(format!("{path}: not a valid value for a header")),
        }
    }
    section.reject_unknown_keys(errors);
    headers
}

fn user_hashes(section: Section, errors: &mut Vec<String>) -> BTreeMap<String, SecretString> {
    let mut users = BTreeMap::new();
    for (name, value) in section.sorted() {
        let path = format!("basic_auth_users.{}", redacted_preview(&name));
        let hash = match value.kind {
            ValueKind::String(hash) => hash,
            other => {
                errors.push(expected("a bcrypt hash", &path, &other));
                continue;
            }
        };
        if name.contains(':') {
            errors.push(format!("{path}: the name of a user cannot contain a colon"));
        }
        match basic_auth::hash_cost(&hash) {
            Ok(_) => {
                users.insert(name, hash.into());
            }
            Err(error) => errors.push(format!("{path}: {error}")),
        }
    }
    users
}

fn rate_limit(mut section: Section, errors: &mut Vec<String>) -> Option<RateLimitSettings> {
    let interval = section.string("interval", errors);
    let interval = interval.map(|text| {
        parse_interval(&text).unwrap_or_else(|| {
            let (path, found) = (section.path("interval"), redacted_preview(&text));
            errors.push(format!(
                "{path}: expected a duration such as 1s or 100ms, found {found}"
            ));
            Duration::ZERO
        })
    });
    let burst = section.string("burst", errors);
    let burst = burst.map(|text| {
        text.parse().unwrap_or_else(|_| {
            let (path, found) = (section.path("burst"), redacted_preview(&text));
            errors.push(format!(
                "{path}: expected a whole number of at least 0, found {found}"
            ));
            0
        })
    });
    section.reject_unknown_keys(errors);
    Some(RateLimitSettings {
        interval: interval.filter(|interval| !interval.is_zero())?,
        // As in the toolkit, 0 lets no request through.
        burst: burst.unwrap_or(0),
    })
}

/// A duration as Go writes it, with fractions (`1.5s`) and microseconds, which the durations of the
/// configuration do not have.
fn parse_interval(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
