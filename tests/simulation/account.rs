//! One account of a world: the real scheduler, publisher and status, its LivePerson, and its model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use liveperson_exporter::collectors::DiscoveredSkills;
use liveperson_exporter::daemon::{AccountStatus, Answer, Moment, Publisher};
use liveperson_exporter::liveperson::{NameKind, NameList};
use liveperson_exporter::scheduler::{
    AccountScheduler, Call, Completion, Event, NextAction, Outcome, PlanSource, PlannedRequest,
    RequestKey, Step, TaskId,
};
use liveperson_exporter::store::Store;

use super::clocks::Clocks;
use super::liveperson::LivePerson;
use super::model::{Flight, Model};
use super::rules;
use super::scenario::Scenario;
use super::served::Served;
use super::setup::AccountSetup;

mod reload;

/// Least time between two tokens that are replaced because they were refused.
const REPLACEMENT_DISTANCE: Duration = Duration::from_secs(60);

/// A call under way.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    ends: Instant,
    call: Call,
    outcome: Outcome,
}

/// One account.
pub(crate) struct Account {
    number: usize,
    pub(crate) setup: AccountSetup,
    scheduler: AccountScheduler,
    publisher: Publisher,
    store: Arc<Store>,
    status: AccountStatus,
    pub(crate) liveperson: LivePerson,
    pub(crate) model: Model,
    served: Served,
    under_way: Vec<UnderWay>,
    wake: Option<Instant>,
    /// As it is configured.
    stale_after: Duration,
    /// Until when the page stays as it was last checked, unless something is published.
    page_holds_until: Option<Instant>,
    /// Whether names have been requested since they were switched on.
    names_begun: bool,
    pub(crate) removed: bool,
    /// Since when every collector has been polled successfully after the last fault.
    pub(crate) recovered_since: Option<Instant>,
    /// When a fault had effects last that outlast it: a wait after a failure, or a refused token that
    /// was not replaced because another one was only recently.
    last_impaired: Option<Instant>,
    /// Nothing of it is left to check.
    pub(crate) done: bool,
}

/// Gives the plans and records which polls began.
struct RecordedPlans<'a> {
    publisher: &'a mut Publisher,
    now: Moment,
    begun: Vec<(usize, Vec<RequestKey>)>,
}

impl PlanSource for RecordedPlans<'_> {
    fn begin_poll(&mut self, task: TaskId) -> Vec<PlannedRequest> {
        let requests = self.publisher.begin_poll(task, self.now).requests;
        self.begun.push((task.index(), keys(&requests)));
        requests
    }
}

fn keys(requests: &[PlannedRequest]) -> Vec<RequestKey> {
    requests.iter().map(|planned| planned.key).collect()
}

fn scheduler(setup: &AccountSetup, now: Instant) -> AccountScheduler {
    AccountScheduler::new(setup.settings.clone(), now)
}

fn publisher(setup: &AccountSetup, store: &Arc<Store>) -> Publisher {
    Publisher::new(setup.collectors.clone(), &setup.names, store)
}

impl Account {
    pub(crate) fn new(
        number: usize,
        setup: AccountSetup,
        clocks: &Clocks,
        store: &Arc<Store>,
        stale_after: Duration,
    ) -> Self {
        let mut publisher = publisher(&setup, store);
        publisher.publish_all();
        Self {
            number,
            scheduler: scheduler(&setup, clocks.now),
            publisher,
            store: Arc::clone(store),
            status: AccountStatus::new(setup.collectors.account(), &setup.labels()),
            liveperson: LivePerson::new(),
            model: Model::new(&setup, clocks.now),
            served: Served::default(),
            under_way: Vec::new(),
            wake: Some(clocks.now),
            stale_after,
            page_holds_until: None,
            names_begun: false,
            removed: false,
            recovered_since: None,
            last_impaired: None,
            done: false,
            setup,
        }
    }

