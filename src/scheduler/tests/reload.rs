//! What a changed configuration keeps.

use std::sync::Arc;
use std::time::Duration;

use super::super::run::now;
use super::super::test_driver::{
    DOWN, Driver, OK, PlainCall, background_task, data_task, settings, with_token,
};
use super::super::test_worker::{TestWorker, stop_after};
use super::super::{
    AccountScheduler, CarriedTask, Carryover, Event, Outcome, SessionChange, Step, TaskId,
    supervise,
};

fn request(index: usize) -> PlainCall {
    PlainCall::Request { task: 0, index }
}

const CHANGES: [SessionChange; 3] = [
    SessionChange::Unchanged,
    SessionChange::NewClient,
    SessionChange::Repaired,
];

#[test]
fn a_poll_of_an_unchanged_task_continues_where_it_was() {
    let continued = CHANGES.map(|session| {
        let plan = vec![data_task(60, 60)];
        let mut driver = Driver::new(settings(plan.clone()), [4], |_, _| (1.0, OK));
        // In the middle of the second poll and of a call of it.
        driver.run_until(90.5);
        let before = driver.starts.len();
        driver.reload(settings(plan), true, session);
        driver.run_until(121.0);
        let starts = driver.starts[before..].iter();
        let starts: Vec<_> = starts.map(|start| (start.call, start.at)).collect();
        (starts, driver.ends.len())
    });
    // What was under way is made again; the next poll begins on the grid.
    let starts = vec![(request(2), 90.5), (request(3), 105.0), (request(0), 120.0)];
    let expected = (starts, 2);
    assert_eq!(continued, [expected.clone(), expected.clone(), expected]);
}

#[test]
fn a_reload_during_the_first_poll_keeps_the_initial_burst() {
    let polls = [true, false].map(|unchanged| {
        let plan = vec![data_task(300, 300)];
        let mut driver = Driver::new(settings(plan.clone()), [4], |_, _| (1.0, OK));
        driver.run_until(1.5);
        driver.reload(settings(plan), unchanged, SessionChange::Unchanged);
        driver.run_until(10.0);
        driver.ends.len()
    });
    assert_eq!(polls, [1, 1], "of an unchanged and of a changed task");
}

#[test]
fn the_adapted_spacing_survives_a_changed_min_spacing() {
    let answer = |at: f64, _| {
        let retry_after = Some(Duration::from_secs(1));
        let throttled = Outcome::Throttled { retry_after };
        (0.1, if at < 5.0 { throttled } else { OK })
    };
    let mut slow = settings(vec![data_task(60, 60)]);
    slow.min_spacing = Duration::from_secs(1);
    let mut driver = Driver::new(slow.clone(), [4], answer);
    driver.run_until(4.0);
    let distance = driver.scheduler.spacing();
    assert!(distance > Duration::from_secs(3), "{distance:?}");
    let mut fast = slow;
    fast.min_spacing = Duration::from_millis(100);
    driver.reload(fast, true, SessionChange::Unchanged);
    assert_eq!(driver.scheduler.spacing(), distance);
}

#[test]
fn an_unchanged_client_keeps_its_hosts_and_token() {
    let fetched = CHANGES.map(|session| {
        let plan = || with_token(settings(vec![data_task(30, 30)]));
        let mut driver = Driver::new(plan(), [4], |_, _| (0.1, OK));
        driver.run_until(45.0);
        let before = driver.starts.len();
        driver.reload(plan(), false, session);
        driver.run_until(60.0);
        let calls = driver.starts[before..].iter();
        let of_session = calls.filter(|start| !matches!(start.call, PlainCall::Request { .. }));
        (session, of_session.count())
    });
    let [unchanged, new_client, repaired] = CHANGES;
    assert_eq!(fetched, [(unchanged, 0), (new_client, 3), (repaired, 3)]);
}

