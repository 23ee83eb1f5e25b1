//! The client: hosts, authorisation and the APIs of one LivePerson account, as plain typed values.
//!
//! Knows HTTP and JSON; knows neither Prometheus nor schedules. It does not retry, wait or pace:
//! every call here is one HTTP request, and [`crate::poll`] decides when each may start.

mod api;
mod error;

pub use api::*;
pub use error::*;

/// Path and query of an `engactivity` call.
pub fn engagement_path(account: &str, _q: &EngagementQuery) -> String {
    account.to_owned()
}
