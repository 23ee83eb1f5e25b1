//! The HTTP side: listeners, TLS, authentication, and the handful of pages behind them.
//!
//! This module knows HTTP serving and nothing of what is served: the daemon implements [`Handler`]
//! and hands it in together with bound listeners and a shutdown signal.
//!
//! Its files do not import each other in circles, which a test checks. The list begins with those that
//! import most and ends with those that import least. This file only re-exports.
//!
//! | file | subject |
//! |---|---|
//! | `server` | a server from its start until the last connection has ended |
//! | `probe` | whether the accept loops run |
//! | `accept` | the accept loop of one listener |
//! | `connection` | one connection under its time limits: TLS handshake, then HTTP |
//! | `router` | from a request to a reply, by path and method |
//! | `request_checks` | what rejects a request before it is routed: host, rate limit, password, body, cross-site reload |
//! | `reply` | a reply before it becomes a response |
//! | `state` | what all connections share |
//! | `web_config` | the web configuration file, kept current while the server runs |
//! | `loaded` | the file and all it names, read once |
//! | `tls`, `client_auth`, `validity` | `tls_server_config` for rustls, client certificates, expiry |
//! | `config_file`, `config_section`, `pem`, `file_stamp` | the file's format, its mappings, PEM, changes of files |
//! | `basic_auth`, `hash_queue`, `rate_limit` | passwords, the order in which they are hashed, requests per second |
//! | `reload` | `/-/reload`: one at a time, and the same outcome for all who asked |
//! | `body` | a response body, and what a response holds until it is written |
//! | `connection_table` | open connections, and which one is evicted when there are too many |
//! | `activity`, `peer` | what a connection is doing, and who is at its other end |
//! | `handler`, `access`, `chunks` | the interface to the daemon, how this server is reached, the bytes of a page |
//! | `listen`, `listener`, `unix_socket` | listen addresses, what connections come from, Unix sockets |
//! | `settings` | flags and limits |
//!
//! A scrape never waits for anything but its own socket: pages are lists of shared byte chunks, one
//! task serves one connection, and every resource a client can hold has a [`Limits`] entry.

mod accept;
mod access;
mod activity;
mod activity_stream;
mod basic_auth;
mod body;
mod chunks;
mod client_auth;
mod config_file;
mod config_section;
mod connection;
mod connection_table;
mod file_stamp;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod hash_queue;
mod listen;
mod listener;
mod loaded;
mod peer;
mod pem;
mod probe;
mod rate_limit;
mod reload;
mod reply;
mod request_checks;
mod router;
mod server;
mod settings;
mod state;
mod tls;
mod unix_socket;
mod validity;
mod web_config;

#[cfg(test)]
mod tests;

pub use access::{Access, parse_external_url, parse_route_prefix};
pub use chunks::Chunks;
pub use handler::{
    Handler, MetricsPage, MetricsRequest, Readiness, StatusDocument, StatusForm, StatusRequest,
};
pub use listen::{ListenAddress, bind, bind_with, parse_listen_address};
pub use listener::Listener;
pub use probe::{ListenerProbe, ProbedListener};
pub use server::{Stopped, serve, serve_probed};
pub use settings::{Limits, STATUS_PATH, Settings, parse_telemetry_path};
pub use unix_socket::{Owner, SocketAccess, UnixSocket, parse_socket_mode, parse_socket_owner};
pub use web_config::WebConfig;
