//! The plots of `docs/polling.md`: when calls start around a 429 and around an outage.
//!
//! `cargo test --test simulation write_the_plots -- --ignored` writes them; a test checks that the
//! committed ones are what that writes.

use std::path::PathBuf;
use std::time::Duration;

use liveperson_exporter::scheduler::Outcome;

use super::svg::{Dot, Span, Timeline};
use crate::cases::check_each;
use crate::scheduler::test_driver::{DOWN, Driver, OK, PlainCall, data_task, settings};

const PAUSE: &str = "#fde8c8";
const WAIT: &str = "#fbd9d9";
const OUTAGE: &str = "#f0f0f0";

/// The collectors that are drawn, by task.
const LABELS: [&str; 2] = ["engagement_activity", "sla"];
/// The task of the collector whose API has the outage.
const ENGAGEMENT_ACTIVITY: usize = 0;

/// What a LivePerson answers at a time, in seconds, to the collector of a task.
type Answer = fn(f64, usize) -> Outcome;

/// Runs the two collectors as they are by default: four requests in 30 s and two in 60 s. Gives the dots,
/// and spans of the pauses and back-offs.
fn run(length: f64, answer: Answer) -> (Vec<(f64, usize, Dot)>, Vec<Span>) {
    let settings = settings(vec![data_task(30, 30), data_task(60, 49)]);
    // A little longer: what starts at the very end is drawn, too.
    let driver = Driver::run(settings, [4, 2], length + 0.001, |at, call| {
        (0.2, answer(at, collector(call)))
    });
    let dots = driver.starts.iter().map(|start| {
        let dot = match start.outcome {
            Outcome::Success { .. } => Dot::Accepted,
            Outcome::Throttled { .. } => Dot::Throttled,
            _ => Dot::Failed,
        };
        (start.at, collector(start.call), dot)
    });
    let span = |from: f64, wait: Duration, row, colour, label| Span {
        from,
        to: from + wait.as_secs_f64(),
        row,
        colour,
        label,
    };
    let pauses = driver.pauses.iter();
    let pauses = pauses.map(|(at, wait)| span(*at, *wait, None, PAUSE, "pause"));
    let backoffs = driver.ends.iter().filter_map(|end| {
        let wait = end.summary.backoff?;
        Some(span(end.at, wait, Some(end.task), WAIT, "back-off"))
    });
    (dots.collect(), pauses.chain(backoffs).collect())
}

fn collector(call: PlainCall) -> usize {
    match call {
        PlainCall::Request { task, .. } => task,
        _ => panic!("{call:?} without a session"),
    }
}

fn throttling() -> Timeline {
    let length = 300.0;
    let (dots, spans) = run(length, |at, _| {
        // The first 429 asks for 30 s, the later ones for nothing.
        if (95.0..150.0).contains(&at) {
            let retry_after = (at < 100.0).then_some(Duration::from_secs(30));
            Outcome::Throttled { retry_after }
        } else {
            OK
        }
    });
    Timeline {
        title: "Call starts around 429s: LivePerson throttles from 95 s to 150 s",
        rows: LABELS.to_vec(),
        length,
        tick: 30.0,
        unit: (1.0, "s"),
        spans,
        dots,
    }
}

fn outage() -> Timeline {
    let length = 40.0 * 60.0;
    let (dots, mut spans) = run(length, |at, collector| {
        if collector == ENGAGEMENT_ACTIVITY && (240.0..1500.0).contains(&at) {
            DOWN
        } else {
            OK
        }
    });
    spans.insert(
        0,
        Span {
            from: 240.0,
            to: 1500.0,
            row: Some(ENGAGEMENT_ACTIVITY),
            colour: OUTAGE,
            label: "",
        },
    );
    Timeline {
        title: "Call starts around an outage of one API, from 4 to 25 min",
        rows: LABELS.to_vec(),
        length,
        tick: 240.0,
        unit: (60.0, "min"),
        spans,
        dots,
    }
}

fn plots() -> [(PathBuf, String); 2] {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/plots");
    [
        (folder.join("throttling.svg"), throttling().svg()),
        (folder.join("outage.svg"), outage().svg()),
    ]
}

#[test]
#[ignore = "writes docs/plots"]
fn write_the_plots() {
    for (file, svg) in plots() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, svg).unwrap();
    }
}

#[test]
fn the_committed_plots_are_what_the_simulation_makes() {
    check_each(plots(), |(file, svg)| {
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == svg,
            "{} is not up to date: cargo test --test simulation write_the_plots -- --ignored",
            file.display()
        );
    });
}
