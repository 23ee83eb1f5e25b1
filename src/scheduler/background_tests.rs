//! The collector in the background, under virtual time: it comes last, and nothing that happens to
//! it is felt by the others.

use std::time::{Duration, Instant};

use super::*;

/// The index of the collector in the background; 0 is the one that matters.
const BACKGROUND: usize = 1;

struct Plan;

impl PlanSource for Plan {
    fn begin_poll(&mut self, collector: usize) -> Vec<RequestKey> {
        keys(if collector == BACKGROUND { 3 } else { 2 })
    }
}

/// What a run of so many seconds does when every call is answered by `answer` after 100 ms.
pub(super) struct Run {
    pub(super) starts: Vec<(f64, Call)>,
    pub(super) ends: Vec<(f64, usize, PollSummary)>,
    /// Times at which the account said that it waits.
    waited: Vec<f64>,
}

fn scheduler(start: Instant) -> AccountScheduler {
    let seconds = Duration::from_secs;
    let collector = |interval, service| CollectorSettings {
        interval: seconds(interval),
        phase: seconds(interval),
        service,
    };
    let settings = AccountSettings {
        max_in_flight: 1,
        min_spacing: Duration::from_millis(250),
        collectors: vec![collector(30, Some(0))],
        session: SessionSettings {
            services: 2,
            token: true,
            token_service: None,
            token_distance: Duration::ZERO,
        },
        seed: 1,
    };
    AccountScheduler::new(settings, start).with_background(collector(3600, Some(1)), start)
}

pub(super) fn run(seconds: f64, mut answer: impl FnMut(f64, Call) -> Outcome) -> Run {
    let start = Instant::now();
    let mut scheduler = scheduler(start);
    let mut run = Run {
        starts: Vec::new(),
        ends: Vec::new(),
        waited: Vec::new(),
    };
    let (mut now, mut under_way) = (start, None);
    loop {
        let at = (now - start).as_secs_f64();
        if at >= seconds {
            return run;
        }
        let wake = loop {
            match scheduler.step(now, &mut Plan) {
                Step::Start(call) => {
                    run.starts.push((at, call));
                    under_way = Some((now + Duration::from_millis(100), call, answer(at, call)));
                }
                Step::Wait(until) => break until,
            }
        };
        for event in scheduler.take_events() {
            if let Event::PollEnded { collector, summary } = event {
                run.ends.push((at, collector, summary));
            }
        }
        if scheduler.backoff_until(now).is_some() {
            run.waited.push(at);
        }
        match under_way {
            Some((done, call, outcome)) if wake.is_none_or(|wake| done <= wake) => {
                now = done;
                under_way = None;
                scheduler.complete_call(now, call, outcome.into());
            }
            _ => {
                let wake = wake.expect("the scheduler fell asleep");
                assert!(wake > now, "the scheduler spins");
                now = wake;
            }
        }
    }
}

impl Run {
    pub(super) fn starts_of(&self, collector: usize) -> Vec<f64> {
        let of =
            |call: &Call| matches!(call, Call::Request { collector: c, .. } if *c == collector);
        let starts = self.starts.iter().filter(|(_, call)| of(call));
        starts.map(|(at, _)| *at).collect()
    }

    pub(super) fn count(&self, wanted: Call) -> usize {
        self.starts
            .iter()
            .filter(|(_, call)| *call == wanted)
            .count()
    }
}

fn of_background(call: Call) -> bool {
    matches!(
        call,
        Call::Request {
            collector: BACKGROUND,
            ..
        } | Call::LookUp(1)
    )
}

#[test]
fn it_begins_after_the_first_polls_of_the_others_and_keeps_the_spacing() {
    let run = run(3700.0, |_, _| Outcome::SUCCESS);
    let first = run.ends.iter().find(|(_, c, _)| *c == 0).unwrap().0;
    let background = run.starts_of(BACKGROUND);
    assert!(
        background[0] > first && background[0] < first + 1.0,
        "{background:?}"
    );
    assert!(
        background[2] - background[0] < 1.0,
        "the first time quickly: {background:?}"
    );
    assert_eq!(
        background.len(),
        4,
        "and then every hour, spread: {background:?}"
    );
    let gaps = run.starts.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps.fold(f64::MAX, f64::min) > 0.249);
    assert_eq!(run.count(Call::LookUp(1)), 1);
}

