//! Values with entries that do not depend on each other: objects keyed by numbers, and lists.
//!
//! serde can derive neither: one entry that cannot be read must not take the others with it, ids
//! are exact, and of two equal keys the last one counts.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::object::Object;
use super::values::{exact_integer, finite};
use crate::vocabulary::Id;

/// The entries of a [`NumericMap`]; `null` is an empty one. For `deserialize_with`.
///
/// # Errors
/// Anything else.
pub fn numeric_map<'de, D, K, V>(deserializer: D) -> Result<Vec<(K, V)>, D::Error>
where
    D: Deserializer<'de>,
    K: NumericKey,
    V: Deserialize<'de>,
{
    let map: Option<NumericMap<K, V>> = Option::deserialize(deserializer)?;
    Ok(map.map_or_else(Vec::new, |map| map.0))
}

/// A number that is the key of an object.
pub trait NumericKey: Copy + Ord {
    /// What a key should be, for messages.
    const EXPECTED: &'static str;
    /// Whether a value that cannot be read may be left out. A key that is not a number always is.
    const INDEPENDENT: bool;

    /// The key, if the string is one.
    fn parse(key: &str) -> Option<Self>;
}

impl<I: Id> NumericKey for I {
    const EXPECTED: &'static str = "a 64-bit integer";
    const INDEPENDENT: bool = true;

    fn parse(key: &str) -> Option<Self> {
        key.parse::<i64>().ok().map(Self::from)
    }
}

/// The lower limit of a histogram's bucket in seconds.
impl NumericKey for u32 {
    const EXPECTED: &'static str = "a number of seconds";
    // Without one bucket the cumulative counts of all the others would be wrong.
    const INDEPENDENT: bool = false;

    fn parse(key: &str) -> Option<Self> {
        let number = key.parse().ok();
        number.or_else(|| u32::try_from(finite(key).and_then(exact_integer)?).ok())
    }
}

/// An object of objects whose keys are numbers: ascending, unique, without entries that are `null`.
#[derive(Debug)]
pub struct NumericMap<K, V>(pub Vec<(K, V)>);

impl<'de, K: NumericKey, V: Deserialize<'de>> Deserialize<'de> for NumericMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K: NumericKey, V: Deserialize<'de>> Visitor<'de> for MapVisitor<K, V> {
    type Value = NumericMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Only the second reading knows the size in advance: it has split the object, and
        // continues behind an entry that cannot be read, which it has counted.
        let recovers = map.size_hint().is_some();
        let mut entries = Vec::new();
        loop {
            let key = match map.next_key::<Key<K>>() {
                Ok(Some(Key(key))) => key,
                Ok(None) => break,
                Err(_) if recovers => continue,
                Err(error) => return Err(error),
            };
            match map.next_value::<Option<Object<V>>>() {
                Ok(value) => entries.extend(value.map(|Object(value)| (key, value))),
                Err(_) if recovers && K::INDEPENDENT => {}
                Err(error) => return Err(error),
            }
        }
        Ok(NumericMap(ascending(entries)))
    }
}

/// One key of a [`NumericMap`].
struct Key<K>(K);

impl<'de, K: NumericKey> Deserialize<'de> for Key<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor(PhantomData))
    }
}

struct KeyVisitor<K>(PhantomData<K>);

impl<K: NumericKey> Visitor<'_> for KeyVisitor<K> {
    type Value = Key<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::EXPECTED)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key<K>, E> {
        match K::parse(key) {
            Some(number) => Ok(Key(number)),
            None => Err(E::invalid_value(Unexpected::Str(key), &self)),
        }
    }
}

/// Sorts by key; of equal keys the last one stays.
pub(in crate::liveperson) fn ascending<K: Ord + Copy, V>(mut entries: Vec<(K, V)>) -> Vec<(K, V)> {
    entries.reverse();
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by_key(|entry| entry.0);
    entries
}

/// A list of objects, without entries that are `null`.
#[derive(Debug)]
pub struct EntryList<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for EntryList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = EntryList<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<EntryList<T>, A::Error> {
        let recovers = list.size_hint().is_some();
        let mut entries = Vec::new();
        loop {
            match list.next_element::<Option<Object<T>>>() {
                Ok(Some(value)) => entries.extend(value.map(|Object(value)| value)),
                Ok(None) => break,
                Err(_) if recovers => {}
                Err(error) => return Err(error),
            }
        }
        Ok(EntryList(entries))
    }
}
