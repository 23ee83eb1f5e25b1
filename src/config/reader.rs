//! Walks the merged tree: each section says which keys it reads, with what default and as what;
//! this file finds the value, names its place and collects what is wrong with it.
//!
//! A value that is wrong is reported and replaced by its default, so that the walk goes on.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use config::{Map, Value, ValueKind};

use super::mistakes::{Report, join, shown};
use super::schema::{CREDENTIALS_KEY, kind};

/// Reads one scalar; the error completes the sentence that the value begins.
pub(super) type Parsed<T> = Result<T, String>;

/// A section of the tree, perhaps laid over another one that is asked when a key is missing.
#[derive(Clone)]
pub(super) struct Section<'a> {
    layers: Vec<(String, Option<&'a Map<String, Value>>)>,
    concealed: bool,
    report: &'a Report,
}

impl<'a> Section<'a> {
    /// The whole tree.
    pub(super) fn root(value: &'a Value, report: &'a Report) -> Self {
        Self::new(String::new(), value, false, report)
    }

    fn new(path: String, value: &'a Value, concealed: bool, report: &'a Report) -> Self {
        Self {
            layers: vec![(path, table(value))],
            concealed,
            report,
        }
    }

    /// The section under a key; empty when it is missing or no map.
    pub(super) fn section(&self, key: &str) -> Self {
        let found = self.find(key);
        Self {
            layers: vec![(
                self.path_of(key),
                found.and_then(|found| table(found.value)),
            )],
            concealed: self.concealed || key == CREDENTIALS_KEY,
            report: self.report,
        }
    }

    /// The maps in the list under a key; what is no map is left out.
    pub(super) fn sections(&self, key: &str) -> Vec<Self> {
        let items = self.find(key).map(|found| found.items());
        let maps = items.into_iter().flatten().filter(Found::is_map);
        maps.map(|item| Self::new(item.path, item.value, self.concealed, self.report))
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
            .map_or_else(|| join(behind, key), |found| found.path)
    }

    /// The value of a key, unless it is missing or null.
    pub(super) fn find(&self, key: &str) -> Option<Found<'a>> {
        self.layers.iter().find_map(|(path, table)| {
            let value = table.as_ref()?.get(key)?;
            (value.kind != ValueKind::Nil).then(|| Found {
                path: join(path, key),
                value,
                concealed: self.concealed,
                report: self.report,
            })
        })
    }

    /// A value with a default.
    pub(super) fn read<T>(&self, key: &str, default: T, parse: impl Fn(&str) -> Parsed<T>) -> T {
        self.find(key)
            .and_then(|found| found.parse(parse))
            .unwrap_or(default)
    }

    /// A value that must be given; `what` says what it is.
    pub(super) fn require<T>(
        &self,
        key: &str,
        what: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(found) = self.find(key) else {
            let message = format!("is missing; give {what}");
            self.report.add(self.path_of(key), message);
            return None;
        };
        found.parse(parse)
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
            .and_then(|found| found.list(empty, parse))
            .unwrap_or_else(|| default.to_vec())
    }

    /// The entries of a map whose keys are the user's own, by key.
    pub(super) fn entries(&self) -> Vec<(&'a str, Found<'a>)> {
        let tables = self
            .layers
            .iter()
            .filter_map(|(path, table)| Some((path, (*table)?)));
        let mut entries: Vec<_> = tables
            .flat_map(|(path, table)| {
                table.iter().map(move |(key, value)| {
                    let found = Found {
                        path: join(path, key),
                        value,
                        concealed: self.concealed,
                        report: self.report,
                    };
                    (key.as_str(), found)
                })
            })
            .collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    /// Reports a mistake of the section as a whole.
    pub(super) fn refuse(&self, message: impl Into<String>) {
        self.report.add(self.path(), message);
    }

    /// Reports keys that do not fit together, at this section if it gives one of them, otherwise
    /// at the one behind it.
    pub(super) fn refuse_together(&self, keys: &[&str], message: impl Into<String>) {
        let gives = |table: &Option<&Map<String, Value>>| {
            let values = keys.iter().filter_map(|key| table.as_ref()?.get(*key));
            values.into_iter().any(|value| value.kind != ValueKind::Nil)
        };
        let layer = self.layers.iter().find(|(_, table)| gives(table));
        let path = layer.or(self.layers.last()).map_or("", |(path, _)| path);
        self.report.add(path, message);
    }

    /// Where mistakes and warnings go.
    pub(super) fn report(&self) -> &'a Report {
        self.report
    }
}

/// A value and its place.
#[derive(Clone)]
pub(super) struct Found<'a> {
    /// Its place, as `sla.buckets[2]`.
    pub(super) path: String,
    value: &'a Value,
    concealed: bool,
    report: &'a Report,
}

impl<'a> Found<'a> {
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
            self.wrong("where a single value is wanted");
            return None;
        };
        parse(text).map_err(|reason| self.wrong(reason)).ok()
    }

    /// The elements read by `parse`; `None` when something is wrong with one of them.
    pub(super) fn list<T: Clone + Eq + Hash>(
        &self,
        empty: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        if !self.is_list() {
            match self.text() {
                Some(text) => self.wrong(format!("is not a list; write [{}]", shown(text))),
                None => self.wrong("where a list is wanted"),
            }
            return None;
        }
        let items = self.items();
        if items.is_empty() {
            self.refuse(empty);
            return None;
        }
        let mut seen: HashMap<T, usize> = HashMap::new();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Some(value) = item.parse(&parse) else {
                continue;
            };
            match seen.get(&value) {
                Some(first) => item.wrong(format!("is the same as {}[{first}]", self.path)),
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
    pub(super) fn wrong(&self, reason: impl Display) {
        let met = match self.text() {
            Some(_) if self.concealed => "the value".to_owned(),
            Some(text) => shown(text),
            None => kind(self.value).to_owned(),
        };
        self.refuse(format!("{met} {reason}"));
    }

    /// Reports a mistake in which the value is not repeated.
    pub(super) fn refuse(&self, message: impl Display) {
        let origin = match self.value.origin() {
            Some(variable) => format!(" (set by {variable})"),
            None => String::new(),
        };
        self.report.add(&self.path, format!("{message}{origin}"));
    }
}

fn table(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}
