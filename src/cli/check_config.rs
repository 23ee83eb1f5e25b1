//! `check-config`: validates, prints the plan, calls nothing.

use std::path::Path;

use super::output::print;
use super::{BAD_USAGE, CLEAN, complain};
use crate::config::{Environment, load};
use crate::daemon::plan_report;

pub(super) fn check_config(file: Option<&Path>) -> u8 {
    match load(file, &Environment::of_process()) {
        Ok(loaded) => {
            for warning in loaded.warnings {
                complain(CLEAN, &format!("warning: {warning}"));
            }
            print(&plan_report(&loaded.config, jiff::Timestamp::now()));
            CLEAN
        }
        Err(errors) => {
            complain(BAD_USAGE, &errors.to_string());
            BAD_USAGE
        }
    }
}
