//! The wall clock, where a server compares it with its own: signatures, the expiry of tokens that do
//! not say when they were issued, dates in `Retry-After` without a `Date` beside them.

use std::time::SystemTime;

use jiff::Timestamp;

/// Now.
pub(super) fn now() -> SystemTime {
    Timestamp::now().into()
}
