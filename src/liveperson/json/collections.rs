//! Values with others inside: objects, maps keyed by numbers, and lists.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::values::{Whole, finite, whole};
use super::{Reader, Seed, Step, Trail};

/// An object whose fields have names.
pub(in crate::liveperson) trait Fields: Default {
    /// What is wrong with the whole when a field is missing that it cannot do without.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// Reads the value of `key` if it is a known one; false leaves it to be passed over.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error>;
}

/// Reads a [`Fields`]; `null` is none. A key that comes twice counts as it came last.
pub(in crate::liveperson) struct Object<T>(PhantomData<T>);

impl<T> Object<T> {
    pub(in crate::liveperson) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Fields> Seed<'de> for Object<T> {
    type Value = Option<T>;
    const COMPLAINT: &'static str = "is not an object";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut map: A,
        trail: &mut Trail,
    ) -> Result<Option<T>, A::Error> {
        let mut value = T::default();
        while let Some(Key(key)) = map.next_key()? {
            if !value.field(&key, &mut map, trail)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if let Some(complaint) = value.missing() {
            return trail.wrong("an entry", complaint);
        }
        Ok(Some(value))
    }
}

/// A key, borrowed from the body unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

/// A number that stands as the key of an object.
pub(in crate::liveperson) trait NumericKey: Copy + Ord + Into<i64> {
    /// What a key should be, to be read after the key that was met.
    const COMPLAINT: &'static str;
    /// Whether an entry that cannot be read may be left out.
    const SEPARATE: bool;

    /// The key, if it is one.
    fn read(key: &str) -> Option<Self>;
}

/// An id.
impl NumericKey for i64 {
    const COMPLAINT: &'static str = Whole::COMPLAINT;
    const SEPARATE: bool = true;

    fn read(key: &str) -> Option<Self> {
        key.parse().ok()
    }
}

/// A lower limit in seconds.
impl NumericKey for u32 {
    const COMPLAINT: &'static str = "is not a number of seconds";
    // The buckets of a histogram are one whole: without one of them the others are wrong.
    const SEPARATE: bool = false;

    fn read(key: &str) -> Option<Self> {
        let number = key.parse().ok();
        number.or_else(|| u32::try_from(finite(key).and_then(whole)?).ok())
    }
}

/// An object whose keys are numbers: ascending, unique, `null` entries left out, and those that
/// cannot be read; `null` itself is none.
pub(in crate::liveperson) struct Keyed<K, T>(PhantomData<(K, T)>);

impl<K, T> Keyed<K, T> {
    pub(in crate::liveperson) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, K: NumericKey, T: Fields> Seed<'de> for Keyed<K, T> {
    type Value = Option<Vec<(K, T)>>;
    const COMPLAINT: &'static str = "is not an object";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut map: A,
        trail: &mut Trail,
    ) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        let before = trail.ignored();
        while let Some(Key(key)) = map.next_key()? {
            trail.count_entry()?;
            let Some(number) = K::read(&key) else {
                trail.odd_key(&key, K::COMPLAINT);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let read = |trail: &mut Trail| {
                let seed = Object::new();
                map.next_value_seed(Reader { seed, trail })
            };
            let step = Step::Id(number.into());
            let value = match K::SEPARATE {
                true => trail.entry(step, read)?.flatten(),
                false => trail.step(step, read)?,
            };
            all.extend(value.map(|value| (number, value)));
        }
        trail.some_are_left(all.len(), before)?;
        Ok(Some(ascending(all)))
    }
}

/// Sorts by key; of equal keys the last one stays.
pub(in crate::liveperson) fn ascending<K: Ord + Copy, T>(mut all: Vec<(K, T)>) -> Vec<(K, T)> {
    all.reverse();
    all.sort_by_key(|entry| entry.0);
    all.dedup_by_key(|entry| entry.0);
    all
}

/// A list of objects, without the `null`s in it and those that cannot be read; `null` itself is
/// none.
pub(in crate::liveperson) struct ListOf<T>(PhantomData<T>);

impl<T> ListOf<T> {
    pub(in crate::liveperson) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Fields> Seed<'de> for ListOf<T> {
    type Value = Option<Vec<T>>;
    const COMPLAINT: &'static str = "is not a list";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn list<A: SeqAccess<'de>>(
        self,
        mut list: A,
        trail: &mut Trail,
    ) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        let before = trail.ignored();
        for index in 0_usize.. {
            let read = |trail: &mut Trail| {
                let seed = Object::<T>::new();
                list.next_element_seed(Reader { seed, trail })
            };
            // What is left out was there all the same.
            let next = trail.entry(Step::Index(index), read)?.unwrap_or(Some(None));
            let Some(value) = next else { break };
            trail.count_entry()?;
            all.extend(value);
        }
        trail.some_are_left(all.len(), before)?;
        Ok(Some(all))
    }
}
