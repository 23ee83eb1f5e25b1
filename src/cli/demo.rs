//! `demo`: the daemon on an embedded simulated LivePerson account, over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Program;
use super::failure::Failure;
use super::flags::Flags;
use super::output::{print, print_warning};
use super::run::{Start, run_with};
use super::signals::Signals;
use crate::collectors::Registry;
use crate::config::{Config, Environment, load_text};
use crate::daemon::ConfigSource;
use crate::simulator::{Options, Simulator, SystemClock};
use crate::systemd::PassedSocket;

/// What a user would write for such an account, with all levels enabled. Faster than the defaults at
/// the start, because the user is waiting for the first page.
const CONFIGURATION: &str = r#"
accounts:
  - id: "12345678"
    name: "Demo shop"
    auth:
      oauth2: {client_id: demo, client_secret: demo-secret}
limits:
  max_in_flight: 2
  min_spacing: 50ms
"#;

pub(super) async fn demo(
    flags: Flags,
    sockets: Option<Vec<PassedSocket>>,
    program: &Program,
) -> Result<(), Failure> {
    for (flag, is_given) in [
        ("--config.file", flags.config_file.is_some()),
        ("--shard", flags.shard.is_some()),
    ] {
        if is_given {
            print_warning(&format!(
                "{flag} is ignored: demo has a configuration and one account of its own"
            ));
        }
    }
    let signals = Signals::listen().map_err(Failure::runtime)?;
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Options::default()
    };
    let apis = program.simulated.clone();
    let simulator = Simulator::start_with(apis, options, Arc::new(SystemClock))
        .await
        .map_err(|error| Failure::runtime(error.to_string()))?;
    let domain_api = simulator.base_url();
    let collectors = &program.collectors;
    let config = configuration(&domain_api, collectors).map_err(Failure::runtime)?;
    let source: ConfigSource = {
        let (domain_api, collectors) = (domain_api.clone(), collectors.clone());
        Arc::new(move || configuration(&domain_api, &collectors))
    };
    let path = flags.telemetry_path.clone();
    let start = Start {
        config,
        source,
        // A simulated account has nothing worth keeping.
        folder: None,
        signals,
    };
    let result = run_with(flags, sockets, collectors, start, |addresses, tls| {
        let scheme = if tls { "https" } else { "http" };
        let port = addresses.first().map_or(0, SocketAddr::port);
        print_hints(&format!("{scheme}://localhost:{port}"), &path, &domain_api);
    })
    .await;
    simulator.shutdown().await;
    result
}

fn configuration(domain_api: &str, collectors: &Registry) -> Result<Config, String> {
    let sections = collectors.demo_sections();
    let text = format!("{CONFIGURATION}{sections}domain_api: \"{domain_api}\"\n");
    // The user's environment is about another account.
    let no_variables: [(&str, &str); 0] = [];
    let environment = Environment::from_pairs(no_variables);
    load_text("demo", &text, &environment, &collectors.sections())
        .map(|loaded| loaded.config)
        .map_err(|errors| errors.to_string())
}

fn print_hints(exporter: &str, path: &str, simulator: &str) {
    let target = exporter.split("//").nth(1).unwrap_or(exporter);
    print(&format!(
        "
A simulated LivePerson account is being polled. Open

    {exporter}{path}    the series
    {exporter}/           the state of each collector

Let Prometheus scrape it:

    scrape_configs:
      - job_name: liveperson
        static_configs: [{{targets: [\"{target}\"]}}]

Make the simulated LivePerson fail for 20 requests:

    curl -X POST {simulator}/control/faults -d '[{{\"api\": \"any\", \"status\": 503, \"count\": 20}}]'

Stop it with Ctrl-C.

"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_the_demo_is_valid() {
        let config = configuration("http://127.0.0.1:1", &Registry::standard()).unwrap();
        assert_eq!(config.accounts.len(), 1);
    }
}
