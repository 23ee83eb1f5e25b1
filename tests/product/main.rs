//! The product as a user meets it: the real binary as a child process, its configuration and its
//! web server over real sockets.
//!
//! One binary for all of it, because linking is most of the time of a test run. No test needs a
//! process to itself: whatever concerns a whole process (the allocator, the memory, signals, exit
//! statuses) is asked of the child.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "jemalloc")]
mod allocator;
mod authorisation;
mod backfill;
mod configuration;
mod dashboards;
mod end_to_end;
mod exit_status;
mod faults;
mod further_collector;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod golden;
mod memory;
mod names;
mod network;
mod oauthlib;
mod operation;
mod page;
mod prometheus;
mod prometheus_server;
mod protobuf;
mod running_totals;
mod scrape;
mod shards;
mod status;
mod test_connection;
mod totals;
mod web;
mod web_config;