    /// When something happens next.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.removed || self.done {
            return None;
        }
        let ends = self.under_way.iter().map(|u| u.ends);
        let next = ends.chain(self.wake).min();
        Some(next.expect("the scheduler never wakes up"))
    }

    /// Handles what is due. `exact`: the driver was not late. Returns the number of events.
    pub(crate) fn turn(
        &mut self,
        clocks: &Clocks,
        scenario: &Scenario,
        rng: &mut Rng,
        exact: bool,
    ) -> u64 {
        let now = clocks.now;
        let mut events = 1;
        while let Some(place) = self.under_way.iter().position(|u| u.ends <= now) {
            let ended = self.under_way.swap_remove(place);
            self.finish(ended, clocks);
            // As in the daemon: one answer, then whatever may start.
            self.start_what_may(clocks, scenario, rng, exact);
            events += 1;
        }
        self.start_what_may(clocks, scenario, rng, exact);
        rules::check(&self.model, &self.setup, &self.scheduler, now);
        // A page that was correct stays so until something is published or grows too old. That
        // nothing else changes it is checked now and then.
        let aged = clocks.aged(now);
        let as_before = self.page_holds_until.is_some_and(|until| aged < until);
        if as_before && rng.u32(..4) != 0 {
            rules::check_status(&self.model, &self.status, now, aged, self.stale_after);
        } else {
            self.check_status(clocks, now);
        }
        // Between two events nothing is done, but what is served grows older.
        if rng.u32(..4) == 0 {
            let next = self.next().unwrap();
            let between = now + (next - now).mul_f64(rng.f64());
            self.check_status(clocks, between);
        }
        events
    }

    fn check_status(&mut self, clocks: &Clocks, now: Instant) {
        let aged = clocks.aged(now);
        let stale_after = self.stale_after;
        rules::check_status(&self.model, &self.status, now, aged, stale_after);
        let id = self.setup.collectors.account();
        let served = &self.served;
        let changes = served.check_page(&self.store, id, aged, stale_after);
        self.page_holds_until = Some(changes.unwrap_or(aged));
    }

    fn start_what_may(&mut self, clocks: &Clocks, scenario: &Scenario, rng: &mut Rng, exact: bool) {
        let now = clocks.now;
        loop {
            let mut plans = RecordedPlans {
                publisher: &mut self.publisher,
                now: clocks.moment(),
                begun: Vec::new(),
            };
            let step = self.scheduler.step(now, &mut plans);
            for (collector, keys) in plans.begun {
                self.begins(clocks, collector, keys, exact);
            }
            match step {
                Step::Start(call) => {
                    clocks.trace(self.number, || format!("{call:?} starts"));
                    let spacing = self.scheduler.spacing();
                    rules::check_start(&mut self.model, &self.setup, call, now, spacing);
                    let (latency, outcome) =
                        self.liveperson
                            .answer(call, &self.setup, scenario, clocks, rng);
                    self.under_way.push(UnderWay {
                        ends: now + latency,
                        call,
                        outcome,
                    });
                }
                Step::Wait(until) => {
                    assert!(until.is_none_or(|at| at > now), "the scheduler spins");
                    self.wake = until;
                    break;
                }
            }
        }
        self.handle_events(clocks, None);
    }

    fn begins(&mut self, clocks: &Clocks, collector: usize, keys: Vec<RequestKey>, exact: bool) {
        clocks.trace(self.number, || format!("poll of {collector} begins"));
        if self.setup.is_names(collector) {
            let polled = self.model.collectors.iter().all(|c| c.has_polled());
            assert!(polled, "names before the data");
            self.names_begun = true;
            return;
        }
        let task = TaskId::new(collector);
        let requests = keys
            .iter()
            .map(|key| self.publisher.request(task, *key).unwrap());
        let plan = std::iter::zip(keys.iter().copied(), requests).collect();
        let collectors = &self.setup.collectors;
        let collector_of_it = &collectors.enabled()[collector];
        self.served.begins(collectors, collector_of_it, plan);
        self.model.collectors[collector].begins(clocks.now, exact, keys);
    }

    fn finish(&mut self, ended: UnderWay, clocks: &Clocks) {
        let UnderWay { call, outcome, .. } = ended;
        let now = clocks.now;
        clocks.trace(self.number, || format!("{call:?} ended: {outcome:?}"));
        let before = self.scheduler.spacing();
        let (flight, before_429) = self.model.ends(call);
        self.model
            .ended(now, flight, before_429, outcome, &self.setup);
        let more = match outcome {
            Outcome::Success { .. } => self.publish(call, clocks),
            _ => Vec::new(),
        };
        let finished = Completion {
            outcome,
            added: more,
        };
        self.scheduler.complete_call(now, call, finished);
        self.spacing_learns(before, before_429, outcome);
        self.handle_events(clocks, Some((flight, outcome)));
    }

    /// As in the daemon: the answer is published before the scheduler records the success.
    fn publish(&mut self, call: Call, clocks: &Clocks) -> Vec<PlannedRequest> {
        let now = clocks.now;
        let Call::Request { task, index, key } = call else {
            return Vec::new();
        };
        let (collector, index) = (task.index(), index.index());
        self.page_holds_until = None;
        if self.setup.is_names(collector) {
            let kind = NameKind::from_key(key.0).unwrap();
            let skills = self.liveperson.skills.iter();
            let names = skills.map(|id| ((*id).into(), format!("theirs {id}")));
            let names: Vec<_> = names.collect();
            let list = match kind {
                NameKind::Skills => {
                    self.served.named(&names);
                    NameList::Skills(names)
                }
                NameKind::Groups => NameList::Groups(Vec::new()),
                NameKind::Users => NameList::Users(Vec::new()),
            };
            let moment = clocks.moment();
            self.publisher
                .publish(task, key, Answer::Names(list), moment);
            self.check_names(now);
            return Vec::new();
        }
        let label = self.setup.label(collector);
        assert_eq!(key, self.model.key(collector, index), "another request");
        let request = self.publisher.request(task, key).unwrap();
        let skills = self.liveperson.skills_in(key);
        let names_them = request.names_skills();
        let named = names_them.then(|| DiscoveredSkills::new(request.clone(), skills));
        let received_at = clocks.aged(now);
        let chunks = self
            .served
            .answer(label, key, &request, received_at, named.clone());
        let answer = Answer::Data {
            chunks,
            skills: named,
            received_at,
        };
        let planned = self.publisher.publish(task, key, answer, clocks.moment());
        let more = keys(&planned);
        let found = more.iter().map(|key| self.publisher.request(task, *key));
        let found: Vec<_> = std::iter::zip(more.iter().copied(), found.flatten()).collect();
        assert_eq!(found.len(), more.len());
        self.served.extended(label, found);
        if !more.is_empty() {
            self.model.collectors[collector].extended(now, &more);
        }
        planned
    }

    fn spacing_learns(&mut self, before: Duration, before_429: bool, outcome: Outcome) {
        let after = self.scheduler.spacing();
        let micro = Duration::from_micros(1);
        match outcome {
            Outcome::Throttled { .. } => {
                // One that a reload left may be wider than the widest.
                let widest = self.setup.settings.min_spacing * 64;
                let doubled = (before * 2).min(widest).max(before);
                let right = if before_429 { before } else { doubled };
                assert!(
                    after.abs_diff(right) < micro,
                    "{before:?} became {after:?} by a 429"
                );
                self.model.refused_spacing(before, before_429);
            }
            Outcome::Success { .. } if before_429 => {
                assert_eq!(after, before, "a call from before a 429 eased the spacing");
            }
            Outcome::Success { .. } => {
                // It may stay where calls were refused, but nowhere above.
                let settled = self.model.widest_refused.mul_f64(1.15);
                let settled = settled.max(self.setup.settings.min_spacing);
                let most = before.mul_f64(0.95).max(settled.min(before));
                assert!(
                    after <= most + micro && after + micro >= before.mul_f64(0.8),
                    "{before:?} became {after:?} by a success"
                );
            }
            _ => assert_eq!(after, before, "only 429s and successes change the spacing"),
        }
    }

    fn handle_events(&mut self, clocks: &Clocks, ended: Option<(Flight, Outcome)>) {
        let (now, aged) = (clocks.now, clocks.aged(clocks.now));
        for event in self.scheduler.take_events() {
            clocks.trace(self.number, || format!("    {event:?}"));
            match &event {
                Event::PollEnded { task, .. } | Event::PollsSkipped { task, .. }
                    if self.setup.is_names(task.index()) =>
                {
                    continue;
                }
                Event::PollEnded { task, summary } => {
                    let collector = task.index();
                    self.page_holds_until = None;
                    self.model.collectors[collector].poll_ended(now, aged, summary);
                    self.publisher.poll_ended(*task, clocks.moment());
                    let stale_after = self.stale_after;
                    let label = self.setup.label(collector);
                    self.served.poll_ended(label, aged, stale_after);
                    self.status
                        .poll_ended(label, summary.clone(), now, aged, clocks.wall());
                }
                Event::PollsSkipped { task, count } => {
                    self.model.collectors[task.index()].polls_skipped(now, *count);
                }
                Event::CallFailed { call, next } => {
                    if !matches!(call, Call::Request { .. }) {
                        self.model.session_failed(now, *call, *next);
                    } else if let Some((_, Outcome::Unauthorised)) = ended
                        && *next != NextAction::RetryWithNewToken
                    {
                        self.last_impaired = Some(now);
                    }
                }
                Event::SessionReady { .. } => {}
                Event::Paused { call, wait, .. } => {
                    let Some((_, Outcome::Throttled { retry_after })) = ended else {
                        panic!("a pause without a 429");
                    };
                    self.model.throttled(now, *call, retry_after, *wait);
                }
            }
        }
        self.status.set_wait(self.scheduler.backoff_until(now));
    }

    pub(crate) fn set_stale_after(&mut self, stale_after: Duration) {
        self.stale_after = stale_after;
        self.page_holds_until = None;
    }

    fn check_names(&self, now: Instant) {
        let (id, names) = (self.setup.collectors.account(), &self.setup.names);
        self.served.check_names(&self.store, id, now, names);
    }

    /// The machine was suspended: its connections are gone.
    pub(crate) fn lose_connections(&mut self, clocks: &Clocks) {
        for under_way in &mut self.under_way {
            under_way.ends = clocks.now;
            under_way.outcome = Outcome::Failed { connection: true };
        }
    }

    /// Whether every collector has had a successful poll since `since`.
    pub(crate) fn recovered(&self, since: Instant) -> bool {
        let mut collectors = self.model.collectors.iter();
        let successful = collectors.all(|c| c.last_success.is_some_and(|at| at > since));
        self.removed || successful
    }

    pub(crate) fn recovery_bound(&self) -> Duration {
        self.setup.recovery_bound(self.scheduler.spacing())
    }

    /// After some time without faults nothing is older than its interval and its call. Not checked
    /// where calls are so slow or so rare that they wait for each other.
    pub(crate) fn check_freshness(&mut self, monotonic: Instant, now: Instant) {
        if self.removed {
            return;
        }
        if self.scheduler.backoff_until(monotonic).is_some() {
            self.last_impaired = Some(monotonic);
        }
        let longest = self.setup.longest_interval().mul_f64(2.1);
        let since = |at: Instant| monotonic < at + REPLACEMENT_DISTANCE + longest;
        if self.last_impaired.is_some_and(since) {
            return;
        }
        let asked = self.names_begun || !self.setup.names.lookup;
        assert!(
            asked,
            "names were never requested, though all has been polled"
        );
        // Half as much again for tokens, hosts and names in between.
        let call = self
            .setup
            .latency
            .mul_f64(1.5)
            .max(self.scheduler.spacing());
        let call = call.mul_f64(1.5);
        let calls = self
            .model
            .collectors
            .iter()
            .map(|c| c.requests_or_last())
            .sum::<usize>()
            + 6;
        let contention = call * u32::try_from(calls).unwrap();
        let shortest = self
            .model
            .collectors
            .iter()
            .map(|c| c.interval)
            .min()
            .unwrap();
        if contention * 3 > shortest {
            return;
        }
        let collectors = &self.setup.collectors;
        self.served.check_freshness(now, self.stale_after, |label| {
            collectors.find(label).unwrap().interval() + contention
        });
    }
}
