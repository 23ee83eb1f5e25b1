//! When hosts are looked up: at the start, every hour, and after connection failures; and that the
//! last known host is used while look-ups fail.

use super::super::Outcome;
use super::super::test_driver::{DOWN, Driver, OK, PlainCall, UNREACHABLE};
use super::background::run;

const HOST: PlainCall = PlainCall::Host(0);

fn successful_polls<F>(run: &Driver<F>) -> usize {
    run.ends_of(0)
        .filter(|end| end.summary.is_success())
        .count()
}

#[test]
fn hosts_are_looked_up_at_the_start_and_every_hour() {
    let at = run(4.0 * 3600.0 - 60.0, |_, _| OK).starts_like(HOST);
    assert_eq!(at.len(), 4, "{at:?}");
    assert!(at[0] < 0.3, "{at:?}");
    for pair in at.windows(2) {
        let apart = pair[1] - pair[0];
        // It is due after an hour and made when a request is.
        assert!((3600.0..3631.0).contains(&apart), "{at:?}");
    }
}

#[test]
fn connection_failures_cause_look_ups_a_minute_apart_at_least() {
    let away = 600.0..900.0;
    let run = run(1800.0, |at, call| match call {
        PlainCall::Request { task: 0, .. } if away.contains(&at) => UNREACHABLE,
        _ => OK,
    });
    let at = run.starts_like(HOST);
    let failures = run
        .starts_of(0)
        .iter()
        .filter(|at| away.contains(at))
        .count();
    assert!(failures >= 8, "{failures} failures");
    assert!(at.len() >= 3, "{at:?}");
    assert!(
        (600.0..640.0).contains(&at[1]),
        "soon after the first failure: {at:?}"
    );
    for pair in at.windows(2) {
        assert!(pair[1] - pair[0] >= 60.0, "{at:?}");
    }
    let last = run.ends_of(0).last().unwrap();
    assert!(last.summary.is_success(), "it recovers");
}

#[test]
fn the_last_known_host_is_used_while_the_domain_api_is_down() {
    let good = run(3.0 * 3600.0, |_, _| OK);
    let mut wrong = Vec::new();
    for outcome in [UNREACHABLE, DOWN, Outcome::Rejected] {
        let down = run(3.0 * 3600.0, |at, call| match call {
            HOST if at > 1.0 => outcome,
            _ => OK,
        });
        let (polls, attempts) = (successful_polls(&down), down.count(HOST));
        let all_succeed = down.ends.iter().all(|end| end.summary.is_success());
        // Retried without hammering.
        let paced = (5..120).contains(&attempts);
        if polls != successful_polls(&good) || !all_succeed || !paced {
            wrong.push((outcome, polls, all_succeed, attempts));
        }
    }
    assert_eq!(wrong, []);
}
