//! Logging: levels, formats, and what is never logged.

use std::fmt;
use std::io;
use std::str::FromStr;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// The lowest level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(Level);

impl Default for LogLevel {
    fn default() -> Self {
        Self(Level::INFO)
    }
}

impl LogLevel {
    /// What [`LogLevel::from_str`] takes.
    pub const NAMES: [&str; 4] = ["debug", "info", "warn", "error"];
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "debug" => Ok(Self(Level::DEBUG)),
            "info" => Ok(Self(Level::INFO)),
            "warn" => Ok(Self(Level::WARN)),
            "error" => Ok(Self(Level::ERROR)),
            _ => Err(format!(
                "expected debug, info, warn or error, found {text:?}"
            )),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.as_str().to_ascii_lowercase())
    }
}

/// Standard error, without errors. What cannot be written is lost: an error would make
/// tracing-subscriber report it on standard error, which panics.
struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().lock().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging to standard error.
///
/// # Errors
/// That logging has started already.
pub fn init(level: LogLevel, format: LogFormat) -> Result<(), TryInitError> {
    // Libraries only from warn up, whatever the level: their debug lines contain headers and
    // bodies, and so credentials.
    let libraries = LevelFilter::WARN.min(LevelFilter::from_level(level.0));
    let filter = Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level.0);
    let layer = match format {
        // The fields of spans (the account) stand beside those of the line.
        LogFormat::Logfmt => tracing_logfmt::builder()
            .with_span_name(false)
            .with_span_path(false)
            .layer()
            .with_writer(|| Stderr)
            .boxed(),
        LogFormat::Json => {
            let json = json_subscriber::fmt::layer().flatten_event(true);
            json.with_current_span(false)
                .with_span_list(false)
                .flatten_span_list_on_top_level(true)
                .with_writer(|| Stderr)
                .boxed()
        }
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
}

/// What is logged while `act` runs, from the level info on.
#[cfg(test)]
pub(crate) fn logged(act: impl FnOnce()) -> String {
    use std::sync::Arc;

    use parking_lot::Mutex;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    String::from_utf8(log.0.lock().clone()).unwrap()
}
