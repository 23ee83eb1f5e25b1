//! The one [`Worker`] of the tests of `run` and `supervise`. `test_driver` cannot serve them: it takes
//! the place of that loop and has no worker.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::run::now;
use super::test_driver::keys;
use super::{Call, CallOutput, Event, PlanSource, PlannedRequest, TaskId, Worker};

/// Answers each call by a script and records what it was asked to do.
pub(super) struct TestWorker {
    pub(super) start: Instant,
    /// Requests of each poll.
    pub(super) plan_size: usize,
    /// How long the call with this number takes, counted from 1, and how it ends.
    pub(super) answer: fn(usize) -> (Duration, CallOutput<(), &'static str>),
    /// Whether the account's task panics over the answer or event that was recorded last.
    pub(super) has_bug: fn(&Record) -> bool,
    pub(super) wait_after_panic: Duration,
    pub(super) record: Mutex<Record>,
}

/// What a worker was asked to do.
#[derive(Default)]
pub(super) struct Record {
    /// How many polls had ended when a poll began, for each that began.
    pub(super) ended_before: Vec<usize>,
    /// When calls started, since the worker was made.
    pub(super) starts: Vec<Duration>,
    pub(super) under_way: usize,
    pub(super) published: usize,
    pub(super) applied: usize,
    /// Events, with the reason of the failed call that caused them.
    pub(super) events: Vec<(Event, Option<&'static str>)>,
    pub(super) panics: usize,
}

impl Record {
    /// How many polls have ended.
    pub(super) fn ended(&self) -> usize {
        let ended = |event: &Event| matches!(event, Event::PollEnded { .. });
        self.events.iter().filter(|(event, _)| ended(event)).count()
    }
}

/// One request in each poll, every call answered at once, no panic.
impl Default for TestWorker {
    fn default() -> Self {
        Self {
            start: now(),
            plan_size: 1,
            answer: |_| (Duration::ZERO, CallOutput::answered(())),
            has_bug: |_| false,
            wait_after_panic: Duration::ZERO,
            record: Mutex::default(),
        }
    }
}

impl TestWorker {
    fn record(&self, add: impl FnOnce(&mut Record)) {
        add(&mut self.record.lock());
    }

    fn panic_if_bug(&self) {
        let panics = (self.has_bug)(&self.record.lock());
        assert!(!panics, "a bug");
    }
}

impl Worker for TestWorker {
    type Answer = ();
    type Failure = &'static str;
    type Change = ();

    fn begin_poll(&self, _: TaskId) -> Vec<PlannedRequest> {
        self.record(|record| record.ended_before.push(record.ended()));
        keys(self.plan_size)
    }

    async fn execute(&self, _: Call) -> CallOutput<(), &'static str> {
        let under_way = UnderWay::new(self);
        let (duration, output) = (self.answer)(under_way.number);
        tokio::time::sleep(duration).await;
        output
    }

    fn publish(&self, _: Call, (): ()) -> Vec<PlannedRequest> {
        self.record(|record| record.published += 1);
        self.panic_if_bug();
        Vec::new()
    }

    fn apply(&self, (): ()) {
        self.record(|record| record.applied += 1);
    }

    fn on_event(&self, event: Event, failure: Option<&&'static str>) {
        self.record(|record| record.events.push((event, failure.copied())));
        self.panic_if_bug();
    }

    fn on_backoff(&self, _: Option<Instant>) {}

    fn on_panic(&self) -> Duration {
        self.record(|record| record.panics += 1);
        self.wait_after_panic
    }
}

impl PlanSource for &TestWorker {
    fn begin_poll(&mut self, task: TaskId) -> Vec<PlannedRequest> {
        Worker::begin_poll(*self, task)
    }
}

/// A call under way; it ends with its future, also when that is aborted.
struct UnderWay<'a> {
    worker: &'a TestWorker,
    number: usize,
}

impl<'a> UnderWay<'a> {
    fn new(worker: &'a TestWorker) -> Self {
        let mut record = worker.record.lock();
        record.starts.push(now() - worker.start);
        record.under_way += 1;
        let number = record.starts.len();
        drop(record);
        Self { worker, number }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.worker.record.lock().under_way -= 1;
    }
}

/// Stops an account after some time.
pub(super) async fn stop_after(time: Duration, changes: UnboundedSender<()>) {
    tokio::time::sleep(time).await;
    drop(changes);
}
