//! What a poll and a scrape cost at fixed sizes, beside what others need for the same series in the
//! same run. `benches/run` installs what it needs and runs it; `docs/performance.md` has results.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement may stop at the first surprise, and prints what it finds"
)]

/// The binary's, or the work of a poll would be measured with another one.
#[path = "../../src/allocator.rs"]
mod allocator;
mod data;
mod measure;
mod plain;
mod references;
mod servers;

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use liveperson_exporter::exposition::{Format, Inflater};
use measure::{
    Table, cpu, forget_peak, median, megabytes, memory, milliseconds, process_cpu, times, wall,
};
use serde::de::IgnoredAny;
use servers::{Client, LivePerson, Server};

const SIZES: [u64; 4] = [10_000, 100_000, 500_000, 2_000_000];

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    if let [flag, name, series] = &arguments[..]
        && flag == "--reference"
    {
        return references::run(name, series.parse().unwrap());
    }
    let sizes: Vec<u64> = match &arguments[..] {
        [] => SIZES.to_vec(),
        some => some.iter().map(|size| size.parse().unwrap()).collect(),
    };
    let mut table = Table::new();
    let mut per_series = Vec::new();
    for series in &sizes {
        eprintln!("measuring {series} series");
        let poll = poll(*series, &mut table);
        scrapes(*series, &mut table);
        per_series.push((*series, poll / *series as f64));
    }
    println!("{}", machine());
    println!("{}", table.write(&sizes));
    let of = |wanted: u64| per_series.iter().find(|(size, _)| *size == wanted);
    if let (Some((_, small)), Some((_, large))) = (of(100_000), of(2_000_000)) {
        println!(
            "CPU of a poll per series, 2,000,000 to 100,000: {}",
            times(large / small)
        );
    }
}

/// CPU of a poll's parts; returns the whole, in milliseconds.
fn poll(series: u64, table: &mut Table) -> f64 {
    let runs = if series > 1_000_000 { 3 } else { 7 };
    let body = data::body(series);
    let skip = cpu(runs, || {
        serde_json::from_slice::<IgnoredAny>(&body).unwrap()
    });
    let parse = cpu(runs, || data::parse(&body));
    let answer = data::parse(&body);
    let render = cpu(runs, || data::render(&answer, &[]));
    let chunks = data::render(&answer, &[]);
    let join = cpu(runs, || data::joined(&chunks, &[]));
    let again = cpu(runs, || data::render(&answer, &chunks));
    let mut inflater = Inflater::new();
    let mut text = Vec::new();
    for chunk in data::joined(&chunks, &[]) {
        for segment in chunk.segments(Format::Text) {
            text.extend_from_slice(&inflater.plain(segment).unwrap());
        }
    }
    let gzip = cpu(runs, || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    });
    let poll = parse + render + join;
    let size = |length: usize| megabytes(length as f64 / 1e6);
    table.put("JSON", size(body.len()));
    table.put("text", size(text.len()));
    table.put("CPU: `serde_json` skipping the body", milliseconds(skip));
    table.put("CPU: gzip level 1 of the text", milliseconds(gzip));
    table.put("CPU: parse", milliseconds(parse));
    table.put("CPU: map, render, compress", milliseconds(render + join));
    table.put("CPU: the same when nothing changed", milliseconds(again));
    table.put("CPU: a whole poll", milliseconds(poll));
    table.put(
        "a poll / (4 x skipping + gzip 1)",
        times(poll / (4.0 * skip + gzip)),
    );
    table.put(
        "CPU of a poll per series",
        format!("{:.0} ns", poll * 1e6 / series as f64),
    );
    poll
}

