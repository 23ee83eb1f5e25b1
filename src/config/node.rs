//! Walks the merged tree: each section says which keys it reads, with what default and as what;
//! this file finds the value, names its place and collects what is wrong with it.
//!
//! A value that is wrong is reported and replaced by its default, so that the walk goes on.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use config::{Map, Value, ValueKind};

use super::diagnostics::{Diagnostics, join, redacted_preview};
use super::schema::{CREDENTIALS_KEY, kind};

/// Reads one scalar; the error completes the sentence that the value begins.
pub(super) type Parsed<T> = Result<T, String>;

/// A section of the tree, perhaps laid over another one that is asked when a key is missing.
#[derive(Clone)]
pub(super) struct Section<'a> {
    layers: Vec<(String, Option<&'a Map<String, Value>>)>,
    sensitive: bool,
    diagnostics: &'a Diagnostics,
}

impl<'a> Section<'a> {
    /// The whole tree.
    pub(super) fn root(value: &'a Value, diagnostics: &'a Diagnostics) -> Self {
        Self::new(String::new(), value, false, diagnostics)
    }

    fn new(path: String, value: &'a Value, sensitive: bool, diagnostics: &'a Diagnostics) -> Self {
        Self {
            layers: vec![(path, table(value))],
            sensitive,
            diagnostics,
        }
    }

    /// The section under a key; empty when it is missing or no map.
    pub(super) fn section(&self, key: &str) -> Self {
        let node = self.find(key);
        Self {
            layers: vec![(self.path_of(key), node.and_then(|node| table(node.value)))],
            sensitive: self.sensitive || key == CREDENTIALS_KEY,
            diagnostics: self.diagnostics,
        }
    }

    /// The maps in the list under a key; what is no map is left out.
    pub(super) fn sections(&self, key: &str) -> Vec<Self> {
        let items = self.find(key).map(|node| node.items());
        let maps = items.into_iter().flatten().filter(Node::is_map);
        maps.map(|item| Self::new(item.path, item.value, self.sensitive, self.diagnostics))
            .collect()
    }

    /// This section with another one behind it, which is asked for keys that are missing here.
    pub(super) fn over(mut self, behind: &Self) -> Self {
        self.layers.extend(behind.layers.iter().cloned());
        self
    }

    /// Where the section stands.
    pub(super) fn path(&self) -> &str {
        self.layers.first().map_or("", |(path, _)| path)
    }

    /// Where a key of the section stands, or would.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(self.path(), key)
    }

    /// Where the value of a key comes from: this section, or the one behind it.
    pub(super) fn path_of_source(&self, key: &str) -> String {
        let behind = self.layers.last().map_or("", |(path, _)| path);
        self.find(key)
            .map_or_else(|| join(behind, key), |node| node.path)
    }

    /// The value of a key, unless it is missing or null.
    pub(super) fn find(&self, key: &str) -> Option<Node<'a>> {
        self.layers.iter().find_map(|(path, table)| {
            let value = table.as_ref()?.get(key)?;
            (value.kind != ValueKind::Nil).then(|| Node {
                path: join(path, key),
                value,
                sensitive: self.sensitive,
                diagnostics: self.diagnostics,
            })
        })
    }

    /// A value with a default.
    pub(super) fn read<T>(&self, key: &str, default: T, parse: impl Fn(&str) -> Parsed<T>) -> T {
        self.find(key)
            .and_then(|node| node.parse(parse))
            .unwrap_or(default)
    }

    /// A value that must be given; `what` says what it is.
    pub(super) fn require<T>(
        &self,
        key: &str,
        what: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(node) = self.find(key) else {
            let message = format!("is missing; give {what}");
            self.diagnostics.error(self.path_of(key), message);
            return None;
        };
        node.parse(parse)
    }

    /// A list with a default; `empty` is what to say of an empty one.
    pub(super) fn list<T: Clone + Eq + Hash>(
        &self,
        key: &str,
        default: &[T],
        empty: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Vec<T> {
        self.find(key)
            .and_then(|node| node.list(empty, parse))
            .unwrap_or_else(|| default.to_vec())
    }

    /// The entries of a map whose keys are the user's own, by key.
    pub(super) fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let tables = self
            .layers
            .iter()
            .filter_map(|(path, table)| Some((path, (*table)?)));
        let mut entries: Vec<_> = tables
            .flat_map(|(path, table)| {
                table.iter().map(move |(key, value)| {
                    let node = Node {
                        path: join(path, key),
                        value,
                        sensitive: self.sensitive,
                        diagnostics: self.diagnostics,
                    };
                    (key.as_str(), node)
                })
            })
            .collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    /// Reports a mistake of the section as a whole.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.diagnostics.error(self.path(), message);
    }

    /// Reports keys that do not fit together, at this section if it gives one of them, otherwise
    /// at the one behind it.
    pub(super) fn error_at_keys(&self, keys: &[&str], message: impl Into<String>) {
        let gives = |table: &Option<&Map<String, Value>>| {
            let values = keys.iter().filter_map(|key| table.as_ref()?.get(*key));
            values.into_iter().any(|value| value.kind != ValueKind::Nil)
        };
        let layer = self.layers.iter().find(|(_, table)| gives(table));
        let path = layer.or(self.layers.last()).map_or("", |(path, _)| path);
        self.diagnostics.error(path, message);
    }

    /// Where mistakes and warnings go.
    pub(super) fn diagnostics(&self) -> &'a Diagnostics {
        self.diagnostics
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Node<'a> {
    /// Its place, as `sla.buckets[2]`.
    pub(super) path: String,
    value: &'a Value,
    sensitive: bool,
    diagnostics: &'a Diagnostics,
}

