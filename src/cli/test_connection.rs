//! `test-connection`: every step the daemon takes, once, with what to do about what fails.

use std::path::Path;

use super::output::print;
use super::{BAD_USAGE, CLEAN, FAILED, complain};
use crate::collectors::Registry;
use crate::config::{Environment, load};
use crate::daemon::{Surroundings, Tally, test_connection};

pub(super) async fn run(file: Option<&Path>) -> u8 {
    let loaded = match load(
        file,
        &Environment::of_process(),
        &Registry::standard().sections(),
    ) {
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
    let tally = test_connection(
        &loaded.config,
        &Registry::standard(),
        &surroundings,
        &mut |line| print(&format!("{line}\n")),
    )
    .await;
    match tally {
        Tally {
            failed: 0,
            not_tried: 0,
            ..
        } => CLEAN,
        _ => FAILED,
    }
}
