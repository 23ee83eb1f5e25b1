//! From a body to a value, through the envelope that some deployments put around it.
//!
//! The usual case is one pass with nothing in between. Only a body that is refused is read again.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::object::Object;
use super::progress::{self, Progress};
use super::repair::repaired;
use super::second_reading;
use super::{
    Content, EntryList, Fault, FieldName, MAX_ENTRIES, Problem, ReadError, integer, object,
};

/// Reads an object, in an envelope or bare.
///
/// # Errors
/// What is wrong with the body, or the status that the envelope gives for it.
pub fn read<T: DeserializeOwned + Default>(body: &[u8]) -> Result<Content<T>, ReadError> {
    let body = without_byte_order_mark(body);
    match read_once::<Option<Enveloped<T>>>(body) {
        Ok(document) => document.unwrap_or_default().into_content(),
        Err(error) => read_twice(body, &error, object_again),
    }
}

/// Reads a list of objects, in an envelope or bare.
///
/// # Errors
/// As [`read`]; also an envelope without a list.
pub fn read_list<T: DeserializeOwned>(body: &[u8]) -> Result<Content<Vec<T>>, ReadError> {
    let body = without_byte_order_mark(body);
    let document = match body.trim_ascii_start().first() {
        Some(b'{') => read_once::<Envelope<EntryList<T>>>(body),
        _ => read_once(body).map(Envelope::without_meta),
    };
    let content = match document {
        Ok(document) => document.into_content(),
        Err(error) => read_twice(body, &error, list_again),
    };
    content?.try_map(|list| match list {
        Some(EntryList(entries)) => Ok(entries),
        None => Err(ReadError::Missing(
            "expected a list, found an envelope without one".to_owned(),
        )),
    })
}

/// Some gateways put a byte order mark first.
fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The first reading: all or nothing.
fn read_once<'de, T: Deserialize<'de>>(body: &'de [u8]) -> serde_json::Result<T> {
    if may_hold_too_much(body) {
        return Err(serde::de::Error::custom("the entries have to be counted"));
    }
    // Looking once at all of it is quicker than looking at every key by itself. What is not UTF-8
    // may stand where nothing is read.
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    }
}

/// Whether there may be more than [`MAX_ENTRIES`]. No entry that is kept takes fewer bytes than
/// `{},`, so that hardly any body has to be looked at.
fn may_hold_too_much(body: &[u8]) -> bool {
    const SHORTEST_ENTRY: usize = 3;
    body.len() > SHORTEST_ENTRY * MAX_ENTRIES
        && body.iter().filter(|byte| **byte == b'{').count() > MAX_ENTRIES
}

/// The second reading of a body that was refused with `error`.
fn read_twice<T>(
    body: &[u8],
    error: &serde_json::Error,
    read: impl FnOnce(&str, &mut Progress) -> Result<Content<T>, ReadError>,
) -> Result<Content<T>, ReadError> {
    // The words of serde_json's syntax errors are its own and hold nothing of the body.
    let syntax = || ReadError::Syntax(error.to_string());
    let text = match (repaired(body), std::str::from_utf8(body)) {
        (Some(text), _) => Cow::Owned(text),
        (None, Ok(text)) if error.is_data() => Cow::Borrowed(text),
        (None, _) => return Err(syntax()),
    };
    let mut progress = Progress::default();
    match read(&text, &mut progress) {
        Ok(content) => Ok(Content {
            ignored: progress.into_ignored(),
            ..content
        }),
        Err(ReadError::Syntax(_)) if !error.is_data() => Err(syntax()),
        Err(error) => Err(error),
    }
}

impl From<progress::Error> for ReadError {
    fn from(error: progress::Error) -> Self {
        match error {
            progress::Error::Fault(fault) => Self::Fault(fault),
            progress::Error::Syntax(text) => Self::Syntax(text),
            problem => Self::Syntax(problem.to_string()),
        }
    }
}

fn object_again<T: DeserializeOwned + Default>(
    text: &str,
    progress: &mut Progress,
) -> Result<Content<T>, ReadError> {
    let status = status_again(text, progress)?;
    let BodyOnly { body } = second_reading::read::<BodyOnly<Object<T>>>(text, progress)?;
    let value = match body {
        Some(Object(value)) => value,
        None => second_reading::read(text, progress)?,
    };
    Ok(Content {
        value,
        status,
        ignored: None,
    })
}