#[test]
fn none_of_its_failures_changes_anything_for_the_others() {
    let good = run(1800.0, |_, _| Outcome::SUCCESS);
    for outcome in [
        Outcome::Rejected,
        Outcome::Unauthorised,
        Outcome::Failed { connection: false },
        Outcome::Failed { connection: true },
    ] {
        for look_up in [false, true] {
            let bad = run(1800.0, |_, call| match call {
                Call::LookUp(1) if look_up => outcome,
                call if of_background(call) && !look_up => match call {
                    Call::LookUp(_) => Outcome::SUCCESS,
                    _ => outcome,
                },
                _ => Outcome::SUCCESS,
            });
            assert_eq!(good.count(Call::Authorise), bad.count(Call::Authorise));
            assert_eq!(good.count(Call::LookUp(0)), bad.count(Call::LookUp(0)));
            assert!(bad.waited.is_empty(), "{outcome:?}: {:?}", bad.waited);
            let (good, bad) = (good.starts_of(0), bad.starts_of(0));
            assert_eq!(good.len(), bad.len());
            let delay = std::iter::zip(&good, &bad).map(|(good, bad)| (good - bad).abs());
            // A call that is under way, and the spacing after it, is all that one waits for.
            assert!(delay.fold(0.0, f64::max) < 0.3, "{outcome:?}");
        }
    }
}

#[test]
fn what_may_pass_is_tried_again_after_2_4_8_minutes_and_a_missing_permission_after_the_interval() {
    let tries = |outcome| {
        let run = run(3000.0, |_, call| match call {
            Call::Request {
                collector: BACKGROUND,
                ..
            } => outcome,
            _ => Outcome::SUCCESS,
        });
        run.starts_of(BACKGROUND)
    };
    let failed = tries(Outcome::Failed { connection: false });
    let gaps: Vec<f64> = failed
        .windows(2)
        .map(|p| ((p[1] - p[0]) / 60.0).round())
        .collect();
    assert_eq!(
        gaps,
        [2.0, 4.0, 8.0, 16.0],
        "one call each time: {failed:?}"
    );
    let refused = tries(Outcome::Rejected);
    assert_eq!(refused.len(), 3, "each list once: {refused:?}");
}

#[test]
fn a_host_that_may_be_had_soon_is_looked_up_again_after_2_4_8_minutes() {
    let waits = |outcome| -> Vec<Option<u64>> {
        let run = run(1900.0, |_, call| match call {
            Call::LookUp(1) => outcome,
            _ => Outcome::SUCCESS,
        });
        let ends = run.ends.iter().filter(|(_, c, _)| *c == BACKGROUND);
        let waits = ends.map(|(_, _, summary)| summary.backoff);
        waits.map(|wait| wait.map(|w| w.as_secs() / 60)).collect()
    };
    let failed = waits(Outcome::Failed { connection: false });
    assert_eq!(failed, [2, 4, 8, 16].map(Some));
    let refused = waits(Outcome::Rejected);
    assert_eq!(refused, [None], "not before the interval is over");
}

#[test]
fn it_fetches_no_token_and_waits_for_that_of_the_others() {
    let run = run(300.0, |at, call| match call {
        Call::Authorise if at < 100.0 => Outcome::Unauthorised,
        _ => Outcome::SUCCESS,
    });
    // Refused at once, and again after the back-off of the data: nothing in between.
    assert_eq!(run.count(Call::Authorise), 2, "{:?}", run.starts);
    let second = run
        .ends
        .iter()
        .filter(|(_, c, _)| *c == 0)
        .nth(1)
        .unwrap()
        .0;
    assert!((120.0..137.0).contains(&second), "{second}");
    let background = run.starts_of(BACKGROUND);
    assert_eq!(background.len(), 3);
    assert!(background[0] > 119.0, "{background:?}");
}

#[test]
fn a_429_of_its_own_silences_the_account_once_and_not_again_and_again() {
    let run = run(600.0, |_, call| match call {
        Call::Request {
            collector: BACKGROUND,
            ..
        } => Outcome::Throttled { retry_after: None },
        _ => Outcome::SUCCESS,
    });
    let background = run.starts_of(BACKGROUND);
    assert!(background.len() <= 3, "{background:?}");
    let after = run
        .starts
        .iter()
        .find(|(at, _)| *at > background[0])
        .unwrap()
        .0;
    assert!(after - background[0] >= 1.0);
    assert!(
        run.ends
            .iter()
            .filter(|(_, c, _)| *c == 0)
            .all(|(_, _, summary)| summary.is_success())
    );
}
