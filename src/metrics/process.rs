//! The metrics of the process, `process_*`, read from `/proc/self`.
//!
//! The `prometheus` crate has them, too, but it brings a second `rustix` and a parser of all of
//! `/proc` for seven numbers.
//!
//! They are read for every scrape. Files are kept open, and the kernel is asked for what it counts
//! anyway: putting `/proc/self/stat` together and listing `/proc/self/fd` would take it longer than all
//! else that a scrape of a small page does.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::gathered_family::named;

/// The metrics of this process.
#[derive(Debug)]
pub struct ProcessMetrics {
    /// When the process started, in seconds since the epoch.
    started: Option<u64>,
    /// `/proc/self/statm`, `/proc/self/fd` and `/proc/self/task`.
    memory: Option<File>,
    descriptors: Option<File>,
    threads: Option<File>,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        let open = |path| File::open(path).ok();
        Self {
            started: start_time(),
            memory: open("/proc/self/statm"),
            descriptors: open("/proc/self/fd"),
            threads: open("/proc/self/task"),
        }
    }
}

impl ProcessMetrics {
    /// The families as they are now; what the system does not report is missing.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut cpu = Counter::default();
        cpu.set_value(cpu_seconds());
        let mut metric = Metric::default();
        metric.set_counter(cpu);
        let mut families = vec![named(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            MetricType::COUNTER,
            vec![metric],
        )];
        let memory = self.memory.as_ref().and_then(read_memory);
        let gauges = [
            (
                "process_open_fds",
                "Number of open file descriptors.",
                self.descriptors.as_ref().and_then(open_fds),
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
            (
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
                memory.map(|(virtual_bytes, _)| virtual_bytes),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                memory.map(|(_, resident_bytes)| resident_bytes),
            ),
            (
                "process_threads",
                "Number of OS threads in the process.",
                self.threads.as_ref().and_then(threads),
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let mut gauge = Gauge::default();
                gauge.set_value(as_float(value));
                let metric = Metric::from_gauge(gauge);
                families.push(named(name, help, MetricType::GAUGE, vec![metric]));
            }
        }
        families
    }
}

/// User and system time of all threads, those that ended included.
#[expect(
    clippy::cast_precision_loss,
    reason = "a process lives far less than 2^53 seconds"
)]
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds and bytes of one process are far below 2^53"
)]
fn as_float(value: u64) -> f64 {
    value as f64
}

/// Virtual and resident memory in bytes: the first two numbers of `statm`, in pages.
fn read_memory(statm: &File) -> Option<(u64, u64)> {
    let mut buffer = [0; 128];
    let length = statm.read_at(&mut buffer, 0).ok()?;
    let text = str::from_utf8(buffer.get(..length)?).ok()?;
    let mut pages = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut bytes = || Some(pages.next()?.ok()? * page_size() as u64);
    Some((bytes()?, bytes()?))
}

/// Linux gives the number as the folder's size, from 6.2 on; before they have to be counted.
fn open_fds(folder: &File) -> Option<u64> {
    match folder.metadata().ok()?.len() {
        0 => {
            let entries = std::fs::read_dir("/proc/self/fd").ok()?;
            // One of them is the folder that is being read.
            Some((entries.count() as u64).saturating_sub(1))
        }
        count => Some(count),
    }
}

/// A folder has a link from each folder in it, one from itself and one from the folder that it is in.
fn threads(tasks: &File) -> Option<u64> {
    tasks.metadata().ok()?.nlink().checked_sub(2)
}

fn start_time() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let booted = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: u64 = booted.trim().parse().ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some(booted + start_ticks(&stat)? / clock_ticks_per_second())
}

/// When the process started, in clock ticks since the system did: field 22 of proc(5).
fn start_ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name and may contain anything, brackets too.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_seven_metrics_have_plausible_values() {
        let families = ProcessMetrics::default().gather();
        assert_eq!(families.len(), 7);
        for family in families {
            let metric = &family.get_metric()[0];
            let (value, least) = match family.name() {
                "process_cpu_seconds_total" => (metric.get_counter().get_value(), 1e-6),
                _ => (metric.get_gauge().get_value(), 1.0),
            };
            assert!(value >= least, "{}: {value}", family.name());
        }
    }

    #[test]
    fn what_the_kernel_counts_is_what_there_is() {
        let count = |folder| std::fs::read_dir(folder).unwrap().count() as u64;
        let folder = File::open("/proc/self/fd").unwrap();
        // Other tests of this process open and close files.
        let equal = (0..1000).any(|_| open_fds(&folder).unwrap() + 1 == count("/proc/self/fd"));
        assert!(equal);
        let folder = File::open("/proc/self/task").unwrap();
        let equal = (0..1000).any(|_| threads(&folder).unwrap() == count("/proc/self/task"));
        assert!(equal);
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194304 9 0 0 0 50 25 0 0 20 0 3 0 1234 8192 2 18446744";
        assert_eq!(start_ticks(text), Some(1234));
        assert!(start_ticks("7 (a) S 1 2").is_none());
    }
}
