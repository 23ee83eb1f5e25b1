//! SLA Histogram: from the body to [`SlaAnswer`].

use serde::de::MapAccess;

use super::api::{SlaAnswer, SlaBucket};
use super::json::{self, Content, ReadError};
use super::json::{Count, Fields, Keyed, Trail};

/// Reads an answer.
///
/// # Errors
/// A body that is not what the documentation promises, whole or in one value.
pub(super) fn read(body: &[u8]) -> Result<Content<SlaAnswer>, ReadError> {
    json::read::<RawAnswer>(body)?.try_map(complete)
}

fn complete(value: RawAnswer) -> Result<SlaAnswer, ReadError> {
    let Some(range) = value.range else {
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

#[derive(Default)]
struct RawAnswer {
    range: Option<Vec<(u32, RawBucket)>>,
}

impl Fields for RawAnswer {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        let known = key == "slaDataRange";
        if known {
            self.range = trail.field(map, "slaDataRange", Keyed::new())?;
        }
        Ok(known)
    }
}

#[derive(Default)]
struct RawBucket {
    chats: Option<f64>,
}

impl Fields for RawBucket {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        // The ratios beside it are quotients of these counts and are not read.
        let known = key == "chats";
        if known {
            self.chats = trail.field(map, "chats", Count)?;
        }
        Ok(known)
    }
}
