//! When in its poll a request may start.

use std::time::{Duration, Instant};

use super::RequestKey;
use super::spread::start_offset;

/// A request of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedRequest {
    /// Identifies it from one poll to the next.
    pub key: RequestKey,
    /// When it may start.
    pub start: Start,
}

/// When a request may start at the earliest; the rules of pacing may delay it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// At its place among the others, which are spread evenly.
    Spread,
    /// At this part of the time over which requests are spread, 0 to 1: a moment that the planner has
    /// drawn.
    At(f64),
    /// At once.
    Now,
}

impl From<RequestKey> for PlannedRequest {
    fn from(key: RequestKey) -> Self {
        Self {
            key,
            start: Start::Spread,
        }
    }
}

impl Start {
    /// The moment for the request at `place` among `count` whose time `span` begins at `now`.
    pub(super) fn moment(
        self,
        now: Instant,
        span: Duration,
        place: usize,
        count: usize,
    ) -> Instant {
        match self {
            Self::Spread => now + start_offset(span, place, count),
            Self::At(part) if (0.0..=1.0).contains(&part) => now + span.mul_f64(part),
            Self::At(_) | Self::Now => now,
        }
    }
}
