//! Requests that always fail keep no other from being made, wherever they stand in the plan.

use std::cell::Cell;
use std::time::Duration;

use super::super::Outcome;
use super::super::test_driver::{DOWN, Driver, OK, PlainCall, data_task, settings, with_token};

/// How often a request of the first task started.
fn count<F>(driver: &Driver<F>, index: usize) -> usize {
    driver.count(PlainCall::Request { task: 0, index })
}

#[test]
fn requests_behind_any_number_of_failing_ones_are_made() {
    let mut failures = Vec::new();
    for (word, failing) in [("5xx", DOWN), ("4xx", Outcome::Rejected)] {
        for bad in [3, 5, 6, 9, 20, 22, 23, 30] {
            let answer = move |_, call| match call {
                PlainCall::Request { index, .. } if index < bad => (0.1, failing),
                _ => (0.1, OK),
            };
            let plan = settings(vec![data_task(60, 60)]);
            let driver = Driver::run(plan, [bad + 50], 6.0 * 3600.0, answer);
            let asked = count(&driver, bad + 40);
            if asked < 250 {
                failures.push((word, bad, asked));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "asked too rarely of 360 times: {failures:?}"
    );
}

#[test]
fn failing_requests_do_not_cut_off_those_before_them() {
    let mut failures = Vec::new();
    for (word, failing) in [("5xx", DOWN), ("4xx", Outcome::Rejected)] {
        for bad in [20, 23, 40, 60] {
            let answer = move |_, call| match call {
                PlainCall::Request { index, .. } if index >= 60 => (0.1, failing),
                _ => (0.1, OK),
            };
            let plan = settings(vec![data_task(60, 60)]);
            let driver = Driver::run(plan, [60 + bad], 4.0 * 3600.0, answer);
            let asked = count(&driver, 5);
            if asked < 230 {
                failures.push((word, bad, asked));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "asked too rarely of 240 times: {failures:?}"
    );
}

#[test]
fn good_requests_behind_bad_ones_return_after_an_outage() {
    let mut answered = Vec::new();
    for outage in [0.0, 30.0, 60.0, 120.0, 300.0] {
        let answer = move |at: f64, call| match call {
            PlainCall::Request { index, .. } if index < 6 => (0.1, DOWN),
            _ if at >= 3600.0 && at < 3600.0 + outage => (0.1, DOWN),
            _ => (0.1, OK),
        };
        let driver = Driver::run(settings(vec![data_task(30, 30)]), [20], 86_400.0, answer);
        let after = driver
            .ends
            .iter()
            .filter(|e| e.at > 4800.0 && e.summary.succeeded > 0)
            .count();
        answered.push((outage, after));
    }
    assert!(answered.iter().all(|a| a.1 > 1000), "{answered:?}");
}

#[test]
fn a_good_window_is_requested_beside_windows_that_time_out() {
    let mut answered = Vec::new();
    for long_windows in 1..=4usize {
        for short_first in [false, true] {
            for outage in [0.0, 60.0, 900.0] {
                let bad = 2 * long_windows;
                let failing = move |index: usize| {
                    if short_first { index >= 2 } else { index < bad }
                };
                let answer = move |at: f64, call| match call {
                    PlainCall::Request { index, .. } if failing(index) => (15.0, DOWN),
                    _ if at >= 3600.0 && at < 3600.0 + outage => (0.1, DOWN),
                    _ => (0.1, OK),
                };
                let driver = Driver::run(
                    settings(vec![data_task(60, 60)]),
                    [bad + 2],
                    86_400.0,
                    answer,
                );
                let after = driver
                    .ends
                    .iter()
                    .filter(|e| e.at > 4800.0 && e.summary.succeeded > 0);
                answered.push((long_windows, short_first, outage, after.count()));
            }
        }
    }
    assert!(answered.iter().all(|a| a.3 > 300), "{answered:?}");
}

#[test]
fn a_request_that_is_always_refused_leaves_the_token_to_others() {
    let mut backoffs = Vec::new();
    for revoked_at in [605.0, 615.0, 625.0, 635.0, 645.0, 655.0] {
        let mut valid_since = 0.0;
        let mut issued = 0.0;
        let answer = move |at: f64, call| match call {
            PlainCall::Token => {
                issued = at;
                (0.1, OK)
            }
            PlainCall::Request { task: 0, index: 1 } => (0.1, Outcome::Unauthorised),
            _ => {
                if at >= revoked_at {
                    valid_since = revoked_at;
                }
                let fine = issued >= valid_since;
                (0.1, if fine { OK } else { Outcome::Unauthorised })
            }
        };
        let driver = Driver::run(
            with_token(settings(vec![data_task(30, 30), data_task(30, 22)])),
            [4, 2],
            1200.0,
            answer,
        );
        let ends = driver.ends.iter();
        let backing_off = ends.filter(|end| end.summary.backoff.is_some());
        backoffs.extend(backing_off.map(|end| (revoked_at, end.at, end.task)));
    }
    assert_eq!(backoffs, []);
}

#[test]
fn a_request_that_starts_after_its_token_expired_is_answered() {
    // Tokens live two minutes, reported as five; the poll's last request starts later than that.
    let issued = Cell::new(0.0);
    let answer = |at: f64, call| match call {
        PlainCall::Token => {
            issued.set(at);
            let lifetime = Some(Duration::from_secs(300));
            (0.1, Outcome::Success { lifetime })
        }
        _ if at - issued.get() > 120.0 => (0.1, Outcome::Unauthorised),
        // It was refused once for another reason.
        PlainCall::Request { index: 1, .. } if at < 300.0 => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let plan = with_token(settings(vec![data_task(300, 300)]));
    let driver = Driver::run(plan, [3], 86_400.0, answer);
    let successful = driver
        .ends
        .iter()
        .filter(|end| end.summary.is_success())
        .count();
    assert!(
        successful > 250,
        "{successful} of {} polls",
        driver.ends.len()
    );
}
