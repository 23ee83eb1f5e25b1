//! Runs a scheduler under virtual time against a LivePerson made of a closure: the one driver of all
//! tests of the scheduler, those below `tests/simulation` included.

use std::time::{Duration, Instant};

use super::{
    AccountScheduler, AccountSettings, Call, CarriedTask, Carryover, Event, Outcome, PlanSource,
    PlannedRequest, PollSummary, RequestKey, ServiceId, SessionChange, SessionSettings, Step,
    TaskId, TaskPolicy, TaskSettings,
};

pub(crate) const OK: Outcome = Outcome::SUCCESS;
pub(crate) const DOWN: Outcome = Outcome::Failed { connection: false };
pub(crate) const UNREACHABLE: Outcome = Outcome::Failed { connection: true };

/// An instant for virtual time to begin at.
pub(crate) fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The keys of a plan of so many requests.
pub(crate) fn keys(count: usize) -> Vec<PlannedRequest> {
    let keys = (0..).map(|n| RequestKey(n).into());
    keys.take(count).collect()
}

/// A task of data whose host is given; times in seconds.
pub(crate) fn data_task(interval: u64, phase: u64) -> TaskSettings {
    TaskSettings {
        interval: Duration::from_secs(interval),
        phase: Duration::from_secs(phase),
        service: None,
        policy: TaskPolicy::DATA,
    }
}

/// A background task whose host is given, polled every hour.
pub(crate) fn background_task() -> TaskSettings {
    TaskSettings {
        policy: TaskPolicy::BACKGROUND,
        ..data_task(3600, 3600)
    }
}

/// An account without hosts and token.
pub(crate) fn settings(tasks: Vec<TaskSettings>) -> AccountSettings {
    AccountSettings {
        max_in_flight: 1,
        min_spacing: Duration::from_millis(250),
        session: SessionSettings::default(),
        tasks,
        seed: 1,
    }
}

/// An account that looks up the host of its data, number 0, and that of its token, number 1.
pub(crate) fn with_token(mut settings: AccountSettings) -> AccountSettings {
    settings.session = SessionSettings {
        services: 2,
        token: true,
        token_service: Some(ServiceId::new(1)),
        token_distance: Duration::ZERO,
    };
    for task in &mut settings.tasks {
        task.service = Some(ServiceId::new(0));
    }
    settings
}

/// A call in plain numbers, to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainCall {
    Host(usize),
    Token,
    Request { task: usize, index: usize },
}

impl From<Call> for PlainCall {
    fn from(call: Call) -> Self {
        match call {
            Call::LookUp(service) => Self::Host(service.index()),
            Call::Authorise => Self::Token,
            Call::Request { task, index, .. } => Self::Request {
                task: task.index(),
                index: index.index(),
            },
        }
    }
}

/// A call that started, so many seconds after the start, and how it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallStart {
    pub(crate) at: f64,
    pub(crate) call: PlainCall,
    pub(crate) outcome: Outcome,
}

/// A poll that ended, so many seconds after the start.
#[derive(Clone, Debug)]
pub(crate) struct PollEnd {
    pub(crate) at: f64,
    pub(crate) task: usize,
    pub(crate) summary: PollSummary,
}

/// Gives each task the same plan always and records which polls began.
struct FixedPlans {
    sizes: Vec<usize>,
    now: Instant,
    begun: Vec<(Instant, usize)>,
}

impl PlanSource for FixedPlans {
    fn begin_poll(&mut self, task: TaskId) -> Vec<PlannedRequest> {
        self.begun.push((self.now, task.index()));
        keys(self.sizes[task.index()])
    }
}

/// A scheduler, its calls under way, and a record of what happened.
pub(crate) struct Driver<F> {
    start: Instant,
    pub(crate) now: Instant,
    pub(crate) scheduler: AccountScheduler,
    plans: FixedPlans,
    under_way: Vec<(Instant, Call, Outcome)>,
    /// Seconds that a call takes which starts so many seconds after the start, and how it ends.
    answer: F,
    pub(crate) starts: Vec<CallStart>,
    pub(crate) ends: Vec<PollEnd>,
    pub(crate) skipped: u64,
    /// When the account paused, in seconds since the start, and for how long.
    pub(crate) pauses: Vec<(f64, Duration)>,
    /// Seconds since the start at which the account said that it is backing off.
    pub(crate) backoffs: Vec<f64>,
    pub(crate) largest_size: usize,
}

impl<F: FnMut(f64, PlainCall) -> (f64, Outcome)> Driver<F> {
    /// Each task has a plan of the size given.
    pub(crate) fn new(
        settings: AccountSettings,
        plan_sizes: impl Into<Vec<usize>>,
        answer: F,
    ) -> Self {
        let start = start();
        Self {
            start,
            now: start,
            scheduler: AccountScheduler::new(settings, start),
            plans: FixedPlans {
                sizes: plan_sizes.into(),
                now: start,
                begun: Vec::new(),
            },
            under_way: Vec::new(),
            answer,
            starts: Vec::new(),
            ends: Vec::new(),
            skipped: 0,
            pauses: Vec::new(),
            backoffs: Vec::new(),
            largest_size: 0,
        }
    }

