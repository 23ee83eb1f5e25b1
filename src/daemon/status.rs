//! How each account and collector fares, for the exporter's own series, the landing page and
//! readiness.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::clock::epoch_seconds;
use crate::metrics::exporter::{AccountState, CollectorState};
use crate::scheduler::{Event, PollSummary};
use crate::store::{SeriesCount, Source};

/// The status of one account, written by its worker and read by scrapes.
#[derive(Debug)]
pub struct AccountStatus {
    account: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    waiting_until: Option<Instant>,
    /// LivePerson's clock less ours.
    clock_offset: Option<SignedDuration>,
    collectors: Vec<CollectorStatus>,
}

/// The status of one collector.
#[derive(Clone, Debug)]
pub struct CollectorStatus {
    /// The collector's label.
    pub collector: &'static str,
    /// The last poll that ended.
    pub last_poll: Option<PollSummary>,
    /// When the last poll succeeded whole, by the clock of ages and by the wall clock.
    pub last_success: Option<(Instant, Timestamp)>,
    /// The last failure since then, free of secrets.
    pub error: Option<String>,
    /// The end of the back-off after a poll that failed whole.
    pub resumes_at: Option<Instant>,
}

impl CollectorStatus {
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
            last_poll: None,
            last_success: None,
            error: None,
            resumes_at: None,
        });
        let inner = Inner {
            waiting_until: None,
            clock_offset: None,
            collectors: collectors.collect(),
        };
        Self {
            account: account.to_owned(),
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics under this lock, and every field is whole by itself.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account's id.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Takes note of the end of the longest present wait.
    pub fn waiting(&self, until: Option<Instant>) {
        self.lock().waiting_until = until;
    }

    /// Takes note of a failure of a collector's call.
    pub(super) fn failed(&self, collector: usize, error: &str) {
        if let Some(status) = self.lock().collectors.get_mut(collector) {
            status.error = Some(error.to_owned());
        }
    }

    /// Takes note of what the poller did at `now`. `slept`: see [`super::WallClock::slept`].
    pub fn notice(&self, event: &Event, now: Instant, slept: Duration, wall: Timestamp) {
        if let Event::PollEnded { task, summary } = event {
            self.poll_ended(task.index(), summary.clone(), now, slept, wall);
        }
    }

    /// Takes note of LivePerson's clock less ours.
    pub(super) fn clock_offset(&self, offset: SignedDuration) {
        self.lock().clock_offset = Some(offset);
    }

    fn poll_ended(
        &self,
        collector: usize,
        summary: PollSummary,
        now: Instant,
        slept: Duration,
        wall: Timestamp,
    ) {
        if let Some(status) = self.lock().collectors.get_mut(collector) {
            status.resumes_at = summary.backoff.map(|wait| now + wait);
            if summary.is_success() {
                status.last_success = Some((now + slept, wall));
                status.error = None;
            }
            status.last_poll = Some(summary);
        }
    }

    /// Takes over what was known of the same collectors under an older configuration.
    pub fn inherit(&self, old: &Self) {
        let (old_collectors, clock_offset) = (old.collectors(), old.lock().clock_offset);
        let mut inner = self.lock();
        inner.clock_offset = clock_offset;
        for status in &mut inner.collectors {
            if let Some(old) = old_collectors
                .iter()
                .find(|old| old.collector == status.collector)
            {
                *status = old.clone();
            }
        }
    }

    /// Looks at the collectors as they are now, in the poller's order.
    pub fn with_collectors(&self, look: impl FnOnce(&[CollectorStatus])) {
        look(&self.lock().collectors);
    }

    /// The collectors as they are now.
    pub fn collectors(&self) -> Vec<CollectorStatus> {
        self.lock().collectors.clone()
    }

    /// What is left of the present wait at `now`.
    pub fn waits(&self, now: Instant) -> Duration {
        let until = self.lock().waiting_until;
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
                poll_duration: status.last_poll.as_ref().map(|poll| poll.duration),
                stretch: status.stretch(),
                series: served,
                series_dropped: dropped,
            }
        });
        let offset = self.lock().clock_offset;
        AccountState {
            account: self.account.clone(),
            backoff: self.waits(now),
            clock_offset: offset.map(|offset| offset.as_secs_f64()),
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
    fn a_collector_is_up_while_its_last_poll_was_whole_and_is_not_too_old() {
        let stale = Duration::from_secs(300);
        let status = AccountStatus::new("1", &["sla"]);
        let t0 = Instant::now();
        let up = |at| status.collectors()[0].up(at, stale);
        assert!(!up(t0));
        status.poll_ended(0, summary(0), t0, Duration::ZERO, Timestamp::UNIX_EPOCH);
        assert!(up(t0) && up(t0 + Duration::from_secs(299)) && !up(t0 + stale));
        status.failed(0, "broken");
        status.poll_ended(
            0,
            summary(1),
            t0 + Duration::from_secs(60),
            Duration::ZERO,
            Timestamp::UNIX_EPOCH,
        );
        assert!(!up(t0 + Duration::from_secs(60)));
        assert_eq!(status.collectors()[0].error.as_deref(), Some("broken"));
        status.poll_ended(
            0,
            summary(0),
            t0 + Duration::from_secs(90),
            Duration::ZERO,
            Timestamp::UNIX_EPOCH,
        );
        assert!(up(t0 + Duration::from_secs(90)));
        assert_eq!(status.collectors()[0].error, None);
    }

    #[test]
    fn the_wait_runs_down_to_0() {
        let status = AccountStatus::new("1", &[]);
        let t0 = Instant::now();
        assert_eq!(status.waits(t0), Duration::ZERO);
        status.waiting(Some(t0 + Duration::from_secs(9)));
        assert_eq!(
            status.waits(t0 + Duration::from_secs(4)),
            Duration::from_secs(5)
        );
        assert_eq!(status.waits(t0 + Duration::from_secs(10)), Duration::ZERO);
    }
}
