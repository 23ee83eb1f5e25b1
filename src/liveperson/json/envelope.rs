//! From a body to a value: the envelope that some deployments put around it, and what to say when
//! the body cannot be read.
//!
//! The usual case is one pass with nothing in between. Only a body that could not be read is looked
//! at again, to tell LivePerson's own error in an envelope from garbage.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::repair::repaired;
use super::{Fault, Fields, Ignored, ListOf, Object, Reader, Seed, Trail, Whole};
use crate::liveperson::excerpt;
use crate::liveperson::redactor::Redactor;

/// Longest part of a path or value that is shown, in characters.
const SHOWN: usize = 80;
/// Longest body that is searched for the words of an error.
const SEARCHED: usize = 64 * 1024;

/// A body that was read.
#[derive(Debug, PartialEq)]
pub struct Content<T> {
    /// What the body says.
    pub value: T,
    /// `meta.responseCode`, when there was an envelope.
    pub status: Option<u16>,
    /// Entries that could not be read and were left out.
    pub ignored: Option<Ignored>,
}

impl<T> Content<T> {
    /// Something else made of the value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Content<U> {
        Content {
            value: f(self.value),
            status: self.status,
            ignored: self.ignored,
        }
    }

    /// The same, if the value can be made into something else.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn try_map<U>(
        self,
        f: impl FnOnce(T) -> Result<U, ReadError>,
    ) -> Result<Content<U>, ReadError> {
        Ok(Content {
            value: f(self.value)?,
            status: self.status,
            ignored: self.ignored,
        })
    }
}

/// Why a body could not be read.
#[derive(Debug, PartialEq)]
pub enum ReadError {
    /// The envelope says that this is not a success.
    Status(u16),
    /// A value is not what the API promises.
    Fault(Fault),
    /// Not JSON, or not whole.
    Syntax(String),
    /// Readable, but what was asked for is not in it. Free of LivePerson's words.
    Missing(String),
}

impl ReadError {
    /// The same without any of the body's own words, for bodies that may hold a token.
    pub(in crate::liveperson) fn without_excerpt(self, body: &[u8]) -> Self {
        match self {
            Self::Syntax(error) if !body.trim_ascii().is_empty() && !excerpt::is_html(body) => {
                Self::Missing(format!("not JSON ({error})"))
            }
            Self::Fault(Fault {
                path, complaint, ..
            }) => match path.as_str() {
                "" => Self::Missing(format!("the body {complaint}")),
                path => Self::Missing(format!("{path}: the value {complaint}")),
            },
            other => other,
        }
    }

    /// For people: what was found instead, with an excerpt where that helps.
    pub(in crate::liveperson) fn describe(&self, body: &[u8], redactor: &Redactor) -> String {
        match self {
            Self::Status(status) => format!("meta.responseCode is {status}"),
            Self::Fault(fault) => describe(fault, redactor),
            Self::Syntax(_) if body.trim_ascii().is_empty() => "the body is empty".to_owned(),
            Self::Syntax(_) if excerpt::is_html(body) => {
                let title = redactor.message(body.get(..SEARCHED).unwrap_or(body), true);
                format!("an HTML page instead of JSON: {title}")
            }
            Self::Syntax(error) => {
                format!("not JSON ({error}): {}", redactor.excerpt(body))
            }
            Self::Missing(what) => what.clone(),
        }
    }
}

/// A fault for people.
pub(in crate::liveperson) fn describe(fault: &Fault, redactor: &Redactor) -> String {
    let path = match fault.path.as_str() {
        "" => "the body".to_owned(),
        path => redactor.line(path, 3 * SHOWN),
    };
    let met = redactor.line(&fault.met, SHOWN);
    format!("{path}: {met} {}", fault.complaint)
}

/// Reads an object, in an envelope or bare.
pub(in crate::liveperson) fn read<T: Fields>(body: &[u8]) -> Result<Content<T>, ReadError> {
    let parsed = parse(body, Object::<Enveloped<T>>::new);
    let (parsed, ignored) = parsed.map_err(|error| second_look(body).unwrap_or(error))?;
    let Enveloped {
        meta,
        body: inner,
        bare,
    } = parsed.unwrap_or_default();
    Ok(Content {
        status: checked(meta.status)?,
        value: inner.unwrap_or(bare),
        ignored,
    })
}

/// Reads a list of objects, in an envelope or bare.
pub(in crate::liveperson) fn read_list<T: Fields>(body: &[u8]) -> Result<Content<Vec<T>>, ReadError> {
    let parsed = parse(body, || BareOrEnveloped::<T>(PhantomData));
    let (list, ignored) = parsed.map_err(|error| second_look(body).unwrap_or(error))?;
    let status = checked(list.meta.status)?;
    let value = list.body.ok_or_else(|| {
        ReadError::Missing("a list was expected and the answer has none".to_owned())
    })?;
    Ok(Content {
        value,
        status,
        ignored,
    })
}

