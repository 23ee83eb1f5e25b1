//! Single values: numbers, counts, integers, texts and flags, as LivePerson's servers write them.

use serde::de::Error;

use super::repair::UNREADABLE;
use super::{Quoted, Seed, Trail};

/// Beyond this a double no longer tells one integer from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A finite number, also as text; `null` is none.
pub(in crate::liveperson) struct Number;

impl<'de> Seed<'de> for Number {
    type Value = Option<f64>;
    const COMPLAINT: &'static str = "is not a number";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn integer<E: Error>(self, value: i128, _: &mut Trail) -> Result<Option<f64>, E> {
        // Rounding above 2^53 is what Prometheus would do anyway.
        Ok(Some(value as f64))
    }

    fn double<E: Error>(self, value: f64, trail: &mut Trail) -> Result<Option<f64>, E> {
        if value.is_finite() {
            Ok(Some(value))
        } else {
            trail.wrong(value, Self::COMPLAINT)
        }
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Option<f64>, E> {
        match finite(value) {
            Some(number) => Ok(Some(number)),
            None => trail.wrong(Quoted(value), Self::COMPLAINT),
        }
    }
}

pub(super) fn finite(text: &str) -> Option<f64> {
    // "NaN" and "inf" parse as well.
    text.trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}

/// A [`Number`] that counts something and so cannot be negative.
pub(in crate::liveperson) struct Count;

impl<'de> Seed<'de> for Count {
    type Value = Option<f64>;
    const COMPLAINT: &'static str = "is not a number";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn integer<E: Error>(self, value: i128, trail: &mut Trail) -> Result<Option<f64>, E> {
        not_negative(Number.integer(value, trail)?, trail)
    }

    fn double<E: Error>(self, value: f64, trail: &mut Trail) -> Result<Option<f64>, E> {
        not_negative(Number.double(value, trail)?, trail)
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Option<f64>, E> {
        not_negative(Number.text(value, trail)?, trail)
    }
}

fn not_negative<E: Error>(value: Option<f64>, trail: &mut Trail) -> Result<Option<f64>, E> {
    match value {
        Some(value) if value < 0.0 => trail.wrong(value, "is negative"),
        // "-0.0" is a zero like any other.
        Some(value) => Ok(Some(value.abs())),
        None => Ok(None),
    }
}

/// A whole number of 64 bits, also as a double or text; `null` is none.
pub(in crate::liveperson) struct Whole;

impl<'de> Seed<'de> for Whole {
    type Value = Option<i64>;
    const COMPLAINT: &'static str = "is not a 64-bit integer";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn integer<E: Error>(self, value: i128, trail: &mut Trail) -> Result<Option<i64>, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => trail.wrong(value, Self::COMPLAINT),
        }
    }

    fn double<E: Error>(self, value: f64, trail: &mut Trail) -> Result<Option<i64>, E> {
        match whole(value) {
            Some(value) => Ok(Some(value)),
            None => trail.wrong(value, Self::COMPLAINT),
        }
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Option<i64>, E> {
        let trimmed = value.trim();
        let number = trimmed.parse().ok();
        match number.or_else(|| finite(trimmed).and_then(whole)) {
            Some(value) => Ok(Some(value)),
            None => trail.wrong(Quoted(value), Self::COMPLAINT),
        }
    }
}

pub(super) fn whole(value: f64) -> Option<i64> {
    if value.fract() != 0.0 || value.abs() > EXACT {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number within 2^53"
    )]
    Some(value as i64)
}

/// A text; a number is taken as its digits, `null` is none.
pub(in crate::liveperson) struct Text;

impl<'de> Seed<'de> for Text {
    type Value = Option<String>;
    const COMPLAINT: &'static str = "is not a text";

    fn null<E: Error>(self, _: &mut Trail) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn integer<E: Error>(self, value: i128, _: &mut Trail) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<Option<String>, E> {
        if value.contains(UNREADABLE) {
            return trail.wrong(Quoted(value), "holds half of a character");
        }
        Ok(Some(value.to_owned()))
    }
}

/// Yes or no, also as 0 and 1 or text; `null` is no.
pub(in crate::liveperson) struct Flag;

impl<'de> Seed<'de> for Flag {
    type Value = bool;
    const COMPLAINT: &'static str = "is neither true nor false";

    fn null<E: Error>(self, _: &mut Trail) -> Result<bool, E> {
        Ok(false)
    }

    fn flag<E: Error>(self, value: bool, _: &mut Trail) -> Result<bool, E> {
        Ok(value)
    }

    fn integer<E: Error>(self, value: i128, _: &mut Trail) -> Result<bool, E> {
        Ok(value != 0)
    }

    fn text<E: Error>(self, value: &str, trail: &mut Trail) -> Result<bool, E> {
        match value.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" | "" => Ok(false),
            _ => trail.wrong(Quoted(value), Self::COMPLAINT),
        }
    }
}
