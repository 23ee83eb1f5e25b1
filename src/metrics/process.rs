//! The metrics of the process, `process_*`, read from `/proc/self`.
//!
//! The `prometheus` crate has them, too, but it brings a second `rustix` and a parser of all of
//! `/proc` for seven numbers.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// The metrics of this process.
#[derive(Debug)]
pub struct ProcessMetrics {
    /// When the process started, in seconds since the epoch.
    started: Option<u64>,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self {
            started: start_time(),
        }
    }
}

impl ProcessMetrics {
    /// The families as they are now; what the system does not report is missing.
    ///
    /// # Errors
    /// None: the names are valid.
    pub fn gather(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let mut gauges = vec![
            (
                "process_open_fds",
                "Number of open file descriptors.",
                open_fds(),
            ),
            (
                "process_max_fds",
                "Maximum number of open file descriptors.",
                getrlimit(Resource::Nofile).current,
            ),
            (
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                self.started,
            ),
        ];
        let mut families = Vec::new();
        if let Some(stat) = Stat::read() {
            let seconds = IntCounter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?;
            seconds.inc_by(stat.cpu_ticks / clock_ticks_per_second());
            families.extend(seconds.collect());
            gauges.extend([
                (
                    "process_virtual_memory_bytes",
                    "Virtual memory size in bytes.",
                    Some(stat.virtual_bytes),
                ),
                (
                    "process_resident_memory_bytes",
                    "Resident memory size in bytes.",
                    Some(stat.resident_pages * page_size() as u64),
                ),
                (
                    "process_threads",
                    "Number of OS threads in the process.",
                    Some(stat.threads),
                ),
            ]);
        }
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let gauge = IntGauge::new(name, help)?;
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
                families.extend(gauge.collect());
            }
        }
        Ok(families)
    }
}

/// What is used of `/proc/self/stat`.
struct Stat {
    /// User and system time, in clock ticks.
    cpu_ticks: u64,
    threads: u64,
    /// When the process started, in clock ticks since the system did.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// Fields are numbered from 1, as in proc(5).
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name and may contain anything, brackets too.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn start_time() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let booted = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: u64 = booted.trim().parse().ok()?;
    Some(booted + Stat::read()?.start_ticks / clock_ticks_per_second())
}

fn open_fds() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    // One of them is the folder that is being read.
    Some((entries.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_seven_metrics_have_plausible_values() {
        let families = ProcessMetrics::default().gather().unwrap();
        assert_eq!(families.len(), 7);
        for family in families {
            let metric = &family.get_metric()[0];
            let value = match family.name() {
                "process_cpu_seconds_total" => metric.get_counter().get_value() + 1.0,
                _ => metric.get_gauge().get_value(),
            };
            assert!(value >= 1.0, "{}: {value}", family.name());
        }
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194304 9 0 0 0 50 25 0 0 20 0 3 0 1234 8192 2 18446744";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            (stat.cpu_ticks, stat.threads, stat.start_ticks),
            (75, 3, 1234)
        );
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (8192, 2));
        assert!(Stat::parse("7 (a) S 1 2").is_none());
    }
}
