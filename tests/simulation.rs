//! The whole scheduler against a simulated LivePerson under virtual time.
//!
//! Each seed generates accounts, latencies and a scenario of faults, and every rule of polling is checked
//! after every event against a model that knows the rules but not the code. A failing seed says
//! how to rerun it. `SIMULATION_SEEDS` is how many are run, `SIMULATION_SEED` the first one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a test may stop at the first surprise; its numbers are small"
)]

#[path = "common/cases.rs"]
mod cases;

/// The scheduler, and the driver of its own unit tests.
#[path = "simulation"]
mod scheduler {
    pub(crate) use liveperson_exporter::scheduler::*;

    #[allow(dead_code, reason = "other tests need the rest of it")]
    #[path = "../../src/scheduler/test_driver.rs"]
    pub(crate) mod test_driver;
}

mod simulation {
    pub(crate) mod account;
    pub(crate) mod clocks;
    pub(crate) mod collector_model;
    pub(crate) mod limits;
    pub(crate) mod liveperson;
    pub(crate) mod model;
    pub(crate) mod plots;
    pub(crate) mod rules;
    pub(crate) mod scenario;
    pub(crate) mod served;
    pub(crate) mod session_model;
    pub(crate) mod setup;
    pub(crate) mod svg;
    pub(crate) mod totals;
    pub(crate) mod week;
    pub(crate) mod world;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use simulation::totals::Statistics;

/// Seeds of a run without `SIMULATION_SEEDS`: what CI asks for.
const SEEDS: u64 = 10_000;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// Runs a simulation for so many seeds on all processors; returns what each came to.
fn run_seeds<T: Send>(test: &str, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (first, count) = (
        number("SIMULATION_SEED", 0),
        number("SIMULATION_SEEDS", SEEDS),
    );
    let started = scheduler::test_driver::start();
    let next = AtomicU64::new(0);
    let (results, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || !failed.lock().is_empty() {
                return;
            }
            let seed = first + index;
            match catch_unwind(AssertUnwindSafe(|| run(seed))) {
                Ok(result) => results.lock().push(result),
                Err(_) => failed.lock().push(seed),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{count} seeds, {:.0} seeds/s", count as f64 / seconds);
    let failed = failed.into_inner();
    let reruns: Vec<_> = failed
        .iter()
        .map(|seed| {
            format!(
                "SIMULATION_SEED={seed} SIMULATION_SEEDS=1 cargo test --test simulation {test} -- --nocapture"
            )
        })
        .collect();
    assert!(
        failed.is_empty(),
        "a rule was broken; rerun with\n{}",
        reruns.join("\n")
    );
    results.into_inner()
}

#[test]
fn every_rule_holds_after_every_event_of_every_seed() {
    let events = run_seeds("every_rule", simulation::world::run);
    let (count, events) = (events.len() as u64, events.iter().sum::<u64>());
    eprintln!("{events} events");
    assert!(count < 1000 || events > 50 * count, "nothing happened");
}

#[test]
fn every_chat_counts_once_in_every_seed() {
    let counts = run_seeds("every_chat", simulation::totals::run);
    let sum = |of: fn(&Statistics) -> u64| counts.iter().map(of).sum::<u64>();
    let (moves, attempts) = (sum(|c| c.moves), sum(|c| c.attempts));
    eprintln!(
        "{} chats, {} polls, {moves} moves of anchors in {attempts} attempts, {} forced, {} times lost",
        sum(|c| c.chats),
        sum(|c| c.polls),
        sum(|c| c.forced),
        sum(|c| c.lost)
    );
    let enough = moves > 10 * counts.len() as u64;
    assert!(counts.len() < 1000 || enough, "no anchor moved");
}
