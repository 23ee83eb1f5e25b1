//! What a poll and a scrape cost at fixed sizes, beside what others need for the same series in the
//! same run. `benches/run` installs what it needs and runs it; `docs/performance.md` has results.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement may stop at the first surprise, prints what it finds and reads the clock"
)]

/// The binary's allocator: measurements in this process should use the same one.
#[cfg(feature = "jemalloc")]
#[path = "../../src/allocator.rs"]
mod allocator;
mod data;
mod liveperson;
mod measure;
mod plain;
mod polls;
mod process;
mod references;
mod scrapes;
mod servers;
mod shape;
mod totals;

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use liveperson_exporter::exposition::{Format, Inflater};
use measure::{Table, cpu, megabytes, milliseconds, rested, times};
use serde::de::IgnoredAny;
use servers::Setup;
use shape::Shape;

const SIZES: [u64; 4] = [10_000, 100_000, 500_000, 2_000_000];

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["--reference", name, series] => references::run(name, series.parse().unwrap()),
        ["--compare", revision, binary, rest @ ..] => {
            println!("{}", machine());
            let sizes = sizes(rest, &[100_000, 500_000]);
            let mut shapes: Vec<Shape> = sizes.into_iter().map(Shape::One).collect();
            // With one answer publishing is cheap; these show what it costs.
            shapes.extend([Shape::Windows(400_000), Shape::Small(200)]);
            polls::compare(revision, binary, &shapes);
        }
        ["--totals", rest @ ..] => {
            println!("{}", machine());
            for series in sizes(rest, &[500_000]) {
                totals::measure(series);
            }
        }
        ["--scrapes", rest @ ..] => {
            println!("{}", machine());
            scrapes::alone(&sizes(rest, &SIZES[..3]));
        }
        ["--allocators", rest @ ..] => {
            println!("{}", machine());
            for series in sizes(rest, &[500_000]) {
                polls::allocators(series);
            }
        }
        rest => all(&sizes(rest, &SIZES)),
    }
}

/// Sizes of the command line, or the default ones.
fn sizes(arguments: &[&str], default: &[u64]) -> Vec<u64> {
    match arguments {
        [] => default.to_vec(),
        sizes => sizes.iter().map(|size| size.parse().unwrap()).collect(),
    }
}

/// All measurements, at each size.
fn all(sizes: &[u64]) {
    let mut table = Table::new();
    let mut per_series = Vec::new();
    for series in sizes {
        eprintln!("measuring {series} series");
        let poll = poll(*series, &mut table);
        scrapes::scrapes(*series, &mut table);
        per_series.push((*series, poll / *series as f64));
    }
    println!("{}", machine());
    println!("{}", table.write(sizes));
    let of = |wanted: u64| per_series.iter().find(|(size, _)| *size == wanted);
    if let (Some((_, small)), Some((_, large))) = (of(100_000), of(2_000_000)) {
        println!(
            "CPU of a poll per series, 2,000,000 to 100,000: {}",
            times(large / small)
        );
    }
}

/// Polls of the real binary and what they consist of; returns the median of a poll's CPU in
/// milliseconds.
fn poll(series: u64, table: &mut Table) -> f64 {
    let setup = Setup::new(Shape::One(series));
    let count = if series > 1_000_000 { 5 } else { 12 };
    let changing = polls::polls(&setup, true, count);
    let unchanged = polls::polls(&setup, false, count);
    let (body, text) = sizes_of(series, table);
    changing.put("a poll, every number new", table);
    unchanged.put("a poll, nothing new", table);
    let reference = reference_cost(series, &body, &text, table);
    parts(series, &body, table);
    let cpu = changing.cpu();
    table.put(
        "a poll / (4 x skipping + gzip 1)",
        cpu.over(reference).written(times),
    );
    let each = cpu.over(series as f64 / 1e6);
    table.put(
        "a poll, for each series",
        each.written(|n| format!("{n:.0} ns")),
    );
    let (rest, peak) = changing.memory();
    let text_size = text.len() as f64 / 1e6;
    table.put("memory before a poll", rest.written(megabytes));
    table.put(
        "memory before a poll / text",
        times(rest.median / text_size),
    );
    table.put("memory at the peak of a poll", peak.written(megabytes));
    table.put("memory at the peak / text", times(peak.median / text_size));
    cpu.median
}

/// An answer and the text that it becomes.
fn sizes_of(series: u64, table: &mut Table) -> (Vec<u8>, Vec<u8>) {
    let body = data::body(series);
    let mut inflater = Inflater::new();
    let mut text = Vec::new();
    for chunk in data::render(&data::parse(&body), &[]) {
        for segment in chunk.segments(Format::Text) {
            text.extend_from_slice(&inflater.plain(segment).unwrap());
        }
    }
    let size = |length: usize| megabytes(length as f64 / 1e6);
    table.put("JSON", size(body.len()));
    table.put(
        "LivePerson's gzip of it",
        size(liveperson::gzip(&body, 6).len()),
    );
    table.put("text", size(text.len()));
    (body, text)
}

fn runs(series: u64) -> usize {
    if series > 1_000_000 { 3 } else { 7 }
}

/// What polls are compared with: 4 times skipping the JSON, plus gzip level 1, in milliseconds.
fn reference_cost(series: u64, body: &[u8], text: &[u8], table: &mut Table) -> f64 {
    let runs = runs(series);
    let compressed = liveperson::gzip(body, 6);
    let inflate = cpu(runs, || {
        let mut out = Vec::new();
        GzDecoder::new(&compressed[..])
            .read_to_end(&mut out)
            .unwrap();
        out
    });
    let skip = cpu(runs, || serde_json::from_slice::<IgnoredAny>(body).unwrap());
    let gzip = cpu(runs, || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    });
    table.put(
        "reference: inflating LivePerson's gzip",
        inflate.written(milliseconds),
    );
    table.put(
        "reference: `serde_json` skipping the JSON",
        skip.written(milliseconds),
    );
    table.put(
        "reference: gzip level 1 of the text",
        gzip.written(milliseconds),
    );
    4.0 * skip.median + gzip.median
}

/// Parts of a poll in a hot loop, without process, network and fresh memory.
fn parts(series: u64, body: &[u8], table: &mut Table) {
    let runs = runs(series);
    let parse = cpu(runs, || data::parse(body));
    let answer = data::parse(body);
    let chunks = data::render(&answer, &[]);
    let render = cpu(runs, || data::render(&answer, &[]));
    let unchanged = cpu(runs, || data::render(&answer, &chunks));
    let whole = rested(runs, || {
        let answer = data::parse(body);
        data::render(&answer, &[])
    });
    table.put("part in a hot loop: parsing", parse.written(milliseconds));
    table.put(
        "part in a hot loop: mapping, rendering, compressing",
        render.written(milliseconds),
    );
    table.put(
        "part in a hot loop: the same when nothing changed",
        unchanged.written(milliseconds),
    );
    table.put(
        "parsing to compressing once, after a second of rest",
        whole.written(milliseconds),
    );
}

/// The machine, for the readers of the results.
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
