//! The section `sla` of the configuration.

pub use crate::config::Sla as Settings;
