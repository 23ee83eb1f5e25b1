//! The HTTP side: listeners, TLS, authentication, and the handful of pages behind them.
//!
//! This module knows HTTP serving and nothing of what is served: the daemon implements [`Site`] and
//! hands it in together with bound listeners and a shutdown signal. `listen` binds and accepts,
//! `connections` decides who makes room when there are too many, `connection` drives one of them
//! under its time limits, which hang on its `activity`. `router` maps a request to a reply, `body`
//! writes a page without copying it, `landing` draws `/`, `reloads` runs `/-/reload`. `auth` checks
//! passwords, in the turns of `guesses`; `rate_limit` counts requests. `tls` builds the TLS
//! settings, with `client_certs` and `validity`; `web_file` reads the exporter-toolkit file (with
//! `section` and `pem`) and `web_config` keeps it current while the server runs.
//!
//! A scrape never waits for anything but its own socket: pages are lists of shared byte chunks, one
//! task serves one connection, and every resource a client can hold has a [`Limits`] entry.

mod activity;
mod auth;
mod body;
mod client_certs;
mod connection;
mod connections;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guesses;
mod landing;
mod listen;
mod peer;
mod pem;
mod rate_limit;
mod reloads;
mod router;
mod section;
mod tls;
mod validity;
mod web_config;
mod web_file;

#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod time_tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use connections::Connections;
use reloads::Reloads;

pub use body::Chunks;
pub use landing::{Landing, LandingRow};
pub use listen::{ListenAddress, bind, parse_listen_address};
pub use web_config::WebConfig;

/// What the room serves; implemented by the daemon.
pub trait Site: Send + Sync + 'static {
    /// The metrics page. Called on the executor for every scrape: cheap, and it never blocks.
    fn metrics(&self, request: &MetricsRequest<'_>) -> MetricsPage;

    /// Whether `/-/ready` says so.
    fn ready(&self) -> Readiness;

    /// What `/` shows.
    fn landing(&self) -> Landing;

    /// Reads the configuration again. An error is the text for the person who asked: free of
    /// secrets, one mistake per line. Never called twice at once, and never cut off because the
    /// asking client went away.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
}

/// The parts of a scrape that decide what the page looks like.
#[derive(Clone, Copy, Debug)]
pub struct MetricsRequest<'a> {
    /// The `Accept` headers, joined with `, ` when there are several.
    pub accept: Option<&'a str>,
    /// The `Accept-Encoding` headers, joined likewise.
    pub accept_encoding: Option<&'a str>,
    /// What follows `?` in the URL, not decoded.
    pub query: Option<&'a str>,
}

/// One rendered metrics page.
#[derive(Debug)]
pub struct MetricsPage {
    /// The status of the reply.
    pub status: StatusCode,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, when the chunks are compressed.
    pub content_encoding: Option<&'static str>,
    /// The body in order; concatenated, the chunks are the whole of it. They are never copied.
    pub chunks: Chunks,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

/// The answer of `/-/ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// 200.
    Ready,
    /// 503, with one line for each reason. The reasons are free of secrets.
    NotReady(Vec<String>),
}

/// What the command line decides about the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path of the metrics page; see [`parse_telemetry_path`].
    pub telemetry_path: String,
    /// Whether `/-/reload` does anything: `--web.enable-lifecycle`.
    pub lifecycle: bool,
    /// What clients may take.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            telemetry_path: "/metrics".to_owned(),
            lifecycle: false,
            limits: Limits::default(),
        }
    }
}

/// What one client, or all of them together, may take of the server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest request line and headers, in bytes; beyond it the answer is 431.
    pub head_bytes: usize,
    /// Longest request body that is read (and thrown away), in bytes; beyond it the answer is 413.
    pub body_bytes: usize,
    /// Time for the request head: from the connection's start, or from the head's first byte.
    pub head_time: Duration,
    /// Time for the request body.
    pub body_time: Duration,
    /// Time a connection may rest between two requests.
    pub idle_time: Duration,
    /// Time for a TLS handshake.
    pub handshake_time: Duration,
    /// Time the peer may take no byte of a response that is waiting for it.
    pub write_stall: Duration,
    /// Time in which a connection that is being answered makes no progress at all, whatever the
    /// reason. A reader that takes any byte in it goes on.
    pub response_time: Duration,
    /// Time a request may wait for its password check before it gets 503.
    pub auth_time: Duration,
    /// Time for running responses after a shutdown; then they are cut off.
    pub drain_time: Duration,
    /// Open connections over all listeners; beyond it the one that waits longest makes room.
    pub connections: usize,
    /// Scrapes being written at once; beyond it the one that progressed least makes room.
    pub scrapes: usize,
    /// Least time between the end of a reload over HTTP and the next one.
    pub reload_spacing: Duration,
    /// Pause after a failed `accept()`.
    pub accept_pause: Duration,
    /// Least time between two looks at the web configuration file and its certificates.
    pub file_check: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 16 * 1024,
            body_bytes: 16 * 1024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(180),
            handshake_time: Duration::from_secs(10),
            write_stall: Duration::from_secs(5),
            response_time: Duration::from_secs(120),
            auth_time: Duration::from_secs(20),
            drain_time: Duration::from_secs(4),
            connections: 512,
            scrapes: 40,
            reload_spacing: Duration::from_secs(1),
            accept_pause: Duration::from_millis(200),
            file_check: Duration::from_secs(1),
        }
    }
}

