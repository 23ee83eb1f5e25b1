//! What a person and the metrics are told of the calls: counters, states, and log lines by the
//! rules of `trouble`.

use std::time::{Duration, Instant};

use super::{AccountWorker, Failure};
use crate::daemon::clock::aged;
use crate::daemon::trouble::{Say, Subject};
use crate::liveperson::ServerTime;
use crate::scheduler::{Call, NextAction, PollSummary};

/// How far the clocks may differ without a word.
const TOLERATED_OFFSET: Duration = Duration::from_secs(60);

impl AccountWorker {
    pub(super) fn call_failed(&self, call: Call, next: NextAction, now: Instant) {
        let mut inner = self.lock();
        let Some(failure) = inner.failures.remove(&call) else {
            return;
        };
        let subject = self.subject(call);
        let say = inner.troubles.failed(subject, now);
        drop(inner);
        let text = format!("asked for {}: {}", failure.asked, failure.error);
        if subject == Subject::Names {
            return self.tell_names_failure(&failure, say, &text);
        }
        match call {
            Call::Request { task, .. } => self.status.failed(task.index(), &text),
            // Whoever waits for it fails with it.
            _ => (0..self.collectors.len())
                .for_each(|collector| self.status.failed(collector, &text)),
        }
        self.tell_failure(subject, &failure, say, &text, next);
    }

    pub(super) fn subject(&self, call: Call) -> Subject {
        match call {
            _ if self.is_for_names(call) => Subject::Names,
            Call::Request { task, .. } => Subject::Collector(self.collectors[task.index()].label),
            Call::LookUp(service) => Subject::Host(self.services[service.index()]),
            Call::Authorise => Subject::Token,
        }
    }

    fn tell_failure(
        &self,
        subject: Subject,
        failure: &Failure,
        say: Say,
        error: &str,
        next: NextAction,
    ) {
        let (account, collector) = (self.id(), subject.collector());
        let (api, status) = (failure.api.label(), failure.code.as_str());
        // In seconds; a field that is not there when there is nothing to wait for.
        let (next, wait) = match next {
            NextAction::RetryAfter(wait) => ("the same again after the wait", Some(seconds(wait))),
            NextAction::RetryWithNewToken => ("the same again with a fresh token", None),
            NextAction::GiveUp => ("given up until the next poll", None),
            NextAction::BackOff(wait) => (
                "nothing succeeded; next poll after the wait",
                Some(seconds(wait)),
            ),
        };
        match say {
            Say::Begins => {
                let advice = self.advice(subject, failure);
                tracing::warn!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    error,
                    next,
                    advice,
                    "calls fail"
                );
            }
            Say::Lasts(failures, time) => tracing::warn!(
                account,
                collector,
                api,
                status,
                wait,
                failures,
                minutes = time.as_secs() / 60,
                error,
                next,
                "calls still fail"
            ),
            Say::Nothing => {
                tracing::debug!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    error,
                    next,
                    "call failed"
                );
            }
        }
    }

    pub(super) fn paused(&self, call: Call, wait: Duration, spacing: Duration, now: Instant) {
        let mut inner = self.lock();
        // It stays there: the request may be given up because of it.
        let failure = inner.failures.get(&call).cloned();
        inner.throttled = Some(now);
        let say = inner.troubles.failed(Subject::Throttling, now);
        drop(inner);
        if let Some(failure) = &failure {
            // Every collector of the account pauses.
            let text = format!("asked for {}: {}", failure.asked, failure.error);
            (0..self.collectors.len()).for_each(|collector| self.status.failed(collector, &text));
        }
        let (account, collector, status) = (self.id(), self.subject(call).collector(), 429);
        let api = failure.map(|failure| failure.api.label());
        let (wait, spacing) = (seconds(wait), seconds(spacing));
        match say {
            Say::Begins => tracing::warn!(
                account,
                collector,
                api,
                status,
                wait,
                spacing,
                "LivePerson throttles; the account pauses and calls less often afterwards"
            ),
            Say::Lasts(failures, time) => {
                let minutes = time.as_secs() / 60;
                tracing::warn!(
                    account,
                    collector,
                    api,
                    status,
                    wait,
                    spacing,
                    failures,
                    minutes,
                    "still throttled"
                );
            }
            Say::Nothing => {
                tracing::debug!(account, collector, api, status, wait, spacing, "throttled");
            }
        }
    }

    pub(super) fn recovered(&self, subject: Subject, now: Instant, what: &str) {
        let recovered = self.lock().troubles.recovered(subject, now);
        if let Some((failures, time)) = recovered {
            let (account, collector, after) = (self.id(), subject.collector(), seconds(time));
            tracing::info!(account, collector, failures, after, "{what}");
        }
    }

    pub(super) fn poll_ended(&self, collector: usize, summary: PollSummary, now: Instant) {
        let whole = summary.is_success();
        let aged = aged(now, &*self.clock);
        self.lock().publisher.poll_ended(collector, aged);
        let (account, kind) = (self.id(), self.collectors[collector].label);
        let seconds = seconds(summary.duration);
        let (succeeded, given_up) = (summary.succeeded, summary.given_up);
        let first = self.status.collectors()[collector].last_success.is_none();
        if whole && first {
            tracing::info!(account, collector = kind, succeeded, seconds, "first data");
        } else {
            // What failed was told call by call; see `trouble` for how often.
            let wait = summary.backoff.map(self::seconds);
            tracing::debug!(
                account,
                collector = kind,
                succeeded,
                given_up,
                seconds,
                wait,
                "poll ended"
            );
        }
        let began = now.checked_sub(summary.duration);
        if whole {
            let kind = self.collectors[collector].label;
            self.recovered(Subject::Collector(kind), now, "calls succeed again");
        }
        // A poll without any 429 from its beginning to its end: single successes between 429s are
        // no end of the throttling.
        if succeeded > 0 && began >= self.lock().throttled {
            self.recovered(Subject::Throttling, now, "no longer throttled");
        }
    }
}

impl AccountWorker {
    /// Takes note of LivePerson's clock, which says what `today` is, and reports one that differs.
    pub(super) fn server_time(&self, read: ServerTime) {
        let now = tokio::time::Instant::now();
        let ours = self.clock.now();
        let since = now.saturating_duration_since(read.at);
        let ours_then = ours.checked_sub(since).unwrap_or(ours);
        let at = aged(read.at.into_std(), &*self.clock);
        let now = now.into_std();
        let mut inner = self.lock();
        inner.server_clock.read(read.time, at, ours_then);
        let Some(offset) = inner.server_clock.offset(at, ours_then) else {
            return;
        };
        self.status.clock_offset(offset);
        if offset.unsigned_abs() <= TOLERATED_OFFSET {
            drop(inner);
            return self.recovered(Subject::Clock, now, "the clocks agree again");
        }
        let decision = inner.troubles.failed(Subject::Clock, now);
        drop(inner);
        if decision != Say::Nothing {
            tracing::warn!(
                account = self.id(),
                offset = seconds(offset.unsigned_abs()),
                ours_is = if offset.is_negative() {
                    "ahead"
                } else {
                    "behind"
                },
                "this machine's clock differs from LivePerson's; synchronise it (NTP), or time \
                 stamps and the life of tokens are wrong by as much"
            );
        }
    }
}

/// Seconds as they are logged: no finer than milliseconds.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
