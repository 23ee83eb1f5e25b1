//! Times, memory, and how they are written.

use std::fmt::{Display, Write as _};
use std::time::{Duration, Instant};

/// CPU time of this thread, in milliseconds.
fn thread_cpu() -> f64 {
    on_cpu("/proc/thread-self/schedstat")
}

fn on_cpu(path: &str) -> f64 {
    // A thread may end between the listing and the reading.
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0.0;
    };
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e6
}

/// CPU time of runs in this thread, in milliseconds.
pub(crate) fn cpu<T>(runs: usize, mut run: impl FnMut() -> T) -> Spread {
    // The kernel may count in ticks of 4 ms: short runs are repeated.
    const LONG: f64 = 100.0;
    let times = (0..runs).map(|_| {
        let before = thread_cpu();
        for count in 1_u32.. {
            drop(run());
            let time = thread_cpu() - before;
            if time >= LONG {
                return time / f64::from(count);
            }
        }
        f64::INFINITY
    });
    Spread::of(times)
}

/// CPU time of single runs in this thread after a second of rest, in milliseconds: caches are cold
/// and memory has been returned to the system, as at the beginning of a poll.
pub(crate) fn rested<T>(runs: usize, mut run: impl FnMut() -> T) -> Spread {
    Spread::of((0..runs).map(|_| {
        std::thread::sleep(Duration::from_secs(1));
        let before = thread_cpu();
        drop(run());
        thread_cpu() - before
    }))
}

/// The results of several runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(found: impl IntoIterator<Item = f64>) -> Self {
        let mut found: Vec<f64> = found.into_iter().collect();
        assert!(!found.is_empty(), "nothing was measured");
        found.sort_by(f64::total_cmp);
        Self {
            median: found[found.len() / 2],
            least: found[0],
            most: found[found.len() - 1],
        }
    }

    /// Divided by a number without a spread.
    pub(crate) fn over(self, divisor: f64) -> Self {
        Self {
            median: self.median / divisor,
            least: self.least / divisor,
            most: self.most / divisor,
        }
    }

    /// The median and the range.
    pub(crate) fn written(self, one: impl Fn(f64) -> String) -> String {
        let unit = one(self.median);
        let digits = |number: f64| one(number).split(' ').next().unwrap().replace('*', "");
        format!("{unit} ({} to {})", digits(self.least), digits(self.most))
    }
}

/// Wall time in milliseconds.
pub(crate) fn wall(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

/// A line of `/proc/PID/status`, in megabytes: `VmRSS` or `VmHWM`.
pub(crate) fn memory(pid: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024.0 / 1e6
}

/// A table in Markdown.
pub(crate) struct Table {
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn put(&mut self, row: &str, value: impl Into<String>) {
        let value = value.into();
        match self.rows.iter_mut().find(|(name, _)| name == row) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((row.to_owned(), vec![value])),
        }
    }

    pub(crate) fn write<C: Display>(&self, columns: &[C]) -> String {
        let mut out = String::from("| |");
        for column in columns {
            write!(out, " {column} |").unwrap();
        }
        out.push_str("\n|---|");
        out.push_str(&"---:|".repeat(columns.len()));
        for (name, values) in &self.rows {
            write!(out, "\n| {name} | {} |", values.join(" | ")).unwrap();
        }
        out.push('\n');
        out
    }
}

pub(crate) fn milliseconds(time: f64) -> String {
    match time {
        time if time < 10.0 => format!("{time:.2} ms"),
        time if time < 100.0 => format!("{time:.1} ms"),
        time => format!("{time:.0} ms"),
    }
}

pub(crate) fn megabytes(size: f64) -> String {
    if size < 10.0 {
        format!("{size:.2} MB")
    } else {
        format!("{size:.0} MB")
    }
}

pub(crate) fn times(ratio: f64) -> String {
    format!("**{ratio:.2}**")
}
