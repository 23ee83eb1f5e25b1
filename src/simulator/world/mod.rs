//! The simulated contact centre: who works, who arrives, and what becomes of every chat.

pub(crate) mod arrivals;
pub(crate) mod history;
mod queueing;
mod rng;
pub(crate) mod sample_names;
pub(crate) mod staffing;
pub(crate) mod window;
