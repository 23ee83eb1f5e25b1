//! Decisions about all totals of a collector.
