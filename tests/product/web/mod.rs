//! The HTTP server over real sockets on loopback.

mod access;
mod client;
mod many_clients;
mod reloads;
mod requests;
mod tls;
mod unix_sockets;
