//! Names for ids: which there are, and the series that carry them.
//!
//! They are looked up like data, by a separate task, but are not data: they never grow stale, and
//! no poll fails because they are missing.

mod cache;
pub mod families;
mod map;

pub use cache::NameCache;

/// The word for the names where others say a collector's label: `collect[]`, log lines, the page.
pub const LABEL: &str = "names";
