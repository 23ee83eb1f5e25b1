//! How many calls lasting faults cost, and what they leave of the rhythm, under virtual time.

use std::time::Duration;

use super::virtual_time_tests::{DOWN, OK, World, collector, settings, with_token};
use super::*;

const HOUR: f64 = 3600.0;

fn count(starts: &[(f64, Call)], wanted: Call) -> usize {
    starts.iter().filter(|(_, call)| *call == wanted).count()
}

#[test]
fn a_request_that_is_throttled_for_good_keeps_no_poll_from_ending() {
    let answer = |_, call| match call {
        Call::Request { index: 3, .. } => (0.1, Outcome::Throttled { retry_after: None }),
        _ => (0.1, OK),
    };
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![4], answer);
    world.run_until(HOUR);
    assert!(world.ends.len() > 10, "{} polls ended", world.ends.len());
    for (_, _, summary) in &world.ends {
        assert_eq!((summary.succeeded, summary.given_up), (3, 1));
    }
}

#[test]
fn a_throttled_token_endpoint_keeps_no_poll_from_ending() {
    let answer = |_, call| match call {
        Call::Authorise => (0.1, Outcome::Throttled { retry_after: None }),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30)])),
        vec![2],
        answer,
    );
    world.run_until(HOUR);
    assert!(world.ends.len() > 3, "{} polls ended", world.ends.len());
    assert!(world.ends.iter().all(|e| e.2.backoff.is_some()));
}

#[test]
fn phases_stay_apart_after_an_outage_at_the_start() {
    let at = |phase: u64| {
        let answer = |at, _| (0.1, if at < 700.0 { DOWN } else { OK });
        let mut world = World::new(settings(vec![collector(60, phase)]), vec![2], answer);
        world.run_until(2_000.0);
        assert!(world.skipped > 5);
        let starts = world.starts_of(0);
        *starts.iter().rfind(|at| **at < 1_900.0).unwrap() % 30.0
    };
    // The grid that each had from its own phase on.
    for phase in [35, 40, 52] {
        let expected = f64::from(u32::try_from(phase).unwrap()) % 30.0;
        assert!(
            (at(phase) - expected).abs() < 1e-6,
            "{} {expected}",
            at(phase)
        );
    }
}

#[test]
fn a_slow_api_with_a_nearly_full_plan_is_seen() {
    // 14 requests at 2 s each in 30 s, and a call that takes 10 s now and then.
    let answer = |at: f64, _| (if at % 300.0 < 30.0 { 10.0 } else { 2.0 }, OK);
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![14], answer);
    world.run_until(HOUR);
    assert!(world.skipped >= 12, "{}", world.skipped);
    assert!(world.ends.iter().any(|e| e.2.stretch > 1.5));
    // Late ones begin when the one before is through, so that hardly one is lost.
    assert!(world.ends.len() > 70, "{}", world.ends.len());
}

#[test]
fn a_request_that_is_refused_for_good_costs_few_tokens() {
    let answer = |_, call| match call {
        Call::Request { index: 1, .. } => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30)])),
        vec![4],
        answer,
    );
    world.run_until(HOUR);
    let tokens = count(&world.starts, Call::Authorise);
    // The first, one because of the 401, and then one every ten minutes at most.
    assert!((2..=8).contains(&tokens), "{tokens}");
    assert_eq!(world.ends.len(), 120);
}

#[test]
fn a_token_whose_life_is_told_as_a_second_is_used_for_ten() {
    let answer = |_, call| match call {
        Call::Authorise => {
            let lifetime = Some(Duration::from_secs(1));
            (0.1, Outcome::Success { lifetime })
        }
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(10, 10)])),
        vec![10],
        answer,
    );
    world.run_until(HOUR);
    let tokens = count(&world.starts, Call::Authorise);
    assert!((300..=360).contains(&tokens), "{tokens}");
}

#[test]
fn an_outage_costs_a_large_plan_hardly_any_calls() {
    let mut world = World::new(settings(vec![collector(60, 60)]), vec![200], |_, _| {
        (0.1, DOWN)
    });
    world.run_until(HOUR);
    // 12,000 when all is well. The first poll is quick: its tries are out before three have failed.
    let (first, _, _) = world.ends[0];
    let later = world.starts.iter().filter(|(at, _)| *at > first).count();
    assert!(later < 40, "{later} calls after the first poll");
    assert!(world.starts.len() < 800, "{} calls", world.starts.len());
}

#[test]
fn a_missing_permission_costs_a_large_plan_hardly_any_calls() {
    let answer = |_, _| (0.1, Outcome::Rejected);
    let mut world = World::new(settings(vec![collector(60, 60)]), vec![200], answer);
    world.run_until(HOUR);
    assert!(world.starts.len() < 250, "{} calls", world.starts.len());
}

#[test]
fn requests_behind_some_that_always_fail_are_asked_all_the_same() {
    let answer = |_, call| match call {
        Call::Request { index: 0..5, .. } => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let mut world = World::new(settings(vec![collector(60, 60)]), vec![8], answer);
    world.run_until(HOUR);
    for index in 5..8 {
        let request = Call::Request {
            collector: 0,
            index,
        };
        let asked = count(&world.starts, request);
        assert!(asked > 25, "request {index}: {asked}");
    }
}

#[test]
fn a_request_that_times_out_for_good_does_not_make_its_collector_poll_less_often() {
    let answer = |_, call| match call {
        Call::Request { index: 3, .. } => (15.0, DOWN),
        _ => (0.1, OK),
    };
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![4], answer);
    world.run_until(HOUR);
    assert!(world.ends.len() >= 116, "{} polls", world.ends.len());
    let request = Call::Request {
        collector: 0,
        index: 3,
    };
    // Three retries in the first poll, none later; one call may be under way.
    let tries = count(&world.starts, request) - world.ends.len();
    assert!((3..=4).contains(&tries), "{tries}");
}
