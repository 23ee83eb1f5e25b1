//! The scheduler against a LivePerson made of a closure, under virtual time.

use std::time::{Duration, Instant};

use super::*;

pub(super) struct Counts(Vec<usize>);

impl PlanSource for Counts {
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        keys(self.0[collector])
    }
}

pub(super) struct World<F> {
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) scheduler: AccountScheduler,
    plans: Counts,
    under_way: Vec<(Instant, Call, Completion)>,
    /// (seconds since the start, call)
    pub(super) starts: Vec<(f64, Call)>,
    pub(super) ends: Vec<(f64, usize, PollSummary)>,
    pub(super) skipped: u64,
    answer: F,
}

impl<F: FnMut(f64, Call) -> (f64, Outcome)> World<F> {
    pub(super) fn new(settings: AccountSettings, plans: Vec<usize>, answer: F) -> Self {
        let start = Instant::now();
        let scheduler = AccountScheduler::new(settings, start);
        Self {
            start,
            now: start,
            scheduler,
            plans: Counts(plans),
            under_way: Vec::new(),
            starts: Vec::new(),
            ends: Vec::new(),
            skipped: 0,
            answer,
        }
    }

    /// A changed configuration takes over; calls under way are aborted.
    pub(super) fn reload(
        &mut self,
        settings: AccountSettings,
        unchanged: bool,
        session: SessionChange,
    ) {
        let carried = |index| Some(CarriedTask { index, unchanged });
        let carryover = Carryover {
            collectors: (0..settings.collectors.len()).map(carried).collect(),
            services: (0..settings.session.services).map(Some).collect(),
            session,
        };
        let mut scheduler = AccountScheduler::new(settings, self.now);
        scheduler.restore_from(&self.scheduler, self.now, &carryover);
        self.scheduler = scheduler;
        self.under_way.clear();
    }

    fn since_start(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    pub(super) fn run_until(&mut self, secs: f64) {
        let end = self.start + Duration::from_secs_f64(secs);
        while self.now < end {
            let wake = loop {
                match self.scheduler.step(self.now, &mut self.plans) {
                    Step::Start(call) => {
                        let at = self.since_start();
                        self.starts.push((at, call));
                        let (latency, outcome) = (self.answer)(at, call);
                        let done = self.now + Duration::from_secs_f64(latency);
                        self.under_way.push((done, call, outcome.into()));
                    }
                    Step::Wait(until) => break until,
                }
            };
            let at = self.since_start();
            for event in self.scheduler.take_events() {
                match event {
                    Event::PollEnded { collector, summary } => {
                        self.ends.push((at, collector, summary));
                    }
                    Event::PollsSkipped { count, .. } => self.skipped += count,
                    _ => {}
                }
            }
            self.under_way.sort_by_key(|(done, ..)| *done);
            let next_end = self.under_way.first().map(|(done, ..)| *done);
            let next = wake
                .into_iter()
                .chain(next_end)
                .min()
                .expect("the scheduler fell asleep");
            assert!(
                next > self.now || next_end == Some(next),
                "the scheduler spins"
            );
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            if next_end == Some(next) {
                let (_, call, finished) = self.under_way.remove(0);
                self.scheduler.complete_call(self.now, call, finished);
            }
        }
    }

    pub(super) fn starts_of(&self, collector: usize) -> Vec<f64> {
        let of =
            |call: &Call| matches!(call, Call::Request { collector: c, .. } if *c == collector);
        self.starts
            .iter()
            .filter(|(_, call)| of(call))
            .map(|(at, _)| *at)
            .collect()
    }
}

pub(super) const OK: Outcome = Outcome::SUCCESS;
pub(super) const DOWN: Outcome = Outcome::Failed { connection: false };

pub(super) fn collector(interval: u64, phase: u64) -> CollectorSettings {
    CollectorSettings {
        interval: Duration::from_secs(interval),
        phase: Duration::from_secs(phase),
        service: None,
    }
}

pub(super) fn settings(collectors: Vec<CollectorSettings>) -> AccountSettings {
    AccountSettings {
        max_in_flight: 1,
        min_spacing: Duration::from_millis(250),
        session: SessionSettings::default(),
        collectors,
        seed: 1,
    }
}

pub(super) fn with_token(mut settings: AccountSettings) -> AccountSettings {
    settings.session = SessionSettings {
        services: 2,
        token: true,
        token_service: Some(1),
        token_distance: Duration::ZERO,
    };
    settings
        .collectors
        .iter_mut()
        .for_each(|c| c.service = Some(0));
    settings
}

#[test]
fn the_first_poll_runs_at_min_spacing_and_the_next_ones_are_spread_evenly() {
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![4], |_, _| (0.1, OK));
    world.run_until(90.0);
    let starts = world.starts_of(0);
    assert_eq!(
        starts[..12],
        [
            0.0, 0.25, 0.5, 0.75, 30.0, 37.5, 45.0, 52.5, 60.0, 67.5, 75.0, 82.5
        ]
    );
    assert_eq!(world.skipped, 0);
}