impl<'a> Node<'a> {
    /// The scalar as it was written.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value.kind, ValueKind::Array(_))
    }

    /// Whether it is a list without elements.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value.kind, ValueKind::Array(items) if items.is_empty())
    }

    /// Whether it is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.value.kind, ValueKind::Table(_))
    }

    /// Whether an environment variable set it.
    pub(super) fn is_from_environment(&self) -> bool {
        self.value.origin().is_some()
    }

    /// The scalar read by `parse`, a mistake reported otherwise.
    pub(super) fn parse<T>(&self, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let Some(text) = self.text() else {
            self.invalid("where a single value is wanted");
            return None;
        };
        parse(text).map_err(|reason| self.invalid(reason)).ok()
    }

    /// The elements read by `parse`; `None` when something is wrong with one of them.
    pub(super) fn list<T: Clone + Eq + Hash>(
        &self,
        empty: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        if !self.is_list() {
            match self.text() {
                Some(text) => {
                    self.invalid(format!("is not a list; write [{}]", redacted_preview(text)))
                }
                None => self.invalid("where a list is wanted"),
            }
            return None;
        }
        let items = self.items();
        if items.is_empty() {
            self.error(empty);
            return None;
        }
        let mut seen: HashMap<T, usize> = HashMap::new();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Some(value) = item.parse(&parse) else {
                continue;
            };
            match seen.get(&value) {
                Some(first) => item.invalid(format!("is the same as {}[{first}]", self.path)),
                None => {
                    seen.insert(value.clone(), index);
                    values.push(value);
                }
            }
        }
        (values.len() == items.len()).then_some(values)
    }

    fn items(&self) -> Vec<Self> {
        let ValueKind::Array(items) = &self.value.kind else {
            return Vec::new();
        };
        let at = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
            ..self.clone()
        };
        items.iter().enumerate().map(at).collect()
    }

    /// Reports the value met, followed by what is wrong with it.
    pub(super) fn invalid(&self, reason: impl Display) {
        let met = match self.text() {
            Some(_) if self.sensitive => "the value".to_owned(),
            Some(text) => redacted_preview(text),
            None => kind(self.value).to_owned(),
        };
        self.error(format!("{met} {reason}"));
    }

    /// Reports a mistake in which the value is not repeated.
    pub(super) fn error(&self, message: impl Display) {
        let origin = match self.value.origin() {
            Some(variable) => format!(" (set by {variable})"),
            None => String::new(),
        };
        self.diagnostics
            .error(&self.path, format!("{message}{origin}"));
    }
}

fn table(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}
