//! The file of `--web.config.file`, in the format of the Prometheus exporter-toolkit.
//!
//! Reading it collects every mistake with its place in the file, and no mistake repeats a secret.
//! `docs/web-configuration.md` lists what differs from the toolkit. `section` takes the YAML apart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use config::ValueKind;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;

use super::basic_auth;
use super::config_section::{Section, shown};
use super::pem::Pem;
use crate::yaml;

/// Headers that may be configured, with the values allowed for them (any, when none is listed).
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

const SECTIONS: &str = "tls_server_config and basic_auth_users";

/// The file, field by field.
#[derive(Default)]
pub(super) struct WebFile {
    /// Whether there is nothing in it but white space and comments.
    pub(super) empty: bool,
    /// Whether there is `basic_auth_users:` with nothing below it, as when writing broke off.
    pub(super) users_missing: bool,
    /// `tls_server_config`, when anything is set in it.
    pub(super) tls: Option<TlsFields>,
    /// `http_server_config.headers`.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// `basic_auth_users`: bcrypt hashes by user.
    pub(super) users: BTreeMap<String, SecretString>,
    /// `rate_limit`: interval and burst, unless the interval is zero.
    pub(super) rate: Option<(Duration, u32)>,
}

/// `tls_server_config` as it stands in the file; `tls` gives it its meaning.
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

/// Reads the text of the web configuration file at `path`; relative paths in it start at its
/// folder.
pub(super) fn parse(text: &str, path: &Path, mistakes: &mut Vec<String>) -> WebFile {
    let folder = path.parent().unwrap_or(Path::new(""));
    let whole = |reason: &str| format!("{}: {reason}", path.display());
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(reason) => {
            mistakes.push(whole(&reason));
            return WebFile::default();
        }
    };
    mistakes.extend(document.duplicates.iter().map(|repeated| {
        let (first, second) = repeated.lines;
        whole(&format!(
            "a key is given twice, in lines {first} and {second}; keep one"
        ))
    }));
    let table = match document.root.kind {
        ValueKind::Table(table) if !table.is_empty() => table,
        // The toolkit takes a file without content for one that asks for nothing.
        ValueKind::Nil | ValueKind::Table(_) => {
            return WebFile {
                empty: true,
                ..WebFile::default()
            };
        }
        _ => {
            mistakes.push(whole(&format!(
                "is no web configuration; a mapping with keys such as {SECTIONS} is wanted"
            )));
            return WebFile::default();
        }
    };
    let mut root = Section::new(String::new(), table);
    let users_missing = root.is_null("basic_auth_users");
    let tls = root.section("tls_server_config", mistakes);
    let http = root.section("http_server_config", mistakes);
    let users = root.section("basic_auth_users", mistakes);
    let rate = root.section("rate_limit", mistakes);
    root.refuse_rest(mistakes);
    WebFile {
        empty: false,
        users_missing,
        tls: tls
            .filter(|section| !section.is_empty())
            .map(|section| tls_fields(section, folder, mistakes)),
        headers: http.map_or_else(Vec::new, |section| http_fields(section, mistakes)),
        users: users.map_or_else(BTreeMap::new, |section| user_hashes(section, mistakes)),
        rate: rate.and_then(|section| rate_fields(section, mistakes)),
    }
}

fn tls_fields(mut section: Section, folder: &Path, mistakes: &mut Vec<String>) -> TlsFields {
    let fields = TlsFields {
        cert: section.pem("cert", folder, mistakes),
        key: section.pem("key", folder, mistakes),
        client_ca: section.pem("client_ca", folder, mistakes),
        client_auth_type: section.string("client_auth_type", mistakes),
        client_allowed_sans: section.strings("client_allowed_sans", mistakes),
        min_version: section.string("min_version", mistakes),
        max_version: section.string("max_version", mistakes),
        cipher_suites: section
            .strings("cipher_suites", mistakes)
            .unwrap_or_default(),
        curve_preferences: section
            .strings("curve_preferences", mistakes)
            .unwrap_or_default(),
        prefer_server_cipher_suites: section.boolean("prefer_server_cipher_suites", mistakes),
    };
    section.refuse_rest(mistakes);
    fields
}