#[test]
fn hosts_and_token_come_first_by_one_call_each() {
    let answer = |_, call| match call {
        Call::Authorise => (
            0.1,
            Outcome::Success {
                lifetime: Some(Duration::from_secs(100)),
            },
        ),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30), collector(60, 60)])),
        vec![2, 1],
        answer,
    );
    world.run_until(29.0);
    let calls: Vec<_> = world.starts.iter().map(|(_, call)| *call).collect();
    assert_eq!(
        calls[..3],
        [Call::LookUp(0), Call::LookUp(1), Call::Authorise]
    );
    assert_eq!(calls.len(), 6);
    world.run_until(1_000.0);
    let tokens: Vec<_> = world
        .starts
        .iter()
        .filter(|(_, c)| *c == Call::Authorise)
        .map(|(at, _)| *at)
        .collect();
    assert!(
        tokens
            .windows(2)
            .all(|w| w[1] - w[0] >= 80.0 && w[1] - w[0] < 100.0),
        "{tokens:?}"
    );
    world.run_until(8_000.0);
    let look_ups = world
        .starts
        .iter()
        .filter(|(_, c)| matches!(c, Call::LookUp(_)))
        .count();
    assert_eq!(look_ups, 6, "each of the two hosts again every hour");
}

#[test]
fn a_failing_request_is_tried_again_while_the_others_go_on() {
    let answer = |at, call| match call {
        Call::Request { index: 1, .. } if at < 10.0 => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let mut world = World::new(settings(vec![collector(60, 60)]), vec![3], answer);
    world.run_until(59.0);
    let times: Vec<_> = world.starts.iter().map(|(at, _)| *at).collect();
    assert_eq!(times[..3], [0.0, 0.25, 0.5]);
    assert!(
        (times[3] - 5.35).abs() < 1e-6 && (times[4] - 15.45).abs() < 1e-6,
        "{times:?}"
    );
    assert_eq!(world.ends.len(), 1);
    assert!(world.ends[0].2.is_success() && world.ends[0].2.succeeded == 3);
}

#[test]
fn a_poll_that_failed_whole_waits_2_4_8_8_minutes_and_the_other_collector_goes_on() {
    let answer = |_, call| match call {
        Call::Request { collector: 0, .. } => (0.1, DOWN),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        settings(vec![collector(30, 30), collector(30, 20)]),
        vec![1, 1],
        answer,
    );
    world.run_until(3_000.0);
    let ends: Vec<_> = world.ends.iter().filter(|e| e.1 == 0).collect();
    let waits: Vec<_> = ends
        .iter()
        .map(|e| e.2.backoff.unwrap().as_secs() / 60)
        .collect();
    assert_eq!(waits[..4], [2, 4, 8, 8]);
    let starts = world.starts_of(0);
    for (poll, end) in ends.iter().enumerate().take(4) {
        // Four tries in the first poll, and one in each that follows.
        let next = starts[poll + 4];
        assert!((next - end.0 - end.2.backoff.unwrap().as_secs_f64()).abs() < 0.3);
    }
    let other = world.starts_of(1);
    assert!(
        other
            .windows(2)
            .skip(1)
            .all(|w| (w[1] - w[0] - 30.0).abs() < 0.3),
        "{other:?}"
    );
    assert!(world.skipped > 50);
}

#[test]
fn a_429_silences_the_whole_account_and_doubles_the_spacing() {
    let mut refused = false;
    let answer = move |at: f64, _| {
        if at > 0.2 && !std::mem::replace(&mut refused, true) {
            return (
                0.1,
                Outcome::Throttled {
                    retry_after: Some(Duration::from_secs(7)),
                },
            );
        }
        (0.1, OK)
    };
    let mut world = World::new(
        settings(vec![collector(60, 60), collector(60, 50)]),
        vec![3, 3],
        answer,
    );
    world.run_until(40.0);
    let times: Vec<_> = world.starts.iter().map(|(at, _)| *at).collect();
    assert_eq!(times[..2], [0.0, 0.25]);
    assert!((times[2] - 7.35).abs() < 1e-6, "{times:?}");
    assert!(times[3] - times[2] >= 0.4, "{times:?}");
    assert_eq!(times.len(), 7, "the refused request is asked again, once");
    assert!(world.ends.iter().all(|e| e.2.is_success()));
}

#[test]
fn a_401_fetches_one_fresh_token_and_tries_once_more() {
    let mut tokens = 0;
    let answer = move |_, call| match call {
        Call::Authorise => {
            tokens += 1;
            (0.1, OK)
        }
        Call::Request { .. } if tokens < 2 => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30)])),
        vec![2],
        answer,
    );
    world.run_until(29.0);
    let calls: Vec<_> = world.starts.iter().skip(2).map(|(_, call)| *call).collect();
    let request = |index| Call::Request {
        collector: 0,
        index,
    };
    assert_eq!(
        calls,
        [
            Call::Authorise,
            request(0),
            Call::Authorise,
            request(1),
            request(0),
        ]
    );
    assert!(world.ends[0].2.is_success());
}

