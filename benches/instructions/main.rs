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
use liveperson_exporter::exposition::{Compressor, Format, GzipFraming, Inflater, Segment};
use liveperson_exporter::store::{Page, PageFilter, Publication, Source, Store};
use serde::de::IgnoredAny;

const SERIES: u64 = 20_000;

/// Sizes of the pages that are counted.
const PAGES: [u64; 3] = [10_000, 100_000, 500_000];

/// What is counted; a child process runs each of them under callgrind.
const PARTS: [&str; 8] = [
    "skip",
    "gzip",
    "parse",
    "render",
    "unchanged",
    "totals",
    "identity",
    "protobuf",
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
        identity,
        protobuf,
    ] = PARTS.map(count);
    let poll = (parse + render) / (4.0 * skip + gzip);
    // The limits are a tenth above what was measured when they were set.
    let mut found = vec![
        ("parse / skipping".to_owned(), parse / skip, 2.0),
        (
            "map, render, compress / gzip 1".to_owned(),
            render / gzip,
            2.3,
        ),
        ("a poll / (4 x skipping + gzip 1)".to_owned(), poll, 1.27),
        (
            "nothing changed / everything changed".to_owned(),
            unchanged / render,
            0.82,
        ),
        ("counters / as many gauges".to_owned(), totals / render, 1.8),
        (
            "an identity page / gzip 1".to_owned(),
            identity / gzip,
            0.56,
        ),
        (
            "the first page in protobuf / gzip 1".to_owned(),
            protobuf / gzip,
            9.5,
        ),
    ];
    for series in PAGES {
        let each = count(&series.to_string()) / segments(series);
        let name = format!("a page of {series} series, for each segment");
        found.push((name, each, 2200.0));
    }
    println!();
    let mut failed = false;
    for (name, found, limit) in found {
        let verdict = if found <= limit { "ok" } else { "TOO MUCH" };
        println!("{name}: {found:.3}, limit {limit}: {verdict}");
        failed |= found > limit;
    }
    ExitCode::from(u8::from(failed))
}

/// Number of segments of a page with so many series.
fn segments(series: u64) -> f64 {
    page_of(series, Format::Text).segments().count() as f64
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
            for segment in page_of(SERIES, Format::Text).segments() {
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
        "identity" => _ = black_box(counted_identity(page_of(SERIES, Format::Text))),
        "protobuf" => _ = black_box(counted_protobuf(&page_of(SERIES, Format::Protobuf))),
        series => {
            let page = page_of(series.parse().unwrap(), Format::Text);
            _ = black_box(counted_page(page));
        }
    }
}

fn page_of(series: u64, format: Format) -> Page {
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
    store.page(Instant::now(), format, &PageFilter::default())
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

/// An identity scrape up to the socket.
#[inline(never)]
fn counted_identity(page: Page) -> u64 {
    let length = black_box(&page).plain_length();
    let mut inflater = Inflater::new();
    let written = page
        .segments()
        .map(|segment| inflater.plain(&segment).unwrap().len() as u64);
    assert_eq!(written.sum::<u64>(), length);
    length
}

/// The first scrape in protobuf after an answer.
#[inline(never)]
fn counted_protobuf(page: &Page) -> Vec<Segment> {
    let mut compressor = Compressor::new();
    black_box(page).protobuf_segments(&mut compressor).unwrap()
}
