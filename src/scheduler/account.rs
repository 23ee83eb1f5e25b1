//! The scheduler of one account: which call may start now.
//!
//! Pure: time and outcomes come in as arguments. Limits, pause and spacing are the account's and
//! so hold for its tasks together, retries and token calls included. `completion` has what follows
//! from how calls end, `carryover` what a changed configuration keeps.

use std::time::{Duration, Instant};

use super::ids::TokenGeneration;
use super::pause::Pause;
use super::session::{Readiness, Session};
use super::task::{Task, TaskSettings};
use super::{Call, Event, PlanSource, ServiceId, SessionSettings, Spacing, TaskId};

mod carryover;
mod completion;
mod next_calls;

pub use carryover::{CarriedTask, Carryover};
pub use next_calls::{NextCalls, TaskNextCall};

/// What the scheduler must know of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountSettings {
    /// Calls under way at once.
    pub max_in_flight: usize,
    /// Least time between the starts of two calls.
    pub min_spacing: Duration,
    /// Hosts and token.
    pub session: SessionSettings,
    /// What is polled; the place of a task here is its [`TaskId`].
    pub tasks: Vec<TaskSettings>,
    /// Seed of the jitter.
    pub seed: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Start this call, then ask again.
    Start(Call),
    /// Nothing before this instant, unless a call ends; `None` means only the end of a call helps.
    Wait(Option<Instant>),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    call: Call,
    started: Instant,
    /// The token it carries.
    token: TokenGeneration,
}

/// Decides when the calls of one account start.
#[derive(Debug)]
pub struct AccountScheduler {
    max_in_flight: usize,
    spacing: Spacing,
    pause: Pause,
    last_start: Option<Instant>,
    in_flight: Vec<InFlight>,
    session: Session,
    tasks: Vec<Task>,
    /// Counts the starts of requests: tasks take turns.
    turn: u64,
    rng: fastrand::Rng,
    events: Vec<Event>,
}

impl AccountScheduler {
    /// A scheduler whose first polls are due at `now`.
    pub fn new(settings: AccountSettings, now: Instant) -> Self {
        let tasks = settings.tasks.into_iter().enumerate();
        Self {
            max_in_flight: settings.max_in_flight,
            spacing: Spacing::new(settings.min_spacing),
            pause: Pause::default(),
            last_start: None,
            in_flight: Vec::new(),
            session: Session::new(&settings.session),
            tasks: tasks
                .map(|(index, task)| Task::new(TaskId::new(index), task, now))
                .collect(),
            turn: 0,
            rng: fastrand::Rng::with_seed(settings.seed),
            events: Vec::new(),
        }
    }

    /// Makes no call before `until`.
    #[must_use]
    pub(super) fn paused_until(mut self, until: Instant) -> Self {
        self.pause.at_least_until(until);
        self
    }

    /// What to do at `now`. Call again after each `Start`.
    pub fn step(&mut self, now: Instant, plans: &mut dyn PlanSource) -> Step {
        let wake = self.begin_polls(now, plans);
        if let Some(until) = self.pause.until(now) {
            return Step::Wait(earliest(wake, Some(until)));
        }
        if self.in_flight.len() >= self.max_in_flight {
            return Step::Wait(wake);
        }
        if let Some(next) = self.last_start.map(|start| start + self.spacing.current())
            && now < next
        {
            return Step::Wait(earliest(wake, Some(next)));
        }
        match self.pick(now) {
            Step::Start(call) => {
                self.start(call, now);
                Step::Start(call)
            }
            Step::Wait(until) => Step::Wait(earliest(wake, until)),
        }
    }

    /// Begins the polls that are due; returns when the next one will be. Tasks that start after the
    /// data are not looked at before: the end of a call lets them begin.
    fn begin_polls(&mut self, now: Instant, plans: &mut dyn PlanSource) -> Option<Instant> {
        let mut data = self.tasks.iter().filter(|t| !t.policy().starts_after_data);
        let data_polled = data.all(Task::has_polled);
        let mut wake = None;
        for task in &mut self.tasks {
            if !data_polled && task.policy().starts_after_data {
                continue;
            }
            if task.is_due(now) {
                task.advance(now, plans, &mut self.events);
                task.end_if_done(now, &mut self.events);
            }
            wake = earliest(wake, Some(task.next_wake(now)));
        }
        wake
    }

    /// The call whose turn it is, or when to look again.
    fn pick(&self, now: Instant) -> Step {
        let mut by_turn: Vec<&Task> = self.tasks.iter().collect();
        by_turn.sort_by_key(|task| task.last_turn);
        let mut until = None;
        for task in by_turn {
            let Some((not_before, index, key)) = task.next_pending() else {
                continue;
            };
            if not_before > now {
                until = earliest(until, Some(not_before));
                continue;
            }
            let refreshes = task.policy().refreshes_session;
            match self.session.readiness(task.service(), refreshes, now) {
                Readiness::Ready => {
                    return Step::Start(Call::Request {
                        task: task.id(),
                        index,
                        key,
                    });
                }
                Readiness::Needs(call) => return Step::Start(call),
                Readiness::Blocked(at) => until = earliest(until, at),
            }
        }
        Step::Wait(until)
    }

    fn start(&mut self, call: Call, now: Instant) {
        self.last_start = Some(now);
        self.in_flight.push(InFlight {
            call,
            started: now,
            token: self.session.token_generation(),
        });
        self.session.start(call, now);
        if let Call::Request { task, index, .. } = call
            && let Some(task) = self.tasks.get_mut(task.index())
        {
            self.turn += 1;
            task.last_turn = self.turn;
            if let Some(poll) = task.poll_mut() {
                poll.started(index);
            }
        }
    }

    /// Tasks whose waits are those of the account.
    fn counted_tasks(&self) -> impl Iterator<Item = &Task> {
        let counts = |task: &&Task| task.policy().counts_as_backoff;
        self.tasks.iter().filter(counts)
    }

    /// Whether a task whose waits count needs this service.
    fn is_counted(&self, service: ServiceId) -> bool {
        self.session.token_service() == Some(service)
            || self.counted_tasks().any(|t| t.service() == Some(service))
    }

    /// The end of the longest wait after a 429 or a failure that lasts at `now`. What background
    /// tasks wait for delays no data and does not count.
    pub fn backoff_until(&self, now: Instant) -> Option<Instant> {
        let session = self.session.backoff_until(now, |s| self.is_counted(s));
        let tasks = self.counted_tasks().filter_map(|t| t.backoff_until(now));
        tasks.chain(session).chain(self.pause.until(now)).max()
    }

    /// The least time between two starts now.
    pub fn spacing(&self) -> Duration {
        self.spacing.current()
    }

    /// How many requests, calls and events it holds: what its memory grows with.
    pub fn size(&self) -> usize {
        let requests: usize = self.tasks.iter().map(Task::size).sum();
        requests + self.in_flight.len() + self.events.len()
    }

    /// What happened since the last call of this. To be taken after each `complete_call` and before
    /// the next `step`: that may begin the next poll of a task whose last one ended.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
