//! When hosts are looked up, under virtual time: at the start, every hour, and after connection
//! failures; and that the last good answer serves while nobody can give another.

use super::background_tests::{Run, run};
use super::*;

const HOST: Call = Call::LookUp(0);
const UNREACHABLE: Outcome = Outcome::Failed { connection: true };

fn look_ups(run: &Run) -> Vec<f64> {
    let look_ups = run.starts.iter().filter(|(_, call)| *call == HOST);
    look_ups.map(|(at, _)| *at).collect()
}

fn whole_polls(run: &Run) -> usize {
    let polls = run.ends.iter().filter(|(_, collector, _)| *collector == 0);
    polls.filter(|(_, _, summary)| summary.is_success()).count()
}

#[test]
fn once_at_the_start_and_again_every_hour() {
    let at = look_ups(&run(4.0 * 3600.0 - 60.0, |_, _| Outcome::SUCCESS));
    assert_eq!(at.len(), 4, "{at:?}");
    assert!(at[0] < 0.3, "{at:?}");
    for pair in at.windows(2) {
        let apart = pair[1] - pair[0];
        // It is due after an hour and made when a request is.
        assert!((3600.0..3631.0).contains(&apart), "{at:?}");
    }
}

#[test]
fn again_after_connection_failures_but_not_with_every_one() {
    let away = 600.0..900.0;
    let run = run(1800.0, |at, call| match call {
        Call::Request { collector: 0, .. } if away.contains(&at) => UNREACHABLE,
        _ => Outcome::SUCCESS,
    });
    let at = look_ups(&run);
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
    let last = run.ends.iter().rfind(|(_, collector, _)| *collector == 0);
    assert!(last.unwrap().2.is_success(), "it recovers");
}

#[test]
fn the_last_good_host_serves_while_the_domain_api_is_down() {
    let good = run(3.0 * 3600.0, |_, _| Outcome::SUCCESS);
    for outcome in [
        UNREACHABLE,
        Outcome::Failed { connection: false },
        Outcome::Rejected,
    ] {
        let down = run(3.0 * 3600.0, |at, call| match call {
            HOST if at > 1.0 => outcome,
            _ => Outcome::SUCCESS,
        });
        assert_eq!(whole_polls(&good), whole_polls(&down), "{outcome:?}");
        assert!(down.ends.iter().all(|(_, _, summary)| summary.is_success()));
        let tries = down.count(HOST);
        assert!(
            (5..120).contains(&tries),
            "asked again, and not hammered: {tries}"
        );
    }
}