/// Scrapes and memory of the real binary, beside nginx and the two crates.
fn scrapes(series: u64, table: &mut Table) {
    let liveperson = LivePerson::start(data::body(series));
    let exporter = Server::exporter(&liveperson);
    let mut gzip = Client::new(&exporter, "gzip");
    let mut plain = Client::new(&exporter, "identity");
    let full = series * 60;
    let polled = |count: u64| {
        let start = Instant::now();
        while liveperson.answered.load(Ordering::Relaxed) < count {
            assert!(start.elapsed() < Duration::from_secs(120), "no poll");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    polled(1);
    let start = Instant::now();
    while plain.scrape() < full {
        assert!(start.elapsed() < Duration::from_secs(60), "no data");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (text, packed) = (plain.fetch(), gzip.fetch());
    let nginx = Server::nginx(&text, &packed);
    let pid = exporter.pid();
    // Two polls without any scrape: what they need and leave behind.
    polled(2);
    std::thread::sleep(Duration::from_secs(5));
    forget_peak(pid);
    let (rest, answered) = (
        memory(pid, "VmRSS"),
        liveperson.answered.load(Ordering::Relaxed),
    );
    polled(answered + 1);
    std::thread::sleep(Duration::from_secs(5));
    let (peak, after) = (memory(pid, "VmHWM"), memory(pid, "VmRSS"));
    let text_size = text.len() as f64 / 1e6;
    table.put("gzip page", megabytes(packed.len() as f64 / 1e6));
    table.put("memory at rest", megabytes(rest));
    table.put("memory at rest / text", times(rest / text_size));
    table.put("memory at the peak of a poll", megabytes(peak));
    table.put("memory at the peak / text", times(peak / text_size));
    table.put("memory 5 s after it", megabytes(after));
    let mut kept = Client::at(plain::serve_plain(&text), "/metrics", "identity");
    let mut found: Vec<f64> = (0..21).map(|_| wall(|| _ = kept.scrape())).collect();
    let scrape_cpu = beside_nginx(series, table, &exporter, nginx.as_ref());
    let row = "identity scrape, had the text been kept";
    table.put(row, milliseconds(median(&mut found)));
    for name in ["prometheus", "prometheus-client"] {
        let reference = references::measured(name, series);
        table.put(
            &format!("`{name}`: CPU of a scrape"),
            milliseconds(reference.scrape),
        );
        table.put(&format!("`{name}`: memory held"), megabytes(reference.held));
        if name == "prometheus" {
            table.put(
                "`prometheus` / CPU of a gzip scrape",
                times(reference.scrape / scrape_cpu),
            );
        }
    }
}

/// Wall time of scrapes, turn by turn with nginx; returns the exporter's CPU of a gzip scrape.
fn beside_nginx(series: u64, table: &mut Table, exporter: &Server, nginx: Option<&Server>) -> f64 {
    let rounds = if series > 1_000_000 { 15 } else { 41 };
    let mut scrape_cpu = 0.0;
    for encoding in ["gzip", "identity"] {
        let mut own = (Client::new(exporter, encoding), Vec::new());
        let mut other = nginx.map(|nginx| (Client::new(nginx, encoding), Vec::new()));
        let mut cpu = f64::INFINITY;
        for _ in 0..rounds {
            let before = process_cpu(exporter.pid());
            own.1.push(wall(|| _ = own.0.scrape()));
            cpu = cpu.min(process_cpu(exporter.pid()) - before);
            if let Some((client, found)) = &mut other {
                found.push(wall(|| _ = client.scrape()));
            }
        }
        let time = median(&mut own.1);
        table.put(&format!("{encoding} scrape"), milliseconds(time));
        table.put(&format!("{encoding} scrape: CPU"), milliseconds(cpu));
        if let Some((_, mut found)) = other {
            let reference = median(&mut found);
            table.put(&format!("nginx, {encoding}"), milliseconds(reference));
            table.put(
                &format!("{encoding} scrape / nginx"),
                times(time / reference),
            );
        }
        if encoding == "gzip" {
            scrape_cpu = cpu;
        }
    }
    scrape_cpu
}

/// The machine, for whoever reads the results.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown");
    let count = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} x {model}, {memory}, Linux {}\n", kernel.trim())
}
