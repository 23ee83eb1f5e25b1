//! Files and variables of the user.

use std::sync::LazyLock;

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::units::{
    format_duration, format_size, parse_duration, parse_size,
};
use liveperson_exporter::config::{Environment, load_text};
use liveperson_exporter::fuzzing::web;

use super::SECRET;

/// Longest mistake, in characters: the longest paths and values are cut, and the keys that are
/// allowed are listed.
const LONGEST: usize = 2_000;

/// A beginning with the secret in it, so that whatever follows can trip over it.
static ACCOUNT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "accounts:\n- id: \"1\"\n  auth: {{oauth2: {{client_id: a, client_secret: {SECRET}}}}}\n"
    )
});

fn check(mistakes: &str) {
    assert!(!mistakes.is_empty());
    for line in mistakes.lines() {
        super::check_message(line, LONGEST);
    }
}

/// The file, and behind a NUL the variables, one `NAME=VALUE` on a line. The same input gives the
/// same configuration, and no mistake shows the secret.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.contains(SECRET) {
        // It may stand in a key that is repeated.
        return;
    }
    let (file, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    let pairs: Vec<_> = pairs
        // Secrets and certificates of this machine are none of the fuzzer's business.
        .filter(|(_, value)| !value.contains('/'))
        .collect();
    if file.contains("_file") && file.contains('/') {
        return;
    }
    let environment = Environment::from_pairs(pairs);
    let sections = Registry::standard().sections();
    for text in [file.to_owned(), format!("{}{file}", *ACCOUNT)] {
        let loaded = load_text("fuzz", &text, &environment, &sections);
        match &loaded {
            Ok(loaded) => {
                assert!(!format!("{loaded:?}").contains(SECRET));
                assert!(!loaded.config.accounts.is_empty());
            }
            Err(errors) => {
                check(&errors.to_string());
                assert!(!format!("{errors:?}").contains(SECRET));
            }
        }
        assert_eq!(loaded, load_text("fuzz", &text, &environment, &sections));
    }
}

/// What is read means the same when it is written and read again.
pub fn units(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        assert_eq!(duration.subsec_nanos() % 1_000_000, 0, "{duration:?}");
    }
    if let Some(size) = parse_size(text) {
        assert_eq!(parse_size(&format_size(size)), Some(size));
    }
}

/// No mistake shows a key or a hash, wherever the writing of one went wrong.
pub fn web_configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.contains(SECRET) {
        return;
    }
    for text in [
        text.clone().into_owned(),
        format!("tls_server_config:\n  key: {SECRET}\n{text}"),
        format!("basic_auth_users:\n  alice: {SECRET}\n{text}"),
    ] {
        if let Err(mistakes) = web::config_file(&text) {
            check(&mistakes.join("\n"));
        }
    }
}
