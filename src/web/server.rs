//! A server from its start until the last connection has ended.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accept::{Acceptor, accept_loop};
use super::connection_table::ConnectionTable;
use super::handler::Handler;
use super::listener::Listener;
use super::probe::ProbedListener;
use super::reload::Reloads;
use super::settings::{Settings, parse_telemetry_path};
use super::state::Server;
use super::web_config::WebConfig;

/// How a server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every response under way was finished.
    Drained,
    /// [`super::Limits::drain_time`] passed; this many connections were cut off.
    CutOff(usize),
}

/// Serves until `shutdown` resolves and the responses under way are written.
///
/// With a `web_config` the server requires TLS and passwords as that file says.
///
/// # Errors
/// A telemetry path that [`parse_telemetry_path`] rejects. Nothing else ends the server early:
/// failures of one connection, or of accepting them, are logged, and the server continues.
pub async fn serve(
    listeners: Vec<Listener>,
    settings: Settings,
    web_config: Option<WebConfig>,
    handler: Arc<dyn Handler>,
    shutdown: impl Future<Output = ()>,
) -> Result<Stopped, String> {
    serve_on(listeners, settings, web_config, handler, shutdown).await
}

/// [`serve`] with accept loops that can be asked whether they run.
///
/// # Errors
/// As [`serve`].
pub async fn serve_probed(
    listeners: Vec<ProbedListener>,
    settings: Settings,
    web_config: Option<WebConfig>,
    handler: Arc<dyn Handler>,
    shutdown: impl Future<Output = ()>,
) -> Result<Stopped, String> {
    serve_on(listeners, settings, web_config, handler, shutdown).await
}

/// [`serve`] over anything that yields byte streams.
pub(super) async fn serve_on<A: Acceptor>(
    acceptors: Vec<A>,
    settings: Settings,
    web_config: Option<WebConfig>,
    handler: Arc<dyn Handler>,
    shutdown: impl Future<Output = ()>,
) -> Result<Stopped, String> {
    parse_telemetry_path(&settings.telemetry_path)?;
    for warning in web_config.iter().flat_map(WebConfig::warnings) {
        tracing::warn!("{warning}");
    }
    let limits = settings.limits.clone();
    let server = Arc::new(Server {
        settings,
        web_config,
        handler,
        connections: ConnectionTable::new(limits.connections, limits.scrapes),
        reloads: Reloads::new(limits.reload_spacing),
    });
    // The deadline for all connections; none while the server runs.
    let (stop, stop_deadline) = watch::channel(None);
    let mut loops = JoinSet::new();
    for acceptor in acceptors {
        loops.spawn(accept_loop(
            acceptor,
            Arc::clone(&server),
            stop_deadline.clone(),
        ));
    }
    drop(stop_deadline);
    shutdown.await;
    stop.send_replace(Some(Instant::now() + limits.drain_time));
    let mut cut_off = 0;
    while let Some(ended) = loops.join_next().await {
        match ended {
            Ok(count) => cut_off += count,
            Err(error) => tracing::error!(%error, "an accept loop panicked"),
        }
    }
    Ok(match cut_off {
        0 => Stopped::Drained,
        count => Stopped::CutOff(count),
    })
}
