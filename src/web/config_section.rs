//! A mapping of a YAML file whose keys are taken one by one, with every mistake noted.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Map, Value, ValueKind};

use super::pem::Pem;

/// A mapping of the file, from which known keys are taken until only mistakes are left.
pub(super) struct Section {
    path: String,
    table: Map<String, Value>,
}

impl Section {
    /// The mapping at `path`, which is empty for the whole file.
    pub(super) fn new(path: String, table: Map<String, Value>) -> Self {
        Self { path, table }
    }

    /// The path of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Whether it has no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether it has this key with nothing behind it.
    pub(super) fn is_null(&self, key: &str) -> bool {
        let value = self.table.get(key);
        value.is_some_and(|value| value.kind == ValueKind::Nil)
    }

    /// The keys that are left, in order; the crate's maps have none.
    pub(super) fn sorted(self) -> BTreeMap<String, Value> {
        self.table.into_iter().collect()
    }

    /// Takes a key; a null counts as absent, as it does in the toolkit.
    fn take(&mut self, key: &str) -> Option<ValueKind> {
        let kind = self.table.remove(key)?.kind;
        (kind != ValueKind::Nil).then_some(kind)
    }

    fn wrong<T>(&self, key: &str, wanted: &str, mistakes: &mut Vec<String>) -> Option<T> {
        mistakes.push(format!("{}: {wanted} is wanted", self.path(key)));
        None
    }

    /// A mapping in it.
    pub(super) fn section(&mut self, key: &str, mistakes: &mut Vec<String>) -> Option<Section> {
        match self.take(key)? {
            ValueKind::Table(table) => Some(Section::new(self.path(key), table)),
            _ => self.wrong(key, "a mapping", mistakes),
        }
    }

    /// A string as it was written; an empty one counts as absent.
    pub(super) fn string(&mut self, key: &str, mistakes: &mut Vec<String>) -> Option<String> {
        match self.take(key)? {
            ValueKind::String(text) => (!text.is_empty()).then_some(text),
            _ => self.wrong(key, "a string", mistakes),
        }
    }

    /// True or false.
    pub(super) fn boolean(&mut self, key: &str, mistakes: &mut Vec<String>) -> Option<bool> {
        let kind = self.take(key)?;
        match kind.to_string().as_str() {
            _ if !matches!(kind, ValueKind::String(_)) => {}
            "true" | "True" | "TRUE" => return Some(true),
            "false" | "False" | "FALSE" => return Some(false),
            _ => {}
        }
        self.wrong(key, "true or false", mistakes)
    }

    /// A sequence of strings.
    pub(super) fn strings(&mut self, key: &str, mistakes: &mut Vec<String>) -> Option<Vec<String>> {
        let ValueKind::Array(items) = self.take(key)? else {
            return self.wrong(key, "a sequence of strings", mistakes);
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item.kind {
                ValueKind::String(text) => texts.push(text),
                _ => mistakes.push(format!("{}[{index}]: a string is wanted", self.path(key))),
            }
        }
        Some(texts)
    }

    /// `key` or `key_file`, but not both.
    pub(super) fn pem(
        &mut self,
        key: &str,
        folder: &Path,
        mistakes: &mut Vec<String>,
    ) -> Option<Pem> {
        let file_key = format!("{key}_file");
        let inline = self.string(key, mistakes);
        let file = self.string(&file_key, mistakes);
        match (inline, file) {
            (Some(_), Some(_)) => {
                mistakes.push(format!(
                    "{}: {file_key} is given too; only one of them is allowed",
                    self.path(key)
                ));
                None
            }
            (Some(text), None) => Some(Pem::Inline(text.into())),
            (None, Some(path)) => Some(Pem::File(folder.join(path))),
            (None, None) => None,
        }
    }

    /// Notes every key that nobody took.
    pub(super) fn refuse_rest(self, mistakes: &mut Vec<String>) {
        let path = self.path.clone();
        let place = if path.is_empty() { "this file" } else { &path };
        for key in self.sorted().into_keys() {
            let key = shown(&key);
            let full = match path.as_str() {
                "" => key,
                path => format!("{path}.{key}"),
            };
            mistakes.push(format!("{full}: {place} has no such key"));
        }
    }
}

/// A key or value as a mistake repeats it: only when it is a short word, and so neither a hash, a
/// key of a certificate nor a password glued to its key.
pub(super) fn shown(text: &str) -> String {
    const LONGEST_WORD: usize = 48;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.len() <= LONGEST_WORD && !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        "[hidden]".to_owned()
    }
}
