//! The section `engagement_activity` of the configuration.

pub use crate::config::EngagementActivity as Settings;
