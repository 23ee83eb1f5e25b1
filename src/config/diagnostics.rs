//! What is wrong with a configuration, collected whole before anything is refused.
//!
//! A user who has to start the daemon once per typing error gives up; so nothing in this room
//! stops at the first mistake. Every text here is shown on a terminal and in logs, hence the care
//! with values: short, escaped, and never a credential.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;

/// Characters of a value that a message repeats.
const PREVIEW_CHARS: usize = 60;
/// Characters of a file path that a message repeats; a path cut short would be useless.
const PATH_PREVIEW_CHARS: usize = 240;
/// Mistakes that are printed; a list of a hundred thousand wrong ids helps nobody.
const PRINTED: usize = 200;

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mistake {
    /// Where: `sla.buckets[2]`, the name of an environment variable, or empty when the
    /// configuration as a whole is meant.
    pub path: String,
    /// The value met and what is allowed.
    pub message: String,
}

/// Every mistake of one configuration; prints one line per mistake, `PATH: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, or `environment`.
    pub source: String,
    /// In the order of the sections, never empty.
    pub mistakes: Vec<Mistake>,
}

impl ConfigErrors {
    /// A configuration that could not be looked at at all.
    pub(super) fn whole(source: &str, message: impl Into<String>) -> Self {
        Self {
            source: source.to_owned(),
            mistakes: vec![Mistake {
                path: String::new(),
                message: message.into(),
            }],
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().take(PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let path = match mistake.path.as_str() {
                "" => &self.source,
                path => path,
            };
            write!(f, "{path}: {}", mistake.message)?;
        }
        match self.mistakes.len().saturating_sub(PRINTED) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects mistakes and warnings while the tree is walked; shared by all readers of one walk.
#[derive(Default)]
pub(super) struct Diagnostics {
    mistakes: RefCell<Vec<Mistake>>,
    seen: RefCell<HashSet<Mistake>>,
    warnings: RefCell<Vec<String>>,
    secret_in_file: Cell<bool>,
}

impl Diagnostics {
    /// Adds a mistake once: a global value is read again for every account that inherits it.
    pub(super) fn error(&self, path: impl Into<String>, message: impl Into<String>) {
        let mistake = Mistake {
            path: path.into(),
            message: message.into(),
        };
        if self.seen.borrow_mut().insert(mistake.clone()) {
            self.mistakes.borrow_mut().push(mistake);
        }
    }

    /// Adds a warning once.
    pub(super) fn warning(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Notes that the configuration file itself holds a credential.
    pub(super) fn note_secret_in_file(&self) {
        self.secret_in_file.set(true);
    }

    /// Whether the configuration file itself holds a credential.
    pub(super) fn has_secret_in_file(&self) -> bool {
        self.secret_in_file.get()
    }

    /// The warnings, or all the mistakes when there is one.
    pub(super) fn finish(self, source: &str) -> Result<Vec<String>, ConfigErrors> {
        let mistakes = self.mistakes.into_inner();
        if mistakes.is_empty() {
            return Ok(self.warnings.into_inner());
        }
        Err(ConfigErrors {
            source: source.to_owned(),
            mistakes,
        })
    }
}

/// A value as a message repeats it: short, on one line, without what could be a password in a
/// web address.
pub(super) fn redacted_preview(text: &str) -> String {
    // From its end on: a query or fragment may hold an @, and what stands behind that is no host.
    let (text, query) = match text.find(['?', '#']).map(|at| text.split_at(at)) {
        Some((before, after)) if after.starts_with('?') => (before, "?[hidden]"),
        Some((before, _)) => (before, "#[hidden]"),
        None => (text, ""),
    };
    let (text, hidden) = match text.rsplit_once('@') {
        Some((_, after)) => (after, "[hidden]@"),
        None => (text, ""),
    };
    let cut = shorten(text, PREVIEW_CHARS);
    let plain = |c: char| c.is_alphanumeric() || "._-/:+%~[]…".contains(c);
    if !cut.is_empty() && cut.chars().all(plain) {
        format!("{hidden}{cut}{query}")
    } else {
        format!("{:?}", format!("{hidden}{cut}{query}"))
    }
}

/// A file path as a message repeats it. A key of a certificate that was pasted in its place is not.
pub(super) fn path_preview(path: &Path) -> String {
    let text = path.to_string_lossy();
    if may_be_a_key(&text) {
        return "[hidden: looks like a key or certificate, not like a path]".to_owned();
    }
    shorten(&text, PATH_PREVIEW_CHARS)
        .escape_debug()
        .to_string()
}

/// Whether a text may hold PEM or a line of it: base64 mixes capitals, small letters and digits in
/// long runs, which names of files and folders hardly do.
fn may_be_a_key(text: &str) -> bool {
    const SHORTEST_RUN: usize = 8;
    const KEY_CHARS: usize = 20;
    let is_base64 = |part: &str| {
        let has = |kind: fn(&char) -> bool| part.chars().any(|c| kind(&c));
        part.len() >= SHORTEST_RUN
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+=".contains(c))
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_digit)
    };
    // A slash is base64, too, and line ends can have become spaces.
    let parts = text.split(|c: char| c == '/' || c.is_whitespace());
    let mixed = parts
        .filter(|part| is_base64(part))
        .map(str::len)
        .sum::<usize>();
    text.contains("-----") || text.contains(char::is_control) || mixed >= KEY_CHARS
}

/// `parent.key`, with a key that a user may have mistyped made harmless.
pub(super) fn join(parent: &str, key: &str) -> String {
    let key = redacted_preview(key);
    if parent.is_empty() {
        key
    } else {
        format!("{parent}.{key}")
    }
}

fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit).chain(['…']).collect()
}

/// The known word nearest to a mistyped one, when it is near enough to be meant.
pub(super) fn closest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.chars().count() > PREVIEW_CHARS {
        return None;
    }
    let word = word.to_lowercase();
    known
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance, a swap of neighbours counting once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_values_short_on_one_line_and_without_credentials() {
        assert_eq!(redacted_preview("47"), "47");
        assert_eq!(redacted_preview(""), "\"\"");
        assert_eq!(redacted_preview("a\nb"), "\"a\\nb\"");
        assert_eq!(
            redacted_preview(&"x".repeat(100)),
            format!("{}…", "x".repeat(60))
        );
        assert_eq!(redacted_preview("https://u:pw@host/"), "[hidden]@host/");
        for (text, want) in [
            ("https://host/?key=pw", "https://host/?[hidden]"),
            ("https://host/#pw", "https://host/#[hidden]"),
            ("https://host/#a@pw", "https://host/#[hidden]"),
            ("https://host/?a=b@pw#pw", "https://host/?[hidden]"),
            ("https://u:pw@host/#pw?pw", "[hidden]@host/#[hidden]"),
        ] {
            assert_eq!(redacted_preview(text).trim_matches('"'), want);
        }
    }

