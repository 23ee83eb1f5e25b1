//! The state of each account and collector, for the exporter's own series, the status page and
//! readiness.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::clock::epoch_seconds;
use crate::metrics::exporter::{AccountState, CollectorState};
use crate::scheduler::{NextCalls, PollSummary};
use crate::store::{SeriesCount, Source};

/// The status of one account, written by its worker and read by scrapes.
#[derive(Debug)]
pub struct AccountStatus {
    account: String,
    /// The account's display name; a reload may change it.
    name: Mutex<Option<String>>,
    /// The end of the longest present wait after a 429 or a failure.
    wait_until: Mutex<Option<Instant>>,
    /// What comes next.
    next_calls: Mutex<NextCalls>,
    /// The outcome of the last contact with LivePerson's hosts.
    contact: Mutex<Contact>,
    /// LivePerson's clock less ours; `None` before the first answer with a date.
    clock_offset: Mutex<Option<SignedDuration>>,
    /// The look-up of names.
    names: Mutex<NamesStatus>,
    /// The collectors, in the order in which they are served.
    collectors: Mutex<Vec<CollectorStatus>>,
}

/// The outcome of the last contact with LivePerson's hosts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contact {
    /// Whether the last call was answered at all; `None` before the first ended.
    pub(super) answers: Option<bool>,
    /// When an answer last arrived, by the clock of ages and by the wall clock.
    pub(super) last_answer: Option<(Instant, Timestamp)>,
}

/// The look-up of names for ids.
#[derive(Clone, Debug, Default)]
pub(super) struct NamesStatus {
    /// Whether the configuration enables it.
    pub(super) looked_up: bool,
    /// Whether a look-up has succeeded whole.
    pub(super) succeeded: bool,
    /// The last failure since then.
    pub(super) error: Option<CollectorError>,
}

/// A failure of a collector's calls.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorError {
    /// What was asked and what came back, free of secrets.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// When the collector began to fail.
    pub since: Timestamp,
}

/// The status of one collector.
#[derive(Clone, Debug)]
pub struct CollectorStatus {
    /// The collector's label.
    pub collector: &'static str,
    /// The time from one of its polls to the next, as configured.
    pub interval: Option<Duration>,
    /// The last poll that ended.
    pub last_poll: Option<PollSummary>,
    /// When the last poll succeeded whole, by the clock of ages and by the wall clock.
    pub last_success: Option<(Instant, Timestamp)>,
    /// The last failure since then.
    pub error: Option<CollectorError>,
    /// The end of the back-off after a poll that failed whole.
    pub resumes_at: Option<Instant>,
}

/// Replaces the last failure; it is failing since the first.
fn replace_error(last: &mut Option<CollectorError>, error: &CollectorError) {
    let since = last.as_ref().map_or(error.since, |first| first.since);
    *last = Some(CollectorError {
        since,
        ..error.clone()
    });
}

impl CollectorStatus {
    /// The message of the last failure.
    pub fn error_message(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.message.as_str())
    }

    /// The time the last poll took over its interval, at least 1.
    pub fn stretch(&self) -> f64 {
        self.last_poll.as_ref().map_or(1.0, |poll| poll.stretch)
    }

    /// Whether the last poll succeeded whole, and not too long ago. `aged`: now, with the time that
    /// the machine slept.
    pub fn up(&self, aged: Instant, stale_after: Duration) -> bool {
        let whole = self.last_poll.as_ref().is_some_and(PollSummary::is_success);
        let fresh = |(at, _): (Instant, _)| aged.saturating_duration_since(at) < stale_after;
        whole && self.last_success.is_some_and(fresh)
    }
}

