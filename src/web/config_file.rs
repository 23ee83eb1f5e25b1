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
mod tests {
    use super::*;

    const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

    fn errors_of(text: &str) -> Vec<String> {
        let mut errors = Vec::new();
        parse(text, Path::new("/etc/x/web.yml"), &mut errors);
        errors
    }

    #[test]
    fn every_key_of_the_toolkit_is_read() {
        let text = format!(
            "tls_server_config:\n  cert_file: a.crt\n  key: PEM\n  client_ca_file: /ca.crt\n  \
             client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS12\n  \
             cipher_suites: [A, B]\n  curve_preferences: [X25519]\n  \
             prefer_server_cipher_suites: false\nhttp_server_config:\n  http2: false\n  headers:\n    \
             X-XSS-Protection: 0\n    X-Frame-Options: deny\n    Content-Security-Policy: ''\n\
             basic_auth_users:\n  Alice.B: {HASH}\n  7: {HASH}\n\
             rate_limit: {{interval: 1m30s, burst: 20}}\n"
        );
        let mut errors = Vec::new();
        let file = parse(&text, Path::new("/etc/x/web.yml"), &mut errors);
        assert_eq!(errors, Vec::<String>::new());
        let tls = file.tls.unwrap();
        assert!(matches!(tls.cert, Some(Pem::File(path)) if path == Path::new("/etc/x/a.crt")));
        assert!(matches!(tls.key, Some(Pem::Inline(_))));
        assert!(matches!(tls.client_ca, Some(Pem::File(path)) if path == Path::new("/ca.crt")));
        assert_eq!(tls.cipher_suites, ["A", "B"]);
        assert_eq!(tls.prefer_server_cipher_suites, Some(false));
        let names: Vec<&str> = file.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-frame-options", "x-xss-protection"]);
        let users: Vec<&String> = file.users.keys().collect();
        assert_eq!(users, ["7", "Alice.B"], "the case of names is kept");
        let rate = file.rate.unwrap();
        assert_eq!(rate.interval, Duration::from_secs(90));
        assert_eq!(rate.burst, 20);
    }

    #[test]
    fn a_file_without_content_is_valid() {
        for text in [
            "",
            "# empty\n",
            "tls_server_config:\nbasic_auth_users: {}\n",
        ] {
            let mut errors = Vec::new();
            let file = parse(text, Path::new(""), &mut errors);
            assert_eq!(errors, Vec::<String>::new(), "{text:?}");
            assert!(file.tls.is_none() && file.users.is_empty() && file.rate.is_none());
        }
    }

    #[test]
    fn all_errors_are_reported_without_secrets() {
        let found = errors_of(
            "tls_server_config: {cert: x, cert_file: y, key_file: [hush], cipher_suites: [[1]], \
             unknown: hush, \"hu:sh\": 1, prefer_server_cipher_suites: 3}\n\
             http_server_config: {http2: {}, headers: {X-Frame-Options: allow, Server: x, \
             Content-Security-Policy: \"a\\nb\"}}\n\
             basic_auth_users: {bob: hush, eve: [1]}\n\
             rate_limit: {interval: -1s, burst: -1}\nmore: hush\n",
        );
        assert_eq!(
            found,
            [
                "more: unknown key",
                "tls_server_config.cert: cannot be combined with cert_file; keep one",
                "tls_server_config.key_file: expected a single value, found a list",
                "tls_server_config.cipher_suites[0]: expected a single value, found a list",
                "tls_server_config.prefer_server_cipher_suites: expected true or false, found 3",
                "tls_server_config.[hidden]: unknown key",
                "tls_server_config.unknown: unknown key",
                "http_server_config.http2: expected true or false, found a mapping",
                "http_server_config.headers.X-Frame-Options: expected deny or sameorigin, found allow",
                "http_server_config.headers.Content-Security-Policy: not a valid value for a header",
                "http_server_config.headers.Server: unknown key",
                "basic_auth_users.bob: expected a bcrypt hash; create one with: \
                 htpasswd -nBC 10 \"\"",
                "basic_auth_users.eve: expected a bcrypt hash, found a list",
                "rate_limit.interval: expected a duration such as 1s or 100ms, found -1s",
                "rate_limit.burst: expected a whole number of at least 0, found -1",
            ]
        );
    }

