//! The answer of the SLA Histogram, and its parser.

use serde::Deserialize;

use crate::liveperson::json::{self, Content, NumericMap, ReadError, count};

/// One bucket of `slaDataRange`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlaBucket {
    /// The key: lower limit of the wait, seconds.
    pub lower_limit: u32,
    /// `chats`: this bucket's own count.
    pub chats: f64,
}

/// An answer of `sla`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlaAnswer {
    /// `slaDataRange`, ascending by lower limit, unique.
    pub buckets: Vec<SlaBucket>,
}

/// Reads an answer.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub fn read(body: &[u8]) -> Result<Content<SlaAnswer>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(complete)
}

fn complete(value: RawAnswer) -> Result<SlaAnswer, ReadError> {
    let Some(NumericMap(range)) = value.range else {
        return Err(ReadError::Missing(
            "asked for a histogram but the answer has no slaDataRange section".to_owned(),
        ));
    };
    let mut buckets = Vec::with_capacity(range.len());
    for (lower_limit, raw) in range {
        let Some(chats) = raw.chats else {
            return Err(ReadError::Missing(format!(
                "slaDataRange.{lower_limit} has no chats"
            )));
        };
        buckets.push(SlaBucket { lower_limit, chats });
    }
    Ok(SlaAnswer { buckets })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAnswer {
    #[serde(rename = "slaDataRange")]
    range: Option<NumericMap<u32, RawBucket>>,
}

/// The ratios beside the count are quotients of these counts and are not read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawBucket {
    #[serde(deserialize_with = "count")]
    chats: Option<f64>,
}
