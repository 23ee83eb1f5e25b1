//! How many calls lasting faults cost, and what they leave of the rhythm.

use std::time::Duration;

use super::super::Outcome;
use super::super::test_driver::{
    DOWN, Driver, OK, PlainCall, PollEnd, data_task, settings, with_token,
};

const HOUR: f64 = 3600.0;

#[test]
fn a_request_that_is_always_throttled_lets_polls_end() {
    let answer = |_, call| match call {
        PlainCall::Request { index: 3, .. } => (0.1, Outcome::Throttled { retry_after: None }),
        _ => (0.1, OK),
    };
    let driver = Driver::run(settings(vec![data_task(30, 30)]), [4], HOUR, answer);
    assert!(driver.ends.len() > 10, "{} polls ended", driver.ends.len());
    for PollEnd { summary, .. } in &driver.ends {
        assert_eq!((summary.succeeded, summary.given_up), (3, 1));
    }
}

#[test]
fn a_throttled_token_endpoint_lets_polls_end() {
    let answer = |_, call| match call {
        PlainCall::Token => (0.1, Outcome::Throttled { retry_after: None }),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(30, 30)])),
        [2],
        HOUR,
        answer,
    );
    assert!(driver.ends.len() > 3, "{} polls ended", driver.ends.len());
    assert!(driver.ends.iter().all(|e| e.summary.backoff.is_some()));
}

#[test]
fn phases_stay_apart_after_an_outage_at_the_start() {
    let at = |phase: u64| {
        let answer = |at, _| (0.1, if at < 700.0 { DOWN } else { OK });
        let driver = Driver::run(settings(vec![data_task(60, phase)]), [2], 2_000.0, answer);
        assert!(driver.skipped > 5);
        let starts = driver.starts_of(0);
        *starts.iter().rfind(|at| **at < 1_900.0).unwrap() % 30.0
    };
    // The grid that each had from its phase on.
    let offsets = [35, 40, 52].map(|phase| (at(phase) * 1e6).round() / 1e6);
    assert_eq!(offsets, [5.0, 10.0, 22.0]);
}

#[test]
fn a_slow_api_with_a_nearly_full_plan_skips_and_stretches_polls() {
    // 14 requests at 2 s each in 30 s, and a call that takes 10 s now and then.
    let answer = |at: f64, _| (if at % 300.0 < 30.0 { 10.0 } else { 2.0 }, OK);
    let driver = Driver::run(settings(vec![data_task(30, 30)]), [14], HOUR, answer);
    assert!(driver.skipped >= 12, "{}", driver.skipped);
    assert!(driver.ends.iter().any(|e| e.summary.stretch > 1.5));
    // Late polls begin when the previous one has ended, so that hardly any is lost.
    assert!(driver.ends.len() > 70, "{}", driver.ends.len());
}

#[test]
fn a_request_that_is_always_refused_costs_few_tokens() {
    let answer = |_, call| match call {
        PlainCall::Request { index: 1, .. } => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(30, 30)])),
        [4],
        HOUR,
        answer,
    );
    let tokens = driver.count(PlainCall::Token);
    // The first, one because of the 401, and then one every ten minutes at most.
    assert!((2..=8).contains(&tokens), "{tokens}");
    assert_eq!(driver.ends.len(), 120);
}

#[test]
fn a_token_with_a_reported_life_of_1_s_is_used_for_10_s() {
    let answer = |_, call| match call {
        PlainCall::Token => {
            let lifetime = Some(Duration::from_secs(1));
            (0.1, Outcome::Success { lifetime })
        }
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(10, 10)])),
        [10],
        HOUR,
        answer,
    );
    let tokens = driver.count(PlainCall::Token);
    assert!((300..=360).contains(&tokens), "{tokens}");
}

#[test]
fn an_outage_costs_a_large_plan_few_calls() {
    let driver = Driver::run(settings(vec![data_task(60, 60)]), [200], HOUR, |_, _| {
        (0.1, DOWN)
    });
    // 12,000 when all is well. The first poll is a burst: most of it has started before three of
    // its requests have failed.
    let first = driver.ends[0].at;
    let later = driver.starts.iter().filter(|s| s.at > first).count();
    assert!(later < 40, "{later} calls after the first poll");
    assert!(driver.starts.len() < 800, "{} calls", driver.starts.len());
}

#[test]
fn a_missing_permission_costs_a_large_plan_few_calls() {
    let answer = |_, _| (0.1, Outcome::Rejected);
    let driver = Driver::run(settings(vec![data_task(60, 60)]), [200], HOUR, answer);
    assert!(driver.starts.len() < 250, "{} calls", driver.starts.len());
}

#[test]
fn requests_behind_some_that_always_fail_are_still_made() {
    let answer = |_, call| match call {
        PlainCall::Request { index: 0..5, .. } => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let driver = Driver::run(settings(vec![data_task(60, 60)]), [8], HOUR, answer);
    let made = [5, 6, 7].map(|index| driver.count(PlainCall::Request { task: 0, index }));
    assert!(made.iter().all(|count| *count > 25), "{made:?}");
}

#[test]
fn a_request_that_always_times_out_does_not_slow_its_task_down() {
    let answer = |_, call| match call {
        PlainCall::Request { index: 3, .. } => (15.0, DOWN),
        _ => (0.1, OK),
    };
    let driver = Driver::run(settings(vec![data_task(30, 30)]), [4], HOUR, answer);
    assert!(driver.ends.len() >= 116, "{} polls", driver.ends.len());
    let request = PlainCall::Request { task: 0, index: 3 };
    // Three retries in the first poll, none later; one call may be under way.
    let retries = driver.count(request) - driver.ends.len();
    assert!((3..=4).contains(&retries), "{retries}");
}
