//! The merged tree with its paths: finds the value of a key, names its place in messages and
//! reports what is wrong with it.
//!
//! A value that is wrong is reported and replaced by its default, so that reading continues.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use config::{Map, Value, ValueKind};

use super::diagnostics::Diagnostics;
use super::preview::{join_path, redacted_preview};
use super::schema::CREDENTIALS_KEY;
use super::values::{Parsed, ValueError};
use crate::yaml::describe;

/// One mapping of the tree and its path; no mapping when the key is missing.
#[derive(Clone)]
struct Layer<'a> {
    path: String,
    entries: Option<&'a Map<String, Value>>,
}

impl<'a> Layer<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        let value = self.entries?.get(key)?;
        (value.kind != ValueKind::Nil).then_some(value)
    }
}

/// A mapping of the tree, perhaps with another one behind it that supplies the keys missing here.
#[derive(Clone)]
pub(super) struct Section<'a> {
    front: Layer<'a>,
    fallback: Option<Layer<'a>>,
    sensitive: bool,
    diagnostics: &'a Diagnostics,
}

impl<'a> Section<'a> {
    /// The whole tree.
    pub(super) fn root(value: &'a Value, diagnostics: &'a Diagnostics) -> Self {
        Self {
            front: Layer {
                path: String::new(),
                entries: mapping(value),
            },
            fallback: None,
            sensitive: false,
            diagnostics,
        }
    }

    /// The mappings in a list that is a tree of its own; `path` is that of the list.
    pub(super) fn list(value: &'a Value, path: &str, diagnostics: &'a Diagnostics) -> Vec<Self> {
        let list = Node {
            path: path.to_owned(),
            value,
            sensitive: false,
            diagnostics,
        };
        let items = list.items().into_iter();
        items.filter_map(Node::into_section).collect()
    }

    /// The section under a key; empty when it is missing or no mapping.
    pub(super) fn section(&self, key: &str) -> Self {
        Self {
            front: Layer {
                path: self.path_of(key),
                entries: self.find(key).and_then(|node| mapping(node.value)),
            },
            fallback: None,
            sensitive: self.sensitive || key == CREDENTIALS_KEY,
            diagnostics: self.diagnostics,
        }
    }

    /// The mappings in the list under a key; what is not a mapping is left out.
    pub(super) fn sections(&self, key: &str) -> Vec<Self> {
        let Some(list) = self.find(key) else {
            return Vec::new();
        };
        list.items()
            .into_iter()
            .filter_map(|item| item.into_section())
            .collect()
    }

    /// This section with another one behind it, which supplies the keys that are missing here.
    pub(super) fn with_fallback(self, fallback: Self) -> Self {
        Self {
            fallback: Some(fallback.front),
            ..self
        }
    }

    /// Path of the section.
    pub(super) fn path(&self) -> &str {
        &self.front.path
    }

    /// Path of a key of the section, given or not.
    pub(super) fn path_of(&self, key: &str) -> String {
        join_path(self.path(), key)
    }

    /// Path of the value that is used for a key: in this section, or in its fallback.
    pub(super) fn path_of_source(&self, key: &str) -> String {
        let source = self.layers().find(|layer| layer.get(key).is_some());
        join_path(&source.unwrap_or(self.last_layer()).path, key)
    }

    /// The value of a key, unless it is missing or null.
    pub(super) fn find(&self, key: &str) -> Option<Node<'a>> {
        self.layers()
            .find_map(|layer| Some(self.node(layer, key, layer.get(key)?)))
    }

    /// A value with a default.
    pub(super) fn read<T>(&self, key: &str, default: T, parse: impl Fn(&str) -> Parsed<T>) -> T {
        self.find(key)
            .and_then(|node| node.parse(parse))
            .unwrap_or(default)
    }

    /// A value that must be given; `what` completes "set it to".
    pub(super) fn require<T>(
        &self,
        key: &str,
        what: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(node) = self.find(key) else {
            self.diagnostics
                .error(self.path_of(key), format!("is missing; set it to {what}"));
            return None;
        };
        node.parse(parse)
    }

    /// The entries of a mapping whose keys the user chooses, by key.
    pub(super) fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let mut entries: Vec<_> = self
            .front
            .entries
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), self.node(&self.front, key, value)))
            .collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    /// Reports a mistake of the section as a whole.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.diagnostics.error(self.path(), message);
    }

    /// Reports keys that contradict each other, at this section if it gives one of them, otherwise
    /// at its fallback.
    pub(super) fn error_at_keys(&self, keys: &[&str], message: impl Into<String>) {
        let source = self
            .layers()
            .find(|layer| keys.iter().any(|key| layer.get(key).is_some()));
        let path = &source.unwrap_or(self.last_layer()).path;
        self.diagnostics.error(path, message);
    }

    /// Where mistakes and warnings go.
    pub(super) fn diagnostics(&self) -> &'a Diagnostics {
        self.diagnostics
    }

    fn layers(&self) -> impl Iterator<Item = &Layer<'a>> {
        std::iter::once(&self.front).chain(&self.fallback)
    }

    fn last_layer(&self) -> &Layer<'a> {
        self.fallback.as_ref().unwrap_or(&self.front)
    }

    fn node(&self, layer: &Layer<'a>, key: &str, value: &'a Value) -> Node<'a> {
        Node {
            path: join_path(&layer.path, key),
            value,
            sensitive: self.sensitive,
            diagnostics: self.diagnostics,
        }
    }
}

