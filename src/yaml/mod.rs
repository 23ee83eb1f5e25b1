//! The one reader of YAML, with limits: configuration, web configuration and fault files all come
//! through here, as the `config` crate's tree.
//!
//! The crate's own YAML format is not used, for five reasons. It turns scalars into numbers before
//! anyone says what is wanted, so that the unquoted secret `0123` becomes `123` and the user `007`
//! becomes `7`; here a scalar stays the text that was written. It recurses over the nesting, so
//! that a file of a few megabytes of `- - - -` overflows the stack and kills the daemon at a
//! reload; here events are pulled one by one and depth is limited. It expands aliases without
//! bound. It stops at the first key that is given twice, without saying where. And it repeats
//! what it cannot use, which may be a private key that was named by mistake; what is said here
//! holds nothing of the text but the place.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use config::{Map, Value, ValueKind};
use yaml_rust2::parser::{Event, Parser, Tag};
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

/// Longest text that is read, in bytes: room for a hundred thousand ids with names. Callers have
/// smaller limits for their files.
pub(crate) const LONGEST: u64 = 8 << 20;
/// The schema needs six.
const DEEPEST: usize = 32;
/// Values after the expansion of aliases: room for a hundred thousand ids, and some 50 MB of memory.
const MOST_VALUES: usize = 200_000;
/// Handle of the tags that YAML itself defines, as `!!str`.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// One step of the way from the top of a document to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value of a key.
    Key(String),
    /// An item of a sequence, from 0.
    Index(usize),
}

/// A key that stands twice in one mapping; the first one counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RepeatedKey {
    /// Where the mapping stands.
    pub(crate) parent: Vec<Step>,
    /// The key. It has not been checked: callers decide whether it may be repeated.
    pub(crate) key: String,
    /// The line of the first and of this one.
    pub(crate) lines: (usize, usize),
}

/// A document and the keys that stand twice in it.
pub(crate) struct Document {
    /// The whole of it; nil when the text is empty or a comment.
    pub(crate) root: Value,
    /// Every key that stands twice.
    pub(crate) repeated: Vec<RepeatedKey>,
}

/// The text of a file that should be YAML.
///
/// # Errors
/// Where it is not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        format!("is not UTF-8 text (byte {byte} is the first wrong one)")
    })
}

/// Reads one YAML document. Scalars become strings as written; plain `null`, `~` and nothing
/// become nil.
///
/// # Errors
/// What makes the text unreadable as a whole, with line and column where there is one, and with
/// nothing of the text itself.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        // The scanner takes it for the end of the text, and would drop what follows in silence.
        return Err("holds a NUL character".to_owned());
    }
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    loop {
        let (event, mark) = parser.next_token().map_err(|error| syntax(&error))?;
        if event == Event::StreamEnd {
            break;
        }
        builder.take(event, mark)?;
    }
    Ok(Document {
        root: builder.root.unwrap_or_default(),
        repeated: builder.repeated,
    })
}

fn syntax(error: &ScanError) -> String {
    // Where the scanner quotes the text, a backtick comes first.
    let info = error.info().split('`').next();
    let info = info.unwrap_or_default().trim_end_matches([' ', ':']);
    at(*error.marker(), &format!("not valid YAML: {info}"))
}

fn at(mark: Marker, message: &str) -> String {
    format!("line {}, column {}: {message}", mark.line(), mark.col() + 1)
}

/// A list or map that is still being read.
struct Frame {
    node: Node,
    anchor: usize,
    /// Values counted before this one began; what it holds is the difference.
    counted: usize,
}

enum Node {
    List(Vec<Value>),
    Map {
        entries: Map<String, Value>,
        /// Line of each key, to name both when one is given twice.
        lines: HashMap<String, usize>,
        /// The key whose value comes next.
        key: Option<String>,
        /// Whether that key has been seen before.
        repeated: bool,
    },
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Value, usize)>,
    counted: usize,
    documents: usize,
    repeated: Vec<RepeatedKey>,
    root: Option<Value>,
}

