//! Environment variables that replace values of the file.
//!
//! `LIVEPERSON_EXPORTER__LIMITS__MIN_SPACING=1s` overrides `limits.min_spacing`. Parts are joined
//! by two underscores, list items are numbered from 0 (`…__ACCOUNTS__0__ID`), and case does not
//! matter in keys. A list of single values can also be given whole, separated by commas
//! (`…__SLA__WINDOWS=5m,1h`). The `config` crate merges them into the tree.

use std::collections::{BTreeMap, BTreeSet};

use config::{Map, Source, Value, ValueKind};

use super::diagnostics::Diagnostics;
use super::environment::Environment;
use super::preview::redacted_preview;
use super::schema::{Key, Schema, Shape, unknown_key};

/// Indices of list items stay below this.
const MAX_ITEMS: usize = 10_000;

/// The key under which the whole tree is while the `config` crate merges: it reads the keys at
/// the very top as path expressions, so that a file with the key `a[999999999999]` would have it
/// allocate a list of that length.
const TREE_KEY: &str = "file";

/// What may be in an item of a list of values.
static LIST_ITEM: Shape = Shape::Value;

/// One segment of a path into the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Key(String),
    Index(usize),
}

/// A value for one place of the tree; its origin is the variable.
#[derive(Clone)]
struct Override {
    path: Vec<Segment>,
    value: Value,
}

impl Override {
    /// The index of the account that it is about.
    fn account(&self) -> Option<usize> {
        match self.path.as_slice() {
            [Segment::Key(list), Segment::Index(index), ..] if list == "accounts" => Some(*index),
            _ => None,
        }
    }
}

/// The tree with the variables' values in it; `None` when they cannot be merged. Variables that
/// lead nowhere are reported.
pub(super) fn apply(
    tree: Value,
    env: &Environment,
    schema: &Schema,
    diagnostics: &Diagnostics,
) -> Option<Value> {
    env.check(diagnostics);
    let overrides = read(env, schema, diagnostics);
    let overrides = applicable(overrides, &tree, diagnostics);
    merge(tree, overrides)
}

/// Every override, in an order in which a list comes before its items and those by index.
fn read(env: &Environment, schema: &Schema, diagnostics: &Diagnostics) -> Vec<Override> {
    let mut overrides = Vec::new();
    for (variable, key, text) in env.overrides() {
        match resolve(key, &schema.root) {
            Ok((path, shape)) => overrides.push(Override {
                path,
                value: value(variable, text, shape),
            }),
            Err(reason) => diagnostics.error(redacted_preview(variable), reason),
        }
    }
    overrides.sort_by(|a, b| a.path.cmp(&b.path));
    overrides
}

/// The overrides that set each value once and leave no gap in a list.
fn applicable(overrides: Vec<Override>, tree: &Value, diagnostics: &Diagnostics) -> Vec<Override> {
    let mut lists = Lists {
        tree,
        lengths: BTreeMap::new(),
    };
    let is_id =
        |next: &&Override| matches!(next.path.last(), Some(Segment::Key(key)) if key == "id");
    let ids = overrides.iter().filter(is_id);
    let ids: BTreeSet<_> = ids.filter_map(Override::account).collect();
    let mut applicable: Vec<Override> = Vec::new();
    for next in overrides {
        let variable = next.value.origin().unwrap_or_default();
        if let Some(last) = applicable.last().filter(|last| last.path == next.path) {
            let other = last.value.origin().unwrap_or_default();
            diagnostics.error(
                variable,
                format!("sets the same value as {other}; keep one"),
            );
        } else if let Some(reason) = lists.elsewhere(&next, &ids) {
            diagnostics.error(variable, reason);
        } else if let Err(reason) = lists.check_contiguous(&next) {
            diagnostics.error(variable, reason);
        } else {
            applicable.push(next);
        }
    }
    applicable
}

/// Path of `LIMITS__MIN_SPACING`, and what may be there.
fn resolve<'s>(variable: &str, root: &'s Shape) -> Result<(Vec<Segment>, &'s Shape), String> {
    let mut path = Vec::new();
    let mut shape = root;
    for word in variable.split("__") {
        let (segment, below) = descend(shape, word)?;
        path.push(segment);
        shape = below;
    }
    match shape {
        Shape::Value | Shape::List | Shape::Selection => Ok((path, shape)),
        Shape::Section(_) | Shape::Sections(_) | Shape::Names => {
            Err("expected the name of a value, found that of a section".to_owned())
        }
    }
}

fn descend<'s>(shape: &'s Shape, word: &str) -> Result<(Segment, &'s Shape), String> {
    match shape {
        Shape::Section(keys) => match find_key(keys, word) {
            Some(key) => Ok((Segment::Key(key.name.to_owned()), &key.shape)),
            None => Err(format!(
                "{}: {}",
                redacted_preview(word),
                unknown_key(word, keys)
            )),
        },
        Shape::Sections(item) => Ok((index(word)?, item)),
        Shape::List | Shape::Selection => Ok((index(word)?, &LIST_ITEM)),
        Shape::Names => match word.parse::<i64>() {
            Ok(id) => Ok((Segment::Key(id.to_string()), &LIST_ITEM)),
            Err(_) => Err(format!("expected an id, found {}", redacted_preview(word))),
        },
        Shape::Value => Err(format!(
            "{} is below a single value, which has no parts",
            redacted_preview(word)
        )),
    }
}

