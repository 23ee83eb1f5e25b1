use parking_lot::Mutex;

use super::*;
use crate::scheduler::test_driver::{data_task, settings};

/// Knows whether a poll runs, as the daemon's worker does. Each lock holds one flag or count.
#[derive(Default)]
struct OnePollAtATime {
    running: Mutex<bool>,
    under_way: Mutex<usize>,
    ended: Mutex<usize>,
    published: Mutex<usize>,
    applied: Mutex<usize>,
}

/// A call under way; dropped, it is over.
struct UnderWay(Arc<OnePollAtATime>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.under_way.lock() -= 1;
    }
}

struct Shared(Arc<OnePollAtATime>);

impl Worker for Shared {
    type Answer = ();
    type Failure = ();
    type Change = ();

    fn begin_poll(&self, _: TaskId) -> Vec<PlannedRequest> {
        let mut running = self.0.running.lock();
        assert!(
            !*running,
            "a poll began before the end of the last one was reported"
        );
        *running = true;
        (0..5).map(|n| RequestKey(n).into()).collect()
    }

    async fn execute(&self, _: Call) -> CallOutput<(), ()> {
        *self.0.under_way.lock() += 1;
        let _under_way = UnderWay(Arc::clone(&self.0));
        tokio::time::sleep(Duration::from_millis(100)).await;
        CallOutput::answered(())
    }

    fn publish(&self, _: Call, (): ()) -> Vec<PlannedRequest> {
        *self.0.published.lock() += 1;
        Vec::new()
    }

    fn apply(&self, (): ()) {
        *self.0.applied.lock() += 1;
    }

    fn on_event(&self, event: Event, _: Option<&()>) {
        if let Event::PollEnded { .. } = event {
            *self.0.running.lock() = false;
            *self.0.ended.lock() += 1;
        }
    }

    fn on_backoff(&self, _: Option<Instant>) {}

    fn on_panic(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(start_paused = true)]
async fn chained_polls_are_reported_in_order_and_a_stop_aborts_calls() {
    let mut settings = settings(vec![data_task(1, 1)]);
    settings.max_in_flight = 2;
    let polls = Arc::new(OnePollAtATime::default());
    let worker = Arc::new(Shared(Arc::clone(&polls)));
    let scheduler = AccountScheduler::new(settings, now());
    let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
    // In the middle of a call.
    let stop = async move {
        sender.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(60_050)).await;
        drop(sender);
    };
    let (scheduler, ()) = tokio::join!(run(scheduler, worker, &mut changes), stop);
    drop(scheduler);
    assert_eq!(*polls.under_way.lock(), 0);
    assert_eq!(*polls.applied.lock(), 1);
    let ended = *polls.ended.lock();
    // Five calls at 250 ms and the answer of the last.
    assert!((44..=48).contains(&ended), "{ended}");
    let published = *polls.published.lock();
    // Each answer at once, also those of the poll that a stop cut off.
    assert!(
        (ended * 5..ended * 5 + 5).contains(&published),
        "{published}"
    );
}

/// Its first call is throttled, its second rejected. The locks hold the number of calls and the
/// reported events.
#[derive(Default)]
struct RefusedTwice {
    calls: Mutex<u32>,
    reported: Mutex<Vec<(&'static str, Option<String>)>>,
}

impl Worker for RefusedTwice {
    type Answer = ();
    type Failure = String;
    type Change = ();

    fn begin_poll(&self, _: TaskId) -> Vec<PlannedRequest> {
        vec![RequestKey(0).into()]
    }

    async fn execute(&self, _: Call) -> CallOutput<(), String> {
        *self.calls.lock() += 1;
        let retry_after = Some(Duration::from_secs(1));
        match *self.calls.lock() {
            1 => CallOutput::failed(Outcome::Throttled { retry_after }, "429".to_owned()),
            2 => CallOutput::failed(Outcome::Rejected, "403".to_owned()),
            _ => CallOutput::answered(()),
        }
    }

    fn publish(&self, _: Call, (): ()) -> Vec<PlannedRequest> {
        Vec::new()
    }

    fn apply(&self, (): ()) {}

    fn on_event(&self, event: Event, failure: Option<&String>) {
        let kind = match event {
            Event::Paused { .. } => "paused",
            Event::CallFailed { .. } => "failed",
            Event::PollEnded { .. } => "ended",
            _ => return,
        };
        self.reported.lock().push((kind, failure.cloned()));
    }

    fn on_backoff(&self, _: Option<Instant>) {}

    fn on_panic(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_failure_comes_with_the_events_it_caused() {
    let worker = Arc::new(RefusedTwice::default());
    let scheduler = AccountScheduler::new(settings(vec![data_task(200, 200)]), now());
    let (sender, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let stop = async move {
        tokio::time::sleep(Duration::from_secs(250)).await;
        drop(sender);
    };
    tokio::join!(run(scheduler, Arc::clone(&worker), &mut changes), stop);
    let reason = |reason: &str| Some(reason.to_owned());
    let expected = [
        ("paused", reason("429")),
        ("failed", reason("403")),
        ("ended", reason("403")),
        ("ended", None),
    ];
    assert_eq!(*worker.reported.lock(), expected);
}
