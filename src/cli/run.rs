//! `run`: the daemon from start to stop.

use std::io;
use std::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::failure::Failure;
use super::flags::Flags;
use super::service::ServiceReporter;
use super::signals::Signals;
use crate::collectors::Registry;
use crate::config::{Config, Environment, Loaded, Shard, load};
use crate::daemon::{ConfigSource, Daemon, DaemonHandler, SystemClock};
use crate::web::{Limits, ListenerProbe, Settings, WebConfig, bind, serve_probed};

pub(super) async fn run(
    flags: Flags,
    sockets: Option<Vec<net::TcpListener>>,
    collectors: &Registry,
) -> Result<(), Failure> {
    let file = flags.config_file.clone();
    let shard = flags.shard;
    let config = read(file.as_deref(), shard, collectors).map_err(Failure::usage)?;
    let source: ConfigSource = {
        let collectors = collectors.clone();
        Arc::new(move || read(file.as_deref(), shard, &collectors))
    };
    run_with(flags, sockets, collectors, config, source, |_, _| {}).await
}

/// Reads the configuration, all of it or a share of its accounts, and logs its warnings.
fn read(
    file: Option<&Path>,
    shard: Option<Shard>,
    collectors: &Registry,
) -> Result<Config, String> {
    let Loaded {
        mut config,
        warnings,
    } = load(file, &Environment::of_process(), &collectors.sections())
        .map_err(|errors| errors.to_string())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let Some(shard) = shard {
        let configured = shard.apply(&mut config);
        let accounts = config.accounts.len();
        tracing::info!(%shard, accounts, configured, "serving a share of the accounts");
    }
    Ok(config)
}

/// Runs the daemon with a configuration until a signal stops it, on the sockets given or the
/// addresses of the flags. `on_start` is called when it listens, with the addresses and whether clients have to use TLS.
pub(super) async fn run_with(
    flags: Flags,
    sockets: Option<Vec<net::TcpListener>>,
    collectors: &Registry,
    config: Config,
    source: ConfigSource,
    on_start: impl FnOnce(&[SocketAddr], bool),
) -> Result<(), Failure> {
    let web_config = load_web_config(flags.web_config_file.as_deref())?;
    let listeners = match sockets {
        Some(sockets) => adopt(sockets),
        None => bind(&flags.listen_addresses).await,
    };
    let listeners = listeners.map_err(Failure::runtime)?;
    let signals = Signals::listen().map_err(Failure::runtime)?;
    let daemon = Daemon::start(collectors.clone(), config, source, Arc::new(SystemClock))
        .map_err(Failure::runtime)?;
    let (stop, stopped) = watch::channel(false);
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
    let (probe, listeners) = ListenerProbe::new(listeners);
    if let Some(reporter) = ServiceReporter::new(&daemon, probe) {
        tokio::spawn(reporter.report(until_stopped(stopped.clone())));
    }
    let shutdown = until_stopped(stopped);
    let served = serve_probed(listeners, settings, web_config, handler, shutdown).await;
    daemon.stop().await;
    let how = served.map_err(Failure::runtime)?;
    tracing::info!(?how, "stopped");
    Ok(())
}

/// If the sender is gone, no signal can stop the server any more, so it stops.
async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Sockets that are open already.
fn adopt(sockets: Vec<net::TcpListener>) -> Result<Vec<TcpListener>, String> {
    let adopt = |socket: net::TcpListener| {
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    };
    let listeners = sockets.into_iter().map(adopt).collect::<io::Result<_>>();
    listeners.map_err(|error| format!("the sockets of systemd cannot be used: {error}"))
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
