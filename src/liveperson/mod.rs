//! The client of one LivePerson account: its hosts, its authorisation, HTTP, and readers of JSON.
//!
//! Knows HTTP and JSON; knows neither Prometheus nor schedules. It does not retry, wait or pace:
//! every call here is one HTTP request, and [`crate::scheduler`] decides when each may start.

mod allowed_hosts;
pub mod api;
mod auth;
mod client;
mod domain;
mod error;
mod escapes;
mod excerpt;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod http_clients;
pub mod json;
mod names;
mod one_line;
mod paths;
mod proxy;
mod redactor;
mod response;
mod retry_after;
mod trust;

pub use auth::{LifetimeSource, TokenLifetime, oauth2_token_lifetime};
pub use client::{Client, ClientSettings, display_host};
pub use error::*;
pub use json::{Content, Fault, Ignored, ReadError};
pub use names::{NameKind, NameList, NamesAnswer};

pub use paths::percent_encode;
pub use retry_after::retry_after;

#[cfg(test)]
mod tests;
