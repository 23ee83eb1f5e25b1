//! One account of a world: the real machine and the real status, its LivePerson, and its model.

use std::time::{Duration, Instant};

use fastrand::Rng;
use liveperson_exporter::daemon::AccountStatus;
use liveperson_exporter::poll::plan::CollectorKind;
use liveperson_exporter::poll::{
    AccountMachine, Call, Event, Finished, Heir, Heirs, Next, Outcome, Plans, Step,
};

use super::clocks::Clocks;
use super::drawn::Drawn;
use super::liveperson::LivePerson;
use super::model::Model;
use super::rules;
use super::story::Story;

/// A call under way.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    started: Instant,
    ends: Instant,
    call: Call,
    finished: Finished,
}

/// One account.
pub(crate) struct Account {
    number: usize,
    pub(crate) drawn: Drawn,
    machine: AccountMachine,
    status: AccountStatus,
    pub(crate) liveperson: LivePerson,
    pub(crate) model: Model,
    under_way: Vec<UnderWay>,
    wake: Option<Instant>,
}

/// Gives the plans and notes which polls began.
struct Begins<'a> {
    plans: &'a [usize],
    begun: Vec<usize>,
}

impl Plans for Begins<'_> {
    fn begin_poll(&mut self, collector: usize) -> usize {
        self.begun.push(collector);
        self.plans[collector]
    }
}

fn status(drawn: &Drawn) -> AccountStatus {
    // The third of three shares a label; what is shown is looked up by place.
    let kinds: Vec<_> = CollectorKind::ALL
        .into_iter()
        .cycle()
        .take(drawn.plans.len())
        .collect();
    AccountStatus::new("1", &kinds, drawn.stale_after)
}

impl Account {
    pub(crate) fn new(number: usize, drawn: Drawn, clocks: &Clocks) -> Self {
        Self {
            number,
            machine: AccountMachine::new(drawn.settings.clone(), clocks.now),
            status: status(&drawn),
            liveperson: LivePerson::default(),
            model: Model::new(&drawn, clocks.now),
            under_way: Vec::new(),
            wake: Some(clocks.now),
            drawn,
        }
    }

    /// When something happens next.
    pub(crate) fn next(&self) -> Instant {
        let ends = self.under_way.iter().map(|u| u.ends);
        ends.chain(self.wake).min().expect("the poller fell asleep")
    }

    /// Lets happen what is due. `exact`: the driver was not late. Returns how many events it was.
    pub(crate) fn turn(
        &mut self,
        clocks: &Clocks,
        story: &Story,
        rng: &mut Rng,
        exact: bool,
    ) -> u64 {
        let now = clocks.now;
        let mut events = 1;
        while let Some(place) = self.under_way.iter().position(|u| u.ends <= now) {
            let ended = self.under_way.swap_remove(place);
            self.finish(ended, clocks);
            // As in the daemon: one answer, then whatever may start.
            self.start_what_may(clocks, story, rng, exact);
            events += 1;
        }
        self.start_what_may(clocks, story, rng, exact);
        rules::hold(&self.model, &self.drawn, &self.machine, &self.status, now);
        let between = now + (self.next() - now).mul_f64(rng.f64());
        rules::shows_the_truth(&self.model, &self.drawn, &self.status, between);
        events
    }

    fn start_what_may(&mut self, clocks: &Clocks, story: &Story, rng: &mut Rng, exact: bool) {
        let now = clocks.now;
        let sizes: Vec<_> = self.drawn.plans.iter().map(|plan| plan.fixed).collect();
        loop {
            let mut begins = Begins {
                plans: &sizes,
                begun: Vec::new(),
            };
            let step = self.machine.step(now, &mut begins);
            for collector in begins.begun {
                self.model.collectors[collector].begins(now, exact);
            }
            match step {
                Step::Start(call) => {
                    clocks.trace(self.number, || format!("{call:?} starts"));
                    let spacing = self.machine.spacing();
                    rules::may_start(&mut self.model, &self.drawn, call, now, spacing);
                    let (latency, finished) =
                        self.liveperson
                            .answer(call, &self.drawn, story, clocks, rng);
                    self.under_way.push(UnderWay {
                        started: now,
                        ends: now + latency,
                        call,
                        finished,
                    });
                }
                Step::Wait(until) => {
                    assert!(until.is_none_or(|at| at > now), "the poller spins");
                    self.wake = until;
                    break;
                }
            }
        }
        self.hear(clocks, None);
        self.polls_that_wait_for_their_turn(now);
    }

