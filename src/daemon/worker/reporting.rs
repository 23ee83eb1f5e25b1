//! What logs, counters and the status page say of calls and polls; `log_throttle` decides what is
//! worth a line.

use std::time::{Duration, Instant};

use super::{AccountWorker, Failure};
use crate::collectors::About;
use crate::daemon::clock::aged;
use crate::daemon::log_throttle::{LogDecision, Subject};
use crate::daemon::status::CollectorError;
use crate::liveperson::ServerTime;
use crate::scheduler::{Call, NextAction, PollSummary, TaskId};

/// How far the clocks may differ without a line.
const MAX_CLOCK_OFFSET: Duration = Duration::from_secs(60);

impl AccountWorker {
    pub(super) fn call_failed(
        &self,
        call: Call,
        failure: &Failure,
        next: NextAction,
        now: Instant,
    ) {
        let subject = self.subject(call);
        let decision = self.incidents.lock().failed(subject, now);
        self.show_failure(subject, failure);
        if subject == Subject::Names {
            return self.report_names_failure(failure, decision);
        }
        self.report_failure(subject, failure, decision, next);
    }

    /// Shows a failure where it belongs.
    fn show_failure(&self, subject: Subject, failure: &Failure) {
        let error = self.error(subject, failure);
        match subject {
            Subject::Names => self.status.names_failed(&error),
            Subject::Collector(label) => self.status.failed(label, &error),
            // Every collector waits for it.
            _ => self.status.all_failed(&error),
        }
    }

    /// What the status shows of a failure.
    fn error(&self, subject: Subject, failure: &Failure) -> CollectorError {
        CollectorError {
            message: failure.message(),
            advice: self.advice(subject, failure),
            since: self.clock.now(),
        }
    }

    fn report_failure(
        &self,
        subject: Subject,
        failure: &Failure,
        decision: LogDecision,
        next: NextAction,
    ) {
        let collector = subject.collector();
        let (api, status) = (failure.api.label(), failure.code.as_str());
        let error = failure.message();
        let (next, wait) = describe_next(next);
        match decision {
            LogDecision::Begins => {
                let advice = self.advice(subject, failure);
                tracing::warn!(
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
            LogDecision::Lasts(failures, time) => tracing::warn!(
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
            LogDecision::Nothing => {
                tracing::debug!(collector, api, status, wait, error, next, "call failed");
            }
        }
    }

    /// The account pauses after a 429. `failure`: the call that was refused.
    pub(super) fn paused(
        &self,
        call: Call,
        failure: Option<&Failure>,
        wait: Duration,
        spacing: Duration,
        now: Instant,
    ) {
        *self.last_throttled.lock() = Some(now);
        let decision = self.incidents.lock().failed(Subject::Throttling, now);
        if let Some(failure) = failure {
            // The pause is the account's, the refused call is not.
            self.show_failure(self.subject(call), failure);
        }
        let (collector, status) = (self.subject(call).collector(), 429);
        let api = failure.map(|failure| failure.api.label());
        let (wait, spacing) = (seconds(wait), seconds(spacing));
        match decision {
            LogDecision::Begins => tracing::warn!(
                collector,
                api,
                status,
                wait,
                spacing,
                "LivePerson throttles; the account pauses and calls less often afterwards"
            ),
            LogDecision::Lasts(failures, time) => tracing::warn!(
                collector,
                api,
                status,
                wait,
                spacing,
                failures,
                minutes = time.as_secs() / 60,
                "still throttled"
            ),
            LogDecision::Nothing => {
                tracing::debug!(collector, api, status, wait, spacing, "throttled");
            }
        }
    }

    pub(super) fn recovered(&self, subject: Subject, now: Instant, message: &str) {
        let recovered = self.incidents.lock().recovered(subject, now);
        if let Some((failures, time)) = recovered {
            let (collector, after) = (subject.collector(), seconds(time));
            tracing::info!(collector, failures, after, "{message}");
        }
    }

    pub(super) fn polls_skipped(&self, about: &About, count: u64) {
        self.counters.skipped(about.label, count);
        tracing::debug!(collector = about.label, count, "polls skipped");
    }

    pub(super) fn poll_ended(
        &self,
        task: TaskId,
        about: &'static About,
        summary: PollSummary,
        now: Instant,
    ) {
        let aged = aged(now, &*self.clock);
        self.publisher.lock().poll_ended(task, self.now());
        self.log_poll(about, &summary);
        if summary.is_success() {
            let subject = Subject::Collector(about.label);
            self.recovered(subject, now, "calls succeed again");
        }
        // Only a poll without any 429 from its start to its end: single successes between 429s do not
        // end the throttling.
        let started = now.checked_sub(summary.duration);
        if summary.succeeded > 0 && started >= *self.last_throttled.lock() {
            self.recovered(Subject::Throttling, now, "no longer throttled");
        }
        self.status
            .poll_ended(about.label, summary, now, aged, self.clock.now());
    }

    fn log_poll(&self, about: &About, summary: &PollSummary) {
        let (collector, succeeded) = (about.label, summary.succeeded);
        let seconds = seconds(summary.duration);
        if summary.is_success() && !self.status.has_succeeded(collector) {
            tracing::info!(collector, succeeded, seconds, "first data");
            return;
        }
        // What failed was reported call by call.
        tracing::debug!(
            collector,
            succeeded,
            given_up = summary.given_up,
            seconds,
            wait = summary.backoff.map(self::seconds),
            "poll ended"
        );
    }

    /// Records LivePerson's clock, which says what `today` is, and reports one that differs.
    pub(super) fn record_server_time(&self, read: ServerTime) {
        let now = tokio::time::Instant::now();
        let ours = self.clock.now();
        let since = now.saturating_duration_since(read.at);
        let ours_then = ours.checked_sub(since).unwrap_or(ours);
        let at = aged(read.at.into_std(), &*self.clock);
        let now = now.into_std();
        let offset = {
            let mut server_clock = self.server_clock.lock();
            server_clock.read(read.time, at, ours_then);
            server_clock.offset(at, ours_then)
        };
        let Some(offset) = offset else { return };
        self.status.set_clock_offset(offset);
        if offset.unsigned_abs() <= MAX_CLOCK_OFFSET {
            return self.recovered(Subject::Clock, now, "the clocks agree again");
        }
        let decision = self.incidents.lock().failed(Subject::Clock, now);
        if decision != LogDecision::Nothing {
            tracing::warn!(
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

/// What happens after a failure, and the seconds until then if there is a wait.
fn describe_next(next: NextAction) -> (&'static str, Option<f64>) {
    match next {
        NextAction::RetryAfter(wait) => ("the same again after the wait", Some(seconds(wait))),
        NextAction::RetryWithNewToken => ("the same again with a fresh token", None),
        NextAction::GiveUp => ("given up until the next poll", None),
        NextAction::BackOff(wait) => (
            "nothing succeeded; next poll after the wait",
            Some(seconds(wait)),
        ),
    }
}

/// Seconds as they are logged: no finer than milliseconds.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
