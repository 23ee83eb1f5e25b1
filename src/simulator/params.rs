//! Query parameters as the documents demand them, each mistake answered in words.
//!
//! Unknown parameters are ignored; of one given twice the first counts. `%2C` and a plain comma
//! are the same.

use std::collections::BTreeSet;

use url::form_urlencoded;

/// Why a request is answered 400.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadParameter(pub(super) String);

/// Which ids a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    /// `all`: no restriction.
    All,
    /// The ones listed.
    These(BTreeSet<i64>),
}

impl Ids {
    /// Whether `id` is asked for.
    pub(super) fn holds(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&id),
        }
    }
}

/// The decoded query of a request.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the part of the URL after `?`.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The value of `name` as it was sent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// `v`, which must be 1.
    pub(super) fn check_version(&self) -> Result<(), BadParameter> {
        match self.get("v") {
            Some("1") => Ok(()),
            Some(other) => Err(bad("v", other, "the only supported version is 1")),
            None => Err(missing("v")),
        }
    }

    /// `timeframe`: whole minutes, 1 to 1440, required.
    pub(super) fn timeframe(&self) -> Result<i64, BadParameter> {
        let text = self.get("timeframe").ok_or_else(|| missing("timeframe"))?;
        let minutes = number(text)
            .ok_or_else(|| bad("timeframe", text, "a whole number of minutes is expected"))?;
        if !(1..=1440).contains(&minutes) {
            return Err(bad("timeframe", text, "must be between 1 and 1440 minutes"));
        }
        Ok(minutes)
    }

    /// `interval`: minutes, at least 5, at most `timeframe` and a divisor of it.
    pub(super) fn interval(&self, timeframe: i64) -> Result<Option<i64>, BadParameter> {
        let Some(text) = self.get("interval") else {
            return Ok(None);
        };
        let minutes = number(text)
            .ok_or_else(|| bad("interval", text, "a whole number of minutes is expected"))?;
        let wrong = if minutes < 5 {
            "the minimum interval is 5 minutes"
        } else if minutes > timeframe {
            "the interval has to be smaller than or equal to the timeframe"
        } else if timeframe % minutes != 0 {
            "the interval has to be a divisor of the timeframe"
        } else {
            return Ok(Some(minutes));
        };
        Err(bad("interval", text, wrong))
    }

    /// `skillIds`, `agentIds` or `groupIds`: `all`, or ids separated by commas.
    pub(super) fn ids(&self, name: &str) -> Result<Option<Ids>, BadParameter> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        if text == "all" {
            return Ok(Some(Ids::All));
        }
        let ids: Option<BTreeSet<i64>> = text.split(',').map(number).collect();
        let wrong = || {
            bad(
                name,
                text,
                "numeric ids separated by commas, or 'all', are expected",
            )
        };
        ids.map(|ids| Some(Ids::These(ids))).ok_or_else(wrong)
    }

    /// `histogram`: lower limits in seconds, multiples of 5; 0 is always one of them.
    pub(super) fn histogram(&self) -> Result<BTreeSet<u32>, BadParameter> {
        let Some(text) = self.get("histogram") else {
            return Ok(BTreeSet::from([0, 15, 30, 45, 60, 90, 120]));
        };
        let limits: Option<BTreeSet<u32>> = text
            .split(',')
            .map(|limit| number(limit).and_then(|limit| u32::try_from(limit).ok()))
            .collect();
        let mut limits = limits.ok_or_else(|| {
            let wrong = "non-negative numbers of seconds separated by commas are expected";
            bad("histogram", text, wrong)
        })?;
        if limits.iter().any(|limit| limit % 5 != 0) {
            return Err(bad(
                "histogram",
                text,
                "values must be multiples of 5 seconds",
            ));
        }
        limits.insert(0);
        Ok(limits)
    }
}

/// Digits with at most a minus before them; Rust would also take a plus.
fn number(text: &str) -> Option<i64> {
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

fn missing(name: &str) -> BadParameter {
    BadParameter(format!("Required parameter '{name}' is missing"))
}

fn bad(name: &str, value: &str, wrong: &str) -> BadParameter {
    let value: String = value.chars().take(60).collect();
    BadParameter(format!(
        "Invalid value '{value}' for parameter '{name}': {wrong}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(Some(query))
    }

    fn message<T: std::fmt::Debug>(result: Result<T, BadParameter>) -> String {
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
        for bad in [
            "",
            "timeframe=",
            "timeframe=0",
            "timeframe=1441",
            "timeframe=5.0",
            "timeframe=%2B5",
        ] {
            assert!(params(bad).timeframe().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_documents_own_intervals() {
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
        let ids = Ids::These(BTreeSet::from([-1, 4, i64::MAX]));
        let literal = params("skillIds=4,-1,9223372036854775807");
        assert_eq!(literal.ids("skillIds"), Ok(Some(ids.clone())));
        let encoded = params("skillIds=4%2C-1%2c9223372036854775807");
        assert_eq!(encoded.ids("skillIds"), Ok(Some(ids)));
        assert_eq!(params("a=all").ids("a"), Ok(Some(Ids::All)));
        assert_eq!(params("").ids("a"), Ok(None));
        for bad in [
            "a=", "a=1,", "a=1,,2", "a=x", "a=ALL", "a=1.0", "a=1, 2", "a=all,1",
        ] {
            assert!(params(bad).ids("a").is_err(), "{bad}");
        }
    }

    #[test]
    fn histogram_limits_are_multiples_of_five_and_hold_zero() {
        let default: Vec<u32> = params("").histogram().unwrap().into_iter().collect();
        assert_eq!(default, [0, 15, 30, 45, 60, 90, 120]);
        let given = params("histogram=20,5,10").histogram().unwrap();
        assert_eq!(given.into_iter().collect::<Vec<_>>(), [0, 5, 10, 20]);
        for bad in [
            "histogram=",
            "histogram=0,7",
            "histogram=-5",
            "histogram=all",
        ] {
            assert!(params(bad).histogram().is_err(), "{bad}");
        }
    }
}
