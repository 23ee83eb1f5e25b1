//! Dashboards, rules and the unit file say what the exporter really does.
//!
//! A series that is renamed in the catalogue, or one that nobody looks at, fails here and not at
//! three in the morning. The modules are marked as tests because that is how clippy knows that
//! they may unwrap.

#[cfg(test)]
#[path = "documents/dashboards.rs"]
mod dashboards;
#[cfg(test)]
#[path = "documents/files.rs"]
mod files;
#[cfg(test)]
#[path = "documents/known_series.rs"]
mod known_series;
#[cfg(test)]
#[path = "documents/promql.rs"]
mod promql;
#[cfg(test)]
#[path = "documents/rules.rs"]
mod rules;
#[cfg(test)]
#[path = "documents/unit_file.rs"]
mod unit_file;
