//! The client of one LivePerson account: its hosts, its authorisation, HTTP, and readers of JSON.
//!
//! Knows HTTP and JSON; knows neither Prometheus nor schedules. It does not retry, wait or pace:
//! every call here is one HTTP request, and [`crate::poll`] decides when each may start.

mod allowed_hosts;
mod api;
mod auth;
mod client;
mod domain;
mod engactivity;
mod error;
mod escapes;
mod excerpt;
mod failure;
mod http;
mod http_clients;
pub mod json;
mod names;
mod paths;
mod proxy;
mod redactor;
mod response;
mod retry_after;
mod service;
mod sla;
mod trust;
mod wall_clock;

pub use api::*;
pub use auth::{LifetimeSource, TokenLifetime, oauth2_token_lifetime};
pub use client::{Client, ClientSettings, display_host};
pub use engactivity::read_engagement;
pub use error::*;
pub use json::{Content, Fault, Ignored, ReadError};
pub use names::{NameKind, NamesAnswer};
pub use paths::{engagement_path, sla_path};
pub use retry_after::retry_after;
pub use service::Service;

#[cfg(test)]
mod tests;
