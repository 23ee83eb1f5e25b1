//! The client: hosts, authorisation and the APIs of one LivePerson account, as plain typed values.
//!
//! Knows HTTP and JSON; knows neither Prometheus nor schedules. It does not retry, wait or pace:
//! every call here is one HTTP request, and [`crate::poll`] decides when each may start.

mod api;
mod auth;
mod client;
mod connections;
mod domain;
mod engactivity;
mod envelope;
mod error;
mod excerpt;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod lenient;
mod names;
mod paths;
mod proxy;
mod reading;
mod redactor;
mod retry_after;
mod service;
mod sla;
mod spelling;
mod trust;

pub use api::*;
pub use auth::{LifetimeSource, TokenLifetime, oauth2_token_lifetime};
pub use client::{Client, ClientSettings, shown_host};
pub use engactivity::read_engagement;
pub use error::*;
pub use names::{NameKind, NamesAnswer};

pub use paths::{engagement_path, sla_path};
pub use retry_after::retry_after;
pub use service::Service;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panic elsewhere does not poison: every value in this room is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