#[test]
fn a_lasting_401_is_tried_like_a_failure_with_one_fresh_token_a_poll() {
    let answer = |_, call| match call {
        Call::Request { .. } => (0.1, Outcome::Unauthorised),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30)])),
        vec![2],
        answer,
    );
    world.run_until(100.0);
    let tokens = world
        .starts
        .iter()
        .filter(|(_, c)| *c == Call::Authorise)
        .count();
    assert_eq!(tokens, 2);
    // Each: the first try, then after 5, 10 and 15 s. One of them had one more with a fresh token,
    // which the other one had from the start.
    assert_eq!(world.starts_of(0).len(), 9);
    assert_eq!(world.ends[0].2.backoff, Some(Duration::from_secs(120)));
}

#[test]
fn a_rejected_request_is_not_tried_again_in_this_poll() {
    let answer = |_, call| match call {
        Call::Request { index: 0, .. } => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![2], answer);
    world.run_until(61.0);
    assert_eq!(world.ends.len(), 2);
    assert!(
        world
            .ends
            .iter()
            .all(|e| e.2.succeeded == 1 && e.2.given_up == 1)
    );
    assert!(world.ends.iter().all(|e| e.2.backoff.is_none()));
}

#[test]
fn a_refused_token_ends_the_poll_and_backs_off() {
    let answer = |_, call| match call {
        Call::Authorise => (0.1, Outcome::Rejected),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        with_token(settings(vec![collector(30, 30)])),
        vec![3],
        answer,
    );
    world.run_until(110.0);
    assert_eq!(world.starts_of(0).len(), 0);
    assert_eq!(world.starts.len(), 3);
    assert_eq!(world.ends[0].2.given_up, 3);
}

#[test]
fn polls_slower_than_the_interval_follow_each_other_and_are_counted() {
    let mut world = World::new(settings(vec![collector(10, 10)]), vec![1], |_, _| {
        (25.0, OK)
    });
    world.run_until(121.0);
    let starts = world.starts_of(0);
    // As soon as the one before is through; what was due meanwhile is counted.
    assert_eq!(starts, [0.0, 25.0, 50.0, 75.0, 100.0]);
    assert_eq!(world.skipped, 10);
    assert!(world.ends.iter().all(|e| (e.2.stretch - 2.5).abs() < 1e-9));
}

