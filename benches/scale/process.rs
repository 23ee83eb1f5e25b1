//! What a process has used so far, from `/proc`.

use std::collections::BTreeMap;

/// What a process had used at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Nanoseconds on a CPU by thread. Threads that ended are not in it.
    threads: BTreeMap<String, u64>,
    /// Of all threads, in ticks of 10 ms.
    user: f64,
    system: f64,
    /// Page faults without reading from a disk.
    faults: f64,
    /// Resident, in megabytes.
    resident: f64,
    /// The most that was resident since the previous [`Usage::now`].
    peak: f64,
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Milliseconds; in ticks of ten when a thread has ended in between, as its exact time is lost.
    pub(crate) cpu: f64,
    /// Milliseconds, in ticks of ten.
    pub(crate) user: f64,
    /// Milliseconds, in ticks of ten.
    pub(crate) system: f64,
    pub(crate) faults: f64,
    /// Megabytes resident at the end, and at most.
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

impl Usage {
    /// Reads it, and resets the peak of the memory.
    pub(crate) fn now(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name may contain anything, and ends at the last bracket.
        let fields: Vec<f64> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
        let tasks = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let time = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            let time = time.split(' ').next()?.parse().ok()?;
            Some((task.file_name().to_string_lossy().into_owned(), time))
        });
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let memory = |what| {
            let line = status.lines().find(|line| line.starts_with(what));
            let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
            kilobytes.map_or(0.0, |number| number.parse::<f64>().unwrap() * 1024.0 / 1e6)
        };
        let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        Self {
            resident: memory("VmRSS"),
            peak: memory("VmHWM"),
            threads: tasks.collect(),
            faults: field(10),
            user: field(14) * 10.0,
            system: field(15) * 10.0,
        }
    }

    pub(crate) fn since(&self, before: &Self) -> Used {
        let thread_ended = before
            .threads
            .keys()
            .any(|id| !self.threads.contains_key(id));
        let total = |usage: &Self| usage.threads.values().sum::<u64>() as f64 / 1e6;
        Used {
            cpu: if thread_ended {
                self.user + self.system - before.user - before.system
            } else {
                total(self) - total(before)
            },
            user: self.user - before.user,
            system: self.system - before.system,
            faults: self.faults - before.faults,
            resident: self.resident,
            peak: self.peak,
        }
    }
}