    /// The same, run for so many seconds.
    pub(crate) fn run(
        settings: AccountSettings,
        plan_sizes: impl Into<Vec<usize>>,
        seconds: f64,
        answer: F,
    ) -> Self {
        let mut driver = Self::new(settings, plan_sizes, answer);
        driver.run_until(seconds);
        driver
    }

    /// A changed configuration takes over; calls under way are aborted.
    pub(crate) fn reload(
        &mut self,
        settings: AccountSettings,
        unchanged: bool,
        session: SessionChange,
    ) {
        let carried = |index| {
            let id = TaskId::new(index);
            Some(CarriedTask { id, unchanged })
        };
        let service = |index| Some(ServiceId::new(index));
        let carryover = Carryover {
            tasks: (0..settings.tasks.len()).map(carried).collect(),
            services: (0..settings.session.services).map(service).collect(),
            session,
        };
        let mut scheduler = AccountScheduler::new(settings, self.now);
        scheduler.restore_from(&self.scheduler, self.now, &carryover);
        self.scheduler = scheduler;
        self.under_way.clear();
    }

    /// Runs until so many seconds after the start.
    pub(crate) fn run_until(&mut self, seconds: f64) {
        let end = self.start + Duration::from_secs_f64(seconds);
        while self.now < end {
            self.advance(Some(end));
        }
    }

    /// Starts what may start now, and advances to the next event, at most to `end`.
    pub(crate) fn advance(&mut self, end: Option<Instant>) {
        let wake = self.start_calls();
        self.take_events();
        self.under_way.sort_by_key(|(ends, ..)| *ends);
        let next_end = self.under_way.first().map(|(ends, ..)| *ends);
        let next = wake.into_iter().chain(next_end).min();
        let next = next.expect("the scheduler never wakes up");
        assert!(
            next > self.now || next_end == Some(next),
            "the scheduler spins"
        );
        self.now = end.map_or(next, |end| next.min(end));
        if self.now == next && next_end == Some(next) {
            let (_, call, outcome) = self.under_way.remove(0);
            self.scheduler.complete_call(self.now, call, outcome.into());
        }
    }

    fn start_calls(&mut self) -> Option<Instant> {
        let at = self.seconds_since_start(self.now);
        self.plans.now = self.now;
        loop {
            match self.scheduler.step(self.now, &mut self.plans) {
                Step::Start(call) => {
                    let (seconds, outcome) = (self.answer)(at, call.into());
                    let call_start = CallStart {
                        at,
                        call: call.into(),
                        outcome,
                    };
                    self.starts.push(call_start);
                    let ends = self.now + Duration::from_secs_f64(seconds);
                    self.under_way.push((ends, call, outcome));
                }
                Step::Wait(until) => return until,
            }
        }
    }

    fn take_events(&mut self) {
        let at = self.seconds_since_start(self.now);
        for event in self.scheduler.take_events() {
            match event {
                Event::PollEnded { task, summary } => {
                    let task = task.index();
                    self.ends.push(PollEnd { at, task, summary });
                }
                Event::PollsSkipped { count, .. } => self.skipped += count,
                Event::Paused { wait, .. } => self.pauses.push((at, wait)),
                Event::CallFailed { .. } | Event::SessionReady { .. } => {}
            }
        }
        if self.scheduler.backoff_until(self.now).is_some() {
            self.backoffs.push(at);
        }
        self.largest_size = self.largest_size.max(self.scheduler.size());
    }
}

impl<F> Driver<F> {
    /// Seconds from the start to `at`.
    pub(crate) fn seconds_since_start(&self, at: Instant) -> f64 {
        (at - self.start).as_secs_f64()
    }

    /// How long after the start the polls of a task began.
    pub(crate) fn begins_of(&self, task: usize) -> Vec<Duration> {
        let begun = self.plans.begun.iter().filter(|(_, t)| *t == task);
        begun.map(|(at, _)| *at - self.start).collect()
    }

    /// When the requests of a task started, in seconds since the start.
    pub(crate) fn starts_of(&self, task: usize) -> Vec<f64> {
        let of =
            |call: &PlainCall| matches!(call, PlainCall::Request { task: t, .. } if *t == task);
        let starts = self.starts.iter().filter(|start| of(&start.call));
        starts.map(|start| start.at).collect()
    }

    /// When calls like this one started, in seconds since the start.
    pub(crate) fn starts_like(&self, call: PlainCall) -> Vec<f64> {
        let starts = self.starts.iter().filter(|start| start.call == call);
        starts.map(|start| start.at).collect()
    }

    /// How often this call started.
    pub(crate) fn count(&self, call: PlainCall) -> usize {
        self.starts_like(call).len()
    }

    /// The polls of a task that ended.
    pub(crate) fn ends_of(&self, task: usize) -> impl Iterator<Item = &PollEnd> {
        self.ends.iter().filter(move |end| end.task == task)
    }
}
