//! `check-config`: validates the files and prints the request plan; calls nothing.

use std::path::Path;

use super::failure::Failure;
use super::output::{print, print_warning};
use crate::clock::{SystemClock, WallClock as _};
use crate::collectors::Registry;
use crate::config::{Environment, Shard, load};
use crate::daemon::plan_report;
use crate::web::WebConfig;

pub(super) fn check_config(
    file: Option<&Path>,
    web_file: Option<&Path>,
    shard: Option<Shard>,
    collectors: &Registry,
) -> Result<(), Failure> {
    let loaded = load(file, &Environment::of_process(), &collectors.sections())
        .map_err(|errors| errors.to_string());
    let web = web_file.map_or(Ok(Vec::new()), web_warnings);
    let (mut loaded, web_warnings) = match (loaded, web) {
        (Ok(loaded), Ok(warnings)) => (loaded, warnings),
        // The errors of both files are reported at once.
        (Err(errors), Err(web_errors)) => {
            return Err(Failure::usage(format!("{errors}\n{web_errors}")));
        }
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => return Err(Failure::usage(errors)),
    };
    for warning in loaded.warnings.iter().chain(&web_warnings) {
        print_warning(warning);
    }
    if let Some(shard) = shard {
        let configured = loaded.config.keep_shard(shard);
        let accounts = loaded.config.accounts.len();
        print(&format!(
            "shard {shard}: {accounts} of {configured} accounts\n\n"
        ));
    }
    print(&plan_report(&loaded.config, collectors, SystemClock.now()));
    Ok(())
}

/// Reads the web configuration file and all it names, as the daemon does.
fn web_warnings(file: &Path) -> Result<Vec<String>, String> {
    match WebConfig::load(file) {
        Ok(web_config) => Ok(web_config.warnings()),
        Err(errors) => Err(errors.join("\n")),
    }
}
