//! The answer of Current Queue State, and its parser.

use liveperson_exporter::liveperson::json::{self, Content, NumericMap, ReadError, number, object};
use liveperson_exporter::vocabulary::{Selection, SkillId};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::query::QueueQuery;

/// The queue of the account or of one skill. A number that LivePerson left out, or gave as the -1
/// that stands for no data, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    /// `currentQueueSize`: chats that wait now.
    #[serde(rename = "currentQueueSize", deserialize_with = "known")]
    pub(crate) waiting_chats: Option<f64>,
    /// `currentAvailableSlots`: chats that agents could take now; 1 with unlimited concurrency.
    #[serde(rename = "currentAvailableSlots", deserialize_with = "known")]
    pub(crate) available_slots: Option<f64>,
    /// `currentMaxWaitTimeInQueue`: the longest wait of a chat that waits now, in milliseconds.
    #[serde(rename = "currentMaxWaitTimeInQueue", deserialize_with = "known")]
    longest_wait_ms: Option<f64>,
}

impl Queue {
    /// The longest wait of a chat that waits now, in seconds. LivePerson gives an empty queue's as
    /// no data; that of no chat at all is 0, so that an alert about it ends.
    pub(crate) fn longest_wait_seconds(&self) -> Option<f64> {
        let none_waits = self.waiting_chats == Some(0.0);
        let milliseconds = self.longest_wait_ms.or(none_waits.then_some(0.0));
        milliseconds.map(|milliseconds| milliseconds / 1000.0)
    }
}

/// An answer of `queuestate`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct QueueAnswer {
    /// `totals`.
    pub(crate) account: Queue,
    /// `skills`, ascending by id, unique.
    pub(crate) skills: Vec<(SkillId, Queue)>,
}

/// Reads an answer and makes sure that everything asked for is in it.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub(super) fn read(body: &[u8], query: &QueueQuery) -> Result<Content<QueueAnswer>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(|answer| answer.complete(query))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAnswer {
    #[serde(deserialize_with = "object")]
    totals: Option<Queue>,
    skills: Option<NumericMap<SkillId, Queue>>,
}

impl RawAnswer {
    fn complete(self, query: &QueueQuery) -> Result<QueueAnswer, ReadError> {
        let missing = |section: &str| {
            ReadError::Missing(format!(
                "asked for queues but the answer has no {section} section"
            ))
        };
        let account = self.totals.ok_or_else(|| missing("totals"))?;
        let skills = match self.skills {
            Some(NumericMap(skills)) => skills,
            None if query.skills == Selection::None => Vec::new(),
            None => return Err(missing("skills")),
        };
        Ok(QueueAnswer { account, skills })
    }
}

/// A number that is not negative, or the -1 that stands for no data.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match number(deserializer)? {
        Some(-1.0) => Ok(None),
        Some(value) if value < 0.0 => Err(D::Error::custom("is negative")),
        // "-0.0" is a zero like any other.
        value => Ok(value.map(f64::abs)),
    }
}
