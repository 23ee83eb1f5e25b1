//! `check-config`: validates, prints the plan, calls nothing.

use std::path::Path;

use super::output::print;
use super::{BAD_USAGE, CLEAN, complain};
use crate::collectors::Registry;
use crate::config::{Environment, load};
use crate::daemon::plan_report;
use crate::web::WebConfig;

pub(super) fn check_config(file: Option<&Path>, web_file: Option<&Path>) -> u8 {
    let loaded = load(
        file,
        &Environment::of_process(),
        &Registry::standard().sections(),
    )
    .map_err(|errors| errors.to_string());
    let web = web_file.map_or(Ok(Vec::new()), web_warnings);
    // What is wrong with either is told at once.
    for errors in loaded.as_ref().err().into_iter().chain(web.as_ref().err()) {
        complain(BAD_USAGE, errors);
    }
    let (Ok(loaded), Ok(web_warnings)) = (loaded, web) else {
        return BAD_USAGE;
    };
    for warning in loaded.warnings.iter().chain(&web_warnings) {
        complain(CLEAN, &format!("warning: {warning}"));
    }
    print(&plan_report(
        &loaded.config,
        &Registry::standard(),
        jiff::Timestamp::now(),
    ));
    CLEAN
}

/// Reads the web configuration file and all it names, as the daemon would.
fn web_warnings(file: &Path) -> Result<Vec<String>, String> {
    match WebConfig::load(file) {
        Ok(web) => Ok(web.warnings()),
        Err(mistakes) => Err(mistakes.join("\n")),
    }
}
