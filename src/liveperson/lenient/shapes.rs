//! Values with others inside: objects, maps keyed by numbers, and lists.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::values::{Whole, finite, whole};
use super::{MAX_ENTRIES, Reader, Seed, Step, Trail};

/// An object whose fields have names.
pub(in crate::liveperson) trait Fields: Default {
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

    /// The key, if it is one.
    fn read(key: &str) -> Option<Self>;
}

/// An id.
impl NumericKey for i64 {
    const COMPLAINT: &'static str = Whole::COMPLAINT;

    fn read(key: &str) -> Option<Self> {
        key.parse().ok()
    }
}

/// A lower limit in seconds.
impl NumericKey for u32 {
    const COMPLAINT: &'static str = "is not a number of seconds";

    fn read(key: &str) -> Option<Self> {
        let number = key.parse().ok();
        number.or_else(|| u32::try_from(finite(key).and_then(whole)?).ok())
    }
}

/// An object whose keys are numbers: ascending, unique, `null` entries left out; `null` itself is
/// none.
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
        while let Some(Key(key)) = map.next_key()? {
            let Some(number) = K::read(&key) else {
                return Err(trail.wrong_key(&key, K::COMPLAINT));
            };
            trail.one_more()?;
            let value = trail.step(Step::Id(number.into()), |trail| {
                let seed = Object::new();
                map.next_value_seed(Reader { seed, trail })
            })?;
            if let Some(value) = value {
                all.push((number, value));
            }
        }
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

/// A list of objects, without the `null`s in it; `null` itself is none.
pub(in crate::liveperson) struct ListOf<T> {
    most: usize,
    kind: PhantomData<T>,
}

impl<T> ListOf<T> {
    /// `most` is the greatest length that makes sense.
    pub(in crate::liveperson) fn up_to(most: usize) -> Self {
        Self {
            most,
            kind: PhantomData,
        }
    }

    /// As long as any answer may be.
    pub(in crate::liveperson) fn new() -> Self {
        Self::up_to(MAX_ENTRIES)
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
        for index in 0_usize.. {
            let next = trail.step(Step::Index(index), |trail| {
                let seed = Object::<T>::new();
                list.next_element_seed(Reader { seed, trail })
            })?;
            let Some(value) = next else { break };
            trail.one_more()?;
            if index >= self.most {
                return Err(trail.wrong("the list", "is longer than it can be"));
            }
            all.extend(value);
        }
        Ok(Some(all))
    }
}
