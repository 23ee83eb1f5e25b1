//! Reading JSON the way LivePerson writes it: numbers as integers, doubles or text, fields in any
//! order, unknown ones in between, the same one twice.
//!
//! Values go straight into the model, without a tree in between. A [`Trail`] remembers where the
//! reader stands, so that a wrong value is reported with its path; it costs nothing otherwise.

mod shapes;
mod values;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub(super) use shapes::{Fields, Keyed, ListOf, Object, ascending};
pub(super) use values::{Count, Flag, Number, Text, Whole};

/// Most ids, names or buckets that one answer may hold. Far above any account, and far below what
/// a body of `limits.max_response_bytes` full of empty objects would blow up to in memory.
const MAX_ENTRIES: usize = 1_000_000;

/// Where the reader stands, and what it stumbled over.
#[derive(Default)]
pub(super) struct Trail {
    path: Vec<Step>,
    fault: Option<Fault>,
    entries: usize,
}

enum Step {
    Field(&'static str),
    Id(i64),
    Index(usize),
    Key(String),
}

/// A value that is not what the API promises. Its texts are LivePerson's, unshortened: only a
/// [`super::redactor::Redactor`] may let them out.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// Field names, ids and indexes from the top, joined by dots.
    pub(super) path: String,
    /// The value, or a word for its kind.
    pub(super) met: String,
    /// What is wrong with it, to be read after `met`.
    pub(super) complaint: &'static str,
}

impl Trail {
    /// Takes what was stumbled over, if it was a value and not the JSON itself.
    pub(super) fn into_fault(self) -> Option<Fault> {
        self.fault
    }

    /// Reads the value of a field.
    pub(super) fn field<'de, A, S>(
        &mut self,
        map: &mut A,
        name: &'static str,
        seed: S,
    ) -> Result<S::Value, A::Error>
    where
        A: MapAccess<'de>,
        S: Seed<'de>,
    {
        self.step(Step::Field(name), |trail| {
            map.next_value_seed(Reader { seed, trail })
        })
    }

    fn step<T, E>(
        &mut self,
        step: Step,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.path.push(step);
        let value = read(self)?;
        // Left in place after an error: it is the path to the fault.
        self.path.pop();
        Ok(value)
    }

    /// Records a fault at the present place and gives the error that ends the reading.
    pub(super) fn wrong<E: Error>(&mut self, met: impl fmt::Display, complaint: &'static str) -> E {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() {
                path.push('.');
            }
            match step {
                Step::Field(name) => path.push_str(name),
                Step::Key(key) => path.push_str(key),
                Step::Id(id) => path.push_str(&id.to_string()),
                Step::Index(index) => path.push_str(&index.to_string()),
            }
        }
        self.fault = Some(Fault {
            path,
            met: met.to_string(),
            complaint,
        });
        E::custom("wrong value")
    }

    fn wrong_key<E: Error>(&mut self, key: &str, complaint: &'static str) -> E {
        self.path.push(Step::Key(key.to_owned()));
        self.wrong(Quoted(key), complaint)
    }

    fn one_more<E: Error>(&mut self) -> Result<(), E> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(self.wrong("more than 1000000 entries", "is more than any account has"));
        }
        Ok(())
    }
}

/// Text as it stood in the JSON, more or less.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// How one kind of value is read from each kind of JSON. What is not overridden is wrong.
pub(super) trait Seed<'de>: Sized {
    type Value;

    /// What a value should be, to be read after the value that was met.
    const COMPLAINT: &'static str;

    fn null<E: Error>(self, trail: &mut Trail) -> Result<Self::Value, E> {
        Err(trail.wrong("null", Self::COMPLAINT))
    }

    fn flag<E: Error>(self, value: bool, trail: &mut Trail) -> Result<Self::Value, E> {
        Err(trail.wrong(value, Self::COMPLAINT))
    }

    fn integer<E: Error>(self, value: i128, trail: &mut Trail) -> Result<Self::Value, E> {
        Err(trail.wrong(value, Self::COMPLAINT))
    }

    fn double<E: Error>(self, value: f64, trail: &mut Trail) -> Result<Self::Value, E> {
        Err(trail.wrong(value, Self::COMPLAINT))
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Self::Value, E> {
        Err(trail.wrong(Quoted(value), Self::COMPLAINT))
    }

    fn list<A: SeqAccess<'de>>(self, _: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        Err(trail.wrong("a list", Self::COMPLAINT))
    }

    fn object<A: MapAccess<'de>>(self, _: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        Err(trail.wrong("an object", Self::COMPLAINT))
    }
}

/// Joins a [`Seed`] to serde.
pub(super) struct Reader<'a, S> {
    pub(super) seed: S,
    pub(super) trail: &'a mut Trail,
}

impl<'de, S: Seed<'de>> DeserializeSeed<'de> for Reader<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Seed<'de>> Visitor<'de> for Reader<'_, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another value")
    }

    fn visit_unit<E: Error>(self) -> Result<S::Value, E> {
        self.seed.null(self.trail)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<S::Value, E> {
        self.seed.flag(value, self.trail)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<S::Value, E> {
        self.seed.integer(value.into(), self.trail)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<S::Value, E> {
        self.seed.integer(value.into(), self.trail)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<S::Value, E> {
        self.seed.double(value, self.trail)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<S::Value, E> {
        self.seed.text(value, self.trail)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S::Value, A::Error> {
        self.seed.list(list, self.trail)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S::Value, A::Error> {
        self.seed.object(map, self.trail)
    }
}