    fn finish(&mut self, ended: UnderWay, clocks: &Clocks) {
        let UnderWay {
            call,
            finished,
            started,
            ..
        } = ended;
        let before_429 = self.model.refused_at.is_some_and(|at| started < at);
        if matches!(finished.outcome, Outcome::Throttled { .. }) && !before_429 {
            self.model.refused_at = Some(clocks.now);
        }
        let now = clocks.now;
        clocks.trace(self.number, || {
            format!("{call:?} ended: {:?}", finished.outcome)
        });
        let before = self.machine.spacing();
        self.model.in_flight.retain(|c| *c != call);
        if let Call::Request { collector, index } = call {
            self.model.collectors[collector].ended(now, index, finished.outcome, finished.more);
        }
        self.machine.finished(now, call, finished);
        let after = self.machine.spacing();
        let widest = self.drawn.settings.min_spacing * 64;
        match finished.outcome {
            Outcome::Throttled { .. } => assert!(
                after == before
                    || after == widest
                    || after.abs_diff(before * 2) < Duration::from_micros(1),
                "{before:?} became {after:?} by a 429"
            ),
            Outcome::Success { .. } if before_429 => {
                assert_eq!(after, before, "a call from before a 429 eased the spacing");
            }
            Outcome::Success { .. } => assert!(
                after <= before && after >= before.mul_f64(0.8),
                "{before:?} became {after:?} by a success"
            ),
            _ => assert_eq!(after, before, "the spacing learns from 429s alone"),
        }
        self.hear(clocks, Some(finished.outcome));
    }

    fn hear(&mut self, clocks: &Clocks, outcome: Option<Outcome>) {
        let now = clocks.now;
        for event in self.machine.take_events() {
            clocks.trace(self.number, || format!("    {event:?}"));
            match &event {
                Event::PollEnded { collector, summary } => {
                    self.model.collectors[*collector].poll_ended(now, summary);
                }
                Event::PollsSkipped { collector, count } => {
                    self.model.collectors[*collector].polls_skipped(now, *count);
                }
                Event::CallFailed { call, next } => self.call_failed(now, *call, *next),
                Event::SessionReady { call } => self.model.session_waits.retain(|(c, _)| c != call),
                Event::Paused { wait, .. } => {
                    let Some(Outcome::Throttled { retry_after }) = outcome else {
                        panic!("a pause without a 429");
                    };
                    self.model.throttled(now, retry_after, *wait);
                }
                Event::Stretched { .. } => {}
            }
            self.status.notice(&event, now, clocks.wall());
        }
        self.status.waiting(self.machine.waiting_until(now));
    }

    fn call_failed(&mut self, now: Instant, call: Call, next: Next) {
        if matches!(call, Call::Request { .. }) {
            return;
        }
        self.model.session_waits.retain(|(c, _)| *c != call);
        match next {
            Next::Again(wait) => self.model.session_waits.push((call, now + wait)),
            // All collectors of a world need all hosts and the token.
            _ => self.model.collectors.iter_mut().for_each(|c| c.give_up()),
        }
    }

    /// A poll that is due while the last one runs and that was not skipped begins when that is
    /// through; but only when there are not calls enough for all plans.
    fn polls_that_wait_for_their_turn(&mut self, now: Instant) {
        let spacing = self.machine.spacing().as_secs_f64();
        let wanted =
            |c: &super::model::CollectorModel| c.answered.len() as f64 / c.interval.as_secs_f64();
        let load = self.model.collectors.iter().map(wanted).sum::<f64>() * spacing;
        for collector in &mut self.model.collectors {
            let due = collector.next_due <= now;
            if due && collector.poll.is_some() && !collector.overdue {
                assert!(
                    load > 0.9,
                    "a poll was due and neither began nor was skipped"
                );
                collector.overdue = true;
            }
        }
    }

    /// The machine was suspended: connections are gone.
    pub(crate) fn lose_connections(&mut self, clocks: &Clocks) {
        for under_way in &mut self.under_way {
            under_way.ends = clocks.now;
            under_way.finished = Outcome::Failed { connection: true }.into();
        }
    }

    /// Its configuration changes; `same`: but not what its collectors ask.
    pub(crate) fn reload(&mut self, clocks: &Clocks, same: bool, rng: &mut Rng) {
        let now = clocks.now;
        self.under_way.clear();
        self.model.in_flight.clear();
        self.drawn.settings.seed = rng.u64(..);
        let mut machine = AccountMachine::new(self.drawn.settings.clone(), now);
        let heir = |index| {
            Some(Heir {
                index,
                unchanged: same,
            })
        };
        let heirs = Heirs {
            collectors: (0..self.drawn.plans.len()).map(heir).collect(),
            services: (0..self.drawn.settings.session.services)
                .map(Some)
                .collect(),
        };
        machine.inherit(&self.machine, now, &heirs);
        self.machine = machine;
        let new = status(&self.drawn);
        new.inherit(&self.status);
        // Of three collectors two would have the same name, by which they are inherited.
        if self.drawn.plans.len() <= 2 {
            self.status = new;
        }
        for collector in &mut self.model.collectors {
            let hold = collector.waits().filter(|at| *at > now).max();
            collector.hold = hold.max(collector.hold);
            let lost = collector.poll.take().is_some();
            collector.overdue = false;
            if collector.resume_at.is_none() && (!same || lost) {
                collector.next_due = hold.unwrap_or(now);
                collector.begun &= same;
            }
        }
        self.wake = Some(now);
    }

    /// Whether every request of every plan had a right answer since `since`.
    pub(crate) fn recovered(&self, since: Instant) -> bool {
        let mut answered = self.model.collectors.iter().flat_map(|c| &c.answered);
        answered.all(|at| at.is_some_and(|at| at > since))
    }

    pub(crate) fn recovery_bound(&self) -> Duration {
        self.drawn.recovery_bound()
    }
}
