//! A mapping of a YAML file whose keys are taken one by one, with every error noted.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Map, Value, ValueKind};

use super::pem::Pem;
use crate::yaml::describe;

/// A mapping of the file. Known keys are taken from it until only unknown ones are left.
pub(super) struct Section {
    path: String,
    entries: Map<String, Value>,
}

impl Section {
    /// The mapping at `path`, which is empty for the whole file.
    pub(super) fn new(path: String, entries: Map<String, Value>) -> Self {
        Self { path, entries }
    }

    /// The path of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Whether it has no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has this key with nothing behind it.
    pub(super) fn is_null(&self, key: &str) -> bool {
        let value = self.entries.get(key);
        value.is_some_and(|value| value.kind == ValueKind::Nil)
    }

    /// The keys that are left, in order, which `Map` does not keep.
    pub(super) fn sorted(self) -> BTreeMap<String, Value> {
        self.entries.into_iter().collect()
    }

    /// Takes a key; null counts as absent, as in the toolkit.
    fn take(&mut self, key: &str) -> Option<ValueKind> {
        let kind = self.entries.remove(key)?.kind;
        (kind != ValueKind::Nil).then_some(kind)
    }

    /// Takes a mapping.
    pub(super) fn section(&mut self, key: &str, errors: &mut Vec<String>) -> Option<Section> {
        match self.take(key)? {
            ValueKind::Table(entries) => Some(Section::new(self.path(key), entries)),
            other => {
                errors.push(expected("a mapping", &self.path(key), &other));
                None
            }
        }
    }

    /// Takes a string as it was written; an empty one counts as absent.
    pub(super) fn string(&mut self, key: &str, errors: &mut Vec<String>) -> Option<String> {
        match self.take(key)? {
            ValueKind::String(text) => (!text.is_empty()).then_some(text),
            other => {
                errors.push(expected("a single value", &self.path(key), &other));
                None
            }
        }
    }

    /// Takes true or false.
    pub(super) fn boolean(&mut self, key: &str, errors: &mut Vec<String>) -> Option<bool> {
        match self.take(key)? {
            ValueKind::String(text) => match text.as_str() {
                "true" | "True" | "TRUE" => return Some(true),
                "false" | "False" | "FALSE" => return Some(false),
                other => errors.push(format!(
                    "{}: expected true or false, found {}",
                    self.path(key),
                    redacted_preview(other)
                )),
            },
            other => errors.push(expected("true or false", &self.path(key), &other)),
        }
        None
    }

    /// Takes a list of strings.
    pub(super) fn strings(&mut self, key: &str, errors: &mut Vec<String>) -> Option<Vec<String>> {
        let items = match self.take(key)? {
            ValueKind::Array(items) => items,
            other => {
                errors.push(expected("a list of strings", &self.path(key), &other));
                return None;
            }
        };
        let mut strings = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item.kind {
                ValueKind::String(text) => strings.push(text),
                other => {
                    let path = format!("{}[{index}]", self.path(key));
                    errors.push(expected("a single value", &path, &other));
                }
            }
        }
        Some(strings)
    }

    /// Takes `key` or `key_file`, but not both.
    pub(super) fn pem(
        &mut self,
        key: &str,
        folder: &Path,
        errors: &mut Vec<String>,
    ) -> Option<Pem> {
        let file_key = format!("{key}_file");
        let inline = self.string(key, errors);
        let file = self.string(&file_key, errors);
        match (inline, file) {
            (Some(_), Some(_)) => {
                let path = self.path(key);
                errors.push(format!(
                    "{path}: cannot be combined with {file_key}; keep one"
                ));
                None
            }
            (Some(text), None) => Some(Pem::Inline(text.into())),
            (None, Some(path)) => Some(Pem::File(folder.join(path))),
            (None, None) => None,
        }
    }

    /// Notes every key that was not taken.
    pub(super) fn reject_unknown_keys(self, errors: &mut Vec<String>) {
        let prefix = self.path("");
        for key in self.sorted().into_keys() {
            errors.push(format!("{prefix}{}: unknown key", redacted_preview(&key)));
        }
    }
}

/// Says what was expected and what was found, without repeating it.
pub(super) fn expected(what: &str, path: &str, found: &ValueKind) -> String {
    format!("{path}: expected {what}, found {}", describe(found))
}

/// A key or value as an error repeats it: only when it is a short word, and so neither a hash, a
/// private key nor a password next to its key.
pub(super) fn redacted_preview(text: &str) -> String {
    const MAX_LENGTH: usize = 48;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.len() <= MAX_LENGTH && !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        "[hidden]".to_owned()
    }
}
