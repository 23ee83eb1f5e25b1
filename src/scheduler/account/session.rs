//! Hosts and token of an account: which of them a request needs first, and what follows from how
//! the calls for them end.

use std::time::{Duration, Instant};

use super::AccountScheduler;
use crate::scheduler::collector::Collector;
use crate::scheduler::refreshable::Attempt;
use crate::scheduler::{Call, Event, NextAction, Outcome};

/// Hosts are looked up again this long after the last look-up; LivePerson moves accounts.
const HOST_REFRESH: Duration = Duration::from_secs(3600);

/// A token is renewed after this share of its life.
const RENEW_AT: f64 = 0.8;

/// A fresh token is used at least this long, whatever is said of its life: a clock that is wrong by
/// hours, or a life told wrongly, must not make every request ask for a token first.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// No sum of times overflows with a life of this length.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 86_400);

/// When a token with this life is renewed.
fn renewal(life: Duration) -> Duration {
    life.mul_f64(RENEW_AT).max(SHORTEST_LIFE)
}

impl AccountScheduler {
    /// The call that must be made before a request of this collector, if any; or, when that call
    /// cannot be made now, when it can (`None`: when the one under way ends).
    pub(super) fn prerequisite(
        &self,
        collector: usize,
        now: Instant,
    ) -> Result<Option<Call>, Option<Instant>> {
        let look_up = |service: Option<usize>| {
            service.and_then(|i| Some((Call::LookUp(i), self.services.get(i)?)))
        };
        let own_host = look_up(self.collectors[collector].service());
        let session = [
            look_up(self.settings.session.token_service),
            self.token.as_ref().map(|token| (Call::Authorise, token)),
        ];
        if self.collectors[collector].is_background() {
            // Tokens are the others' business, or their waits after a refusal would mean nothing.
            let mut session = session.iter().flatten();
            if session.any(|(_, prerequisite)| !prerequisite.serves(now)) {
                return Err(None);
            }
        }
        let foreground = !self.collectors[collector].is_background();
        let session = session.into_iter().flatten().filter(|_| foreground);
        for (call, prerequisite) in own_host.into_iter().chain(session) {
            if prerequisite.due(now) {
                return Ok(Some(call));
            }
            if !prerequisite.serves(now) {
                let under_way = prerequisite.in_flight();
                return Err(if under_way {
                    None
                } else {
                    prerequisite.earliest()
                });
            }
        }
        Ok(None)
    }

    pub(super) fn looked_up(&mut self, now: Instant, service: usize, outcome: Outcome) {
        let attempt = self.services[service].finished(now, outcome, (Some(HOST_REFRESH), None));
        if attempt == Attempt::GivenUp {
            let for_token = self.settings.session.token_service == Some(service);
            for collector in &mut self.collectors {
                let own = collector.service() == Some(service);
                if own && collector.is_background() {
                    collector.give_up_without_host(outcome != Outcome::Rejected);
                } else if own || (for_token && !collector.is_background()) {
                    collector.give_up_pending();
                }
            }
        }
        self.report_attempt(Call::LookUp(service), attempt);
    }

    pub(super) fn authorised(&mut self, now: Instant, outcome: Outcome) {
        let Some(token) = &mut self.token else { return };
        let life = match outcome {
            Outcome::Success { lifetime } => {
                lifetime.map(|life| life.clamp(SHORTEST_LIFE, LONGEST_LIFE))
            }
            _ => None,
        };
        let attempt = token.finished(now, outcome, (life.map(renewal), life));
        match attempt {
            Attempt::Got => self.token_generation += 1,
            // The background goes on waiting for the token of a later poll.
            Attempt::GivenUp => self
                .collectors
                .iter_mut()
                .filter(|c| !c.is_background())
                .for_each(Collector::give_up_pending),
            Attempt::Again(_) | Attempt::Throttled => {}
        }
        self.report_attempt(Call::Authorise, attempt);
    }

    fn report_attempt(&mut self, call: Call, attempt: Attempt) {
        let event = match attempt {
            Attempt::Got => Event::SessionReady { call },
            // The pause is told of by itself.
            Attempt::Throttled => return,
            Attempt::Again(wait) => Event::CallFailed {
                call,
                next: NextAction::RetryAfter(wait),
            },
            Attempt::GivenUp => Event::CallFailed {
                call,
                next: NextAction::GiveUp,
            },
        };
        self.events.push(event);
    }
}
