//! The plots of `docs/polling.md`: when calls start around a 429 and around an outage.
//!
//! `cargo test --test simulation write_the_plots -- --ignored` writes them; a test checks that the
//! committed ones are what that writes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use liveperson_exporter::scheduler::{
    AccountScheduler, AccountSettings, Call, CollectorSettings, Event, Outcome, PlanSource,
    RequestKey, SessionSettings, Step,
};

use super::svg::{Dot, Span, Timeline};

const PAUSE: &str = "#fde8c8";
const WAIT: &str = "#fbd9d9";
const DOWN: &str = "#f0f0f0";

/// Engagement Activity and SLA as they are by default: four requests in 30 s and two in 60 s.
struct Defaults;

impl PlanSource for Defaults {
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        (0..).map(RequestKey).take([4, 2][collector]).collect()
    }
}

/// What a LivePerson answers at a time, in seconds, to a collector.
type Answer = fn(f64, usize) -> (Outcome, Dot);

/// Runs the poller; gives the dots, and spans of the pauses and back-offs.
fn run(length: f64, answer: Answer) -> (Vec<(f64, usize, Dot)>, Vec<Span>) {
    let collector = |interval, phase| CollectorSettings {
        interval: Duration::from_secs(interval),
        phase: Duration::from_secs(phase),
        service: None,
    };
    let settings = AccountSettings {
        max_in_flight: 1,
        min_spacing: Duration::from_millis(250),
        session: SessionSettings::default(),
        collectors: vec![collector(30, 30), collector(60, 49)],
        seed: 1,
    };
    let start = Instant::now();
    let mut now = start;
    let mut scheduler = AccountScheduler::new(settings, now);
    let mut under_way: Vec<(Instant, Call, Outcome)> = Vec::new();
    let (mut dots, mut spans) = (Vec::new(), Vec::new());
    loop {
        let at = (now - start).as_secs_f64();
        if at > length {
            return (dots, spans);
        }
        let wake = loop {
            match scheduler.step(now, &mut Defaults) {
                Step::Start(call) => {
                    let Call::Request { collector, .. } = call else {
                        panic!("{call:?} without a session");
                    };
                    let (outcome, dot) = answer(at, collector);
                    dots.push((at, collector, dot));
                    under_way.push((now + Duration::from_millis(200), call, outcome));
                }
                Step::Wait(until) => break until,
            }
        };
        for event in scheduler.take_events() {
            let span = |wait: Duration, row, colour, label| Span {
                from: at,
                to: at + wait.as_secs_f64(),
                row,
                colour,
                label,
            };
            match event {
                Event::Paused { wait, .. } => spans.push(span(wait, None, PAUSE, "pause")),
                Event::PollEnded { collector, summary } => spans.extend(
                    (summary.backoff).map(|wait| span(wait, Some(collector), WAIT, "back-off")),
                ),
                _ => {}
            }
        }
        let ends = under_way.iter().map(|(at, ..)| *at);
        now = ends.chain(wake).min().unwrap();
        if let Some(place) = under_way.iter().position(|(at, ..)| *at <= now) {
            let (_, call, outcome) = under_way.swap_remove(place);
            scheduler.complete_call(now, call, outcome.into());
        }
    }
}

fn accepted() -> (Outcome, Dot) {
    (Outcome::SUCCESS, Dot::Accepted)
}

fn throttling() -> Timeline {
    let length = 300.0;
    let (dots, spans) = run(length, |at, _| {
        // The first 429 asks for 30 s, the later ones for nothing.
        if (95.0..150.0).contains(&at) {
            let retry_after = (at < 100.0).then_some(Duration::from_secs(30));
            (Outcome::Throttled { retry_after }, Dot::Throttled)
        } else {
            accepted()
        }
    });
    Timeline {
        title: "Call starts around 429s: LivePerson throttles from 95 s to 150 s",
        rows: vec!["engagement_activity", "sla"],
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
        if collector == 0 && (240.0..1500.0).contains(&at) {
            (Outcome::Failed { connection: false }, Dot::Failed)
        } else {
            accepted()
        }
    });
    spans.insert(
        0,
        Span {
            from: 240.0,
            to: 1500.0,
            row: Some(0),
            colour: DOWN,
            label: "",
        },
    );
    Timeline {
        title: "Call starts around an outage of one API, from 4 to 25 min",
        rows: vec!["engagement_activity", "sla"],
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
    for (file, svg) in plots() {
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == svg,
            "{} is not up to date: cargo test --test simulation write_the_plots -- --ignored",
            file.display()
        );
    }
}