fn http_fields(mut section: Section, mistakes: &mut Vec<String>) -> Vec<(HeaderName, HeaderValue)> {
    let _http2 = section.boolean("http2", mistakes);
    let headers = section.section("headers", mistakes);
    section.refuse_rest(mistakes);
    let Some(mut headers) = headers else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, allowed) in HEADERS {
        let Some(text) = headers.string(name, mistakes) else {
            continue;
        };
        if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
            let allowed = allowed.join(" or ");
            mistakes.push(format!(
                "{}: {} is not allowed; allowed is {allowed}",
                headers.path(name),
                shown(&text)
            ));
        }
        match (HeaderName::try_from(name), HeaderValue::try_from(&text)) {
            (Ok(name), Ok(value)) => found.push((name, value)),
            _ => mistakes.push(format!(
                "{}: this value cannot stand in a header",
                headers.path(name)
            )),
        }
    }
    headers.refuse_rest(mistakes);
    found
}

fn user_hashes(section: Section, mistakes: &mut Vec<String>) -> BTreeMap<String, SecretString> {
    let mut users = BTreeMap::new();
    for (name, value) in section.sorted() {
        let place = format!("basic_auth_users.{}", shown(&name));
        let ValueKind::String(hash) = value.kind else {
            mistakes.push(format!("{place}: a bcrypt hash is wanted"));
            continue;
        };
        if name.contains(':') {
            mistakes.push(format!("{place}: a user's name cannot contain a colon"));
        }
        match basic_auth::hash_cost(&hash) {
            Ok(_) => {
                users.insert(name, hash.into());
            }
            Err(why) => mistakes.push(format!("{place}: {why}")),
        }
    }
    users
}