#[test]
fn repaired_credentials_end_the_waits_after_failures() {
    let mut has_data = Vec::new();
    for session in [SessionChange::NewClient, SessionChange::Repaired] {
        for refused in [PlainCall::Token, PlainCall::Host(0)] {
            let plan = || with_token(settings(vec![data_task(30, 30)]));
            let answer = move |at, call| {
                let broken = at < 800.0 && call == refused;
                (0.1, if broken { Outcome::Rejected } else { OK })
            };
            let mut driver = Driver::new(plan(), [2], answer);
            driver.run_until(801.0);
            assert_eq!(driver.starts_of(0).len(), 0);
            assert!(driver.scheduler.backoff_until(driver.now).is_some());
            driver.reload(plan(), true, session);
            driver.run_until(810.0);
            let last = driver.ends.last();
            has_data.push(last.is_some_and(|end| end.summary.is_success()));
        }
    }
    assert_eq!(has_data, [false, false, true, true]);
}

#[test]
fn repaired_credentials_leave_the_pause_and_the_spacing() {
    let answer = |at: f64, _| {
        let retry_after = Some(Duration::from_secs(60));
        let throttled = Outcome::Throttled { retry_after };
        (0.1, if at < 5.0 { throttled } else { OK })
    };
    let plan = || settings(vec![data_task(30, 30)]);
    let mut driver = Driver::new(plan(), [2], answer);
    driver.run_until(10.0);
    let spacing = driver.scheduler.spacing();
    let calls = driver.starts.len();
    driver.reload(plan(), true, SessionChange::Repaired);
    driver.run_until(59.0);
    assert_eq!(driver.starts.len(), calls, "silent to the end of the pause");
    assert_eq!(driver.scheduler.spacing(), spacing);
}

#[test]
fn a_wait_after_a_failure_survives_a_change_of_the_plan() {
    let plan = || settings(vec![data_task(30, 30)]);
    let mut driver = Driver::new(plan(), [1], |_, _| (0.1, DOWN));
    driver.run_until(1.0);
    driver.reload(plan(), false, SessionChange::Unchanged);
    driver.run_until(5.0);
    assert_eq!(driver.starts.len(), 1);
    driver.run_until(6.0);
    assert_eq!(driver.starts.len(), 2);
}

#[test]
fn repaired_credentials_end_the_wait_of_refused_names() {
    let answer = |at: f64, call| match call {
        PlainCall::Request { task: 1, .. } if at < 100.0 => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let plan = || settings(vec![data_task(30, 30), background_task()]);
    let mut driver = Driver::new(plan(), [2, 3], answer);
    driver.run_until(100.0);
    let before = driver.starts_of(1).len();
    driver.reload(plan(), true, SessionChange::Repaired);
    driver.run_until(7200.0);
    let starts = driver.starts_of(1);
    assert!(starts[before] < 200.0, "{}", starts[before]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_during_the_wait_after_a_panic_keeps_the_pause() {
    let fresh = |now| AccountScheduler::new(settings(vec![data_task(30, 30)]), now);
    let answer = |_| {
        let retry_after = Some(Duration::from_secs(300));
        let throttled = Outcome::Throttled { retry_after };
        (Duration::ZERO, throttled.into())
    };
    let worker = Arc::new(TestWorker {
        plan_size: 2,
        answer,
        has_bug: |record| matches!(record.events.last(), Some((Event::Paused { .. }, _))),
        wait_after_panic: Duration::from_secs(300),
        ..TestWorker::default()
    });
    let (sender, changes) = tokio::sync::mpsc::unbounded_channel();
    let run = supervise(fresh(now()), fresh, Arc::clone(&worker), changes);
    let (stopped, ()) = tokio::join!(run, stop_after(Duration::from_secs(10), sender));
    assert_eq!(worker.record.lock().panics, 1);
    let mut restarted = fresh(now());
    let carried = CarriedTask {
        id: TaskId::new(0),
        unchanged: true,
    };
    let carryover = Carryover {
        tasks: vec![Some(carried)],
        services: vec![],
        session: SessionChange::Unchanged,
    };
    restarted.restore_from(&stopped, now(), &carryover);
    let step = restarted.step(now(), &mut &*worker);
    assert!(
        matches!(step, Step::Wait(_)),
        "10 s into a pause of 300 s: {step:?}"
    );
}
