//! `test-connection`: every step of the daemon, once, with advice on those that fail.

use std::path::Path;

use super::failure::Failure;
use super::output::{print, print_warning};
use crate::collectors::Registry;
use crate::config::{Environment, Shard, load};
use crate::daemon::{ProxyEnv, Summary, Tried, test_connection};

pub(super) async fn run(
    file: Option<&Path>,
    tried: Tried,
    shard: Option<Shard>,
    collectors: &Registry,
) -> Result<(), Failure> {
    let mut loaded = load(file, &Environment::of_process(), &collectors.sections())
        .map_err(|errors| Failure::usage(errors.to_string()))?;
    for warning in &loaded.warnings {
        print_warning(warning);
    }
    if let Some(shard) = shard {
        let configured = loaded.config.keep_shard(shard);
        let accounts = loaded.config.accounts.len();
        print(&format!(
            "shard {shard}: {accounts} of {configured} accounts\n"
        ));
        if accounts == 0 {
            print("No account belongs to this shard: nothing was tried.\n");
            return Ok(());
        }
        print("\n");
    }
    let proxy = ProxyEnv::of_process();
    let mut print_line = |line: &str| print(&format!("{line}\n"));
    let summary = test_connection(&loaded.config, collectors, tried, &proxy, &mut print_line).await;
    match summary {
        Summary {
            failed: 0,
            not_tried: 0,
            ..
        } => Ok(()),
        // The report says what failed.
        _ => Err(Failure::runtime("")),
    }
}
