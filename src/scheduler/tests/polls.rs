//! When polls and their requests begin, and what failures of them change.

use std::time::Duration;

use super::super::Outcome;
use super::super::test_driver::{
    DOWN, Driver, OK, PlainCall, PollEnd, data_task, settings, with_token,
};
use crate::cases::check_each;

#[test]
fn the_first_poll_is_a_burst_and_the_next_are_spread_evenly() {
    let driver = Driver::run(settings(vec![data_task(30, 30)]), [4], 90.0, |_, _| {
        (0.1, OK)
    });
    let starts = driver.starts_of(0);
    assert_eq!(
        starts[..12],
        [
            0.0, 0.25, 0.5, 0.75, 30.0, 37.5, 45.0, 52.5, 60.0, 67.5, 75.0, 82.5
        ]
    );
    assert_eq!(driver.skipped, 0);
}

#[test]
fn hosts_and_token_are_fetched_first_by_one_call_each() {
    let answer = |_, call| match call {
        PlainCall::Token => {
            let lifetime = Some(Duration::from_secs(100));
            (0.1, Outcome::Success { lifetime })
        }
        _ => (0.1, OK),
    };
    let mut driver = Driver::new(
        with_token(settings(vec![data_task(30, 30), data_task(60, 60)])),
        [2, 1],
        answer,
    );
    driver.run_until(29.0);
    let calls: Vec<_> = driver.starts.iter().map(|start| start.call).collect();
    assert_eq!(
        calls[..3],
        [PlainCall::Host(0), PlainCall::Host(1), PlainCall::Token]
    );
    assert_eq!(calls.len(), 6);
    driver.run_until(1_000.0);
    let tokens = driver.starts_like(PlainCall::Token);
    assert!(
        tokens
            .windows(2)
            .all(|w| w[1] - w[0] >= 80.0 && w[1] - w[0] < 100.0),
        "{tokens:?}"
    );
    driver.run_until(8_000.0);
    let look_ups = driver.count(PlainCall::Host(0)) + driver.count(PlainCall::Host(1));
    assert_eq!(look_ups, 6, "each of the two hosts again every hour");
}

#[test]
fn a_failing_request_is_retried_while_the_others_continue() {
    let answer = |at, call| match call {
        PlainCall::Request { index: 1, .. } if at < 10.0 => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let driver = Driver::run(settings(vec![data_task(60, 60)]), [3], 59.0, answer);
    let times: Vec<_> = driver.starts.iter().map(|start| start.at).collect();
    assert_eq!(times[..3], [0.0, 0.25, 0.5]);
    assert!(
        (times[3] - 5.35).abs() < 1e-6 && (times[4] - 15.45).abs() < 1e-6,
        "{times:?}"
    );
    assert_eq!(driver.ends.len(), 1);
    assert!(driver.ends[0].summary.is_success() && driver.ends[0].summary.succeeded == 3);
}

#[test]
fn a_failed_poll_backs_off_2_4_8_8_minutes_for_its_task_alone() {
    let answer = |_, call| match call {
        PlainCall::Request { task: 0, .. } => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        settings(vec![data_task(30, 30), data_task(30, 20)]),
        [1, 1],
        3_000.0,
        answer,
    );
    let ends: Vec<_> = driver.ends_of(0).collect();
    let waits: Vec<_> = ends
        .iter()
        .map(|e| e.summary.backoff.unwrap().as_secs() / 60)
        .collect();
    assert_eq!(waits[..4], [2, 4, 8, 8]);
    let starts = driver.starts_of(0);
    for (poll, end) in ends.iter().enumerate().take(4) {
        // Four attempts in the first poll, and one in each that follows.
        let next = starts[poll + 4];
        assert!((next - end.at - end.summary.backoff.unwrap().as_secs_f64()).abs() < 0.3);
    }
    let other = driver.starts_of(1);
    assert!(
        other
            .windows(2)
            .skip(1)
            .all(|w| (w[1] - w[0] - 30.0).abs() < 0.3),
        "{other:?}"
    );
    assert!(driver.skipped > 50);
}

#[test]
fn a_429_silences_the_whole_account_and_doubles_the_spacing() {
    let mut refused = false;
    let answer = move |at: f64, _| {
        if at > 0.2 && !std::mem::replace(&mut refused, true) {
            let retry_after = Some(Duration::from_secs(7));
            return (0.1, Outcome::Throttled { retry_after });
        }
        (0.1, OK)
    };
    let driver = Driver::run(
        settings(vec![data_task(60, 60), data_task(60, 50)]),
        [3, 3],
        40.0,
        answer,
    );
    let times: Vec<_> = driver.starts.iter().map(|start| start.at).collect();
    assert_eq!(times[..2], [0.0, 0.25]);
    assert!((times[2] - 7.35).abs() < 1e-6, "{times:?}");
    assert!(times[3] - times[2] >= 0.4, "{times:?}");
    assert_eq!(times.len(), 7, "the refused request is asked again, once");
    assert!(driver.ends.iter().all(|e| e.summary.is_success()));
}

#[test]
fn a_401_fetches_one_new_token_and_retries_once() {
    let mut tokens = 0;
    let answer = move |_, call| match call {
        PlainCall::Token => {
            tokens += 1;
            (0.1, OK)
        }
        PlainCall::Request { .. } if tokens < 2 => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(30, 30)])),
        [2],
        29.0,
        answer,
    );
    let calls: Vec<_> = driver
        .starts
        .iter()
        .skip(2)
        .map(|start| start.call)
        .collect();
    let request = |index| PlainCall::Request { task: 0, index };
    assert_eq!(
        calls,
        [
            PlainCall::Token,
            request(0),
            PlainCall::Token,
            request(1),
            request(0),
        ]
    );
    assert!(driver.ends[0].summary.is_success());
}

