//! `run`: the daemon from start to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::failure::Failure;
use super::flags::Flags;
use super::signals::Signals;
use crate::collectors::Registry;
use crate::config::{Config, Environment, Loaded, load};
use crate::daemon::{ConfigSource, Daemon, DaemonHandler, SystemClock};
use crate::web::{Limits, Settings, WebConfig, bind, serve};

pub(super) async fn run(flags: Flags, collectors: &Registry) -> Result<(), Failure> {
    let file = flags.config_file.clone();
    let config = read(file.as_deref(), collectors).map_err(Failure::usage)?;
    let source: ConfigSource = {
        let collectors = collectors.clone();
        Arc::new(move || read(file.as_deref(), &collectors))
    };
    run_with(flags, collectors, config, source, |_, _| {}).await
}

/// Reads the configuration and logs its warnings.
fn read(file: Option<&Path>, collectors: &Registry) -> Result<Config, String> {
    let Loaded { config, warnings } =
        load(file, &Environment::of_process(), &collectors.sections())
            .map_err(|errors| errors.to_string())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// Runs the daemon with a configuration until a signal stops it. `on_start` is called when it
/// listens, with the addresses and whether clients have to use TLS.
pub(super) async fn run_with(
    flags: Flags,
    collectors: &Registry,
    config: Config,
    source: ConfigSource,
    on_start: impl FnOnce(&[SocketAddr], bool),
) -> Result<(), Failure> {
    let web_config = load_web_config(flags.web_config_file.as_deref())?;
    let listeners = bind(&flags.listen_addresses)
        .await
        .map_err(Failure::runtime)?;
    let signals = Signals::listen().map_err(Failure::runtime)?;
    let daemon = Daemon::start(
        collectors.clone(),
        config,
        source,
        Arc::new(SystemClock),
        None,
    )
    .map_err(Failure::runtime)?;
    let (stop, mut stopped) = watch::channel(false);
    tokio::spawn(signals.handle(Arc::clone(&daemon), stop));
    let addresses = addresses(&listeners);
    log_start(&addresses);
    let tls = web_config.as_ref().is_some_and(WebConfig::tls_enabled);
    on_start(&addresses, tls);
    let settings = Settings {
        telemetry_path: flags.telemetry_path,
        lifecycle: flags.lifecycle,
        limits: Limits::default(),
    };
    let handler = Arc::new(DaemonHandler::new(Arc::clone(&daemon), web_config.clone()));
    let shutdown = async {
        // If the sender is gone, no signal can stop the server any more, so it stops.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let served = serve(listeners, settings, web_config, handler, shutdown).await;
    daemon.stop().await;
    let how = served.map_err(Failure::runtime)?;
    tracing::info!(?how, "stopped");
    Ok(())
}

fn load_web_config(file: Option<&Path>) -> Result<Option<WebConfig>, Failure> {
    file.map(WebConfig::load)
        .transpose()
        .map_err(|errors| Failure::usage(errors.join("\n")))
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let addresses = listeners.iter().map(TcpListener::local_addr);
    addresses.filter_map(Result::ok).collect()
}

fn log_start(addresses: &[SocketAddr]) {
    let listening: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    tracing::info!(
        version = crate::VERSION,
        revision = crate::REVISION,
        listening = listening.join(","),
        "started"
    );
}
