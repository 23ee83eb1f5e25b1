//! A guard against regressions: instructions of the parts of a poll and a scrape, counted by
//! valgrind's callgrind, as ratios to references counted in the same run. Ratios hardly depend on
//! the compiler's version, and not on the load of the machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement may stop at the first surprise, prints what it finds and reads the clock"
)]

#[allow(dead_code, reason = "a part of it is for the other benchmark")]
#[path = "../scale/data.rs"]
mod data;
mod totals;

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use liveperson_exporter::collectors::Registry;
use liveperson_exporter::exposition::{Format, GzipFraming};
use liveperson_exporter::store::{Page, PageFilter, Publication, Source, Store};
use serde::de::IgnoredAny;

const SERIES: u64 = 20_000;

/// What is counted; a child process runs each of them under callgrind.
const PARTS: [&str; 8] = [
    "skip",
    "gzip",
    "parse",
    "render",
    "unchanged",
    "totals",
    "page",
    "large_page",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, part] = &arguments[..]
        && flag == "--part"
    {
        run(part);
        return ExitCode::SUCCESS;
    }
    let [
        skip,
        gzip,
        parse,
        render,
        unchanged,
        totals,
        page,
        large_page,
    ] = PARTS.map(count);
    println!();
    let poll = (parse + render) / (4.0 * skip + gzip);
    let mut failed = false;
    // The limits are a tenth above what was measured when they were set.
    for (ratio, found, limit) in [
        ("parse / skipping", parse / skip, LIMITS[0]),
        ("map, render, compress / gzip 1", render / gzip, LIMITS[1]),
        ("a poll / (4 x skipping + gzip 1)", poll, LIMITS[2]),
        (
            "nothing changed / everything changed",
            unchanged / render,
            LIMITS[3],
        ),
        ("counters / as many gauges", totals / render, LIMITS[4]),
        (
            "a page, instructions for each segment",
            large_page / segments(10 * SERIES),
            LIMITS[5],
        ),
        (
            "a page of ten times the series / a page",
            large_page / page,
            10.0,
        ),
    ] {
        let verdict = if found <= limit { "ok" } else { "TOO MUCH" };
        println!("{ratio}: {found:.3}, limit {limit}: {verdict}");
        failed |= found > limit;
    }
    ExitCode::from(u8::from(failed))
}

const LIMITS: [f64; 6] = [2.0, 2.3, 1.27, 0.82, 1.8, 6600.0];

/// Number of segments of a page with so many series.
fn segments(series: u64) -> f64 {
    page_of(series).segments().count() as f64
}

/// Instructions of one part.
fn count(part: &str) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*counted_*"])
        .arg(std::env::current_exe().unwrap())
        .args(["--part", part])
        .output()
        .expect("valgrind must be installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let line = text
        .lines()
        .find_map(|line| line.split("Collected :").nth(1));
    let count: f64 = line.unwrap().trim().parse().unwrap();
    assert!(count > 1000.0, "nothing was counted for {part}: {text}");
    println!("{part}: {count} instructions");
    count
}

fn run(part: &str) {
    let body = data::body(SERIES);
    match part {
        "skip" => drop(black_box(counted_skip(&body))),
        "parse" => drop(black_box(counted_parse(&body))),
        "gzip" => {
            let mut text = Vec::new();
            for segment in page_of(SERIES).segments() {
                text.extend_from_slice(&segment.plain().unwrap());
            }
            drop(black_box(counted_gzip(&text)));
        }
        "render" => drop(black_box(counted_render(&data::parse(&body), &[]))),
        "unchanged" => {
            let answer = data::parse(&body);
            let previous = data::render(&answer, &[]);
            drop(black_box(counted_render(&answer, &previous)));
        }
        "totals" => drop(black_box(counted_totals(&data::parse(&body)))),
        "page" => _ = black_box(counted_page(page_of(SERIES))),
        "large_page" => _ = black_box(counted_page(page_of(10 * SERIES))),
        other => panic!("{other}"),
    }
}

fn page_of(series: u64) -> Page {
    let chunks = data::render(&data::parse(&data::body(series)), &[]);
    let publication = Publication {
        chunks,
        received_at: None,
    };
    let source = Source {
        account: data::ACCOUNT.into(),
        collector: "engagement_activity",
    };
    let catalogue = liveperson_exporter::daemon::catalogue(&Registry::standard());
    let store = Store::new(&catalogue, 10 * series, Duration::MAX);
    store.publish(source, vec![Arc::new(publication)]);
    store.page(Instant::now(), Format::Text, &PageFilter::default())
}

#[inline(never)]
fn counted_skip(body: &[u8]) -> IgnoredAny {
    serde_json::from_slice(black_box(body)).unwrap()
}

#[inline(never)]
fn counted_parse(
    body: &[u8],
) -> liveperson_exporter::collectors::engagement_activity::EngagementAnswer {
    data::parse(black_box(body))
}

#[inline(never)]
fn counted_gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
    encoder.write_all(black_box(text)).unwrap();
    encoder.finish().unwrap()
}

#[inline(never)]
fn counted_render(
    answer: &liveperson_exporter::collectors::engagement_activity::EngagementAnswer,
    previous: &[liveperson_exporter::exposition::Chunk],
) -> Vec<liveperson_exporter::exposition::Chunk> {
    data::render(black_box(answer), previous)
}

#[inline(never)]
fn counted_totals(
    answer: &liveperson_exporter::collectors::engagement_activity::EngagementAnswer,
) -> Vec<liveperson_exporter::exposition::Chunk> {
    totals::render(black_box(answer))
}

/// A gzip scrape up to the socket: measured, then handed out segment by segment.
#[inline(never)]
fn counted_page(page: Page) -> u64 {
    let length = black_box(&page).gzip_framing().length();
    let written = page
        .segments()
        .map(|segment| segment.compressed().len() as u64);
    assert_eq!(
        written.sum::<u64>() + GzipFraming::header().len() as u64,
        length
    );
    length
}
