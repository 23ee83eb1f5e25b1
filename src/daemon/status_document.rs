//! The document behind `/api/v1/status` and the page `/`, put together from what the accounts report.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::Daemon;
use super::account::AccountView;
use super::activity::activity;
use super::clock::aged;
use super::status::{AccountStatus, CollectorError, CollectorStatus};
use crate::collectors::{About, Highlights};
use crate::exposition::Inflater;
use crate::metrics::exporter::TotalsCounters;
use crate::names;
use crate::scheduler::TaskNextCall;
use crate::status::{
    Account, Activity, Backoff, BackoffReason, Calls, Collector, CollectorState, Configuration,
    Contact, Exporter, Names, NamesState, Outcome, Problem, SHAPE, Series, State, Status, Totals,
};
use crate::store::{Publication, SeriesCount, Source};

/// An answer that is served, and whose it is.
type FreshAnswer = (Arc<Source>, Arc<Publication>);

/// Where the document is made from, all as of one moment.
struct Snapshot<'a> {
    now: Instant,
    /// `now` by the clock of ages.
    aged: Instant,
    stale_after: Duration,
    series: BTreeMap<Source, SeriesCount>,
    /// What is fresh, by account.
    fresh: HashMap<Arc<str>, Vec<FreshAnswer>>,
    highlights: Highlights,
    about: &'a dyn Fn(&str) -> &'static str,
}

impl Daemon {
    /// The document as of now. Takes as long as reading the figures of all skills back does.
    pub(super) fn status_document(&self, web_config_in_force: bool) -> Status {
        let shared = &self.shared;
        let now = tokio::time::Instant::now().into_std();
        let aged = aged(now, &*shared.clock);
        let mut fresh: HashMap<_, Vec<_>> = HashMap::new();
        for (source, publication) in shared.store.fresh(aged) {
            let of_account = fresh.entry(Arc::clone(&source.account)).or_default();
            of_account.push((source, publication));
        }
        let about = |label: &str| {
            let mut about = shared.collectors.about();
            about
                .find(|about| about.label == label)
                .map_or("", |about: &About| about.title)
        };
        let snapshot = Snapshot {
            now,
            aged,
            stale_after: shared.store.stale_after(),
            series: shared.store.series(aged),
            fresh,
            highlights: shared.collectors.highlights(),
            about: &about,
        };
        let mut inflater = Inflater::new();
        let views = self.views();
        let accounts = views
            .iter()
            .map(|view| snapshot.account(view, &mut inflater));
        let accounts: Vec<Account> = accounts.collect();
        let wall = shared.clock.now();
        let last_load = *self.last_load.lock();
        let all = snapshot
            .series
            .values()
            .fold(Series::default(), |sum, count| Series {
                served: sum.served + count.served,
                dropped: sum.dropped + count.dropped,
            });
        Status {
            shape: SHAPE,
            at: rfc3339(wall),
            state: State::of_all(accounts.iter().map(|account| account.state)),
            exporter: self.exporter(wall, aged),
            configuration: Configuration {
                last_reload_successful: last_load.successful,
                last_reload_success_at: rfc3339(last_load.last_success),
                web_config_in_force,
            },
            series: all,
            accounts,
        }
    }

    fn exporter(&self, wall: Timestamp, aged: Instant) -> Exporter {
        let uptime = aged.saturating_duration_since(self.started);
        let started_at = wall.checked_sub(uptime).unwrap_or(wall);
        Exporter {
            version: crate::VERSION,
            revision: crate::REVISION,
            rust_version: crate::RUST_VERSION,
            shard: self.shard.map(|shard| shard.to_string()),
            started_at: rfc3339(started_at),
            uptime_seconds: seconds(uptime),
        }
    }
}

