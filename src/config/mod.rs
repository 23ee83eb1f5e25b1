//! What the user asked for: the YAML file, the environment, and every mistake in them.
//!
//! `model` is the validated configuration that the other rooms read; `load` merges file and
//! environment with the `config` crate; `validate` walks the merged tree and collects every
//! mistake with its path; `secret` holds credentials; `units` reads durations, sizes and windows.
//! This room knows nothing of HTTP or metrics.

mod model;
pub mod secret;

pub use model::*;
