//! What systemd and a service tell each other: `notify` is how the service says its state, `sockets`
//! are those that systemd opened for it.

mod notify;
mod sockets;

pub use notify::{Notifier, watchdog_interval};
pub use sockets::{PassedSocket, Sockets, take_sockets};
