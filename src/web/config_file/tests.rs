//! Valid and invalid web configuration files, without the files they name.

use super::*;
use crate::cases::check_each;

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
    let cases = [
        "",
        "# empty\n",
        "tls_server_config:\nbasic_auth_users: {}\n",
    ];
    check_each(cases, |text| {
        let mut errors = Vec::new();
        let file = parse(text, Path::new(""), &mut errors);
        assert_eq!(errors, Vec::<String>::new(), "{text:?}");
        assert!(file.tls.is_none() && file.users.is_empty() && file.rate.is_none());
    });
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
    check_each(
        [
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
        ],
        |(text, start)| {
            let found = errors_of(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(start), "{found:?}");
        },
    );
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
    let cases = [
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
    ];
    check_each(cases.into_iter().chain(pasted), |text| {
        let mut errors = Vec::new();
        let file = parse(text, Path::new(""), &mut errors);
        if let Some(fields) = &file.tls {
            crate::web::tls::build(fields, &mut errors);
        }
        let errors = errors.concat();
        let has_secret = errors.to_lowercase().contains("hush");
        assert!(!errors.is_empty() && !has_secret, "{errors}");
    });
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
    let cases = [
        ("{interval: 1s}", Some(none_allowed)),
        ("{interval: 1s, burst: 0}", Some(none_allowed)),
        ("{interval: 0, burst: 3}", None),
        ("{burst: 0}", None),
    ];
    check_each(cases, |(text, rate)| {
        let mut errors = Vec::new();
        let file = parse(&format!("rate_limit: {text}"), Path::new(""), &mut errors);
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(file.rate, rate, "{text}");
    });
}