type Parsed<T> = Result<(T, Option<Ignored>), ReadError>;

/// Reads a body; one that is no JSON for the sake of single values a second time without them.
fn parse<V, S>(body: &[u8], seed: impl Fn() -> S) -> Parsed<V>
where
    S: for<'de> Seed<'de, Value = V>,
{
    // Some gateways put a byte order mark first.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let parsed = parse_once(body, seed());
    let Err(ReadError::Syntax(_)) = &parsed else {
        return parsed;
    };
    let Some(repaired) = repaired(body) else {
        return parsed;
    };
    match parse_once(repaired.as_bytes(), seed()) {
        Err(ReadError::Syntax(_)) => parsed,
        other => other,
    }
}

fn parse_once<'de, S: Seed<'de>>(body: &'de [u8], seed: S) -> Parsed<S::Value> {
    let mut trail = Trail::default();
    let reader = Reader {
        seed,
        trail: &mut trail,
    };
    // Looking once at all of it is quicker than looking at every key by itself. What is not UTF-8
    // may stand where nothing is read.
    let parsed = match std::str::from_utf8(body) {
        Ok(text) => {
            let mut json = serde_json::Deserializer::from_str(text);
            let parsed = reader.deserialize(&mut json);
            parsed.and_then(|value| json.end().map(|()| value))
        }
        Err(_) => {
            let mut json = serde_json::Deserializer::from_slice(body);
            let parsed = reader.deserialize(&mut json);
            parsed.and_then(|value| json.end().map(|()| value))
        }
    };
    match parsed {
        Ok(value) => Ok((value, trail.into_ignored())),
        Err(error) => Err(match trail.into_fault() {
            Some(fault) => ReadError::Fault(fault),
            // Its words are serde_json's own and hold nothing of the body.
            None => ReadError::Syntax(error.to_string()),
        }),
    }
}

/// An unreadable body may still be an envelope with an error code in front of something else.
fn second_look(body: &[u8]) -> Option<ReadError> {
    let look = parse(body, Object::<MetaOnly>::new).ok()?.0?;
    match checked(look.0.status) {
        Err(status @ ReadError::Status(_)) => Some(status),
        _ => None,
    }
}

/// The envelope's code as an HTTP status, if it is one of a success.
fn checked(code: Option<i64>) -> Result<Option<u16>, ReadError> {
    let Some(code) = code else { return Ok(None) };
    match u16::try_from(code) {
        Ok(status @ 200..=299) => Ok(Some(status)),
        Ok(status @ 100..=599) => Err(ReadError::Status(status)),
        _ => Err(ReadError::Fault(Fault {
            path: "meta.responseCode".to_owned(),
            met: code.to_string(),
            complaint: "is not an HTTP status",
        })),
    }
}

/// `meta`.
#[derive(Default)]
struct Meta {
    status: Option<i64>,
}

impl Fields for Meta {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        let known = key == "responseCode";
        if known {
            self.status = trail.field(map, "responseCode", Whole)?;
        }
        Ok(known)
    }
}

/// `{"meta":{…},"body":{…}}`, or the fields of the body themselves.
#[derive(Default)]
struct Enveloped<T> {
    meta: Meta,
    body: Option<T>,
    bare: T,
}

impl<T: Fields> Fields for Enveloped<T> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "meta" => self.meta = trail.field(map, "meta", Object::new())?.unwrap_or_default(),
            "body" => self.body = trail.field(map, "body", Object::new())?,
            _ => return self.bare.field(key, map, trail),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct MetaOnly(Meta);

impl Fields for MetaOnly {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        let known = key == "meta";
        if known {
            self.0 = trail.field(map, "meta", Object::new())?.unwrap_or_default();
        }
        Ok(known)
    }
}

struct EnvelopedList<T> {
    meta: Meta,
    body: Option<Vec<T>>,
}

impl<T> Default for EnvelopedList<T> {
    fn default() -> Self {
        Self {
            meta: Meta::default(),
            body: None,
        }
    }
}

impl<T: Fields> Fields for EnvelopedList<T> {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        match key {
            "meta" => self.meta = trail.field(map, "meta", Object::new())?.unwrap_or_default(),
            "body" => self.body = trail.field(map, "body", ListOf::new())?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct BareOrEnveloped<T>(PhantomData<T>);

impl<'de, T: Fields> Seed<'de> for BareOrEnveloped<T> {
    type Value = EnvelopedList<T>;
    const COMPLAINT: &'static str = "is not a list";

    fn list<A: SeqAccess<'de>>(self, list: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        let body = ListOf::new().list(list, trail)?;
        let meta = Meta::default();
        Ok(EnvelopedList { meta, body })
    }

    fn object<A: MapAccess<'de>>(self, map: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        Ok(Object::new().object(map, trail)?.unwrap_or_default())
    }
}