#[test]
fn calls_refused_with_one_token_use_the_same_new_one() {
    let mut tokens = 0;
    // Both requests are under way when the first is refused.
    let answer = move |_, call| match call {
        PlainCall::Token => {
            tokens += 1;
            (1.0, OK)
        }
        PlainCall::Request { .. } if tokens < 2 => (1.0, Outcome::Unauthorised),
        _ => (1.0, OK),
    };
    let mut settings = with_token(settings(vec![data_task(30, 30)]));
    settings.max_in_flight = 2;
    settings.tasks[0].interval = Duration::from_secs(1);
    let driver = Driver::run(settings, [2], 29.0, answer);
    assert!(driver.ends[0].summary.is_success());
    let first_polls = driver.starts.iter().take(8).map(|start| start.call);
    let first_polls: Vec<_> = first_polls.collect();
    let of_requests = |index| {
        let request = PlainCall::Request { task: 0, index };
        let starts = driver.starts.iter().filter(|start| start.call == request);
        starts.map(|start| start.at).take(2).collect::<Vec<_>>()
    };
    check_each([0, 1], |index| {
        let starts = of_requests(index);
        // Its call, the other's, and the new token: no wait for a failure, which is 5 s.
        assert!(starts[1] - starts[0] < 4.0, "{index}: {starts:?}");
    });
    let new_tokens = first_polls.iter().filter(|call| **call == PlainCall::Token);
    assert_eq!(new_tokens.count(), 2, "{first_polls:?}");
}

#[test]
fn a_lasting_401_is_a_failure_with_one_new_token_a_poll() {
    let answer = |_, call| match call {
        PlainCall::Request { .. } => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(30, 30)])),
        [2],
        100.0,
        answer,
    );
    let tokens = driver.count(PlainCall::Token);
    assert_eq!(tokens, 2);
    // Each: the first attempt, then after 5, 10 and 15 s. One of them had one more with a new token,
    // which the other one had from the start.
    assert_eq!(driver.starts_of(0).len(), 9);
    assert_eq!(
        driver.ends[0].summary.backoff,
        Some(Duration::from_secs(120))
    );
}

