//! The loop that executes what the scheduler decides, and its restart after a panic.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::super::run::now;
use super::super::test_driver::{data_task, settings};
use super::super::test_worker::{TestWorker, stop_after};
use super::super::{AccountScheduler, CallOutput, Event, Outcome, run, supervise};

#[tokio::test(start_paused = true)]
async fn chained_polls_are_reported_in_order_and_a_stop_aborts_calls() {
    let mut settings = settings(vec![data_task(1, 1)]);
    settings.max_in_flight = 2;
    let worker = Arc::new(TestWorker {
        plan_size: 5,
        answer: |_| (Duration::from_millis(100), CallOutput::answered(())),
        ..TestWorker::default()
    });
    let scheduler = AccountScheduler::new(settings, now());
    let (sender, mut changes) = unbounded_channel();
    sender.send(()).unwrap();
    // In the middle of a call.
    let stop = stop_after(Duration::from_millis(60_050), sender);
    tokio::join!(run(scheduler, Arc::clone(&worker), &mut changes), stop);
    let record = worker.record.lock();
    assert_eq!(record.under_way, 0);
    assert_eq!(record.applied, 1);
    // The end of each poll is reported before the next begins.
    let in_order: Vec<_> = (0..record.ended_before.len()).collect();
    assert_eq!(record.ended_before, in_order);
    let ended = record.ended();
    // Five calls at 250 ms and the answer of the last.
    assert!((44..=48).contains(&ended), "{ended}");
    let published = record.published;
    // Each answer at once, also those of the poll that a stop cut off.
    assert!(
        (ended * 5..ended * 5 + 5).contains(&published),
        "{published}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_failure_comes_with_the_events_it_caused() {
    let answer = |number| {
        let retry_after = Some(Duration::from_secs(1));
        let output = match number {
            1 => CallOutput::failed(Outcome::Throttled { retry_after }, "429"),
            2 => CallOutput::failed(Outcome::Rejected, "403"),
            _ => CallOutput::answered(()),
        };
        (Duration::ZERO, output)
    };
    let worker = Arc::new(TestWorker {
        answer,
        ..TestWorker::default()
    });
    let scheduler = AccountScheduler::new(settings(vec![data_task(200, 200)]), now());
    let (sender, mut changes) = unbounded_channel();
    let stop = stop_after(Duration::from_secs(250), sender);
    tokio::join!(run(scheduler, Arc::clone(&worker), &mut changes), stop);
    let record = worker.record.lock();
    let reported: Vec<_> = record
        .events
        .iter()
        .filter_map(|(event, failure)| match event {
            Event::Paused { .. } => Some(("paused", *failure)),
            Event::CallFailed { .. } => Some(("failed", *failure)),
            Event::PollEnded { .. } => Some(("ended", *failure)),
            _ => None,
        })
        .collect();
    let expected = [
        ("paused", Some("429")),
        ("failed", Some("403")),
        ("ended", Some("403")),
        ("ended", None),
    ];
    assert_eq!(reported, expected);
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_task_panics_starts_again_after_a_wait() {
    let fresh = |now| AccountScheduler::new(settings(vec![data_task(30, 30)]), now);
    let worker = Arc::new(TestWorker {
        has_bug: |record| record.published == 2,
        wait_after_panic: Duration::from_secs(60),
        ..TestWorker::default()
    });
    let (sender, changes) = unbounded_channel();
    let run = supervise(fresh(now()), fresh, Arc::clone(&worker), changes);
    tokio::join!(run, stop_after(Duration::from_secs(100), sender));
    let record = worker.record.lock();
    assert_eq!(record.panics, 1);
    let seconds: Vec<_> = record.starts.iter().map(Duration::as_secs).collect();
    assert_eq!(
        seconds,
        [0, 30, 90],
        "the second panicked; a minute later it starts again"
    );
}
