//! Makes the tree of a document out of the parser's events, within limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use config::{Map, Value, ValueKind};
use yaml_rust2::parser::{Event, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use super::{Document, DuplicateKey, PathSegment, error_at};

/// Maximum depth of nesting. The configuration needs six.
const MAX_DEPTH: usize = 32;
/// Maximum number of values after the expansion of aliases: enough for a hundred thousand ids, and
/// some 50 MB of memory.
const MAX_VALUES: usize = 200_000;
/// Handle of the tags that YAML itself defines, as `!!str`.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// A sequence or mapping that is not complete yet.
struct Collection {
    content: Content,
    /// The parser's number of its anchor; 0 if it has none.
    anchor: usize,
    /// The number of values before this one; the difference at its end is its size.
    count_before: usize,
}

enum Content {
    Sequence(Vec<Value>),
    Mapping(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Map<String, Value>,
    /// The line of each key, to name both when one is given twice.
    lines: HashMap<String, usize>,
    /// The key whose value comes next.
    key: Option<Key>,
}

struct Key {
    text: String,
    /// Whether the mapping has this key already, so that its value is ignored.
    is_duplicate: bool,
}

/// A value that aliases can refer to.
struct Anchored {
    value: Value,
    /// The number of values that it consists of.
    size: usize,
}

/// What has been read of a document.
#[derive(Default)]
pub(super) struct Builder {
    /// The incomplete collections, outermost first.
    open: Vec<Collection>,
    anchors: HashMap<usize, Anchored>,
    value_count: usize,
    has_document: bool,
    duplicates: Vec<DuplicateKey>,
    root: Option<Value>,
}

impl Builder {
    /// The document, after the last event.
    pub(super) fn finish(self) -> Document {
        Document {
            root: self.root.unwrap_or_default(),
            duplicates: self.duplicates,
        }
    }

    /// Adds one event of the parser.
    ///
    /// # Errors
    /// What is not allowed, with line and column.
    pub(super) fn add(&mut self, event: Event, mark: Marker) -> Result<(), String> {
        match event {
            Event::DocumentStart => self.start_document(mark),
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_ref(), mark)?;
                self.start(Content::Sequence(Vec::new()), anchor, mark)
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_ref(), mark)?;
                self.start(Content::Mapping(Mapping::default()), anchor, mark)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(mark),
            Event::Scalar(text, style, anchor, tag) => {
                check_tag(tag.as_ref(), mark)?;
                let is_plain = style == TScalarStyle::Plain && tag.is_none();
                self.add_scalar(text, is_plain, anchor, mark)
            }
            Event::Alias(anchor) => self.add_alias(anchor, mark),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn start_document(&mut self, mark: Marker) -> Result<(), String> {
        if std::mem::replace(&mut self.has_document, true) {
            return Err(error_at(
                mark,
                "expected a single YAML document, found a second one",
            ));
        }
        Ok(())
    }

    fn start(&mut self, content: Content, anchor: usize, mark: Marker) -> Result<(), String> {
        if self.expects_key() {
            let message = match content {
                Content::Sequence(_) => "expected a single value as the key, found a list",
                Content::Mapping(_) => "expected a single value as the key, found a mapping",
            };
            return Err(error_at(mark, message));
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(error_at(mark, &message));
        }
        self.count(1, mark)?;
        self.open.push(Collection {
            content,
            anchor,
            count_before: self.value_count,
        });
        Ok(())
    }

    fn end(&mut self, mark: Marker) -> Result<(), String> {
        let Some(collection) = self.open.pop() else {
            return Ok(());
        };
        let kind = match collection.content {
            Content::Sequence(items) => ValueKind::Array(items),
            Content::Mapping(mapping) => ValueKind::Table(mapping.entries),
        };
        let size = self.value_count - collection.count_before + 1;
        self.insert_anchored(Value::new(None, kind), collection.anchor, size, mark)
    }

    fn add_scalar(
        &mut self,
        text: String,
        is_plain: bool,
        anchor: usize,
        mark: Marker,
    ) -> Result<(), String> {
        if self.expects_key() {
            self.add_key(text, mark);
            return Ok(());
        }
        self.count(1, mark)?;
        let kind = match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" if is_plain => ValueKind::Nil,
            _ => ValueKind::String(text),
        };
        self.insert_anchored(Value::new(None, kind), anchor, 1, mark)
    }

    fn add_alias(&mut self, anchor: usize, mark: Marker) -> Result<(), String> {
        if self.expects_key() {
            let message = "expected a single value as the key, found an alias";
            return Err(error_at(mark, message));
        }
        // Counted before it is copied: a few lines can expand to billions of values.
        let Some(size) = self.anchors.get(&anchor).map(|anchored| anchored.size) else {
            let message = "this alias is inside the value that it refers to";
            return Err(error_at(mark, message));
        };
        self.count(size, mark)?;
        let anchored = self.anchors.get(&anchor);
        let value = anchored.map(|anchored| anchored.value.clone());
        self.insert(value.unwrap_or_default());
        Ok(())
    }

    fn count(&mut self, more: usize, mark: Marker) -> Result<(), String> {
        self.value_count = self.value_count.saturating_add(more);
        if self.value_count > MAX_VALUES {
            let message = format!("more than {MAX_VALUES} values, with aliases expanded");
            return Err(error_at(mark, &message));
        }
        Ok(())
    }

    /// The innermost incomplete mapping, if it is the innermost collection.
    fn mapping(&mut self) -> Option<&mut Mapping> {
        match self.open.last_mut()?.content {
            Content::Sequence(_) => None,
            Content::Mapping(ref mut mapping) => Some(mapping),
        }
    }

    fn expects_key(&mut self) -> bool {
        self.mapping().is_some_and(|mapping| mapping.key.is_none())
    }

    fn add_key(&mut self, text: String, mark: Marker) {
        let Some(mapping) = self.mapping() else {
            return;
        };
        let first_line = match mapping.lines.entry(text.clone()) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(entry) => {
                entry.insert(mark.line());
                None
            }
        };
        mapping.key = Some(Key {
            text: text.clone(),
            is_duplicate: first_line.is_some(),
        });
        if let Some(first_line) = first_line {
            self.duplicates.push(DuplicateKey {
                parent: self.path(),
                key: text,
                lines: (first_line, mark.line()),
            });
        }
    }

    /// Inserts a value of so many values that aliases may refer to, if it has an anchor.
    fn insert_anchored(
        &mut self,
        value: Value,
        anchor: usize,
        size: usize,
        mark: Marker,
    ) -> Result<(), String> {
        if anchor > 0 {
            // The copy counts too.
            self.count(size, mark)?;
            let value = value.clone();
            self.anchors.insert(anchor, Anchored { value, size });
        }
        self.insert(value);
        Ok(())
    }

    fn insert(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(value),
            Some(Content::Sequence(items)) => items.push(value),
            Some(Content::Mapping(mapping)) => {
                if let Some(key) = mapping.key.take()
                    && !key.is_duplicate
                {
                    mapping.entries.insert(key.text, value);
                }
            }
        }
    }

    /// The path of the innermost incomplete collection.
    fn path(&self) -> Vec<PathSegment> {
        let outer = self.open.len().saturating_sub(1);
        let segment = |open: &Collection| match &open.content {
            Content::Sequence(items) => PathSegment::Index(items.len()),
            Content::Mapping(mapping) => {
                let key = mapping.key.as_ref();
                PathSegment::Key(key.map(|key| key.text.clone()).unwrap_or_default())
            }
        };
        self.open.iter().take(outer).map(segment).collect()
    }
}

/// Tags other than YAML's own would suggest a meaning that nothing here gives them.
fn check_tag(tag: Option<&Tag>, mark: Marker) -> Result<(), String> {
    match tag {
        Some(tag) if tag.handle != CORE_TAGS => {
            let message = "tags (words that begin with !) are not supported";
            Err(error_at(mark, message))
        }
        _ => Ok(()),
    }
}