#[test]
fn a_rejected_request_is_not_retried_in_the_same_poll() {
    let answer = |_, call| match call {
        PlainCall::Request { index: 0, .. } => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let driver = Driver::run(settings(vec![data_task(30, 30)]), [2], 61.0, answer);
    assert_eq!(driver.ends.len(), 2);
    assert!(
        driver
            .ends
            .iter()
            .all(|e| e.summary.succeeded == 1 && e.summary.given_up == 1)
    );
    assert!(driver.ends.iter().all(|e| e.summary.backoff.is_none()));
}

#[test]
fn a_refused_token_ends_the_poll_and_backs_off() {
    let answer = |_, call| match call {
        PlainCall::Token => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        with_token(settings(vec![data_task(30, 30)])),
        [3],
        110.0,
        answer,
    );
    assert_eq!(driver.starts_of(0).len(), 0);
    assert_eq!(driver.starts.len(), 3);
    assert_eq!(driver.ends[0].summary.given_up, 3);
}

#[test]
fn polls_slower_than_the_interval_are_chained_and_counted() {
    let driver = Driver::run(settings(vec![data_task(10, 10)]), [1], 121.0, |_, _| {
        (25.0, OK)
    });
    let starts = driver.starts_of(0);
    // As soon as the last one has ended; what was due meanwhile is counted.
    assert_eq!(starts, [0.0, 25.0, 50.0, 75.0, 100.0]);
    assert_eq!(driver.skipped, 10);
    assert!(
        driver
            .ends
            .iter()
            .all(|e| (e.summary.stretch - 2.5).abs() < 1e-9)
    );
}

#[test]
fn a_slow_task_with_many_requests_does_not_starve_another() {
    let answer = |_, call| match call {
        PlainCall::Request { task: 0, .. } => (15.0, DOWN),
        _ => (0.1, OK),
    };
    let driver = Driver::run(
        settings(vec![data_task(60, 60), data_task(30, 30)]),
        [50, 1],
        1_000.0,
        answer,
    );
    let other = driver.starts_of(1);
    assert!(
        other.windows(2).all(|w| w[1] - w[0] <= 30.0 + 15.5),
        "{other:?}"
    );
}

#[test]
fn the_period_does_not_drift_over_a_week() {
    let week = 7.0 * 86_400.0;
    let driver = Driver::run(settings(vec![data_task(60, 40)]), [7], week, |at, _| {
        (0.05 + at % 0.9, OK)
    });
    let begins = driver.begins_of(0);
    // Poll n of the grid, n from 1, begins 60 n - 20 s after the start, at the end of the week too.
    let due = (1..).map(|n| Duration::from_secs(60 * n - 20));
    for (begin, due) in std::iter::zip(&begins[1..], due) {
        assert_eq!(*begin, due);
    }
    assert_eq!(begins.len(), 10_081);
    assert_eq!(driver.skipped, 0);
}

#[test]
fn the_reported_backoff_ends_with_the_wait() {
    let mut driver = Driver::new(settings(vec![data_task(30, 30)]), [1], |_, _| (0.1, DOWN));
    driver.run_until(1.0);
    let until = driver
        .scheduler
        .backoff_until(driver.now - Duration::from_millis(1))
        .unwrap();
    assert!((driver.seconds_since_start(until) - 5.1).abs() < 1e-3);
    driver.run_until(40.0);
    let until = driver.scheduler.backoff_until(driver.now).unwrap();
    let left = (until - driver.now).as_secs_f64();
    assert!(left > 90.0 && left <= 120.0, "{left}");
}

#[test]
fn a_plan_that_cannot_be_met_uses_every_call_and_is_stretched() {
    // 60 requests need 15 s at 250 ms; the interval is 10 s.
    let driver = Driver::run(settings(vec![data_task(10, 10)]), [60], 1_000.0, |_, _| {
        (0.1, OK)
    });
    let begins: Vec<_> = driver.starts_of(0).chunks(60).map(|poll| poll[0]).collect();
    let periods = begins.windows(2).skip(1).map(|w| w[1] - w[0]);
    for period in periods {
        assert!((period - 15.0).abs() < 0.2, "{period}");
    }
    for PollEnd { summary, .. } in &driver.ends {
        assert!((summary.stretch - 1.5).abs() < 0.02, "{summary:?}");
    }
    // Nothing is closer than before, and hardly a call is left out.
    assert!(driver.starts.len() > 3_900, "{}", driver.starts.len());
    // A poll was due every 10 s, and none of them began on time.
    assert!((98..=100).contains(&driver.skipped), "{}", driver.skipped);
}

#[test]
fn a_small_plan_is_met_beside_one_that_wants_too_much() {
    let driver = Driver::run(
        settings(vec![data_task(10, 10), data_task(10, 7)]),
        [100, 4],
        500.0,
        |_, _| (0.1, OK),
    );
    assert!(
        driver
            .ends_of(1)
            .all(|e| (e.summary.stretch - 1.0).abs() < 1e-9)
    );
    assert!(driver.ends_of(0).skip(1).all(|e| e.summary.stretch > 2.5));
    let polls = driver.starts_of(1).len() / 4;
    assert!((48..=51).contains(&polls), "{polls}");
}
