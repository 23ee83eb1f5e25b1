//! Query parameters as LivePerson's documents demand them.
//!
//! Unknown parameters are ignored; of one given twice the first counts. `%2C` and a plain comma
//! are the same.

use std::collections::BTreeSet;

use url::form_urlencoded;

/// A parameter that is answered 400, with the message to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter(String);

impl InvalidParameter {
    /// A value that is not allowed, and the reason.
    pub fn new(name: &str, value: &str, reason: &str) -> Self {
        let value: String = value.chars().take(60).collect();
        Self(format!(
            "Invalid value '{value}' for parameter '{name}': {reason}"
        ))
    }

    /// A required parameter that was not given.
    pub fn missing(name: &str) -> Self {
        Self(format!("Required parameter '{name}' is missing"))
    }

    /// The message to answer.
    pub fn message(&self) -> &str {
        &self.0
    }
}

/// Which ids a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdFilter {
    /// `all`: no restriction.
    All,
    /// The ones listed.
    Only(BTreeSet<i64>),
}

impl IdFilter {
    /// Whether `id` is requested.
    pub fn contains(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
        }
    }

    /// Whether something with this id, or without any, is requested.
    pub fn contains_optional(&self, id: Option<i64>) -> bool {
        match id {
            Some(id) => self.contains(id),
            None => *self == Self::All,
        }
    }
}

/// The decoded query of a request.
#[derive(Clone, Debug)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Parses the part of the URL after `?`.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The decoded value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// `v`, which must be 1.
    ///
    /// # Errors
    /// A missing or other version.
    pub fn check_version(&self) -> Result<(), InvalidParameter> {
        match self.get("v") {
            Some("1") => Ok(()),
            Some(other) => Err(InvalidParameter::new(
                "v",
                other,
                "the only supported version is 1",
            )),
            None => Err(InvalidParameter::missing("v")),
        }
    }

    /// `timeframe`: whole minutes, 1 to 1440, required.
    ///
    /// # Errors
    /// A missing, malformed or excessive value.
    pub fn timeframe(&self) -> Result<i64, InvalidParameter> {
        let name = "timeframe";
        let minutes = self
            .minutes(name)?
            .ok_or_else(|| InvalidParameter::missing(name))?;
        if !(1..=1440).contains(&minutes) {
            let reason = "must be between 1 and 1440 minutes";
            return Err(InvalidParameter::new(name, &minutes.to_string(), reason));
        }
        Ok(minutes)
    }

    /// `interval`: minutes, at least 5, at most `timeframe` and a divisor of it.
    ///
    /// # Errors
    /// A malformed value, or one that breaks these rules.
    pub fn interval(&self, timeframe: i64) -> Result<Option<i64>, InvalidParameter> {
        let name = "interval";
        let Some(minutes) = self.minutes(name)? else {
            return Ok(None);
        };
        let reason = if minutes < 5 {
            "the minimum interval is 5 minutes"
        } else if minutes > timeframe {
            "the interval has to be smaller than or equal to the timeframe"
        } else if timeframe % minutes != 0 {
            "the interval has to be a divisor of the timeframe"
        } else {
            return Ok(Some(minutes));
        };
        Err(InvalidParameter::new(name, &minutes.to_string(), reason))
    }

    /// `skillIds`, `agentIds` or `groupIds`: `all`, or ids separated by commas.
    ///
    /// # Errors
    /// Anything else.
    pub fn ids(&self, name: &str) -> Result<Option<IdFilter>, InvalidParameter> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        if text == "all" {
            return Ok(Some(IdFilter::All));
        }
        let ids: Option<BTreeSet<i64>> = text.split(',').map(whole_number).collect();
        let Some(ids) = ids else {
            let reason = "numeric ids separated by commas, or 'all', are expected";
            return Err(InvalidParameter::new(name, text, reason));
        };
        Ok(Some(IdFilter::Only(ids)))
    }

    fn minutes(&self, name: &str) -> Result<Option<i64>, InvalidParameter> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match whole_number(text) {
            Some(minutes) => Ok(Some(minutes)),
            None => {
                let reason = "a whole number of minutes is expected";
                Err(InvalidParameter::new(name, text, reason))
            }
        }
    }
}

/// Digits with at most a minus before them; Rust would also accept a plus.
pub fn whole_number(text: &str) -> Option<i64> {
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn params(query: &str) -> Params {
        Params::parse(Some(query))
    }

    fn message<T: std::fmt::Debug>(result: Result<T, InvalidParameter>) -> String {
        result.unwrap_err().0
    }

    #[test]
    fn version_must_be_one() {
        assert_eq!(params("v=1").check_version(), Ok(()));
        assert!(message(params("v=2").check_version()).contains("version is 1"));
        assert!(message(params("").check_version()).contains("'v' is missing"));
    }

    #[test]
    fn timeframe_is_whole_minutes_of_at_most_a_day() {
        assert_eq!(params("timeframe=1").timeframe(), Ok(1));
        assert_eq!(params("timeframe=1440").timeframe(), Ok(1440));
        let cases = [
            "",
            "timeframe=",
            "timeframe=0",
            "timeframe=1441",
            "timeframe=5.0",
            "timeframe=%2B5",
        ];
        check_each(cases, |bad| {
            assert!(params(bad).timeframe().is_err(), "{bad}");
        });
    }

    #[test]
    fn intervals_divide_the_timeframe() {
        assert_eq!(params("interval=30").interval(60), Ok(Some(30)));
        assert_eq!(params("interval=60").interval(60), Ok(Some(60)));
        assert_eq!(params("").interval(60), Ok(None));
        assert!(message(params("interval=61").interval(60)).contains("smaller"));
        assert!(message(params("interval=31").interval(60)).contains("divisor"));
        assert!(message(params("interval=4").interval(60)).contains("minimum"));
        assert!(params("interval=x").interval(60).is_err());
    }

    #[test]
    fn ids_are_numbers_or_all() {
        let ids = IdFilter::Only(BTreeSet::from([-1, 4, i64::MAX]));
        let literal = params("skillIds=4,-1,9223372036854775807");
        assert_eq!(literal.ids("skillIds"), Ok(Some(ids.clone())));
        let encoded = params("skillIds=4%2C-1%2c9223372036854775807");
        assert_eq!(encoded.ids("skillIds"), Ok(Some(ids)));
        assert_eq!(params("a=all").ids("a"), Ok(Some(IdFilter::All)));
        assert_eq!(params("").ids("a"), Ok(None));
        let cases = [
            "a=", "a=1,", "a=1,,2", "a=x", "a=ALL", "a=1.0", "a=1, 2", "a=all,1",
        ];
        check_each(cases, |bad| {
            assert!(params(bad).ids("a").is_err(), "{bad}");
        });
    }
}
