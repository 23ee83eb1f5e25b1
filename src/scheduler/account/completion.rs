//! What follows from how a call ended.

use std::time::{Duration, Instant};

use super::{AccountScheduler, InFlight};
use crate::scheduler::ids::TokenGeneration;
use crate::scheduler::refreshable::Attempt;
use crate::scheduler::{
    Call, Completion, Event, NextAction, Outcome, RequestIndex, ServiceId, TaskId,
};

impl AccountScheduler {
    /// Takes note of how a call ended at `now`.
    pub fn complete_call(&mut self, now: Instant, call: Call, completion: Completion) {
        let Some(position) = self.in_flight.iter().position(|f| f.call == call) else {
            return;
        };
        let flight = self.in_flight.swap_remove(position);
        let outcome = completion.outcome;
        let first_event = self.events.len();
        self.adapt_pace(now, flight, outcome);
        match call {
            Call::LookUp(service) => self.complete_look_up(now, service, outcome),
            Call::Authorise => self.complete_authorise(now, outcome),
            Call::Request { task, index, .. } => {
                let next = self.complete_request(now, task, index, outcome, flight.token);
                let failed = next.map(|next| Event::CallFailed { call, next });
                self.events.extend(failed);
                if let Some(task) = self.tasks.get_mut(task.index())
                    && !completion.added.is_empty()
                {
                    task.extend(now, completion.added);
                }
            }
        }
        for task in &mut self.tasks {
            task.end_if_done(now, &mut self.events);
        }
        report_backoff(&mut self.events[first_event..]);
    }

    /// What the end of a call means for pause, spacing and hosts, for calls of every purpose.
    fn adapt_pace(&mut self, now: Instant, flight: InFlight, outcome: Outcome) {
        match outcome {
            Outcome::Success { .. } => {
                let counts = self.pause.succeeded(flight.started);
                if counts {
                    self.spacing.succeeded();
                }
            }
            Outcome::Throttled { retry_after } => self.throttled(now, flight, retry_after),
            Outcome::Failed { connection: true } => self.mark_hosts_stale(now, flight.call),
            _ => {}
        }
    }

    fn throttled(&mut self, now: Instant, flight: InFlight, retry_after: Option<Duration>) {
        let shortest = self.session.shortest_pause(flight.call);
        let jitter = self.rng.f64();
        if self
            .pause
            .throttled(now, flight.started, retry_after, shortest, jitter)
        {
            self.spacing.throttled();
        }
        let until = self.pause.until(now);
        self.events.push(Event::Paused {
            call: flight.call,
            wait: until.map_or(Duration::ZERO, |until| until - now),
            spacing: self.spacing.current(),
        });
    }

    /// Without a connection the hosts may have moved: they are looked up again. A task that must
    /// cause no calls of others has only its own host looked up.
    fn mark_hosts_stale(&mut self, now: Instant, call: Call) {
        match call {
            Call::LookUp(service) if !self.is_counted(service) => {}
            Call::Request { task, .. } => match self.tasks.get(task.index()) {
                Some(task) if !task.policy().refreshes_session => {
                    if let Some(service) = task.service() {
                        self.session.mark_host_stale(service, now);
                    }
                }
                _ => self.session.mark_all_hosts_stale(now),
            },
            _ => self.session.mark_all_hosts_stale(now),
        }
    }

    /// What happens next to a request that failed; `None` when it succeeded, or when the pause of
    /// the account says all there is to say.
    fn complete_request(
        &mut self,
        now: Instant,
        task: TaskId,
        index: RequestIndex,
        outcome: Outcome,
        token: TokenGeneration,
    ) -> Option<NextAction> {
        let task = self.tasks.get_mut(task.index())?;
        let retries = task.policy().retries_requests;
        let poll = task.poll_mut()?;
        match outcome {
            Outcome::Success { .. } => {
                poll.succeeded(index);
                None
            }
            Outcome::Rejected => Some(poll.rejected(index)),
            Outcome::Throttled { .. } if !retries => {
                poll.give_up_for_now(index);
                None
            }
            Outcome::Throttled { .. } => poll.refused(index, now),
            // Data calls notice by themselves that a token has expired, and soon.
            _ if !retries => Some(poll.give_up_for_now(index)),
            Outcome::Failed { .. } => Some(poll.failed(index, now)),
            // A 401: one new token and one more attempt, then it is a failure like any other.
            Outcome::Unauthorised => {
                let known_to_fail = poll.is_known_to_fail(index);
                let retry = poll.may_retry_after_401(index)
                    && self.session.replace_token(token, known_to_fail, now);
                Some(if retry {
                    poll.retry_after_401(index, now)
                } else {
                    poll.failed(index, now)
                })
            }
        }
    }

    fn complete_look_up(&mut self, now: Instant, service: ServiceId, outcome: Outcome) {
        let Some(attempt) = self.session.complete_look_up(service, now, outcome) else {
            return;
        };
        if attempt == Attempt::GaveUp {
            let for_token = self.session.token_service() == Some(service);
            for task in &mut self.tasks {
                let refreshes = task.policy().refreshes_session;
                if (task.service() == Some(service) || (for_token && refreshes))
                    && let Some(poll) = task.poll_mut()
                {
                    poll.give_up_without_host(outcome != Outcome::Rejected);
                }
            }
        }
        self.report_attempt(Call::LookUp(service), attempt);
    }

    fn complete_authorise(&mut self, now: Instant, outcome: Outcome) {
        let Some(attempt) = self.session.complete_authorise(now, outcome) else {
            return;
        };
        if attempt == Attempt::GaveUp {
            for task in &mut self.tasks {
                // The others continue to wait for the token of a later poll.
                if task.policy().refreshes_session
                    && let Some(poll) = task.poll_mut()
                {
                    poll.give_up_pending();
                }
            }
        }
        self.report_attempt(Call::Authorise, attempt);
    }

    fn report_attempt(&mut self, call: Call, attempt: Attempt) {
        let event = match attempt {
            Attempt::Succeeded => Event::SessionReady { call },
            // The pause has a separate event.
            Attempt::Throttled => return,
            Attempt::RetryAfter(wait) => Event::CallFailed {
                call,
                next: NextAction::RetryAfter(wait),
            },
            Attempt::GaveUp => Event::CallFailed {
                call,
                next: NextAction::GiveUp,
            },
        };
        self.events.push(event);
    }
}

/// A failure that ended a poll in which nothing succeeded says how long the task waits now, so that
/// one log line has all of it.
fn report_backoff(events: &mut [Event]) {
    let waits = events.iter().filter_map(|event| match event {
        Event::PollEnded { summary, .. } => summary.backoff,
        _ => None,
    });
    let Some(wait) = waits.max() else { return };
    for event in events {
        if let Event::CallFailed { next, .. } = event
            && *next == NextAction::GiveUp
        {
            *next = NextAction::BackOff(wait);
        }
    }
}
