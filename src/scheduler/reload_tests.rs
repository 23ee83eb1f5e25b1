//! What a changed configuration keeps, under virtual time.

use std::time::Duration;

use super::virtual_time_tests::{DOWN, OK, World, collector, settings, with_token};
use super::*;

fn request(index: usize) -> Call {
    Call::Request {
        collector: 0,
        index,
    }
}

#[test]
fn a_poll_of_an_unchanged_collector_continues_where_it_was() {
    for session in [
        SessionChange::Unchanged,
        SessionChange::NewClient,
        SessionChange::Repaired,
    ] {
        let plan = vec![collector(60, 60)];
        let mut world = World::new(settings(plan.clone()), vec![4], |_, _| (1.0, OK));
        // In the middle of the second poll and of a call of it.
        world.run_until(90.5);
        let before = world.starts.len();
        world.reload(settings(plan), true, session);
        world.run_until(119.0);
        let calls: Vec<_> = world.starts[before..].iter().map(|(_, c)| *c).collect();
        assert_eq!(calls, [request(2), request(3)], "{session:?}");
        assert_eq!(world.ends.len(), 2);
        world.run_until(121.0);
        assert_eq!(world.starts_of(0).last(), Some(&120.0), "the rhythm stays");
    }
}

#[test]
fn a_reload_during_the_first_poll_keeps_its_quick_start() {
    for unchanged in [true, false] {
        let plan = vec![collector(300, 300)];
        let mut world = World::new(settings(plan.clone()), vec![4], |_, _| (1.0, OK));
        world.run_until(1.5);
        world.reload(settings(plan), unchanged, SessionChange::Unchanged);
        world.run_until(10.0);
        assert_eq!(world.ends.len(), 1, "unchanged: {unchanged}");
    }
}

#[test]
fn the_learnt_distance_between_calls_survives_a_changed_min_spacing() {
    let answer = |at: f64, _| {
        let retry_after = Some(Duration::from_secs(1));
        let throttled = Outcome::Throttled { retry_after };
        (0.1, if at < 5.0 { throttled } else { OK })
    };
    let mut slow = settings(vec![collector(60, 60)]);
    slow.min_spacing = Duration::from_secs(1);
    let mut world = World::new(slow.clone(), vec![4], answer);
    world.run_until(4.0);
    let distance = world.scheduler.spacing();
    assert!(distance > Duration::from_secs(3), "{distance:?}");
    let mut quick = slow;
    quick.min_spacing = Duration::from_millis(100);
    world.reload(quick, true, SessionChange::Unchanged);
    assert_eq!(world.scheduler.spacing(), distance);
}

#[test]
fn hosts_and_token_of_a_client_that_continues_are_not_fetched_again() {
    for (session, fetched) in [
        (SessionChange::Unchanged, 0),
        (SessionChange::NewClient, 3),
        (SessionChange::Repaired, 3),
    ] {
        let plan = || with_token(settings(vec![collector(30, 30)]));
        let mut world = World::new(plan(), vec![4], |_, _| (0.1, OK));
        world.run_until(45.0);
        let before = world.starts.len();
        world.reload(plan(), false, session);
        world.run_until(60.0);
        let calls = world.starts[before..].iter();
        let session_calls = calls.filter(|(_, c)| !matches!(c, Call::Request { .. }));
        assert_eq!(session_calls.count(), fetched, "{session:?}");
    }
}

#[test]
fn mended_credentials_end_the_waits_that_broken_ones_left() {
    for (session, waits) in [
        (SessionChange::NewClient, true),
        (SessionChange::Repaired, false),
    ] {
        for refused in [Call::Authorise, Call::LookUp(0)] {
            let plan = || with_token(settings(vec![collector(30, 30)]));
            let answer = move |at, call| {
                let broken = at < 800.0 && call == refused;
                (0.1, if broken { Outcome::Rejected } else { OK })
            };
            let mut world = World::new(plan(), vec![2], answer);
            world.run_until(801.0);
            assert_eq!(world.starts_of(0).len(), 0);
            assert!(world.scheduler.backoff_until(world.now).is_some());
            world.reload(plan(), true, session);
            world.run_until(810.0);
            let has_data = world.ends.last().is_some_and(|end| end.2.is_success());
            assert_eq!(has_data, !waits, "{session:?} {refused:?}");
        }
    }
}

#[test]
fn mended_credentials_leave_the_pause_and_the_spacing_alone() {
    let answer = |at: f64, _| {
        let retry_after = Some(Duration::from_secs(60));
        let throttled = Outcome::Throttled { retry_after };
        (0.1, if at < 5.0 { throttled } else { OK })
    };
    let plan = || settings(vec![collector(30, 30)]);
    let mut world = World::new(plan(), vec![2], answer);
    world.run_until(10.0);
    let spacing = world.scheduler.spacing();
    let calls = world.starts.len();
    world.reload(plan(), true, SessionChange::Repaired);
    world.run_until(59.0);
    assert_eq!(world.starts.len(), calls, "silent to the end of the pause");
    assert_eq!(world.scheduler.spacing(), spacing);
}

#[test]
fn a_wait_after_a_failure_survives_a_change_of_the_plan() {
    let plan = || settings(vec![collector(30, 30)]);
    let mut world = World::new(plan(), vec![1], |_, _| (0.1, DOWN));
    world.run_until(1.0);
    world.reload(plan(), false, SessionChange::Unchanged);
    world.run_until(5.0);
    assert_eq!(world.starts.len(), 1);
    world.run_until(6.0);
    assert_eq!(world.starts.len(), 2);
}
