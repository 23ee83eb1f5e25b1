//! How messages repeat what a user wrote: short, on one line, and never a credential. Messages
//! appear on terminals and in logs.

use std::path::Path;

/// Characters of a value that a message repeats.
pub(super) const PREVIEW_CHARS: usize = 60;
/// Characters of a file path that a message repeats; a path cut short would be useless.
const PATH_PREVIEW_CHARS: usize = 240;

/// A value, without what could be a password in a web address.
pub(super) fn redacted_preview(text: &str) -> String {
    // From its end on: a query or fragment may contain an @, and what follows that is not a host.
    let (text, query) = match text.find(['?', '#']).map(|at| text.split_at(at)) {
        Some((before, after)) if after.starts_with('?') => (before, "?[hidden]"),
        Some((before, _)) => (before, "#[hidden]"),
        None => (text, ""),
    };
    let (text, user_info) = match text.rsplit_once('@') {
        Some((_, after)) => (after, "[hidden]@"),
        None => (text, ""),
    };
    let cut = shorten(text, PREVIEW_CHARS);
    let plain = |c: char| c.is_alphanumeric() || "._-/:+%~[]…".contains(c);
    let preview = format!("{user_info}{cut}{query}");
    if !cut.is_empty() && cut.chars().all(plain) {
        preview
    } else {
        format!("{preview:?}")
    }
}

/// A file path. The key of a certificate that was pasted in its place is hidden.
pub(super) fn path_preview(path: &Path) -> String {
    let text = path.to_string_lossy();
    if may_be_a_key(&text) {
        return "[hidden: looks like a key or certificate, not like a path]".to_owned();
    }
    shorten(&text, PATH_PREVIEW_CHARS)
        .escape_debug()
        .to_string()
}

/// `parent.key`, with the key as a preview: it may be mistyped.
pub(super) fn join_path(parent: &str, key: &str) -> String {
    let key = redacted_preview(key);
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

/// Whether a string may contain PEM or a line of it: base64 mixes capitals, small letters and
/// digits in long runs, which names of files and folders hardly do.
fn may_be_a_key(text: &str) -> bool {
    const KEY_CHARS: usize = 20;
    // A slash is base64, too, and line ends can have become spaces.
    let parts = text.split(|c: char| c == '/' || c.is_whitespace());
    let base64_chars: usize = parts
        .filter(|part| looks_like_base64(part))
        .map(str::len)
        .sum();
    text.contains("-----") || text.contains(char::is_control) || base64_chars >= KEY_CHARS
}

fn looks_like_base64(part: &str) -> bool {
    const SHORTEST_RUN: usize = 8;
    let has = |kind: fn(&char) -> bool| part.chars().any(|c| kind(&c));
    part.len() >= SHORTEST_RUN
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+=".contains(c))
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
}

fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn values_are_short_on_one_line_and_without_credentials() {
        let cases = [
            ("47", "47"),
            ("", "\"\""),
            ("a\nb", "\"a\\nb\""),
            ("https://u:pw@host/", "[hidden]@host/"),
            ("https://host/?key=pw", "https://host/?[hidden]"),
            ("https://host/#pw", "https://host/#[hidden]"),
            ("https://host/#a@pw", "https://host/#[hidden]"),
            ("https://host/?a=b@pw#pw", "https://host/?[hidden]"),
            ("https://u:pw@host/#pw?pw", "[hidden]@host/#[hidden]"),
        ];
        check_each(cases, |(text, want)| {
            assert_eq!(redacted_preview(text), want);
        });
        let cut = format!("{}…", "x".repeat(60));
        assert_eq!(redacted_preview(&"x".repeat(100)), cut);
    }

    #[test]
    fn a_key_pasted_as_a_path_is_hidden() {
        const LINE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2";
        const SLASHES: &str = "OF/2NxApJCzGCEDdfSp6VQO30hy/hRANCAAQRWz+jn65BtOMv/dyHKcvjBeBSDZH2";
        let cases = [
            LINE,
            SLASHES,
            "1RTjmYSi9R/zpBnuQ4EiMnCqfM",
            "/VQO30hyhRANCAAQRWz+jn65BtOMvdyH==",
            "-----BEGIN PRIVATE KEY-----",
            "a\nb",
        ];
        check_each(cases, |key| {
            check_each(
                [
                    key.to_owned(),
                    format!("/etc/x/{key}"),
                    format!("y {key} y"),
                ],
                |text| {
                    let preview = path_preview(Path::new(&text));
                    assert!(preview.starts_with("[hidden"), "{preview}");
                },
            );
        });
    }

    #[test]
    fn a_path_is_not_hidden() {
        let cases = [
            "/etc/prometheus/secrets/liveperson/exporter/servercertificate",
            "/home/User1/Projects/LivePersonExporter/liveperson2/config.yml",
            "/var/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03/Token-1",
            "/nix/store/5b6a8s1kzyxvpxvq6csfxvn0000000000-Exporter1/Key.pem",
            "C:\\Program Files\\Exporter 2\\server.key",
            "MyServer2025/tls.key",
        ];
        check_each(cases, |path| {
            let preview = path_preview(Path::new(path));
            assert!(!preview.contains("hidden"), "{preview}");
        });
    }
}
