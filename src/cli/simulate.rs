//! `simulate`: the simulated LivePerson alone.

use std::sync::Arc;

use super::output::print;
use super::run::stop_signal;
use super::{BAD_USAGE, CLEAN, FAILED, complain};
use crate::simulator::{Options, Simulator, SystemClock};

pub(super) async fn simulate(options: Options) -> u8 {
    let hints = hints(&options);
    let simulator = match Simulator::start(options, Arc::new(SystemClock)).await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(BAD_USAGE, &error.to_string());
            return BAD_USAGE;
        }
    };
    let url = simulator.base_url();
    print(&format!(
        "A simulated LivePerson listens at {url}\n{hints}\nUse it as\n\n    domain_api: \"{url}\"\n"
    ));
    if let Err(error) = stop_signal().await {
        complain(FAILED, &error);
        return FAILED;
    }
    simulator.shutdown().await;
    CLEAN
}

fn hints(options: &Options) -> String {
    format!(
        "account {}, client_id {}, client_secret as given with --client-secret",
        options.account, options.client_id
    )
}