impl Builder {
    fn take(&mut self, event: Event, mark: Marker) -> Result<(), String> {
        match event {
            Event::DocumentStart => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(at(
                        mark,
                        "a second YAML document begins; only one is allowed",
                    ));
                }
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_ref(), mark)?;
                self.open(Node::List(Vec::new()), anchor, mark)?;
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_ref(), mark)?;
                let node = Node::Map {
                    entries: Map::new(),
                    lines: HashMap::new(),
                    key: None,
                    repeated: false,
                };
                self.open(node, anchor, mark)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(mark)?,
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_ref(), mark)?;
                self.scalar(
                    text,
                    style == TScalarStyle::Plain && tag.is_none(),
                    anchor,
                    mark,
                )?;
            }
            Event::Alias(anchor) => self.alias(anchor, mark)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, node: Node, anchor: usize, mark: Marker) -> Result<(), String> {
        if self.expects_key() {
            return Err(at(mark, "a list or map cannot be a key"));
        }
        if self.frames.len() >= DEEPEST {
            return Err(at(mark, &format!("nested more than {DEEPEST} levels deep")));
        }
        self.count(1, mark)?;
        self.frames.push(Frame {
            node,
            anchor,
            counted: self.counted,
        });
        Ok(())
    }

    fn close(&mut self, mark: Marker) -> Result<(), String> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let kind = match frame.node {
            Node::List(items) => ValueKind::Array(items),
            Node::Map { entries, .. } => ValueKind::Table(entries),
        };
        let size = self.counted - frame.counted + 1;
        self.insert(Value::new(None, kind), frame.anchor, size, mark)
    }

    fn scalar(
        &mut self,
        text: String,
        plain: bool,
        anchor: usize,
        mark: Marker,
    ) -> Result<(), String> {
        if self.expects_key() {
            self.key(text, mark);
            return Ok(());
        }
        self.count(1, mark)?;
        let kind = match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" if plain => ValueKind::Nil,
            _ => ValueKind::String(text),
        };
        self.insert(Value::new(None, kind), anchor, 1, mark)
    }

    fn alias(&mut self, anchor: usize, mark: Marker) -> Result<(), String> {
        if self.expects_key() {
            return Err(at(mark, "an alias cannot be a key"));
        }
        // Counted before it is copied: a handful of lines can stand for billions of values.
        let Some((_, size)) = self.anchors.get(&anchor) else {
            return Err(at(mark, "this alias stands inside what it refers to"));
        };
        self.count(*size, mark)?;
        let value = self.anchors.get(&anchor).map(|(value, _)| value.clone());
        self.insert(value.unwrap_or_default(), 0, 0, mark)
    }

    fn count(&mut self, more: usize, mark: Marker) -> Result<(), String> {
        self.counted = self.counted.saturating_add(more);
        if self.counted > MOST_VALUES {
            return Err(at(
                mark,
                &format!("more than {MOST_VALUES} values, aliases expanded"),
            ));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.frames.last(),
            Some(Frame {
                node: Node::Map { key: None, .. },
                ..
            })
        )
    }

    fn key(&mut self, text: String, mark: Marker) {
        // Only told of keys that stand twice, but the frames are borrowed then.
        let parent = if self.is_repeated(&text) {
            self.path()
        } else {
            Vec::new()
        };
        let Some(Frame {
            node:
                Node::Map {
                    lines,
                    key,
                    repeated,
                    ..
                },
            ..
        }) = self.frames.last_mut()
        else {
            return;
        };
        *repeated = match lines.entry(text.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(mark.line());
                false
            }
            Entry::Occupied(first) => {
                self.repeated.push(RepeatedKey {
                    parent,
                    key: text.clone(),
                    lines: (*first.get(), mark.line()),
                });
                true
            }
        };
        *key = Some(text);
    }

    fn is_repeated(&self, key: &str) -> bool {
        matches!(
            self.frames.last(),
            Some(Frame { node: Node::Map { lines, .. }, .. }) if lines.contains_key(key)
        )
    }

    fn insert(
        &mut self,
        value: Value,
        anchor: usize,
        size: usize,
        mark: Marker,
    ) -> Result<(), String> {
        if anchor > 0 {
            self.count(size, mark)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.frames.last_mut().map(|frame| &mut frame.node) {
            None => self.root = Some(value),
            Some(Node::List(items)) => items.push(value),
            Some(Node::Map {
                entries,
                key,
                repeated,
                ..
            }) => {
                if let Some(key) = key.take()
                    && !*repeated
                {
                    entries.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// Where the innermost open list or map stands.
    fn path(&self) -> Vec<Step> {
        let outer = self.frames.len().saturating_sub(1);
        let steps = self
            .frames
            .iter()
            .take(outer)
            .map(|frame| match &frame.node {
                Node::List(items) => Step::Index(items.len()),
                Node::Map { key, .. } => Step::Key(key.clone().unwrap_or_default()),
            });
        steps.collect()
    }
}

/// Own tags would promise a meaning that nothing here gives them.
fn refuse_tag(tag: Option<&Tag>, mark: Marker) -> Result<(), String> {
    match tag {
        Some(tag) if tag.handle != CORE_TAGS => Err(at(
            mark,
            "tags (words that begin with !) are not supported here",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