    #[test]
    fn a_key_in_the_place_of_a_path_is_hidden_and_a_path_is_not() {
        const LINE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2";
        const SLASHES: &str = "OF/2NxApJCzGCEDdfSp6VQO30hy/hRANCAAQRWz+jn65BtOMv/dyHKcvjBeBSDZH2";
        for key in [
            LINE,
            SLASHES,
            "1RTjmYSi9R/zpBnuQ4EiMnCqfM",
            "/VQO30hyhRANCAAQRWz+jn65BtOMvdyH==",
            "-----BEGIN PRIVATE KEY-----",
            "a\nb",
        ] {
            for text in [
                key.to_owned(),
                format!("/etc/x/{key}"),
                format!("y {key} y"),
            ] {
                let told = path_preview(Path::new(&text));
                assert!(told.starts_with("[hidden"), "{told}");
            }
        }
        for path in [
            "/etc/prometheus/secrets/liveperson/exporter/servercertificate",
            "/home/User1/Projects/LivePersonExporter/liveperson2/config.yml",
            "/var/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03/Token-1",
            "/nix/store/5b6a8s1kzyxvpxvq6csfxvn0000000000-Exporter1/Key.pem",
            "C:\\Program Files\\Exporter 2\\server.key",
            "MyServer2025/tls.key",
        ] {
            let told = path_preview(Path::new(path));
            assert!(!told.contains("hidden"), "{told}");
        }
    }

    #[test]
    fn finds_the_word_that_was_meant() {
        let known = ["interval", "windows", "skills", "leDataReporting"];
        let near = |word| closest(word, known.into_iter());
        assert_eq!(near("intervall"), Some("interval"));
        assert_eq!(near("widnows"), Some("windows"));
        assert_eq!(near("ledatareporting"), Some("leDataReporting"));
        assert_eq!(near("buckets"), None);
        assert_eq!(near(&"interval".repeat(1000)), None);
    }

    #[test]
    fn prints_a_bounded_number_of_mistakes() {
        let diagnostics = Diagnostics::default();
        for index in 0..250 {
            diagnostics.error(format!("x[{index}]"), "is wrong");
        }
        diagnostics.error("x[0]", "is wrong");
        let errors = diagnostics.finish("file").unwrap_err();
        assert_eq!(errors.mistakes.len(), 250);
        let text = errors.to_string();
        assert_eq!(text.lines().count(), 201);
        assert!(text.ends_with("\n… and 50 more"), "{text}");
    }
}
