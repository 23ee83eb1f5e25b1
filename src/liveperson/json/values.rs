//! Single values as LivePerson's servers write them: numbers as integers, doubles or strings.
//!
//! Each function is for serde's `deserialize_with`, together with `#[serde(default)]`: a field that
//! is missing or `null` has no value.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::repair::UNREADABLE;

/// Beyond this a double does not represent every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A finite number, also as a string.
///
/// # Errors
/// Anything else.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    deserializer.deserialize_any(Number)
}

/// A [`number`] that counts something and so cannot be negative.
///
/// # Errors
/// Anything else.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    deserializer.deserialize_any(Count)
}

/// An integer of 64 bits, also as a double or a string.
///
/// # Errors
/// Anything else.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(Integer)
}

/// An [`integer`] that has to be there; for a field without `#[serde(default)]`.
///
/// # Errors
/// Anything else, also `null`.
pub fn required_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = integer(deserializer)?;
    value.ok_or_else(|| D::Error::invalid_type(Unexpected::Unit, &Integer))
}

/// A string; a number is taken as its digits.
///
/// # Errors
/// Anything else.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Text)
}

/// True or false, also as 0 and 1 or a string; `null` is false.
///
/// # Errors
/// Anything else.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(Flag)
}

/// A number that nothing depends on: any other value is noted and is not an error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::liveperson) enum MaybeNumber {
    #[default]
    Missing,
    Number(f64),
    NotANumber,
}

impl MaybeNumber {
    pub(in crate::liveperson) fn value(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Missing | Self::NotANumber => None,
        }
    }
}

impl<'de> serde::Deserialize<'de> for MaybeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// A number from its digits. "NaN" and "inf", which parse as well, are none.
pub(super) fn finite(text: &str) -> Option<f64> {
    let value: f64 = text.trim().parse().ok()?;
    value.is_finite().then_some(value)
}

/// The integer that a double stands for.
pub(super) fn exact_integer(value: f64) -> Option<i64> {
    if value.fract() != 0.0 || value.abs() > EXACT {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer within 2^53")]
    Some(value as i64)
}

struct Number;

impl Visitor<'_> for Number {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    // Rounding above 2^53 is what Prometheus would do anyway.
    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<f64>, E> {
        Ok(Some(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<f64>, E> {
        Ok(Some(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<f64>, E> {
        match value.is_finite() {
            true => Ok(Some(value)),
            false => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<f64>, E> {
        match finite(value) {
            Some(number) => Ok(Some(number)),
            None => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}

struct Count;

impl Visitor<'_> for Count {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Number.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<f64>, E> {
        not_negative(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<f64>, E> {
        Ok(Some(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<f64>, E> {
        not_negative(Number.visit_f64(value)?.unwrap_or_default())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<f64>, E> {
        not_negative(Number.visit_str(value)?.unwrap_or_default())
    }
}

fn not_negative<E: Error>(value: f64) -> Result<Option<f64>, E> {
    if value < 0.0 {
        return Err(E::custom("is negative"));
    }
    // "-0.0" is a zero like any other.
    Ok(Some(value.abs()))
}

struct Integer;

impl Visitor<'_> for Integer {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit integer")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<i64>, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<i64>, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<i64>, E> {
        match exact_integer(value) {
            Some(value) => Ok(Some(value)),
            None => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<i64>, E> {
        let parsed = value.trim().parse().ok();
        match parsed.or_else(|| finite(value).and_then(exact_integer)) {
            Some(value) => Ok(Some(value)),
            None => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<String>, E> {
        if value.contains(UNREADABLE) {
            return Err(E::custom("holds half of a character"));
        }
        Ok(Some(value.to_owned()))
    }
}

struct Flag;

impl Visitor<'_> for Flag {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        Ok(value != 0)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        Ok(value != 0)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        match value.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" | "" => Ok(false),
            _ => Err(E::invalid_value(Unexpected::Str(value), &self)),
        }
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = MaybeNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<MaybeNumber, E> {
        Ok(MaybeNumber::Missing)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<MaybeNumber, E> {
        Ok(MaybeNumber::NotANumber)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<MaybeNumber, E> {
        Ok(MaybeNumber::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<MaybeNumber, E> {
        Ok(MaybeNumber::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<MaybeNumber, E> {
        Ok(MaybeNumber::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<MaybeNumber, E> {
        Ok(finite(value).map_or(MaybeNumber::NotANumber, MaybeNumber::Number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<MaybeNumber, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(MaybeNumber::NotANumber)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MaybeNumber, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(MaybeNumber::NotANumber)
    }
}
