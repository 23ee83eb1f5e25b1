//! SLA Histogram: how long visitors waited from being queued until an agent replied.
//!
//! Only answered chats count, in the bucket in which they were answered. `skillIds` restricts by
//! the chat's skill, `groupIds` by the group of the agent who took it; `all` or nothing at all
//! restricts nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Api, ApiRequest};
use crate::simulator::chat_index::ChatIndex;
use crate::simulator::json_style::Numbers;
use crate::simulator::params::{IdFilter, InvalidParameter, Params, whole_number};
use crate::simulator::response::ApiResponse;
use crate::simulator::world::{Waits, World};

/// The buckets of a request that names none: lower limits in seconds.
const DEFAULT_BUCKETS: [u32; 7] = [0, 15, 30, 45, 60, 90, 120];

/// The API.
pub(super) struct Sla;

impl Api for Sla {
    fn name(&self) -> &'static str {
        "sla"
    }

    fn service(&self) -> Option<&'static str> {
        Some("leDataReporting")
    }

    fn path(&self) -> &'static str {
        "/operations/api/account/{account}/sla"
    }

    fn example_query(&self) -> &'static str {
        "timeframe=60&v=1"
    }

    fn has_envelope(&self) -> bool {
        true
    }

    fn respond(
        &self,
        request: &ApiRequest,
        world: &World<'_>,
    ) -> Result<ApiResponse, InvalidParameter> {
        let query = Query::parse(request.params())?;
        let view = world.view(query.timeframe);
        let chats = world.chats(view.window);
        let body = query.body(view.waits(chats.iter()), world.options().numbers);
        Ok(ApiResponse::json(200, &body))
    }
}

impl ChatIndex {
    /// What the SLA Histogram answers to `query` (the part of the URL after `?`) at `now_ms` on
    /// LivePerson's clock, from the node that has turn `turn`.
    ///
    /// # Errors
    /// A parameter that is answered 400.
    pub fn sla(&self, query: &str, now_ms: i64, turn: usize) -> Result<String, InvalidParameter> {
        let query = Query::parse(&Params::parse(Some(query)))?;
        let window = self.window(now_ms, query.timeframe, turn);
        let body = query.body(self.waits(window).into_iter(), Numbers::Integer);
        Ok(body.to_string())
    }
}

/// The checked parameters.
pub(crate) struct Query {
    /// Minutes.
    pub(crate) timeframe: i64,
    skills: IdFilter,
    groups: IdFilter,
    /// Chats by lower limit in seconds: none yet.
    buckets: BTreeMap<u32, i64>,
}

impl Query {
    /// Checks every parameter; the first invalid one is the error.
    pub(crate) fn parse(params: &Params) -> Result<Self, InvalidParameter> {
        params.check_version()?;
        Ok(Self {
            timeframe: params.timeframe()?,
            skills: params.ids("skillIds")?.unwrap_or(IdFilter::All),
            groups: params.ids("groupIds")?.unwrap_or(IdFilter::All),
            buckets: empty_buckets(params)?,
        })
    }

    /// The body of the response.
    pub(crate) fn body(&self, waits: impl Iterator<Item = Waits>, numbers: Numbers) -> Value {
        let mut buckets = self.buckets.clone();
        for Waits {
            key,
            seconds,
            chats,
        } in waits
        {
            if !self.skills.contains(key.skill) || !self.groups.contains_optional(key.group) {
                continue;
            }
            if let Some((_, count)) = buckets.range_mut(..=seconds).next_back() {
                *count += chats;
            }
        }
        let total = buckets.values().sum();
        let mut accumulated = 0;
        let range = buckets.iter().map(|(limit, &chats)| {
            accumulated += chats;
            let bucket = json!({
                "accumulated": numbers.ratio(accumulated, total),
                "percentageFromTotal": numbers.ratio(chats, total),
                "chats": numbers.whole(chats),
            });
            (limit.to_string(), bucket)
        });
        json!({ "slaDataRange": range.collect::<Map<_, _>>() })
    }
}

/// The buckets of `histogram`: lower limits in seconds, multiples of 5, of which 0 is always one.
fn empty_buckets(params: &Params) -> Result<BTreeMap<u32, i64>, InvalidParameter> {
    let name = "histogram";
    let Some(text) = params.get(name) else {
        return Ok(DEFAULT_BUCKETS.map(|limit| (limit, 0)).into());
    };
    let limits: Option<BTreeMap<u32, i64>> = text
        .split(',')
        .map(|limit| Some((u32::try_from(whole_number(limit)?).ok()?, 0)))
        .collect();
    let Some(mut buckets) = limits else {
        let reason = "non-negative numbers of seconds separated by commas are expected";
        return Err(InvalidParameter::new(name, text, reason));
    };
    if buckets.keys().any(|limit| limit % 5 != 0) {
        let reason = "values must be multiples of 5 seconds";
        return Err(InvalidParameter::new(name, text, reason));
    }
    buckets.insert(0, 0);
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn limits(query: &str) -> Result<Vec<u32>, InvalidParameter> {
        let buckets = empty_buckets(&Params::parse(Some(query)))?;
        Ok(buckets.into_keys().collect())
    }

    #[test]
    fn histogram_limits_are_multiples_of_five_with_zero() {
        assert_eq!(limits(""), Ok(DEFAULT_BUCKETS.to_vec()));
        assert_eq!(limits("histogram=20,5,10"), Ok(vec![0, 5, 10, 20]));
        check_each(["", "0,7", "-5", "all"], |bad| {
            assert!(limits(&format!("histogram={bad}")).is_err(), "{bad}");
        });
    }
}
