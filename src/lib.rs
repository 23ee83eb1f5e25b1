//! Prometheus exporter for LivePerson's Operational Real-Time APIs.
//!
//! Data flows one way. [`config`] says what to ask, [`scheduler`] turns it into a plan of requests
//! and decides when each may start, [`liveperson`] asks and returns plain typed values, [`metrics`]
//! turns values into families, [`exposition`] writes families as bytes once per answer, [`store`]
//! swaps the bytes in whole, and [`web`] hands them out. [`daemon`] is the only room that knows
//! all the others; [`simulator`] is a LivePerson to try and test against and knows none of them.

#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod collectors;
pub mod config;
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "its locks and its tests still use the standard library's"
)]
pub mod daemon;
pub mod exposition;
mod hardening;
pub mod liveperson;
pub mod metrics;
pub mod names;
pub mod scheduler;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod vocabulary;
pub mod web;
mod yaml;

/// The exporter's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision it was built from, or `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");

/// The version of the compiler it was built with, or `unknown`.
pub const RUST_VERSION: &str = env!("BUILD_RUST_VERSION");
