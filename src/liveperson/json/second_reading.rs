//! The second reading of a body that serde_json has refused: says where the fault is, and reads
//! the rest when only entries of an object or array are at fault.
//!
//! [`Reader`] is a serde deserializer over the text of one value. It splits objects and arrays
//! before it reads what is in them, so that it knows where the next value begins even when this one
//! cannot be read. Of a field that comes twice the last value counts. That costs a pass over the
//! text for every level of nesting, which is why it is not the first reading.

use std::borrow::Cow;

use serde::de::value::CowStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::Problem;
use super::progress::{Error, Progress};
use super::split::{Member, entries_of_list, entries_of_object, last_of_each_field};

/// Reads a document.
pub(super) fn read<'de, T: Deserialize<'de>>(
    text: &'de str,
    progress: &mut Progress,
) -> Result<T, Error> {
    let text = text.trim_ascii();
    let result = T::deserialize(Reader {
        text,
        progress: &mut *progress,
    });
    match progress.fatal.take() {
        Some(fault) => Err(Error::Fault(fault)),
        None => result.map_err(|error| progress.locate(error, describe(text))),
    }
}

/// A value for a message: a short name for what holds others, the value itself otherwise.
fn describe(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "a list".to_owned(),
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(string) => quoted(&string),
            Err(_) => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

fn quoted(string: &str) -> String {
    format!("\"{string}\"")
}

/// Reads one value from its text.
struct Reader<'de, 'p> {
    text: &'de str,
    progress: &'p mut Progress,
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // Who takes any value wants a single one: what is in an object or list does not matter.
        match self.text.as_bytes().first() {
            Some(b'{') => visitor.visit_map(Members::new(Vec::new(), false, self.progress)),
            Some(b'[') => visitor.visit_seq(Members::new(Vec::new(), false, self.progress)),
            _ => visit_single(self.text, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text {
            "null" => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = last_of_each_field(self.text, fields)?;
        visitor.visit_map(Members::new(members, false, self.progress))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let members = entries_of_object(self.text, self.progress)?;
        visitor.visit_map(Members::new(members, true, self.progress))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let members = entries_of_list(self.text, self.progress)?;
        visitor.visit_seq(Members::new(members, true, self.progress))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct tuple tuple_struct enum identifier
    }
}

fn visit_single<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    let Ok(value) = serde_json::from_str(text) else {
        return Err(Error::custom("cannot be read"));
    };
    match value {
        Value::Bool(value) => visitor.visit_bool(value),
        Value::String(value) => visitor.visit_string(value),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(value), _, _) => visitor.visit_u64(value),
            (_, Some(value), _) => visitor.visit_i64(value),
            (_, _, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => visitor.visit_unit(),
    }
}

/// The members of an object or list that are still to be read.
struct Members<'de, 'p> {
    rest: std::vec::IntoIter<Member<'de>>,
    /// The member whose key has been read.
    current: Option<Member<'de>>,
    /// Whether members are entries, of which one may be left out.
    independent: bool,
    readable: usize,
    ignored_before: u64,
    progress: &'p mut Progress,
}

impl<'de, 'p> Members<'de, 'p> {
    fn new(members: Vec<Member<'de>>, independent: bool, progress: &'p mut Progress) -> Self {
        Self {
            rest: members.into_iter(),
            current: None,
            independent,
            readable: 0,
            ignored_before: progress.ignored(),
            progress,
        }
    }

    fn next(&mut self) -> Option<Member<'de>> {
        if self.progress.fatal.is_some() {
            return None;
        }
        let next = self.rest.next();
        if next.is_none() {
            self.check_that_some_were_readable();
        }
        next
    }

    /// An object or array with entries of which none can be read is not one of this API: to take
    /// it for an empty one would be a lie.
    fn check_that_some_were_readable(&mut self) {
        let all_ignored = self.readable == 0 && self.progress.ignored() > self.ignored_before;
        if !self.independent || !all_ignored || self.progress.inside_entries > 0 {
            return;
        }
        let ignored = self.progress.ignored.take();
        let fault = match ignored.filter(|_| self.ignored_before == 0) {
            Some(ignored) => ignored.first,
            None => {
                let problem = Problem::Other("cannot be read, not one of them".to_owned());
                self.progress.fault("its entries".to_owned(), problem)
            }
        };
        self.progress.fatal = Some(fault);
    }

    fn read_key<S>(&mut self, key: Cow<'de, str>, seed: S) -> Result<S::Value, Error>
    where
        S: DeserializeSeed<'de>,
    {
        self.progress.enter(&key);
        let result = seed.deserialize(CowStrDeserializer::new(key.clone()));
        let result = result.map_err(|error| self.progress.locate(error, quoted(&key)));
        self.progress.leave();
        if let Err(error) = &result {
            self.progress.count_ignored(error);
        }
        result
    }

    fn read_value<S>(&mut self, (key, text): Member<'de>, seed: S) -> Result<S::Value, Error>
    where
        S: DeserializeSeed<'de>,
    {
        self.progress.enter(&key);
        self.progress.inside_entries += usize::from(self.independent);
        let progress = &mut *self.progress;
        let result = seed.deserialize(Reader { text, progress });
        let result = result.map_err(|error| self.progress.locate(error, describe(text)));
        self.progress.inside_entries -= usize::from(self.independent);
        self.progress.leave();
        match &result {
            Ok(_) => self.readable += usize::from(text != "null"),
            Err(error) if self.independent => self.progress.count_ignored(error),
            Err(_) => {}
        }
        result
    }

    /// Known only where a reader may continue behind an entry that cannot be read.
    fn size_hint(&self) -> Option<usize> {
        self.independent.then_some(self.rest.len())
    }
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = Error;

    fn next_key_seed<K>(&mut self, seed: K) -> Result<Option<K::Value>, Error>
    where
        K: DeserializeSeed<'de>,
    {
        let Some((key, text)) = self.next() else {
            return Ok(None);
        };
        self.current = Some((key.clone(), text));
        self.read_key(key, seed).map(Some)
    }

    fn next_value_seed<V>(&mut self, seed: V) -> Result<V::Value, Error>
    where
        V: DeserializeSeed<'de>,
    {
        match self.current.take() {
            Some(member) => self.read_value(member, seed),
            None => Err(Error::custom("is read before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.size_hint()
    }
}

impl<'de> SeqAccess<'de> for Members<'de, '_> {
    type Error = Error;

    fn next_element_seed<T>(&mut self, seed: T) -> Result<Option<T::Value>, Error>
    where
        T: DeserializeSeed<'de>,
    {
        match self.next() {
            Some(member) => self.read_value(member, seed).map(Some),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.size_hint()
    }
}