#[test]
fn a_slow_collector_with_many_requests_does_not_starve_another() {
    let answer = |_, call| match call {
        Call::Request { collector: 0, .. } => (15.0, DOWN),
        _ => (0.1, OK),
    };
    let mut world = World::new(
        settings(vec![collector(60, 60), collector(30, 30)]),
        vec![50, 1],
        answer,
    );
    world.run_until(1_000.0);
    let other = world.starts_of(1);
    assert!(
        other.windows(2).all(|w| w[1] - w[0] <= 30.0 + 15.5),
        "{other:?}"
    );
}

#[test]
fn the_period_does_not_drift_over_a_week() {
    let week = 7.0 * 86_400.0;
    let mut world = World::new(settings(vec![collector(60, 40)]), vec![7], |at, _| {
        (0.05 + at % 0.9, OK)
    });
    world.run_until(week);
    let starts = world.starts_of(0);
    // Poll n of the grid, n from 1, begins 60 n - 20 s after the start, at the end of the week too.
    for (n, poll) in starts.chunks(7).enumerate().skip(1) {
        #[expect(clippy::cast_precision_loss, reason = "a week has few minutes")]
        let due = 60.0 * n as f64 - 20.0;
        assert!(
            (poll[0] - due).abs() < 1e-6,
            "poll {n} began at {} instead of {due}",
            poll[0]
        );
    }
    assert_eq!(starts.len().div_ceil(7), 10_081);
    assert_eq!(world.skipped, 0);
}

#[test]
fn the_wait_that_is_shown_ends_when_it_ends() {
    let mut world = World::new(settings(vec![collector(30, 30)]), vec![1], |_, _| {
        (0.1, DOWN)
    });
    world.run_until(1.0);
    let until = world
        .scheduler
        .backoff_until(world.now - Duration::from_millis(1))
        .unwrap();
    assert!(((until - world.start).as_secs_f64() - 5.1).abs() < 1e-3);
    world.run_until(40.0);
    let until = world.scheduler.backoff_until(world.now).unwrap();
    let left = (until - world.now).as_secs_f64();
    assert!(left > 90.0 && left <= 120.0, "{left}");
}

#[test]
fn a_plan_that_cannot_be_met_uses_all_calls_and_its_stretch_is_measured() {
    // 60 requests need 15 s at 250 ms; the interval is 10 s.
    let mut world = World::new(settings(vec![collector(10, 10)]), vec![60], |_, _| {
        (0.1, OK)
    });
    world.run_until(1_000.0);
    let begins: Vec<_> = world.starts_of(0).chunks(60).map(|poll| poll[0]).collect();
    let periods = begins.windows(2).skip(1).map(|w| w[1] - w[0]);
    for period in periods {
        assert!((period - 15.0).abs() < 0.2, "{period}");
    }
    for (_, _, summary) in &world.ends {
        assert!((summary.stretch - 1.5).abs() < 0.02, "{summary:?}");
    }
    // Nothing is closer than before, and hardly a call is left out.
    assert!(world.starts.len() > 3_900, "{}", world.starts.len());
    // A poll was due every 10 s, and none of them began on time.
    assert!((98..=100).contains(&world.skipped), "{}", world.skipped);
}

#[test]
fn the_plan_of_a_small_collector_is_met_beside_one_that_wants_too_much() {
    let mut world = World::new(
        settings(vec![collector(10, 10), collector(10, 7)]),
        vec![100, 4],
        |_, _| (0.1, OK),
    );
    world.run_until(500.0);
    let stretches = |collector| world.ends.iter().filter(move |e| e.1 == collector);
    assert!(stretches(1).all(|e| (e.2.stretch - 1.0).abs() < 1e-9));
    assert!(stretches(0).skip(1).all(|e| e.2.stretch > 2.5));
    let polls = world.starts_of(1).len() / 4;
    assert!((48..=51).contains(&polls), "{polls}");
}