    #[test]
    fn a_file_without_a_mapping_is_one_error() {
        let deep = format!("# c\r{}", "- ".repeat(8000));
        for (text, start) in [
            ("a: [", "/etc/x/web.yml: line 2, column 1: not valid YAML"),
            ("just words", "/etc/x/web.yml: expected a mapping with keys"),
            ("- a", "/etc/x/web.yml: expected a mapping with keys"),
            (
                "a: 1\n---\nb: 2\n",
                "/etc/x/web.yml: line 2, column 1: expected a single",
            ),
            (
                "basic_auth_users: {}\n\0",
                "/etc/x/web.yml: holds a NUL character",
            ),
            (deep.as_str(), "/etc/x/web.yml: line 2, column "),
        ] {
            let found = errors_of(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(start), "{found:?}");
        }
    }

    /// Private keys and passwords, in a file named by mistake or in place of a file name.
    #[test]
    fn no_secret_in_place_of_the_file_is_repeated() {
        let key = "-----BEGIN PRIVATE KEY-----\nhushHUSH+/==\n-----END PRIVATE KEY-----\n";
        let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,hush\n\nhush\n";
        let line = "hushAgEAMBMGByqGSM49AgEG/CqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2";
        let keys = ["key_file", "cert_file", "client_ca_file"];
        let pasted = keys.map(|name| {
            let policy = "client_auth_type: RequireAndVerifyClientCert";
            let indented = key.replace('\n', "\n    ");
            [
                format!("tls_server_config:\n  {policy}\n  {name}: |\n    {indented}"),
                format!("tls_server_config:\n  {policy}\n  {name}: >\n    {indented}"),
                format!("tls_server_config: {{{policy}, {name}: {line}}}"),
                format!("tls_server_config:\n  {policy}\n  {name}:\n    {line}\n    {line}"),
                format!("tls_server_config: {{{policy}, {name}: /{line}}}"),
            ]
        });
        let pasted = pasted.as_flattened().iter().map(String::as_str);
        let mut wrong = Vec::new();
        for text in [
            key,
            encrypted,
            "hush",
            "- hush",
            "[hush, hush",
            "\"hush",
            "basic_auth_users: hush",
            "basic_auth_users: {alice:$2y$10$hush}",
            "basic_auth_users:\n  alice: hush\n  alice: hush",
            "basic_auth_users: {\"alice:hush\": }",
            "tls_server_config: {key: hush, cert: hush}",
            "tls_server_config: {key:hush$, \"key hush\": hush}",
            "tls_server_config: {client_auth_type: \"hush-----BEGIN X\", min_version: 'hush '}",
            "tls_server_config: {cipher_suites: ['hush '], curve_preferences: ['hush ']}",
            "rate_limit: {interval: '-hush ', burst: 'hush '}",
            "http_server_config: {headers: {X-Frame-Options: 'hush '}}",
        ]
        .into_iter()
        .chain(pasted)
        {
            let mut errors = Vec::new();
            let file = parse(text, Path::new(""), &mut errors);
            if let Some(fields) = &file.tls {
                crate::web::tls::build(fields, &mut errors);
            }
            let errors = errors.concat();
            if errors.is_empty() || errors.to_lowercase().contains("hush") {
                wrong.push((text, errors));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn scalars_anchors_and_a_byte_order_mark_are_read() {
        let text = format!(
            "\u{feff}basic_auth_users:\n  007: &h {HASH}\n  True: *h\n  ~: *h\n\
             http_server_config:  # as &b\n  headers:\n    Content-Security-Policy: \
             \"default-src * & https://x/?a&b\"\n"
        );
        let mut errors = Vec::new();
        let file = parse(&text, Path::new(""), &mut errors);
        assert_eq!(errors, Vec::<String>::new());
        let users: Vec<&String> = file.users.keys().collect();
        assert_eq!(users, ["007", "True", "~"]);
        assert_eq!(file.headers[0].1, "default-src * & https://x/?a&b");
    }

    #[test]
    fn a_rate_limit_is_read_as_the_toolkit_does() {
        let none_allowed = RateLimitSettings {
            interval: Duration::from_secs(1),
            burst: 0,
        };
        for (text, rate) in [
            ("{interval: 1s}", Some(none_allowed)),
            ("{interval: 1s, burst: 0}", Some(none_allowed)),
            ("{interval: 0, burst: 3}", None),
            ("{burst: 0}", None),
        ] {
            let mut errors = Vec::new();
            let file = parse(&format!("rate_limit: {text}"), Path::new(""), &mut errors);
            assert_eq!(errors, Vec::<String>::new());
            assert_eq!(file.rate, rate, "{text}");
        }
    }
}
