//! Takes the text of an object or list apart into the texts of its members, without reading them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::progress::{Error, Progress};
use super::{FieldName, Problem};

/// A key or an index, and the text of its value.
pub(super) type Member<'de> = (Cow<'de, str>, &'de str);

/// Takes an object apart; only these fields matter.
pub(super) fn last_of_each_field<'de>(
    text: &'de str,
    fields: &'static [&'static str],
) -> Result<Vec<Member<'de>>, Error> {
    struct Split(&'static [&'static str]);
    impl<'de> Visitor<'de> for Split {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((FieldName(key), value)) = map.next_entry::<_, &RawValue>()? {
                if self.0.contains(&key.as_ref()) {
                    members.retain(|(other, _)| *other != key);
                    members.push((key, value.get()));
                }
            }
            Ok(members)
        }
    }
    split(text, '{', |json| json.deserialize_map(Split(fields)))
}

/// Splits an object whose keys are data, such as ids.
pub(super) fn entries_of_object<'de>(
    text: &'de str,
    progress: &mut Progress,
) -> Result<Vec<Member<'de>>, Error> {
    struct Split<'p>(&'p mut Progress);
    impl<'de> Visitor<'de> for Split<'_> {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((FieldName(key), value)) = map.next_entry::<_, &RawValue>()? {
                self.0.count_entry()?;
                members.push((key, value.get()));
            }
            Ok(members)
        }
    }
    split(text, '{', |json| json.deserialize_map(Split(progress)))
}

/// Takes a list apart.
pub(super) fn entries_of_list<'de>(
    text: &'de str,
    progress: &mut Progress,
) -> Result<Vec<Member<'de>>, Error> {
    struct Split<'p>(&'p mut Progress);
    impl<'de> Visitor<'de> for Split<'_> {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(value) = list.next_element::<&RawValue>()? {
                self.0.count_entry()?;
                members.push((Cow::Owned(members.len().to_string()), value.get()));
            }
            Ok(members)
        }
    }
    split(text, '[', |json| json.deserialize_seq(Split(progress)))
}

fn split<'de>(
    text: &'de str,
    bracket: char,
    take_apart: impl FnOnce(&mut TextDeserializer<'de>) -> serde_json::Result<Vec<Member<'de>>>,
) -> Result<Vec<Member<'de>>, Error> {
    if !text.starts_with(bracket) {
        let kind = if bracket == '{' {
            "an object"
        } else {
            "a list"
        };
        return Err(Error::Problem(Problem::Expected(kind.to_owned())));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let members = take_apart(&mut json);
    members
        .and_then(|members| json.end().map(|()| members))
        .map_err(|error| Error::Syntax(error.to_string()))
}

type TextDeserializer<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;
