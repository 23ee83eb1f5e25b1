//! Entry points for `fuzz/`: what reads bytes of others, without a socket, a file or a clock.
//!
//! No part of the library's interface: it is there with the feature `fuzzing` only, and changes
//! with what it calls.

pub use crate::daemon::fuzzing as daemon;
pub use crate::liveperson::fuzzing as liveperson;
pub use crate::simulator::fuzzing as simulator;
pub use crate::web::fuzzing as web;