/// How [`serve`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every running response was finished.
    Drained,
    /// [`Limits::drain_time`] passed; this many connections were cut off.
    CutOff(usize),
}

/// What every connection shares.
struct Server {
    settings: Settings,
    web: Option<WebConfig>,
    site: Arc<dyn Site>,
    connections: Arc<Connections>,
    reloads: Arc<Reloads>,
}

/// Checks a telemetry path as given on the command line.
///
/// # Errors
/// What is wrong with it and what is allowed.
pub fn parse_telemetry_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!(
            "{text:?} must start with \"/\", as \"/metrics\" does"
        ));
    }
    if text == "/-" || text.starts_with("/-/") {
        return Err(format!(
            "{text:?} collides with /-/healthy, /-/ready and /-/reload; choose a path outside /-/"
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$'()*+,;=:@%".contains(c);
    if let Some(odd) = text.chars().find(|&c| !plain(c)) {
        return Err(format!(
            "{text:?} contains {odd:?}, which cannot stand in the path of a URL"
        ));
    }
    Ok(text.to_owned())
}

/// Serves until `shutdown` resolves and the running responses are written.
///
/// With a `web_config` the server speaks TLS and asks for passwords as that file says.
///
/// # Errors
/// A telemetry path that [`parse_telemetry_path`] refuses. Nothing else ends the server early:
/// trouble with one connection, or with accepting them, is logged and survived.
pub async fn serve(
    listeners: Vec<TcpListener>,
    settings: Settings,
    web_config: Option<WebConfig>,
    site: Arc<dyn Site>,
    shutdown: impl Future<Output = ()>,
) -> Result<Stopped, String> {
    serve_on(listeners, settings, web_config, site, shutdown).await
}

/// [`serve`] over anything that yields byte streams.
async fn serve_on<A: listen::Acceptor>(
    acceptors: Vec<A>,
    settings: Settings,
    web: Option<WebConfig>,
    site: Arc<dyn Site>,
    shutdown: impl Future<Output = ()>,
) -> Result<Stopped, String> {
    parse_telemetry_path(&settings.telemetry_path)?;
    for warning in web.iter().flat_map(WebConfig::warnings) {
        tracing::warn!("{warning}");
    }
    let limits = settings.limits.clone();
    let server = Arc::new(Server {
        settings,
        web,
        site,
        connections: Connections::new(limits.connections, limits.scrapes),
        reloads: Reloads::new(limits.reload_spacing),
    });
    // The value is the moment by which all must have ended; none while the server runs.
    let (stop, stopping) = watch::channel(None);
    let mut loops = JoinSet::new();
    for acceptor in acceptors {
        loops.spawn(listen::accept_loop(
            acceptor,
            Arc::clone(&server),
            stopping.clone(),
        ));
    }
    drop(stopping);
    shutdown.await;
    stop.send_replace(Some(Instant::now() + limits.drain_time));
    let mut cut_off = 0;
    while let Some(ended) = loops.join_next().await {
        match ended {
            Ok(count) => cut_off += count,
            Err(error) => tracing::error!(%error, "an accept loop ended badly"),
        }
    }
    Ok(match cut_off {
        0 => Stopped::Drained,
        count => Stopped::CutOff(count),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_paths() {
        for good in ["/", "/metrics", "/a/b-c", "/%7Ex", "/-x"] {
            assert_eq!(parse_telemetry_path(good), Ok(good.to_owned()));
        }
        for (bad, word) in [
            ("", "must start with"),
            ("metrics", "must start with"),
            ("/-/metrics", "collides"),
            ("/-", "collides"),
            ("/a?b", "'?'"),
            ("/a b", "' '"),
            ("/a\"b", "'\"'"),
            ("/ü", "'ü'"),
        ] {
            let error = parse_telemetry_path(bad).unwrap_err();
            assert!(error.contains(word), "{bad:?}: {error}");
        }
    }
}