fn find_key<'s>(keys: &'s [Key], word: &str) -> Option<&'s Key> {
    keys.iter().find(|key| key.name.eq_ignore_ascii_case(word))
}

fn index(word: &str) -> Result<Segment, String> {
    match word.parse() {
        Ok(index) if index < MAX_ITEMS && !word.starts_with('+') => Ok(Segment::Index(index)),
        _ => Err(format!(
            "expected the index of a list item, counted from 0, found {}",
            redacted_preview(word)
        )),
    }
}

/// The value of a variable: a list when one is possible there and the text is not a keyword.
fn value(variable: &str, text: &str, shape: &Shape) -> Value {
    let origin = variable.to_owned();
    let is_list = match shape {
        Shape::List => true,
        Shape::Selection => !matches!(text, "all" | "none"),
        _ => false,
    };
    if !is_list {
        return Value::new(Some(&origin), text);
    }
    let items = text
        .split(',')
        .map(|item| Value::new(Some(&origin), item.trim()));
    Value::new(Some(&origin), ValueKind::Array(items.collect()))
}

/// The lengths of the lists of the tree, with what overrides change in them.
struct Lists<'a> {
    tree: &'a Value,
    lengths: BTreeMap<Vec<Segment>, usize>,
}

impl Lists<'_> {
    /// Checks that each numbered item exists or comes next: a gap would be filled with nothing,
    /// and one digit too many would be an allocation of that size.
    fn check_contiguous(&mut self, next: &Override) -> Result<(), String> {
        for (depth, segment) in next.path.iter().enumerate() {
            let (Segment::Index(index), Some(list)) = (segment, next.path.get(..depth)) else {
                continue;
            };
            let length = self.length(list);
            if *index > *length {
                return Err(format!(
                    "expected an index of at most {length}, found {index}: list items have no gaps"
                ));
            }
            *length = (*length).max(index + 1);
        }
        if let ValueKind::Array(items) = &next.value.kind {
            self.lengths.insert(next.path.clone(), items.len());
        }
        Ok(())
    }

    /// Why a value cannot be set: its account is none of this file, and without an id (those of `ids`
    /// have one) no new one either, but there are `accounts_files`.
    fn elsewhere(&self, next: &Override, ids: &BTreeSet<usize>) -> Option<String> {
        let index = next.account().filter(|index| !ids.contains(index))?;
        let list = |key: &str| length_in(self.tree, &[Segment::Key(key.to_owned())]);
        (index >= list("accounts") && list("accounts_files") > 0).then(|| {
            format!(
                "accounts[{index}] is not in the configuration file; values of accounts_files cannot be overridden, change them there"
            )
        })
    }

    fn length(&mut self, list: &[Segment]) -> &mut usize {
        self.lengths
            .entry(list.to_vec())
            .or_insert_with(|| length_in(self.tree, list))
    }
}

/// Length of the list at a path; 0 when there is none.
fn length_in(tree: &Value, path: &[Segment]) -> usize {
    let mut value = tree;
    for segment in path {
        let below = match (&value.kind, segment) {
            (ValueKind::Table(table), Segment::Key(key)) => table.get(key),
            (ValueKind::Array(items), Segment::Index(index)) => items.get(*index),
            _ => None,
        };
        let Some(below) = below else {
            return 0;
        };
        value = below;
    }
    match &value.kind {
        ValueKind::Array(items) => items.len(),
        _ => 0,
    }
}

/// Lays the overrides over the tree, in their order.
fn merge(tree: Value, overrides: Vec<Override>) -> Option<Value> {
    let mut builder = config::Config::builder().add_source(ValueAt(TREE_KEY.to_owned(), tree));
    for Override { path, value } in overrides {
        builder = builder.add_source(ValueAt(expression(&path), value));
    }
    match builder.build().ok()?.cache.kind {
        ValueKind::Table(mut top) => top.remove(TREE_KEY),
        _ => None,
    }
}

/// A path as the `config` crate writes it.
fn expression(path: &[Segment]) -> String {
    let mut expression = TREE_KEY.to_owned();
    for segment in path {
        match segment {
            Segment::Key(key) => expression.push_str(&format!(".{key}")),
            Segment::Index(index) => expression.push_str(&format!("[{index}]")),
        }
    }
    expression
}

/// One value at a path expression, as a source of the `config` crate.
#[derive(Clone)]
struct ValueAt(String, Value);

impl std::fmt::Debug for ValueAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The trait requires this; the value may be a credential.
        f.write_str(&self.0)
    }
}

impl Source for ValueAt {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(Map::from([(self.0.clone(), self.1.clone())]))
    }
}

#[cfg(test)]
mod tests;