impl AccountStatus {
    /// The status of an account that has not been polled yet.
    pub fn new(account: &str, collectors: &[&'static str]) -> Self {
        let collectors = collectors.iter().map(|collector| CollectorStatus {
            collector,
            interval: None,
            last_poll: None,
            last_success: None,
            error: None,
            resumes_at: None,
        });
        Self {
            account: account.to_owned(),
            name: Mutex::new(None),
            wait_until: Mutex::new(None),
            next_calls: Mutex::default(),
            contact: Mutex::default(),
            clock_offset: Mutex::new(None),
            names: Mutex::default(),
            collectors: Mutex::new(collectors.collect()),
        }
    }

    /// The account's id.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Sets the account's display name.
    pub(super) fn set_name(&self, name: Option<String>) {
        *self.name.lock() = name;
    }

    /// The account's display name.
    pub(super) fn name(&self) -> Option<String> {
        self.name.lock().clone()
    }

    /// Sets the intervals of collectors, as configured.
    pub(super) fn set_intervals(&self, intervals: impl Iterator<Item = (&'static str, Duration)>) {
        let mut collectors = self.collectors.lock();
        for (label, interval) in intervals {
            let status = collectors.iter_mut().find(|c| c.collector == label);
            if let Some(status) = status {
                status.interval = Some(interval);
            }
        }
    }

    /// Sets the end of the longest present wait after a 429 or a failure.
    pub fn set_wait(&self, until: Option<Instant>) {
        *self.wait_until.lock() = until;
    }

    /// Sets what comes next.
    pub(super) fn set_next_calls(&self, next_calls: NextCalls) {
        *self.next_calls.lock() = next_calls;
    }

    /// What comes next.
    pub(super) fn next_calls(&self) -> NextCalls {
        self.next_calls.lock().clone()
    }

    /// Records that a call ended: when its answer arrived, or that none did.
    pub(super) fn set_contact(&self, answer: Option<(Instant, Timestamp)>) {
        let mut contact = self.contact.lock();
        contact.answers = Some(answer.is_some());
        contact.last_answer = answer.or(contact.last_answer);
    }

    /// The outcome of the last contact with LivePerson's hosts.
    pub(super) fn contact(&self) -> Contact {
        *self.contact.lock()
    }

    /// LivePerson's clock less ours, in seconds.
    pub(super) fn clock_offset(&self) -> Option<f64> {
        let offset = *self.clock_offset.lock();
        offset.map(|offset| offset.as_secs_f64())
    }

    /// Sets LivePerson's clock less ours.
    pub(super) fn set_clock_offset(&self, offset: SignedDuration) {
        *self.clock_offset.lock() = Some(offset);
    }

    /// Records a failure of a collector's call.
    pub(super) fn failed(&self, collector: &str, error: &CollectorError) {
        let mut collectors = self.collectors.lock();
        let status = collectors.iter_mut().find(|c| c.collector == collector);
        if let Some(status) = status {
            replace_error(&mut status.error, error);
        }
    }

    /// Sets whether names are looked up.
    pub(super) fn set_names_looked_up(&self, looked_up: bool) {
        self.names.lock().looked_up = looked_up;
    }

    /// Records a failure of a call for names.
    pub(super) fn names_failed(&self, error: &CollectorError) {
        replace_error(&mut self.names.lock().error, error);
    }

    /// Records that all names were looked up.
    pub(super) fn names_succeeded(&self) {
        let mut names = self.names.lock();
        names.succeeded = true;
        names.error = None;
    }

    /// The look-up of names.
    pub(super) fn names(&self) -> NamesStatus {
        self.names.lock().clone()
    }

    /// Records a failure that stops all collectors.
    pub(super) fn all_failed(&self, error: &CollectorError) {
        for status in &mut *self.collectors.lock() {
            replace_error(&mut status.error, error);
        }
    }

    /// Records the end of a collector's poll, by the monotonic clock, the clock of ages and the wall
    /// clock.
    pub fn poll_ended(
        &self,
        collector: &str,
        summary: PollSummary,
        now: Instant,
        aged: Instant,
        wall: Timestamp,
    ) {
        let mut collectors = self.collectors.lock();
        let Some(status) = collectors.iter_mut().find(|c| c.collector == collector) else {
            return;
        };
        status.resumes_at = summary.backoff.map(|wait| now + wait);
        if summary.is_success() {
            status.last_success = Some((aged, wall));
            status.error = None;
        }
        status.last_poll = Some(summary);
    }

    /// Whether a poll of a collector has ever succeeded whole.
    pub(super) fn has_succeeded(&self, collector: &str) -> bool {
        let collectors = self.collectors.lock();
        let mut succeeded = collectors.iter().filter(|c| c.last_success.is_some());
        succeeded.any(|status| status.collector == collector)
    }

    /// Takes over what was known of the same collectors under an older configuration.
    pub fn restore_from(&self, old: &Self) {
        *self.clock_offset.lock() = *old.clock_offset.lock();
        *self.contact.lock() = old.contact();
        {
            let mut names = self.names.lock();
            if names.looked_up {
                *names = NamesStatus {
                    looked_up: true,
                    ..old.names()
                };
            }
        }
        let old_collectors = old.collectors();
        for status in &mut *self.collectors.lock() {
            let mut old = old_collectors.iter();
            if let Some(old) = old.find(|old| old.collector == status.collector) {
                status.clone_from(old);
            }
        }
    }

    /// The collectors as they are now, in the scheduler's order.
    pub fn collectors(&self) -> Vec<CollectorStatus> {
        self.collectors.lock().clone()
    }

    /// What is left of the present wait at `now`.
    pub fn waits(&self, now: Instant) -> Duration {
        let until = *self.wait_until.lock();
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// The state that the exporter's own series are made of. `series` are those of all sources.
    pub(super) fn state(
        &self,
        now: Instant,
        aged: Instant,
        stale_after: Duration,
        series: &BTreeMap<Source, SeriesCount>,
    ) -> AccountState {
        let collectors = self.collectors();
        let collectors = collectors.iter().map(|status| {
            let collector = status.collector;
            let source = Source {
                account: self.account.as_str().into(),
                collector,
            };
            let SeriesCount { served, dropped } = series.get(&source).copied().unwrap_or_default();
            CollectorState {
                collector,
                up: status.up(aged, stale_after),
                last_success: status.last_success.map(|(_, at)| epoch_seconds(at)),
                interval: status.interval,
                poll_duration: status.last_poll.as_ref().map(|poll| poll.duration),
                stretch: status.stretch(),
                series: served,
                series_dropped: dropped,
            }
        });
        AccountState {
            account: self.account.clone(),
            name: self.name(),
            backoff: self.waits(now),
            clock_offset: self.clock_offset(),
            collectors: collectors.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(given_up: usize) -> PollSummary {
        PollSummary {
            duration: Duration::from_secs(1),
            stretch: 1.0,
            succeeded: 1,
            given_up,
            backoff: None,
        }
    }

    #[test]
    fn a_collector_is_up_until_its_last_successful_poll_is_old() {
        let stale = Duration::from_secs(300);
        let status = AccountStatus::new("1", &["sla"]);
        let t0 = crate::clock::real_time();
        let up = |at| status.collectors()[0].up(at, stale);
        let ended = |given_up, at| {
            status.poll_ended("sla", summary(given_up), at, at, Timestamp::UNIX_EPOCH);
        };
        assert!(!up(t0));
        ended(0, t0);
        assert!(up(t0) && up(t0 + Duration::from_secs(299)) && !up(t0 + stale));
        let broken = CollectorError {
            message: "broken".to_owned(),
            advice: "fix it".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        status.failed("sla", &broken);
        let later = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60);
        status.all_failed(&CollectorError {
            since: later,
            ..broken.clone()
        });
        ended(1, t0 + Duration::from_secs(60));
        assert!(!up(t0 + Duration::from_secs(60)));
        assert_eq!(status.collectors()[0].error, Some(broken));
        ended(0, t0 + Duration::from_secs(90));
        assert!(up(t0 + Duration::from_secs(90)));
        assert_eq!(status.collectors()[0].error, None);
    }

    #[test]
    fn the_wait_runs_down_to_0() {
        let status = AccountStatus::new("1", &[]);
        let t0 = crate::clock::real_time();
        assert_eq!(status.waits(t0), Duration::ZERO);
        status.set_wait(Some(t0 + Duration::from_secs(9)));
        assert_eq!(
            status.waits(t0 + Duration::from_secs(4)),
            Duration::from_secs(5)
        );
        assert_eq!(status.waits(t0 + Duration::from_secs(10)), Duration::ZERO);
    }
}
