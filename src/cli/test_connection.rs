//! `test-connection`: every step the daemon takes, once, with what to do about what fails.

use std::io::Write as _;
use std::path::Path;

use super::{BAD_USAGE, CLEAN, FAILED, complain};
use crate::config::{Environment, load};
use crate::daemon::{Surroundings, Tally, test_connection};

pub(super) async fn run(file: Option<&Path>) -> u8 {
    let loaded = match load(file, &Environment::of_process()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(BAD_USAGE, &errors.to_string());
            return BAD_USAGE;
        }
    };
    for warning in loaded.warnings {
        complain(CLEAN, &format!("warning: {warning}"));
    }
    let surroundings = Surroundings::of_process();
    let tally = test_connection(&loaded.config, &surroundings, &mut print).await;
    match tally {
        Tally {
            failed: 0,
            not_tried: 0,
            ..
        } => CLEAN,
        _ => FAILED,
    }
}

/// A line at once, since the next step may take a while; whoever has closed the pipe has seen
/// enough.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
