//! The files beside the code say what the program really does: the README, dashboards, rules, the
//! unit file and the scripts.
//!
//! A series that is renamed in the catalogue, or one that no dashboard shows, fails here and not at
//! three in the morning.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

mod alerts;
#[path = "../common/cases.rs"]
mod cases;
mod collectors;
mod compose;
mod dashboards;
mod files;
mod generated;
mod known_series;
mod layout;
mod lint;
mod promql;
mod readme;
mod rules;
mod scripts;
mod tiles;
mod unit_file;
mod workflows;
