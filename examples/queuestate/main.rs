//! An exporter with one more collector than the product: Current Queue State, the chats that wait
//! at this moment and the free slots of the agents.
//!
//! It shows all that a new collector takes. The folder `queuestate/` beside this file is the
//! collector; `simulated.rs` is its API in the simulator; the two calls of `with` below are the two
//! lines of the registries. Everything else asks these: the configuration, `check-config`,
//! `test-connection`, `collect[]`, the page, the status page, readiness, the log and `demo`.
//!
//! Try it with `cargo run --example queuestate -- demo`.
//!
//! To move it into the product, replace `liveperson_exporter::` by `crate::` in both, move the folder
//! to `src/collectors/` and `simulated.rs` to `src/simulator/apis/queuestate.rs`, and enter each in
//! its module and registry. CONTRIBUTING.md has the commands.

use std::process::ExitCode;

use liveperson_exporter::cli::{self, Program};
use liveperson_exporter::collectors::Registry;
use liveperson_exporter::simulator::apis::Apis;

mod queuestate;
mod simulated;

fn main() -> ExitCode {
    cli::main(&Program {
        collectors: Registry::standard().with(&queuestate::QueueState),
        simulated: Apis::standard().with(&simulated::QueueState),
    })
}
