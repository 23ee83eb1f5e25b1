//! The answer of Engagement Activity split into slots (`interval`), and its parser.

use serde::Deserialize;

use super::answer::{RawAnswer, complete};
use super::query::EngagementQuery;
use super::totals;
use crate::liveperson::json::{self, Content, EntryList, ReadError, integer, object};
use crate::totals::Slot;

/// Reads the numbers of each slot at the levels that a query asks for, ascending by end; the totals of
/// the whole time frame, which come with them, are their sum and are not read. Of two slots with one
/// end the first counts.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub fn read_slots(body: &[u8], query: &EngagementQuery) -> Result<Content<Vec<Slot>>, ReadError> {
    json::read::<RawSlots>(body)?.try_map(|raw| usable(raw, query))
}

fn usable(raw: RawSlots, query: &EngagementQuery) -> Result<Vec<Slot>, ReadError> {
    let Some(EntryList(intervals)) = raw.intervals else {
        return Err(missing("the answer", "metricsByIntervals section"));
    };
    let mut slots = Vec::with_capacity(intervals.len());
    for (index, interval) in intervals.into_iter().enumerate() {
        let place = format!("metricsByIntervals.{index}");
        let Some(end_ms) = interval.end_ms else {
            return Err(missing(&place, "timestamp"));
        };
        let Some(data) = interval.data else {
            return Err(missing(&place, "metricsData"));
        };
        slots.push(Slot {
            end: end_ms.div_euclid(1000),
            counts: totals::counts(query, &complete(data.into_answer(), query)?),
        });
    }
    slots.sort_by_key(|slot| slot.end);
    slots.dedup_by_key(|slot| slot.end);
    Ok(slots)
}

fn missing(place: &str, what: &str) -> ReadError {
    ReadError::Missing(format!("asked for intervals but {place} has no {what}"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSlots {
    #[serde(rename = "metricsByIntervals")]
    intervals: Option<EntryList<RawSlot>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSlot {
    /// END of the slot, epoch milliseconds, UTC.
    #[serde(rename = "timestamp", deserialize_with = "integer")]
    end_ms: Option<i64>,
    #[serde(rename = "metricsData", deserialize_with = "object")]
    data: Option<RawAnswer>,
}
