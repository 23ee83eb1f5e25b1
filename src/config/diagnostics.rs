//! The mistakes and warnings of one configuration, collected before anything is rejected: a user
//! who has to start the daemon once per typing error gives up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// Mistakes that are printed; a list of a hundred thousand wrong ids helps no one.
const MAX_PRINTED: usize = 200;

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mistake {
    /// Where: `sla.buckets[2]`, the name of an environment variable, or empty when the
    /// configuration as a whole is meant.
    pub path: String,
    /// The value found and what is expected.
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
    /// A configuration that could not be read at all.
    pub(super) fn unreadable(source: &str, message: impl Into<String>) -> Self {
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
        for (index, mistake) in self.mistakes.iter().take(MAX_PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let path = match mistake.path.as_str() {
                "" => &self.source,
                path => path,
            };
            write!(f, "{path}: {}", mistake.message)?;
        }
        match self.mistakes.len().saturating_sub(MAX_PRINTED) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects mistakes and warnings while the tree is read; shared by all readers of one tree.
#[derive(Default)]
pub(super) struct Diagnostics {
    /// Each mistake with its place in the order in which they were found.
    mistakes: RefCell<HashMap<Mistake, usize>>,
    warnings: RefCell<Vec<String>>,
    /// Paths of sections that contain a credential.
    secrets: RefCell<Vec<String>>,
}

impl Diagnostics {
    /// Adds a mistake once: a global value is read again for every account that inherits it.
    pub(super) fn error(&self, path: impl Into<String>, message: impl Into<String>) {
        let mistake = Mistake {
            path: path.into(),
            message: message.into(),
        };
        let mut mistakes = self.mistakes.borrow_mut();
        let next = mistakes.len();
        mistakes.entry(mistake).or_insert(next);
    }

    /// Adds a warning once.
    pub(super) fn warning(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Notes that a file contains a credential itself, in the section at this path.
    pub(super) fn note_secret(&self, path: &str) {
        self.secrets.borrow_mut().push(path.to_owned());
    }

    /// Whether a file contains a credential itself, in the list of accounts at this path.
    pub(super) fn has_secret_in(&self, list: &str) -> bool {
        let is_item = |path: &String| path.strip_prefix(list).is_some_and(|p| p.starts_with('['));
        self.secrets.borrow().iter().any(is_item)
    }

    /// The warnings, or all the mistakes when there is one.
    pub(super) fn finish(self, source: &str) -> Result<Vec<String>, ConfigErrors> {
        let mut mistakes: Vec<_> = self.mistakes.into_inner().into_iter().collect();
        if mistakes.is_empty() {
            return Ok(self.warnings.into_inner());
        }
        mistakes.sort_unstable_by_key(|(_, order)| *order);
        Err(ConfigErrors {
            source: source.to_owned(),
            mistakes: mistakes.into_iter().map(|(mistake, _)| mistake).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
