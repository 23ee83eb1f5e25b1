//! Credentials that cannot be printed by accident, and the files they come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::files::read_limited;
use super::preview::path_preview;

/// Far above any credential LivePerson issues.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A secret and, when it came from a file, that file, so that it can be read again after rotation.
/// Clones share the one copy, which is wiped when the last of them is dropped.
#[derive(Clone)]
pub struct Secret {
    value: Arc<SecretString>,
    file: Option<PathBuf>,
    problems: FileProblems,
}

/// What is wrong with a secret's file that can be used nevertheless.
#[derive(Clone, Copy, Default)]
struct FileProblems {
    readable_by_others: bool,
    writable_by_others: bool,
    several_lines: bool,
}

/// A secret without what editors and shells add to it: a byte order mark before it, line breaks
/// after it.
fn trim_file_artefacts(text: &str) -> &str {
    text.strip_prefix('\u{feff}')
        .unwrap_or(text)
        .trim_end_matches(['\n', '\r'])
}

impl Secret {
    /// A secret given as a value, without the line breaks at its end.
    pub fn from_value(value: String) -> Self {
        let value = Zeroizing::new(value);
        Self {
            value: Arc::new(trim_file_artefacts(&value).into()),
            file: None,
            problems: FileProblems::default(),
        }
    }

    /// Reads a secret from a file, without a byte order mark and the line breaks at its end.
    ///
    /// # Errors
    /// The file cannot be read, is empty, larger than 64 KiB, not UTF-8, or contains a NUL. The
    /// error names the path and never the content.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let content = read_limited(path, MAX_FILE_BYTES).map_err(SecretError)?;
        let error = |reason: &str| SecretError(format!("{} {reason}", path_preview(path)));
        let text = std::str::from_utf8(&content.bytes)
            .map(trim_file_artefacts)
            .map_err(|_| error("is not UTF-8 text"))?;
        if text.trim().is_empty() {
            return Err(error("is empty; write the secret into it"));
        }
        if text.contains('\0') {
            return Err(error("contains a NUL character"));
        }
        Ok(Self {
            value: Arc::new(text.into()),
            file: Some(path.to_path_buf()),
            problems: FileProblems {
                readable_by_others: content.readable_by_others,
                writable_by_others: content.writable_by_others,
                several_lines: text.contains('\n'),
            },
        })
    }

    /// Reads the file again: the new secret when it has changed, `None` when it has not or when
    /// the secret was given as a value. LivePerson keys are rotated without restarting anything.
    ///
    /// # Errors
    /// As [`Secret::from_file`]; the caller then keeps using the secret it has.
    pub fn reload(&self) -> Result<Option<Self>, SecretError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let fresh = Self::from_file(file)?;
        Ok((fresh.expose() != self.expose()).then_some(fresh))
    }

    /// The secret itself; only the code that puts it on the wire calls this.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// The one copy, for finding the secret in text that must not contain it.
    pub(crate) fn share(&self) -> Arc<SecretString> {
        Arc::clone(&self.value)
    }

    /// Warnings about the secret's file, a sentence each: other users of the machine can read or
    /// change it, or it contains more than a secret.
    pub fn warnings(&self) -> Vec<String> {
        let Some(file) = self.file.as_deref().map(path_preview) else {
            return Vec::new();
        };
        let FileProblems {
            readable_by_others,
            writable_by_others,
            several_lines,
        } = self.problems;
        let mut warnings = Vec::new();
        if readable_by_others {
            warnings.push(format!(
                "{file} contains a secret and can be read by every user of this machine; chmod o-r {file}"
            ));
        }
        if writable_by_others {
            warnings.push(format!(
                "{file} contains a secret and can be changed by every user of this machine; chmod o-w {file}"
            ));
        }
        if several_lines {
            warnings.push(format!(
                "{file} contains several lines, all of which are taken as the secret; keep only the secret in it"
            ));
        }
        warnings
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.expose() == other.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why a secret could not be read from its file; contains nothing of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError(String);

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

#[cfg(test)]
mod tests {
    use crate::cases::check_each;
    use std::fs;

    use super::*;

    fn reason(content: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, content).unwrap();
        let text = Secret::from_file(&path).unwrap_err().to_string();
        text.replace(path.to_str().unwrap(), "S")
    }

    #[test]
    fn trims_line_breaks_at_the_end_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let cases = [
            ("pw", "pw"),
            ("pw\n", "pw"),
            (" p w \r\n\n", " p w "),
            ("\u{feff}pw\r\n", "pw"),
            ("p\u{feff}w", "p\u{feff}w"),
        ];
        check_each(cases, |(content, want)| {
            fs::write(&path, content).unwrap();
            assert_eq!(Secret::from_file(&path).unwrap().expose(), want);
            assert_eq!(Secret::from_value(content.to_owned()).expose(), want);
        });
    }

    #[test]
    fn unusable_files_are_errors_without_their_content() {
        assert_eq!(reason(b""), "S is empty; write the secret into it");
        assert_eq!(reason(b" \n\n"), "S is empty; write the secret into it");
        assert_eq!(reason(b"pw\xff"), "S is not UTF-8 text");
        assert_eq!(reason(b"p\0w"), "S contains a NUL character");
        assert_eq!(reason(&[b'x'; 65537]), "S is larger than 64KiB");
    }

    #[test]
    fn reload_returns_a_rotated_secret_or_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "old\n").unwrap();
        let secret = Secret::from_file(&path).unwrap();
        assert_eq!(secret.reload(), Ok(None));
        fs::write(&path, "new\n").unwrap();
        let fresh = secret.reload().unwrap().unwrap();
        assert_eq!(fresh.expose(), "new");
        assert_eq!(fresh.reload(), Ok(None));
        fs::remove_file(&path).unwrap();
        assert!(fresh.reload().is_err());
        assert_eq!(Secret::from_value("x".into()).reload(), Ok(None));
    }

    #[cfg(unix)]
    #[test]
    fn warns_of_files_that_others_access_and_of_several_lines() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let cases = [
            ("p4ss\n", 0o600, ""),
            ("p4ss\n\n", 0o640, ""),
            ("p4ss", 0o644, "read"),
            ("p4ss", 0o404, "read"),
            ("p4ss", 0o602, "changed"),
            ("p4ss", 0o666, "read changed"),
            ("user\np4ss\n", 0o600, "several"),
            ("user\r\np4ss", 0o606, "read changed several"),
        ];
        check_each(cases, |(content, mode, warned)| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let warnings = Secret::from_file(&path).unwrap().warnings();
            let words = ["read by", "changed by", "several lines"];
            let node = words
                .iter()
                .filter(|word| warnings.iter().any(|w| w.contains(*word)));
            let node: Vec<_> = node.filter_map(|word| word.split(' ').next()).collect();
            assert_eq!(node.join(" "), warned, "{mode:o} {content:?}");
            assert!(!warnings.join(" ").contains("p4ss"), "{warnings:?}");
        });
        assert_eq!(
            Secret::from_value("a\nb".to_owned()).warnings(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let text = format!("{:?}", Secret::from_value("hunter2".into()));
        assert_eq!(text, "[secret]");
    }
}
