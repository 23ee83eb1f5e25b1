//! Reading JSON the way LivePerson writes it: numbers as integers, doubles or text, fields in any
//! order, unknown ones in between, the same one twice.
//!
//! Values go straight into the model, without a tree in between. A [`Trail`] remembers where the
//! reader stands, so that a wrong value is reported with its path; it costs nothing otherwise.
//!
//! An entry of a map or list that cannot be read is left out and counted, so that one odd agent does
//! not take the numbers of all the others with it. What is no entry has to be right.

mod collections;
mod envelope;
mod repair;
mod values;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use envelope::{Content, ReadError};
pub(super) use envelope::{describe, read, read_list};
pub(super) use collections::{Fields, Keyed, ListOf, Object, ascending};
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
    /// The entry that is being read.
    entry: Entry,
    /// The first fault in an entry, until the entry has been left out.
    first_fault: Option<Fault>,
    ignored: Option<Ignored>,
}

/// Inside of an entry a wrong value does not end the reading.
#[derive(Clone, Copy, Default)]
struct Entry {
    inside: bool,
    failed: bool,
}

/// Entries that could not be read.
#[derive(Debug, PartialEq)]
pub struct Ignored {
    /// How many; never 0.
    pub count: u64,
    /// What is wrong with the first of them.
    pub first: Fault,
}

enum Step {
    Field(&'static str),
    Id(i64),
    Index(usize),
    Key(String),
}

/// A value that is not what the API promises. Its texts are LivePerson's, unshortened: only a
/// redactor may let them out.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// Field names, ids and indexes from the top, joined by dots.
    pub path: String,
    /// The value, or a word for its kind.
    pub met: String,
    /// What is wrong with it, to be read after `met`.
    pub complaint: &'static str,
}

impl Trail {
    /// Takes what was stumbled over, if it was a value and not the JSON itself.
    pub(super) fn into_fault(self) -> Option<Fault> {
        self.fault
    }

    /// Takes what was left out.
    pub(super) fn into_ignored(self) -> Option<Ignored> {
        self.ignored
    }

    /// Reads the value of a field that nothing depends on: a wrong one is left out.
    pub(super) fn optional<'de, A, S>(
        &mut self,
        map: &mut A,
        name: &'static str,
        seed: S,
    ) -> Result<S::Value, A::Error>
    where
        A: MapAccess<'de>,
        S: Seed<'de>,
    {
        let value = self.entry(Step::Field(name), |trail| {
            map.next_value_seed(Reader { seed, trail })
        })?;
        Ok(value.unwrap_or_default())
    }

    /// Reads an entry; `None` when it could not be read and is left out.
    fn entry<T, E>(
        &mut self,
        step: Step,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let outer = self.entry;
        self.entry = Entry {
            inside: true,
            failed: false,
        };
        let value = self.step(step, read)?;
        let failed = self.entry.failed;
        self.entry = outer;
        if !failed {
            return Ok(Some(value));
        }
        let fault = self.first_fault.take();
        self.ignore(fault);
        Ok(None)
    }

    /// Counts an entry that was left out.
    fn ignore(&mut self, fault: Option<Fault>) {
        match (&mut self.ignored, fault) {
            (Some(ignored), _) => ignored.count += 1,
            (none, Some(first)) => *none = Some(Ignored { count: 1, first }),
            (None, None) => {}
        }
    }

    fn ignored(&self) -> u64 {
        self.ignored.as_ref().map_or(0, |ignored| ignored.count)
    }

    /// A map or list with entries of which none can be read is no map or list of this API: to take
    /// it for an empty one would be a lie. `before` is what was left out when it began.
    fn some_are_left<E: Error>(&mut self, left: usize, before: u64) -> Result<(), E> {
        if left > 0 || self.entry.inside || self.ignored() == before {
            return Ok(());
        }
        let first = self.ignored.take().filter(|_| before == 0);
        self.fault = match first {
            Some(ignored) => Some(ignored.first),
            None => Some(self.fault_here("its entries", "cannot be read, not one of them")),
        };
        Err(E::custom("no entry can be read"))
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

    /// A value that is wrong. Inside of an entry it costs the entry, elsewhere the whole answer.
    pub(super) fn wrong<T: Default, E: Error>(
        &mut self,
        met: impl fmt::Display,
        complaint: &'static str,
    ) -> Result<T, E> {
        if !self.entry.inside {
            return Err(self.fatal(met, complaint));
        }
        // Only the first fault is ever shown.
        if self.ignored.is_none() && self.first_fault.is_none() {
            self.first_fault = Some(self.fault_here(met, complaint));
        }
        self.entry.failed = true;
        Ok(T::default())
    }

    /// Records a fault at the present place and gives the error that ends the reading.
    fn fatal<E: Error>(&mut self, met: impl fmt::Display, complaint: &'static str) -> E {
        self.fault = Some(self.fault_here(met, complaint));
        E::custom("wrong value")
    }

    fn fault_here(&self, met: impl fmt::Display, complaint: &'static str) -> Fault {
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
        Fault {
            path,
            met: met.to_string(),
            complaint,
        }
    }

    /// Leaves an entry out for its key.
    fn odd_key(&mut self, key: &str, complaint: &'static str) {
        let fault = self.ignored.is_none().then(|| {
            self.path.push(Step::Key(key.to_owned()));
            let fault = self.fault_here(Quoted(key), complaint);
            self.path.pop();
            fault
        });
        self.ignore(fault);
    }

    fn count_entry<E: Error>(&mut self) -> Result<(), E> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(self.fatal("more than 1000000 entries", "is more than any account has"));
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
    type Value: Default;

    /// What a value should be, to be read after the value that was met.
    const COMPLAINT: &'static str;

    fn null<E: Error>(self, trail: &mut Trail) -> Result<Self::Value, E> {
        trail.wrong("null", Self::COMPLAINT)
    }

    fn flag<E: Error>(self, value: bool, trail: &mut Trail) -> Result<Self::Value, E> {
        trail.wrong(value, Self::COMPLAINT)
    }

    fn integer<E: Error>(self, value: i128, trail: &mut Trail) -> Result<Self::Value, E> {
        trail.wrong(value, Self::COMPLAINT)
    }

    fn double<E: Error>(self, value: f64, trail: &mut Trail) -> Result<Self::Value, E> {
        trail.wrong(value, Self::COMPLAINT)
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Self::Value, E> {
        trail.wrong(Quoted(value), Self::COMPLAINT)
    }

    fn list<A: SeqAccess<'de>>(self, list: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        let mut list = list;
        // Where the reading continues, it does so behind the list.
        while trail.entry.inside && list.next_element::<IgnoredAny>()?.is_some() {}
        trail.wrong("a list", Self::COMPLAINT)
    }

    fn object<A: MapAccess<'de>>(self, map: A, trail: &mut Trail) -> Result<Self::Value, A::Error> {
        let mut map = map;
        while trail.entry.inside && map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        trail.wrong("an object", Self::COMPLAINT)
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
