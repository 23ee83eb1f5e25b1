//! `run`: the daemon from start to stop.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::descriptors;
use super::failure::Failure;
use super::flags::Flags;
use super::service::ServiceReporter;
use super::signals::Signals;
use crate::collectors::Registry;
use crate::config::{Config, Environment, Loaded, Shard, load};
use crate::daemon::{ConfigSource, Daemon, DaemonHandler, SystemClock};
use crate::systemd::PassedSocket;
use crate::totals::Folder;
use crate::web::{
    Limits, Listener, ListenerProbe, Settings, SocketAccess, WebConfig, bind_with, serve_probed,
};

/// How long a stop waits for the last report to systemd.
const LAST_REPORT: Duration = Duration::from_millis(500);

/// systemd's name for the folders of `StateDirectory=`.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";

pub(super) async fn run(
    flags: Flags,
    sockets: Option<Vec<PassedSocket>>,
    collectors: &Registry,
) -> Result<(), Failure> {
    // Before anything that takes time: a signal during the start must not kill the process.
    let mut signals = Signals::listen().map_err(Failure::runtime)?;
    let file = flags.config_file.clone();
    let shard = flags.shard;
    let source: ConfigSource = {
        let collectors = collectors.clone();
        Arc::new(move || read(file.as_deref(), shard, &collectors))
    };
    let reading = {
        let (source, state_dir) = (Arc::clone(&source), flags.state_dir.clone());
        blocking(move || {
            let config = source().map_err(Failure::usage)?;
            Ok((config, open_state_folder(state_dir.as_deref())?))
        })
    };
    let Some(read) = signals.unless_stopped(reading).await else {
        return Ok(());
    };
    let (config, folder) = read?;
    let start = Start {
        config,
        source,
        folder,
        signals,
    };
    run_with(flags, sockets, collectors, start, |_, _| {}).await
}

/// What a daemon starts from.
pub(super) struct Start {
    pub(super) config: Config,
    /// Asked again at every reload.
    pub(super) source: ConfigSource,
    /// Where running totals are kept.
    pub(super) folder: Option<Arc<Folder>>,
    pub(super) signals: Signals,
}

/// Does a part of the start that blocks in a thread of its own, so that signals are noticed meanwhile.
async fn blocking<T: Send + 'static>(
    part: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ended = tokio::task::spawn_blocking(part).await;
    ended.unwrap_or_else(|error| {
        let text = format!("a bug at the start: {error}; please report it");
        Err(Failure::runtime(text))
    })
}

/// Opens the folder of `--state.dir` or, without the flag, systemd's; `None` without either.
fn open_state_folder(flag: Option<&Path>) -> Result<Option<Arc<Folder>>, Failure> {
    let Some(path) = state_folder(flag) else {
        tracing::info!(
            "totals begin with the last 24 h at each start; set --state.dir to keep them"
        );
        return Ok(None);
    };
    let folder = Folder::open(&path).map_err(|error| Failure::runtime(error.to_string()))?;
    tracing::info!(folder = %path.display(), "totals are kept");
    Ok(Some(Arc::new(folder)))
}

/// The folder of `--state.dir` or, without the flag, systemd's.
pub(super) fn state_folder(flag: Option<&Path>) -> Option<PathBuf> {
    let from_systemd = std::env::var_os(STATE_DIRECTORY);
    flag.map(Path::to_owned)
        .or_else(|| first_folder(from_systemd?))
}

/// The first of the folders that systemd separates by colons.
fn first_folder(folders: OsString) -> Option<PathBuf> {
    let mut folders = folders.as_bytes().split(|byte| *byte == b':');
    let first = folders.next().filter(|first| !first.is_empty())?;
    Some(Path::new(OsStr::from_bytes(first)).to_owned())
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
        let configured = config.keep_shard(shard);
        let accounts = config.accounts.len();
        tracing::info!(%shard, accounts, configured, "serving a share of the accounts");
    }
    Ok(config)
}