impl Snapshot<'_> {
    fn account(&self, view: &AccountView, inflater: &mut Inflater) -> Account {
        let status = &view.status;
        let next_calls = status.next_calls();
        let waits = status.waits(self.now);
        let throttled = next_calls
            .paused_until
            .is_some_and(|until| until > self.now);
        let reason = if throttled {
            BackoffReason::Throttled
        } else {
            BackoffReason::Failed
        };
        let collectors = status.collectors();
        let collectors = collectors.iter().enumerate().map(|(index, collector)| {
            let next = next_calls.tasks.get(index).copied().unwrap_or_default();
            self.collector(view, collector, next)
        });
        let collectors: Vec<Collector> = collectors.collect();
        let names = self.names(status);
        Account {
            id: status.account().to_owned(),
            name: status.name(),
            state: State::of_account(&collectors, &names, throttled),
            contact: self.contact(view),
            backoff: (!waits.is_zero()).then(|| Backoff {
                seconds: seconds(waits),
                reason,
            }),
            spacing_seconds: seconds(next_calls.spacing),
            clock_offset_seconds: status.clock_offset().map(rounded),
            calls_under_way: next_calls.calls_under_way,
            calls: calls(view.counters.calls()),
            collectors,
            names,
            activity: self.activity(status.account(), inflater),
        }
    }

    fn names(&self, status: &AccountStatus) -> Names {
        let names = status.names();
        let state = match &names {
            names if !names.looked_up => NamesState::Off,
            names if names.error.is_some() => NamesState::Failing,
            names if names.succeeded => NamesState::Up,
            _ => NamesState::Starting,
        };
        Names {
            state,
            series: self.series_of(status.account(), names::LABEL),
            problem: names.error.as_ref().map(problem),
        }
    }

    fn series_of(&self, account: &str, collector: &'static str) -> Series {
        let source = Source {
            account: account.into(),
            collector,
        };
        let count = self.series.get(&source).copied().unwrap_or_default();
        Series {
            served: count.served,
            dropped: count.dropped,
        }
    }

    fn contact(&self, view: &AccountView) -> Contact {
        let contact = view.status.contact();
        let last = contact.last_answer;
        Contact {
            answers: contact.answers,
            last_answer_at: last.map(|(_, wall)| rfc3339(wall)),
            last_answer_age_seconds: last.map(|(at, _)| self.age(at)),
        }
    }

    fn collector(
        &self,
        view: &AccountView,
        status: &CollectorStatus,
        next: TaskNextCall,
    ) -> Collector {
        let account = view.status.account();
        let from_now = |at: Instant| seconds(at.saturating_duration_since(self.now));
        let backoff = next.backoff_until.filter(|until| *until > self.now);
        Collector {
            name: status.collector,
            title: (self.about)(status.collector),
            state: self.state(status),
            last_success_at: status.last_success.map(|(_, wall)| rfc3339(wall)),
            data_age_seconds: self.data_age(account, status.collector),
            // What is due and has not started waits for calls under way.
            next_call_in_seconds: next.next_call.filter(|at| *at > self.now).map(from_now),
            backoff: backoff.map(|until| Backoff {
                seconds: from_now(until),
                reason: BackoffReason::Failed,
            }),
            poll_seconds: status.last_poll.as_ref().map(|poll| seconds(poll.duration)),
            stretch: rounded(status.stretch()),
            series: self.series_of(account, status.collector),
            problem: status.error.as_ref().map(problem),
            totals: totals(view.counters.totals(), status.collector),
        }
    }

    fn state(&self, status: &CollectorStatus) -> CollectorState {
        let up = status.up(self.aged, self.stale_after);
        match &status.last_poll {
            _ if up && status.error.is_none() => CollectorState::Up,
            _ if up => CollectorState::Retrying,
            None => CollectorState::Starting,
            Some(poll) if poll.is_success() => CollectorState::Stale,
            Some(poll) if poll.succeeded > 0 => CollectorState::PartlyFailing,
            Some(_) => CollectorState::Failing,
        }
    }

    /// The age of the oldest answer that is served.
    fn data_age(&self, account: &str, collector: &str) -> Option<f64> {
        let fresh = self.fresh.get(account)?.iter();
        let of_it = fresh.filter(|(source, _)| source.collector == collector);
        let oldest = of_it
            .filter_map(|(_, publication)| publication.received_at)
            .min();
        oldest.map(|at| self.age(at))
    }

    fn age(&self, at: Instant) -> f64 {
        seconds(self.aged.saturating_duration_since(at))
    }

    fn activity(&self, account: &str, inflater: &mut Inflater) -> Activity {
        let fresh = self.fresh.get(account).into_iter().flatten();
        let publications = fresh.map(|(_, publication)| publication);
        activity(&self.highlights, publications, inflater)
    }
}

fn problem(error: &CollectorError) -> Problem {
    Problem {
        message: error.message.clone(),
        advice: error.advice.clone(),
        since: rfc3339(error.since),
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn totals(counters: &TotalsCounters, collector: &str) -> Option<Totals> {
    let totals = counters.of(collector)?;
    let anchor = totals.anchor.and_then(|at| Timestamp::from_second(at).ok());
    Some(Totals {
        anchor_at: anchor.map(rfc3339),
        saved_at: counters.saved_at().and_then(epoch).map(rfc3339),
        lost_seconds: totals.lost_seconds as f64,
    })
}

/// The time at so many seconds after the epoch; `None` beyond all calendars.
fn epoch(seconds: f64) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

fn calls(sorted: Vec<(String, String, u64)>) -> Vec<Calls> {
    let mut calls: Vec<Calls> = Vec::new();
    for (api, code, count) in sorted {
        let outcome = Outcome { code, count };
        match calls.last_mut().filter(|last| last.api == api) {
            Some(last) => last.outcomes.push(outcome),
            None => calls.push(Calls {
                api,
                outcomes: vec![outcome],
            }),
        }
    }
    calls
}

/// To the second.
fn rfc3339(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// To the millisecond.
fn seconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64())
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
