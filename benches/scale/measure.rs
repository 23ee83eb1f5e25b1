//! Times, memory, and how they are written.

use std::fmt::Write as _;
use std::time::Instant;

/// CPU time of this thread, in milliseconds.
fn thread_cpu() -> f64 {
    on_cpu("/proc/thread-self/schedstat")
}

/// CPU time of all threads of a process, in milliseconds. Threads that ended are not in it.
pub(crate) fn process_cpu(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| on_cpu(&format!("{}/schedstat", task.unwrap().path().display())))
        .sum()
}

fn on_cpu(path: &str) -> f64 {
    // A thread may end between the listing and the reading.
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0.0;
    };
    let nanoseconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds / 1e6
}

/// The least CPU time of several runs, in milliseconds: what others do on the machine only adds.
pub(crate) fn cpu<T>(runs: usize, mut run: impl FnMut() -> T) -> f64 {
    // The kernel may count in ticks of 4 ms: what is short is done many times.
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
    times.fold(f64::INFINITY, f64::min)
}

/// Wall time in milliseconds.
pub(crate) fn wall(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A line of `/proc/PID/status`, in megabytes: `VmRSS` or `VmHWM`.
pub(crate) fn memory(pid: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024.0 / 1e6
}

/// Forgets the highest memory so far.
pub(crate) fn forget_peak(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// A table in Markdown whose columns are the sizes.
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

    pub(crate) fn write(&self, sizes: &[u64]) -> String {
        let mut out = String::from("| |");
        for size in sizes {
            write!(out, " {size} |").unwrap();
        }
        out.push_str("\n|---|");
        out.push_str(&"---:|".repeat(sizes.len()));
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
