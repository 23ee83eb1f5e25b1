//! `run`: the daemon from start to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{BAD_USAGE, CLEAN, FAILED, Flags, complain};
use crate::config::{Config, Environment, Loaded, load};
use crate::daemon::{ConfigSource, Daemon, DaemonHandler, SystemClock};
use crate::web::{Limits, Settings, WebConfig, bind, serve};

pub(super) async fn run(flags: Flags) -> u8 {
    let file = flags.config_file.clone();
    let config = match read(file.as_ref()) {
        Ok(config) => config,
        Err(error) => {
            complain(BAD_USAGE, &error);
            return BAD_USAGE;
        }
    };
    let source: ConfigSource = Arc::new(move || read(file.as_ref()));
    run_with(flags, config, source, |_, _| {}).await
}

/// Reads the configuration and logs its warnings.
fn read(file: Option<&PathBuf>) -> Result<Config, String> {
    let Loaded { config, warnings } = load(file.map(PathBuf::as_path), &Environment::of_process())
        .map_err(|errors| errors.to_string())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// Runs the daemon on a configuration until a signal stops it. `started` is called with the
/// addresses once it listens, and with whether clients have to speak TLS.
pub(super) async fn run_with(
    flags: Flags,
    config: Config,
    source: ConfigSource,
    started: impl FnOnce(&[SocketAddr], bool),
) -> u8 {
    let web_config = match flags
        .web_config_file
        .as_deref()
        .map(WebConfig::load)
        .transpose()
    {
        Ok(web_config) => web_config,
        Err(mistakes) => {
            complain(BAD_USAGE, &mistakes.join("\n"));
            return BAD_USAGE;
        }
    };
    let listeners = match bind(&flags.listen_addresses).await {
        Ok(listeners) => listeners,
        Err(error) => {
            complain(FAILED, &error);
            return FAILED;
        }
    };
    let (stop, stopped) = watch::channel(false);
    let started_daemon = signals(stop).and_then(|signals| {
        Ok((
            Daemon::start(config, source, Arc::new(SystemClock))?,
            signals,
        ))
    });
    let (daemon, signals) = match started_daemon {
        Ok(started) => started,
        Err(error) => {
            complain(FAILED, &error);
            return FAILED;
        }
    };
    tokio::spawn(signals.handle(Arc::clone(&daemon)));
    let addresses: Vec<_> = listeners
        .iter()
        .filter_map(|l| l.local_addr().ok())
        .collect();
    let listening: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    tracing::info!(
        version = crate::VERSION,
        revision = crate::REVISION,
        listening = listening.join(","),
        "started"
    );
    started(
        &addresses,
        web_config.as_ref().is_some_and(WebConfig::tls_enabled),
    );
    let settings = Settings {
        telemetry_path: flags.telemetry_path,
        lifecycle: flags.lifecycle,
        limits: Limits::default(),
    };
    let handler = Arc::new(DaemonHandler::new(Arc::clone(&daemon), web_config.clone()));
    let result = serve(listeners, settings, web_config, handler, until(stopped)).await;
    daemon.stop().await;
    match result {
        Ok(how) => {
            tracing::info!(?how, "stopped");
            CLEAN
        }
        Err(error) => {
            complain(FAILED, &error);
            FAILED
        }
    }
}

/// Resolves when the flag is raised.
async fn until(mut flag: watch::Receiver<bool>) {
    // A sender that is gone cannot raise it any more: better stop than run for ever.
    let _ = flag.wait_for(|raised| *raised).await;
}

/// Resolves at SIGTERM or SIGINT; for commands without a daemon.
pub(super) async fn stop_signal() -> Result<(), String> {
    let (stop, stopped) = watch::channel(false);
    let mut signals = signals(stop)?;
    tokio::select! {
        _ = signals.terminate.recv() => {}
        _ = signals.interrupt.recv() => {}
        () = until(stopped) => {}
    }
    Ok(())
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    stop: watch::Sender<bool>,
}

fn signals(stop: watch::Sender<bool>) -> Result<Signals, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen to signals: {error}"));
    Ok(Signals {
        terminate: listen(SignalKind::terminate())?,
        interrupt: listen(SignalKind::interrupt())?,
        hang_up: listen(SignalKind::hangup())?,
        stop,
    })
}

impl Signals {
    async fn handle(mut self, daemon: Arc<Daemon>) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    // Logs and keeps for the metrics what comes of it. In a task of its own: a
                    // stop must not wait for it.
                    let daemon = Arc::clone(&daemon);
                    tokio::spawn(async move { daemon.reload().await });
                }
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        self.stop.send_replace(true);
    }
}
