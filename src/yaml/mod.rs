//! The one reader of YAML, with limits: configuration, web configuration and fault files all come
//! through here, as the `config` crate's tree. `builder` makes the tree out of the parser's events.
//!
//! The crate's own YAML format is not used, for five reasons. It turns scalars into numbers before
//! anything says which type is expected, so that the unquoted secret `0123` becomes `123` and the
//! user `007` becomes `7`; here a scalar stays as it was written. It recurses over the nesting, so
//! that a file of a few megabytes of `- - - -` overflows the stack and kills the daemon at a
//! reload; here events are pulled one by one and the depth is limited. It expands aliases without
//! limit. It stops at the first key that is given twice, without saying where. And its errors quote
//! what it cannot use, which may be a private key that was named by mistake; here an error contains
//! nothing of the text but the position.

mod builder;

use builder::Builder;
use config::{Value, ValueKind};
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError};

/// Maximum length of a document, in bytes: enough for a hundred thousand ids with names. Callers have
/// lower limits for their files.
pub(crate) const MAX_BYTES: u64 = 8 << 20;

/// One segment of the path from the top of a document to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathSegment {
    /// The value of a key.
    Key(String),
    /// An item of a sequence, from 0.
    Index(usize),
}

/// A key that is given twice in one mapping; the first value is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DuplicateKey {
    /// The path of the mapping.
    pub(crate) parent: Vec<PathSegment>,
    /// The key. It may contain a secret: callers decide whether it may be repeated.
    pub(crate) key: String,
    /// The lines of the first and of the second one.
    pub(crate) lines: (usize, usize),
}

/// A document and the keys that are given twice in it.
pub(crate) struct Document {
    /// The whole document; nil when the text is empty or a comment.
    pub(crate) root: Value,
    /// All keys that are given twice.
    pub(crate) duplicates: Vec<DuplicateKey>,
}

/// The text of a file that should be YAML.
///
/// # Errors
/// Where it is not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        format!("is not UTF-8 text (byte {byte} is the first invalid one)")
    })
}

/// Reads one YAML document. Scalars become strings as written; plain `null`, `~` and nothing
/// become nil.
///
/// # Errors
/// What makes the text unreadable as a whole, with line and column if there is one, and with
/// nothing of the text itself.
pub(crate) fn parse(text: &str) -> Result<Document, String> {
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(format!("is longer than {MAX_BYTES} bytes"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        // The scanner would take it for the end of the text and silently ignore what follows.
        return Err("holds a NUL character".to_owned());
    }
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    loop {
        let (event, mark) = parser.next_token().map_err(|error| syntax_error(&error))?;
        if event == Event::StreamEnd {
            return Ok(builder.finish());
        }
        builder.add(event, mark)?;
    }
}

/// What a value is, for errors that must not repeat it. Scalars are not distinguished: all are kept as
/// the string that was written.
pub(crate) fn describe(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Table(_) => "a mapping",
        ValueKind::Array(_) => "a list",
        _ => "a single value",
    }
}

fn syntax_error(error: &ScanError) -> String {
    // Where the scanner quotes the text, a backtick comes first.
    let info = error.info().split('`').next();
    let info = info.unwrap_or_default().trim_end_matches([' ', ':']);
    error_at(*error.marker(), &format!("not valid YAML: {info}"))
}

fn error_at(mark: Marker, message: &str) -> String {
    format!("line {}, column {}: {message}", mark.line(), mark.col() + 1)
}

#[cfg(test)]
mod tests;
