//! What the command line decides about the server, and what clients may take of it.

use std::time::Duration;

use url::Url;

/// The path of the state of the exporter as JSON.
pub const STATUS_PATH: &str = "/api/v1/status";

/// What the command line decides about the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path of the metrics page; see [`parse_telemetry_path`].
    pub telemetry_path: String,
    /// Whether `/-/reload` does anything: `--web.enable-lifecycle`.
    pub lifecycle: bool,
    /// What all paths begin with, without a slash at its end; see [`super::parse_route_prefix`].
    pub route_prefix: String,
    /// Where clients reach this server when a proxy stands before it; see
    /// [`super::parse_external_url`].
    pub external_url: Option<Url>,
    /// A host and port that the server can be reached at, for the `scrape_config` on `/`.
    pub reachable_at: Option<String>,
    /// What clients may take of the server.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            telemetry_path: "/metrics".to_owned(),
            lifecycle: false,
            route_prefix: String::new(),
            external_url: None,
            reachable_at: None,
            limits: Limits::default(),
        }
    }
}

/// What one client, or all of them together, may take of the server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest request line and headers, in bytes; beyond it the answer is 431.
    pub head_bytes: usize,
    /// Longest request body that is read (and discarded), in bytes; beyond it the answer is 413.
    pub body_bytes: usize,
    /// Time for the request head: from the connection's start, or from the head's first byte.
    pub head_time: Duration,
    /// Time for the request body.
    pub body_time: Duration,
    /// Time a connection may be idle between two requests.
    pub idle_time: Duration,
    /// Time for a TLS handshake.
    pub handshake_time: Duration,
    /// Time a response may wait without the client taking a byte of it.
    pub write_stall: Duration,
    /// Time a response may make no progress at all, for any reason. A reader that takes any
    /// byte within it may continue.
    pub response_time: Duration,
    /// Time a request may wait for its password check before it gets 503.
    pub auth_time: Duration,
    /// Time for responses under way after a shutdown; then they are aborted.
    pub drain_time: Duration,
    /// Open connections over all listeners; beyond it the one that waits longest is evicted.
    pub connections: usize,
    /// Scrapes being written at once; beyond it the most stalled one is evicted.
    pub scrapes: usize,
    /// Minimum time between the end of a reload over HTTP and the next one.
    pub reload_spacing: Duration,
    /// Pause after a failed `accept()`.
    pub accept_pause: Duration,
    /// Minimum time between two checks whether the web configuration file or a certificate changed.
    pub file_check: Duration,
}

impl Limits {
    /// The shortest time that anything a connection does may take. Who looks at a connection that
    /// often, and when its deadline comes, is never late.
    pub(super) fn shortest(&self) -> Duration {
        let limits = [
            self.head_time,
            self.idle_time,
            self.handshake_time,
            self.write_stall,
            self.response_time,
        ];
        limits.into_iter().min().unwrap_or_default()
    }
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

/// Checks a telemetry path as given on the command line.
///
/// # Errors
/// What is wrong with it, and what is allowed.
pub fn parse_telemetry_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!(
            "expected a path that begins with \"/\", such as \"/metrics\", found {text:?}"
        ));
    }
    if text == "/-" || text.starts_with("/-/") {
        return Err(format!(
            "expected a path outside /-/, where /-/healthy, /-/ready and /-/reload are, found {text:?}"
        ));
    }
    if text == STATUS_PATH {
        return Err(format!(
            "expected a path other than that of the state as JSON, found {text:?}"
        ));
    }
    check_path(text)?;
    Ok(text.to_owned())
}

/// Whether a path can be asked for: its characters are those of URLs, and no client or proxy reads it
/// as another path or as a host.
pub(super) fn check_path(text: &str) -> Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~!$'()*+,;=:@%".contains(c);
    if let Some(invalid) = text.chars().find(|&c| !is_allowed(c)) {
        return Err(format!(
            "expected characters of the path of a URL, found {invalid:?} in {text:?}"
        ));
    }
    if text.contains("//") {
        return Err(format!(
            "expected a single \"/\" between names, found \"//\" in {text:?}"
        ));
    }
    let is_relative = |name: &str| {
        let name = name.to_ascii_lowercase().replace("%2e", ".");
        name == "." || name == ".."
    };
    if text.split('/').any(is_relative) {
        return Err(format!(
            "expected names that clients do not resolve, found \".\" or \"..\" in {text:?}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn telemetry_paths_are_checked() {
        let cases = ["/", "/metrics", "/a/b-c", "/%7Ex", "/-x"];
        check_each(cases, |good| {
            assert_eq!(parse_telemetry_path(good), Ok(good.to_owned()));
        });
        let cases = [
            ("", "begins with"),
            ("metrics", "begins with"),
            ("/-/metrics", "outside /-/"),
            ("/-", "outside /-/"),
            ("/api/v1/status", "other than"),
            ("/a?b", "'?'"),
            ("/a b", "' '"),
            ("/a\"b", "'\"'"),
            ("/ü", "'ü'"),
            ("//evil.example/metrics", "\"//\""),
            ("/a/../b", "\"..\""),
            ("/%2E", "\"..\""),
        ];
        check_each(cases, |(bad, word)| {
            let error = parse_telemetry_path(bad).unwrap_err();
            assert!(error.contains(word), "{bad:?}: {error}");
        });
    }
}