fn list_again<T: DeserializeOwned>(
    text: &str,
    progress: &mut Progress,
) -> Result<Content<Option<EntryList<T>>>, ReadError> {
    let (value, status) = match text.trim_ascii_start().starts_with('{') {
        true => {
            let status = status_again(text, progress)?;
            (
                second_reading::read::<BodyOnly<EntryList<T>>>(text, progress)?.body,
                status,
            )
        }
        false => (Some(second_reading::read(text, progress)?), None),
    };
    Ok(Content {
        value,
        status,
        ignored: None,
    })
}

/// The envelope's status, before anything else: what is wrong with the body of an answer that is
/// an error does not matter.
fn status_again(text: &str, progress: &mut Progress) -> Result<Option<u16>, ReadError> {
    let MetaOnly { meta } = second_reading::read(text, progress)?;
    success_status(meta.unwrap_or_default().status)
}

/// The envelope's code as an HTTP status, if it is one of a success.
fn success_status(code: Option<i64>) -> Result<Option<u16>, ReadError> {
    let Some(code) = code else { return Ok(None) };
    match u16::try_from(code) {
        Ok(status @ 200..=299) => Ok(Some(status)),
        Ok(status @ 100..=599) => Err(ReadError::Status(status)),
        _ => Err(ReadError::Fault(Fault {
            path: "meta.responseCode".to_owned(),
            found: code.to_string(),
            problem: Problem::Expected("an HTTP status".to_owned()),
        })),
    }
}

/// `meta`.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Meta {
    #[serde(rename = "responseCode", deserialize_with = "integer")]
    status: Option<i64>,
}

/// Nothing but `meta`.
#[derive(serde::Deserialize)]
struct MetaOnly {
    #[serde(default, deserialize_with = "object")]
    meta: Option<Meta>,
}

/// Nothing but `body`.
#[derive(serde::Deserialize)]
struct BodyOnly<T> {
    body: Option<T>,
}

/// `{"meta":{…},"body":…}`.
#[derive(serde::Deserialize)]
struct Envelope<T> {
    #[serde(default, deserialize_with = "object")]
    meta: Option<Meta>,
    body: Option<T>,
}

impl<T> Envelope<T> {
    fn without_meta(body: T) -> Self {
        Self {
            meta: None,
            body: Some(body),
        }
    }

    fn empty() -> Self {
        Self {
            meta: None,
            body: None,
        }
    }

    fn into_content(self) -> Result<Content<Option<T>>, ReadError> {
        Ok(Content {
            status: success_status(self.meta.unwrap_or_default().status)?,
            value: self.body,
            ignored: None,
        })
    }
}

/// An [`Envelope`], or the fields of the body themselves.
///
/// serde's `flatten` would do it, and would copy the whole answer into a tree first.
struct Enveloped<T> {
    envelope: Envelope<T>,
    bare: T,
}

impl<T: Default> Default for Enveloped<T> {
    fn default() -> Self {
        Self {
            envelope: Envelope::empty(),
            bare: T::default(),
        }
    }
}

impl<T> Enveloped<T> {
    fn into_content(self) -> Result<Content<T>, ReadError> {
        let content = self.envelope.into_content()?;
        Ok(content.map(|body| body.unwrap_or(self.bare)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Enveloped<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopedVisitor(PhantomData))
    }
}

struct EnvelopedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EnvelopedVisitor<T> {
    type Value = Enveloped<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Enveloped<T>, A::Error> {
        let mut envelope = Envelope::empty();
        let bare = T::deserialize(MapAccessDeserializer::new(BareFields {
            map,
            envelope: &mut envelope,
        }))?;
        Ok(Enveloped { envelope, bare })
    }
}

/// The fields of an object without `meta` and `body`, which are read on the way.
struct BareFields<'e, A, T> {
    map: A,
    envelope: &'e mut Envelope<T>,
}

impl<'de, A: MapAccess<'de>, T: Deserialize<'de>> MapAccess<'de> for BareFields<'_, A, T> {
    type Error = A::Error;

    fn next_key_seed<K>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error>
    where
        K: DeserializeSeed<'de>,
    {
        while let Some(FieldName(name)) = self.map.next_key()? {
            match name.as_ref() {
                "meta" => {
                    let meta: Option<Object<Meta>> = self.map.next_value()?;
                    self.envelope.meta = meta.map(|Object(meta)| meta);
                }
                "body" => {
                    let body: Option<Object<T>> = self.map.next_value()?;
                    self.envelope.body = body.map(|Object(body)| body);
                }
                _ => return seed.deserialize(CowStrDeserializer::new(name)).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V>(&mut self, seed: V) -> Result<V::Value, A::Error>
    where
        V: DeserializeSeed<'de>,
    {
        self.map.next_value_seed(seed)
    }
}