fn rate_fields(mut section: Section, mistakes: &mut Vec<String>) -> Option<(Duration, u32)> {
    let interval = section.string("interval", mistakes);
    let burst = section.string("burst", mistakes);
    let place = |key| format!("rate_limit.{key}");
    let interval = interval.and_then(|text| {
        let length = match text.as_str() {
            "0" => Some(Duration::ZERO),
            text => text
                .parse::<jiff::SignedDuration>()
                .ok()
                .and_then(|length| Duration::try_from(length).ok()),
        };
        if length.is_none() {
            mistakes.push(format!(
                "{}: {} is not a time such as 1s or 100ms",
                place("interval"),
                shown(&text)
            ));
        }
        length
    });
    let burst = burst.map(|text| match text.parse::<u32>() {
        // As in the toolkit, 0 lets nothing through.
        Ok(burst) => burst,
        _ => {
            mistakes.push(format!(
                "{}: {} is not a whole number from 0 on",
                place("burst"),
                shown(&text)
            ));
            0
        }
    });
    section.refuse_rest(mistakes);
    let interval = interval.filter(|interval| !interval.is_zero())?;
    Some((interval, burst.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

    fn mistakes_of(text: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        parse(text, Path::new("/etc/x/web.yml"), &mut mistakes);
        mistakes
    }

    #[test]
    fn everything_the_toolkit_knows() {
        let text = format!(
            "tls_server_config:\n  cert_file: a.crt\n  key: PEM\n  client_ca_file: /ca.crt\n  \
             client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS12\n  \
             cipher_suites: [A, B]\n  curve_preferences: [X25519]\n  \
             prefer_server_cipher_suites: false\nhttp_server_config:\n  http2: false\n  headers:\n    \
             X-XSS-Protection: 0\n    X-Frame-Options: deny\n    Content-Security-Policy: ''\n\
             basic_auth_users:\n  Alice.B: {HASH}\n  7: {HASH}\n\
             rate_limit: {{interval: 1m30s, burst: 20}}\n"
        );
        let mut mistakes = Vec::new();
        let file = parse(&text, Path::new("/etc/x/web.yml"), &mut mistakes);
        assert_eq!(mistakes, Vec::<String>::new());
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
        assert_eq!(file.rate, Some((Duration::from_secs(90), 20)));
    }

    #[test]
    fn nothing_is_allowed_too() {
        for text in [
            "",
            "# empty\n",
            "tls_server_config:\nbasic_auth_users: {}\n",
        ] {
            let mut mistakes = Vec::new();
            let file = parse(text, Path::new(""), &mut mistakes);
            assert_eq!(mistakes, Vec::<String>::new(), "{text:?}");
            assert!(file.tls.is_none() && file.users.is_empty() && file.rate.is_none());
        }
    }

    #[test]
    fn every_mistake_at_once_and_no_secret() {
        let found = mistakes_of(
            "tls_server_config: {cert: x, cert_file: y, key_file: [hush], cipher_suites: [[1]], \
             odd: hush, \"hu:sh\": 1, prefer_server_cipher_suites: 3}\n\
             http_server_config: {http2: maybe, headers: {X-Frame-Options: allow, Server: x, \
             Content-Security-Policy: \"a\\nb\"}}\n\
             basic_auth_users: {bob: hush, eve: [1]}\n\
             rate_limit: {interval: -1s, burst: -1}\nmore: hush\n",
        );
        assert_eq!(
            found,
            [
                "more: this file has no such key",
                "tls_server_config.cert: cert_file is given too; only one of them is allowed",
                "tls_server_config.key_file: a string is wanted",
                "tls_server_config.cipher_suites[0]: a string is wanted",
                "tls_server_config.prefer_server_cipher_suites: true or false is wanted",
                "tls_server_config.[hidden]: tls_server_config has no such key",
                "tls_server_config.odd: tls_server_config has no such key",
                "http_server_config.http2: true or false is wanted",
                "http_server_config.headers.X-Frame-Options: allow is not allowed; allowed is \
                 deny or sameorigin",
                "http_server_config.headers.Content-Security-Policy: this value cannot stand in a \
                 header",
                "http_server_config.headers.Server: http_server_config.headers has no such key",
                "basic_auth_users.bob: expected a bcrypt hash; create one with: htpasswd -nBC 10 \"\"",
                "basic_auth_users.eve: a bcrypt hash is wanted",
                "rate_limit.interval: -1s is not a time such as 1s or 100ms",
                "rate_limit.burst: -1 is not a whole number from 0 on",
            ]
        );
    }

    #[test]
    fn what_is_no_web_configuration_is_refused_whole() {
        let deep = format!("# c\r{}", "- ".repeat(8000));
        for (text, wanted) in [
            ("a: [", "/etc/x/web.yml: line 2, column 1: not valid YAML"),
            ("just words", "/etc/x/web.yml: is no web configuration"),
            ("- a", "/etc/x/web.yml: is no web configuration"),
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
            let found = mistakes_of(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(wanted), "{found:?}");
        }
    }

    /// Private keys and passwords, named or written where the file should be.
    #[test]
    fn no_secret_in_the_place_of_the_file_is_repeated() {
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
        let mut told = Vec::new();
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
            let mut mistakes = Vec::new();
            let file = parse(text, Path::new(""), &mut mistakes);
            if let Some(fields) = &file.tls {
                crate::web::tls::build(fields, &mut mistakes);
            }
            let mistakes = mistakes.concat();
            if mistakes.is_empty() || mistakes.to_lowercase().contains("hush") {
                told.push((text, mistakes));
            }
        }
        assert!(told.is_empty(), "{told:#?}");
    }

    #[test]
    fn scalars_stay_as_written_and_anchors_and_a_byte_order_mark_are_fine() {
        let text = format!(
            "\u{feff}basic_auth_users:\n  007: &h {HASH}\n  True: *h\n  ~: *h\n\
             http_server_config:  # as &b\n  headers:\n    Content-Security-Policy: \
             \"default-src * & https://x/?a&b\"\n"
        );
        let mut mistakes = Vec::new();
        let file = parse(&text, Path::new(""), &mut mistakes);
        assert_eq!(mistakes, Vec::<String>::new());
        let users: Vec<&String> = file.users.keys().collect();
        assert_eq!(users, ["007", "True", "~"]);
        assert_eq!(file.headers[0].1, "default-src * & https://x/?a&b");
    }

    #[test]
    fn a_rate_limit_is_read_as_the_toolkit_does() {
        for (text, rate) in [
            ("{interval: 1s}", Some((Duration::from_secs(1), 0))),
            (
                "{interval: 1s, burst: 0}",
                Some((Duration::from_secs(1), 0)),
            ),
            ("{interval: 0, burst: 3}", None),
            ("{burst: 0}", None),
        ] {
            let mut mistakes = Vec::new();
            let file = parse(&format!("rate_limit: {text}"), Path::new(""), &mut mistakes);
            assert_eq!(mistakes, Vec::<String>::new());
            assert_eq!(file.rate, rate, "{text}");
        }
    }
}