/// A value and its path.
#[derive(Clone)]
pub(super) struct Node<'a> {
    path: String,
    value: &'a Value,
    /// Whether the value may be a credential, which no message repeats.
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

    /// Whether it is a list without items.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value.kind, ValueKind::Array(items) if items.is_empty())
    }

    /// Whether it is a mapping.
    pub(super) fn is_mapping(&self) -> bool {
        mapping(self.value).is_some()
    }

    /// Whether an environment variable set it.
    pub(super) fn is_from_environment(&self) -> bool {
        self.value.origin().is_some()
    }

    /// The scalar read by `parse`; otherwise a mistake is reported.
    pub(super) fn parse<T>(&self, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let Some(text) = self.text() else {
            self.expected("a single value");
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid(&error);
                None
            }
        }
    }

    /// The items read by `parse`; `None` when one of them is wrong or repeats another, or when
    /// there is none, of which `empty` is the message.
    pub(super) fn list<T: Clone + Eq + Hash>(
        &self,
        empty: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        if !self.is_list() {
            self.expected_list();
            return None;
        }
        let items = self.items();
        if items.is_empty() {
            self.error(empty);
            return None;
        }
        let values = self.valid_items(parse);
        let all = values.len() == items.len();
        all.then(|| values.into_iter().map(|(_, value)| value).collect())
    }

    /// The items read by `parse`, with their indices; those that are wrong or repeat another one are
    /// reported and left out.
    pub(super) fn valid_items<T: Clone + Eq + Hash>(
        &self,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Vec<(usize, T)> {
        let mut first_index: HashMap<T, usize> = HashMap::new();
        let mut values = Vec::new();
        for (index, item) in self.items().iter().enumerate() {
            let Some(value) = item.parse(&parse) else {
                continue;
            };
            if let Some(first) = first_index.get(&value) {
                let reason = format!("duplicates {}[{first}]", self.path);
                item.invalid(&ValueError::Rejected(reason));
            } else {
                first_index.insert(value.clone(), index);
                values.push((index, value));
            }
        }
        values
    }

    /// How many items the list has; 0 of what is not a list.
    pub(super) fn len(&self) -> usize {
        self.items().len()
    }

    /// Reports that something else is expected here.
    pub(super) fn expected(&self, what: &str) {
        self.invalid(&ValueError::Expected(what.to_owned()));
    }

    /// Reports what is wrong with the value.
    pub(super) fn invalid(&self, error: &ValueError) {
        self.error(error.message(&self.found()));
    }

    /// Reports a mistake in which the value is not repeated.
    pub(super) fn error(&self, message: impl Display) {
        self.report(&self.path, message);
    }

    /// Reports a mistake of the list's item at `index`.
    pub(super) fn error_at(&self, index: usize, message: impl Display) {
        self.report(&format!("{}[{index}]", self.path), message);
    }

    fn report(&self, path: &str, message: impl Display) {
        let origin = match self.value.origin() {
            Some(variable) => format!(" (set by {variable})"),
            None => String::new(),
        };
        self.diagnostics.error(path, format!("{message}{origin}"));
    }

    /// Reports that a list is expected here.
    pub(super) fn expected_list(&self) {
        match self.text() {
            Some(text) if !self.sensitive && !text.is_empty() => {
                let text = redacted_preview(text);
                self.error(format!("expected a list, found {text}; write [{text}]"));
            }
            _ => self.expected("a list"),
        }
    }

    /// The value as a message names it.
    fn found(&self) -> String {
        match self.text() {
            None => describe(&self.value.kind).to_owned(),
            Some("") => "an empty string".to_owned(),
            Some(text) if text.trim().is_empty() => "a blank string".to_owned(),
            Some(_) if self.sensitive => "[hidden]".to_owned(),
            Some(text) => redacted_preview(text),
        }
    }

    fn items(&self) -> Vec<Self> {
        let ValueKind::Array(items) = &self.value.kind else {
            return Vec::new();
        };
        let mut nodes = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            nodes.push(Self {
                path: format!("{}[{index}]", self.path),
                value,
                ..self.clone()
            });
        }
        nodes
    }

    fn into_section(self) -> Option<Section<'a>> {
        Some(Section {
            front: Layer {
                path: self.path,
                entries: Some(mapping(self.value)?),
            },
            fallback: None,
            sensitive: self.sensitive,
            diagnostics: self.diagnostics,
        })
    }
}

fn mapping(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(entries) => Some(entries),
        _ => None,
    }
}
