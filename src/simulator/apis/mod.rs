//! The simulated APIs, one file each.

pub(crate) mod domain;
pub(crate) mod engagement_activity;
pub(crate) mod names;
pub(crate) mod sla;
