//! Requests that fail for good keep no other from being asked, wherever they stand in the plan, and
//! waits outlive what they must; under virtual time.

use std::time::Duration;

use super::virtual_time_tests::{DOWN, OK, World, collector, settings, with_token};
use super::*;

fn count(starts: &[(f64, Call)], index: usize) -> usize {
    let request = Call::Request {
        collector: 0,
        index,
    };
    starts.iter().filter(|(_, call)| *call == request).count()
}

#[test]
fn requests_behind_some_that_always_fail_are_asked_wherever_they_stand() {
    let mut failures = Vec::new();
    for (word, failing) in [("5xx", DOWN), ("4xx", Outcome::Rejected)] {
        for bad in [3, 5, 6, 9, 20, 22, 23, 30] {
            let answer = move |_, call| match call {
                Call::Request { index, .. } if index < bad => (0.1, failing),
                _ => (0.1, OK),
            };
            let plan = settings(vec![collector(60, 60)]);
            let mut world = World::new(plan, vec![bad + 50], answer);
            world.run_until(86_400.0);
            let asked = count(&world.starts, bad + 40);
            if asked < 1000 {
                failures.push((word, bad, asked));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "asked too rarely in a day: {failures:?}"
    );
}

#[test]
fn some_that_always_fail_do_not_cut_off_those_before_them() {
    let mut failures = Vec::new();
    for (word, failing) in [("5xx", DOWN), ("4xx", Outcome::Rejected)] {
        for bad in [20, 23, 40, 60] {
            let answer = move |_, call| match call {
                Call::Request { index, .. } if index >= 60 => (0.1, failing),
                _ => (0.1, OK),
            };
            let plan = settings(vec![collector(60, 60)]);
            let mut world = World::new(plan, vec![60 + bad], answer);
            world.run_until(4.0 * 3600.0);
            let asked = count(&world.starts, 5);
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
fn after_an_outage_the_good_requests_come_back_behind_bad_ones() {
    let mut lines = Vec::new();
    for outage in [0.0, 30.0, 60.0, 120.0, 300.0] {
        let answer = move |at: f64, call| match call {
            Call::Request { index, .. } if index < 6 => (0.1, DOWN),
            _ if at >= 3600.0 && at < 3600.0 + outage => (0.1, DOWN),
            _ => (0.1, OK),
        };
        let mut world = World::new(settings(vec![collector(30, 30)]), vec![20], answer);
        world.run_until(86_400.0);
        let after = world
            .ends
            .iter()
            .filter(|e| e.0 > 4800.0 && e.2.succeeded > 0)
            .count();
        lines.push((outage, after));
    }
    assert!(lines.iter().all(|l| l.1 > 1000), "{lines:?}");
}

#[test]
fn a_window_that_is_well_is_asked_behind_windows_that_time_out() {
    let mut lines = Vec::new();
    for long_windows in 1..=4usize {
        for short_first in [false, true] {
            for outage in [0.0, 60.0, 900.0] {
                let bad = 2 * long_windows;
                let failing = move |index: usize| {
                    if short_first { index >= 2 } else { index < bad }
                };
                let answer = move |at: f64, call| match call {
                    Call::Request { index, .. } if failing(index) => (15.0, DOWN),
                    _ if at >= 3600.0 && at < 3600.0 + outage => (0.1, DOWN),
                    _ => (0.1, OK),
                };
                let mut world =
                    World::new(settings(vec![collector(60, 60)]), vec![bad + 2], answer);
                world.run_until(86_400.0);
                let after = world
                    .ends
                    .iter()
                    .filter(|e| e.0 > 4800.0 && e.2.succeeded > 0);
                lines.push((long_windows, short_first, outage, after.count()));
            }
        }
    }
    assert!(lines.iter().all(|l| l.3 > 300), "{lines:?}");
}

#[test]
fn mended_credentials_end_the_wait_of_refused_names() {
    let mut plan = settings(vec![collector(30, 30)]);
    plan.seed = 3;
    let names = CollectorSettings {
        interval: Duration::from_secs(3600),
        phase: Duration::from_secs(3600),
        service: None,
    };
    let answer = |at: f64, call| match call {
        Call::Request { collector: 1, .. } if at < 100.0 => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let mut world = World::new(plan.clone(), vec![2, 3], answer);
    let start = world.now;
    world.scheduler =
        AccountScheduler::new(plan.clone(), start).with_background(names.clone(), start);
    world.run_until(100.0);
    let before = world.starts_of(1).len();
    let mut scheduler = AccountScheduler::new(plan, world.now).with_background(names, world.now);
    let carried = |index| {
        Some(CarriedTask {
            index,
            unchanged: true,
        })
    };
    let carryover = Carryover {
        collectors: vec![carried(0), carried(1)],
        services: vec![],
        session: SessionChange::Repaired,
    };
    scheduler.restore_from(&world.scheduler, world.now, &carryover);
    world.scheduler = scheduler;
    world.run_until(7200.0);
    let starts = world.starts_of(1);
    assert!(starts[before] < 200.0, "{}", starts[before]);
}

#[test]
fn a_request_refused_for_good_leaves_the_token_to_the_others() {
    let mut worst = Vec::new();
    for revoked_at in [605.0, 615.0, 625.0, 635.0, 645.0, 655.0] {
        let mut valid_since = 0.0;
        let mut issued = 0.0;
        let answer = move |at: f64, call| match call {
            Call::Authorise => {
                issued = at;
                (0.1, OK)
            }
            Call::Request {
                collector: 0,
                index: 1,
            } => (0.1, Outcome::Unauthorised),
            _ => {
                if at >= revoked_at {
                    valid_since = revoked_at;
                }
                let fine = issued >= valid_since;
                (0.1, if fine { OK } else { Outcome::Unauthorised })
            }
        };
        let mut world = World::new(
            with_token(settings(vec![collector(30, 30), collector(30, 22)])),
            vec![4, 2],
            answer,
        );
        world.run_until(1200.0);
        let backoffs: Vec<_> = world
            .ends
            .iter()
            .filter(|e| e.2.backoff.is_some())
            .map(|e| (e.0, e.1))
            .collect();
        worst.push(backoffs.len());
    }
    assert_eq!(worst.iter().sum::<usize>(), 0, "{worst:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_during_the_wait_after_a_panic_keeps_the_pause() {
    use std::sync::{Arc, Mutex};
    struct Crashing(Mutex<usize>);
    impl Worker for Crashing {
        type Answer = ();
        type Change = ();
        fn begin_poll(&self, _: usize) -> Vec<RequestKey> {
            keys(2)
        }
        async fn execute(&self, _: Call) -> CallOutput<()> {
            let retry_after = Some(Duration::from_secs(300));
            Outcome::Throttled { retry_after }.into()
        }
        fn publish(&self, _: Call, (): ()) -> Vec<RequestKey> {
            Vec::new()
        }
        fn apply(&self, (): ()) {}
        fn on_event(&self, event: Event) {
            if matches!(event, Event::Paused { .. }) {
                panic!("a bug");
            }
        }
        fn on_backoff(&self, _: Option<std::time::Instant>) {}
        fn on_panic(&self) -> Duration {
            *self.0.lock().unwrap() += 1;
            Duration::from_secs(300)
        }
    }
    let fresh = |now| AccountScheduler::new(settings(vec![collector(30, 30)]), now);
    let worker = Arc::new(Crashing(Mutex::new(0)));
    let (sender, changes) = tokio::sync::mpsc::unbounded_channel();
    let stop = async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        drop(sender);
    };
    let now = tokio::time::Instant::now().into_std();
    let run = supervise(fresh(now), fresh, Arc::clone(&worker), changes);
    let (left, ()) = tokio::join!(run, stop);
    assert_eq!(*worker.0.lock().unwrap(), 1);
    let at = tokio::time::Instant::now().into_std();
    let mut new = fresh(at);
    let carryover = Carryover {
        collectors: vec![Some(CarriedTask {
            index: 0,
            unchanged: true,
        })],
        services: vec![],
        session: SessionChange::Unchanged,
    };
    new.restore_from(&left, at, &carryover);
    struct Two;
    impl PlanSource for Two {
        fn begin_poll(&mut self, _: usize) -> Vec<RequestKey> {
            keys(2)
        }
    }
    let step = new.step(at, &mut Two);
    assert!(
        matches!(step, Step::Wait(_)),
        "10 s into a pause of 300 s: {step:?}"
    );
}

#[test]
fn a_request_whose_turn_comes_after_the_end_of_every_token_is_answered_all_the_same() {
    // Tokens live two minutes and say five; the poll's last request comes later than that.
    let issued = std::cell::Cell::new(0.0);
    let answer = |at: f64, call| match call {
        Call::Authorise => {
            issued.set(at);
            let lifetime = Some(Duration::from_secs(300));
            (0.1, Outcome::Success { lifetime })
        }
        _ if at - issued.get() > 120.0 => (0.1, Outcome::Unauthorised),
        // It was refused once for another reason.
        Call::Request { index: 1, .. } if at < 300.0 => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let plan = with_token(settings(vec![collector(300, 300)]));
    let mut world = World::new(plan, vec![3], answer);
    world.run_until(86_400.0);
    let whole = world.ends.iter().filter(|end| end.2.is_success()).count();
    assert!(whole > 250, "{whole} of {} polls", world.ends.len());
}
