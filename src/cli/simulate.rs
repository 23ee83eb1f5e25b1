//! `simulate`: the simulated LivePerson alone.

use std::sync::Arc;

use super::run::stop_signal;
use super::{BAD_USAGE, CLEAN, FAILED, complain};
use crate::simulator::{Options, Simulator, SystemClock};

#[expect(
    clippy::print_stdout,
    reason = "says where it listens and how to use it"
)]
pub(super) async fn simulate(options: Options) -> u8 {
    let hints = hints(&options);
    let simulator = match Simulator::start(options, Arc::new(SystemClock)).await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(BAD_USAGE, &error.to_string());
            return BAD_USAGE;
        }
    };
    println!("A simulated LivePerson listens at {}", simulator.base_url());
    println!("{hints}");
    println!("Use it as\n\n    domain_api: \"{}\"", simulator.base_url());
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
