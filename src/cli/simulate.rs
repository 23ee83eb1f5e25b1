//! `simulate`: the simulated LivePerson alone.

use std::sync::Arc;

use super::failure::Failure;
use super::output::print;
use super::signals::stop_signal;
use crate::simulator::apis::Apis;
use crate::simulator::{Options, Simulator, SystemClock};

pub(super) async fn simulate(options: Options, apis: &Apis) -> Result<(), Failure> {
    let credentials = credentials(&options);
    let simulator = Simulator::start_with(apis.clone(), options, Arc::new(SystemClock))
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    let url = simulator.base_url();
    print(&format!(
        "A simulated LivePerson listens at {url}\n{credentials}\nUse it as\n\n    \
         domain_api: \"{url}\"\n"
    ));
    stop_signal().await.map_err(Failure::runtime)?;
    simulator.shutdown().await;
    Ok(())
}

fn credentials(options: &Options) -> String {
    format!(
        "account {}, client_id {}, client_secret as given with --client-secret",
        options.account, options.client_id
    )
}
