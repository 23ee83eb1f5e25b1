//! Prometheus exporter for LivePerson's Operational Real-Time APIs.
//!
//! Data flows one way. [`config`] says what to ask, a collector of [`collectors`] turns it into a
//! plan of requests, [`scheduler`] decides when each may start, [`liveperson`] carries it over HTTP,
//! the collector parses the answer and maps it to the families of [`metrics`], [`exposition`] writes
//! them as bytes once per answer, [`store`] replaces the page whole, and [`web`] serves it.
//! [`daemon`] connects them and is the only module that knows all of them; [`simulator`] is a
//! LivePerson to try and test against and knows neither the client nor the daemon.
//! `docs/architecture.md` has the rest.

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/common/cases.rs"]
mod cases;
pub mod cli;
pub mod clock;
pub mod collectors;
pub mod config;
pub mod daemon;
pub mod exposition;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hardening;
pub mod liveperson;
pub mod metrics;
pub mod names;
pub mod scheduler;
pub mod simulator;
pub mod status;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod totals;
pub mod vocabulary;
pub mod web;
mod yaml;

/// The exporter's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision it was built from, or `unknown`.
pub const REVISION: &str = env!("BUILD_REVISION");

/// The version of the compiler it was built with, or `unknown`.
pub const RUST_VERSION: &str = env!("BUILD_RUST_VERSION");