/// Runs the daemon until a signal stops it, on the sockets given or the addresses of the flags.
/// `on_start` is called when it listens, with the addresses and whether clients have to use TLS.
pub(super) async fn run_with(
    flags: Flags,
    sockets: Option<Vec<PassedSocket>>,
    collectors: &Registry,
    start: Start,
    on_start: impl FnOnce(&[SocketAddr], bool),
) -> Result<(), Failure> {
    descriptors::prepare(start.config.accounts.len());
    let web_config = load_web_config(flags.web_config_file.as_deref())?;
    let listeners = listen(&flags, sockets).await.map_err(Failure::runtime)?;
    let Start {
        config,
        source,
        folder,
        mut signals,
    } = start;
    let (collectors, clock) = (collectors.clone(), Arc::new(SystemClock));
    let starting = blocking(move || {
        Daemon::start(collectors, config, source, clock, folder).map_err(Failure::runtime)
    });
    let Some(daemon) = signals.unless_stopped(starting).await else {
        return Ok(());
    };
    let daemon = daemon?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(signals.handle(Arc::clone(&daemon), stop));
    log_start(&listeners);
    let addresses = addresses(&listeners);
    let tls = web_config.as_ref().is_some_and(WebConfig::tls_enabled);
    on_start(&addresses, tls);
    let settings = Settings {
        route_prefix: flags.route_prefix(),
        external_url: flags.external_url,
        reachable_at: addresses.first().map(|address| reachable_at(*address)),
        telemetry_path: flags.telemetry_path,
        lifecycle: flags.lifecycle,
        limits: Limits::default(),
    };
    let handler = Arc::new(DaemonHandler::new(Arc::clone(&daemon), web_config.clone()));
    let (probe, listeners) = ListenerProbe::new(listeners);
    let reporter = ServiceReporter::new(&daemon, probe);
    let reporting = reporter.map(|r| tokio::spawn(r.report(until_stopped(stopped.clone()))));
    let shutdown = until_stopped(stopped);
    let served = serve_probed(listeners, settings, web_config, handler, shutdown).await;
    if let Some(reporting) = reporting {
        // It has said that the service stops, unless it hangs.
        let _ = tokio::time::timeout(LAST_REPORT, reporting).await;
    }
    daemon.stop().await;
    let how = served.map_err(Failure::runtime)?;
    tracing::info!(?how, "stopped");
    Ok(())
}

/// If the sender is gone, no signal can stop the server any more, so it stops.
async fn until_stopped(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The sockets given, or those at the addresses of the flags.
async fn listen(
    flags: &Flags,
    sockets: Option<Vec<PassedSocket>>,
) -> Result<Vec<Listener>, String> {
    if let Some(sockets) = sockets {
        let listeners = sockets.into_iter().map(|socket| match socket {
            PassedSocket::Tcp(socket) => Listener::adopt_tcp(socket),
            PassedSocket::Unix(socket) => Listener::adopt_unix(socket),
        });
        return listeners
            .collect::<io::Result<_>>()
            .map_err(|error| format!("the sockets of systemd cannot be used: {error}"));
    }
    let access = SocketAccess {
        mode: flags.socket_mode,
        owner: flags.socket_owner.unwrap_or_default(),
    };
    bind_with(&flags.listen_addresses, &access).await
}

fn load_web_config(file: Option<&Path>) -> Result<Option<WebConfig>, Failure> {
    file.map(WebConfig::load)
        .transpose()
        .map_err(|errors| Failure::usage(errors.join("\n")))
}

fn addresses(listeners: &[Listener]) -> Vec<SocketAddr> {
    let addresses = listeners.iter().map(Listener::local_addr);
    addresses.filter_map(Result::ok).collect()
}

/// A host and port that others can reach the address at: one that means every address of the machine
/// is known to them by the machine's name.
fn reachable_at(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let names = rustix::system::uname();
    let host = names.nodename().to_str().unwrap_or("localhost");
    format!("{host}:{}", address.port())
}

fn log_start(listeners: &[Listener]) {
    let listening: Vec<_> = listeners.iter().map(Listener::to_string).collect();
    tracing::info!(
        version = crate::VERSION,
        revision = crate::REVISION,
        listening = listening.join(","),
        "started"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_systemds_folders_is_taken() {
        for (folders, expected) in [
            ("/var/lib/a", Some("/var/lib/a")),
            ("/var/lib/a:/var/lib/b", Some("/var/lib/a")),
            ("", None),
            (":/var/lib/b", None),
        ] {
            let found = first_folder(folders.into());
            assert_eq!(found.as_deref(), expected.map(Path::new), "{folders:?}");
        }
    }
}
