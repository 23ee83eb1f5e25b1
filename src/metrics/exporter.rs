//! The exporter's own series: counters of its calls, the state of its collectors, the process.
//!
//! Counters live in a registry per account, so that an account that is removed takes its series
//! with it. States are not stored here: they are given at every scrape and become fresh gauges,
//! so that two scrapes at once cannot see each other's half-set values.

mod states;
mod totals;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::{LabelPair, Metric, MetricFamily};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::exporter_families as families;
use super::family::Family;
use super::process::ProcessMetrics;
pub use totals::{TotalsCounters, TotalsStatus};

/// Upper limits of the request duration's buckets, in seconds.
const DURATION_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0];

/// Counters of one account.
#[derive(Debug)]
pub struct AccountCounters {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    bytes: IntCounterVec,
    ignored: IntCounterVec,
    skipped: IntCounterVec,
    totals: TotalsCounters,
    created: OnceLock<f64>,
}

impl AccountCounters {
    /// Counters that begin at 0. Fails only on a bug in the families.
    pub fn new(account: &str, collectors: &[&str]) -> Result<Self, prometheus::Error> {
        let opts = |family: &Family| options(family).const_label("account", account);
        let registry = Registry::new();
        let counters = Self {
            totals: TotalsCounters::new(&registry, opts)?,
            registry,
            requests: IntCounterVec::new(opts(&families::API_REQUESTS_TOTAL), &["api", "code"])?,
            duration: HistogramVec::new(
                HistogramOpts::from(opts(&families::API_REQUEST_DURATION_SECONDS))
                    .buckets(DURATION_BUCKETS.to_vec()),
                &["api"],
            )?,
            bytes: IntCounterVec::new(opts(&families::API_RESPONSE_BYTES_TOTAL), &["api"])?,
            ignored: IntCounterVec::new(opts(&families::API_ENTRIES_IGNORED_TOTAL), &["api"])?,
            skipped: IntCounterVec::new(opts(&families::POLLS_SKIPPED_TOTAL), &["collector"])?,
            created: OnceLock::new(),
        };
        counters
            .registry
            .register(Box::new(counters.requests.clone()))?;
        counters
            .registry
            .register(Box::new(counters.duration.clone()))?;
        counters
            .registry
            .register(Box::new(counters.bytes.clone()))?;
        counters
            .registry
            .register(Box::new(counters.ignored.clone()))?;
        counters
            .registry
            .register(Box::new(counters.skipped.clone()))?;
        counters.add_collectors(collectors);
        Ok(counters)
    }

    /// Counts these collectors, too: from 0, so that the first skipped poll is a rise that `rate()`
    /// sees.
    pub fn add_collectors(&self, collectors: &[&str]) {
        for collector in collectors {
            self.skipped.with_label_values(&[collector]);
        }
    }

    /// Counts a collector that was switched off no longer.
    pub fn remove_collector(&self, collector: &str) {
        // One that was never there is gone already.
        let _ = self.skipped.remove_label_values(&[collector]);
        self.totals.remove(collector);
    }

    /// Says when counting begins, in seconds since the epoch; only the first word counts. Every
    /// series has this age: one that appears later was 0 until then.
    pub fn begin(&self, at: f64) {
        self.created.get_or_init(|| at);
    }

    /// Counts one finished call.
    pub fn request(&self, api: &str, code: &str, elapsed: Duration, bytes: u64) {
        self.requests.with_label_values(&[api, code]).inc();
        self.duration
            .with_label_values(&[api])
            .observe(elapsed.as_secs_f64());
        self.bytes.with_label_values(&[api]).inc_by(bytes);
        // There from the first call, so that the first odd entry is a rise that rate() sees.
        self.ignored.with_label_values(&[api]);
    }

    /// Calls so far by `api` and `code`, in the order of the two.
    pub fn calls(&self) -> Vec<(String, String, u64)> {
        let families = self.requests.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        let mut calls: Vec<_> = metrics
            .filter_map(|metric| {
                let of = |name| label(metric, name).map(str::to_owned);
                Some((of("api")?, of("code")?, count(metric)))
            })
            .collect();
        calls.sort();
        calls
    }

    /// Counts entries of an answer that could not be read and were left out.
    pub fn entries_ignored(&self, api: &str, count: u64) {
        self.ignored.with_label_values(&[api]).inc_by(count);
    }

    /// Counts skipped polls.
    pub fn skipped(&self, collector: &str, count: u64) {
        self.skipped.with_label_values(&[collector]).inc_by(count);
    }

    /// What is counted about its running totals.
    pub fn totals(&self) -> &TotalsCounters {
        &self.totals
    }
}

/// The state of one collector at a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorState {
    /// The `collector` label.
    pub collector: &'static str,
    /// Whether its last poll succeeded whole and is not too old.
    pub up: bool,
    /// Seconds since the epoch; `None` before the first success.
    pub last_success: Option<f64>,
    /// The time from one poll to the next, as configured.
    pub interval: Option<Duration>,
    /// Length of the last poll; `None` before the end of the first.
    pub poll_duration: Option<Duration>,
    /// Time the last poll took over its interval, at least 1.
    pub stretch: f64,
    /// Series served.
    pub series: u64,
    /// Series left out.
    pub series_dropped: u64,
}

/// The state of one account at a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountState {
    /// The `account` label.
    pub account: String,
    /// Its display name; `None` where the configuration has no name.
    pub name: Option<String>,
    /// What is left of the present wait.
    pub backoff: Duration,
    /// LivePerson's clock less the machine's, in seconds; `None` before the first answer with a date.
    pub clock_offset: Option<f64>,
    /// Its collectors.
    pub collectors: Vec<CollectorState>,
}

/// The state of the configuration at a scrape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigState {
    /// Whether the last load succeeded.
    pub last_load_successful: bool,
    /// When it last succeeded, seconds since the epoch.
    pub last_success: f64,
    /// Whether the present web configuration file is in use.
    pub web_config_in_force: bool,
    /// Which share of the accounts this instance serves, unless all.
    pub shard: Option<ShardState>,
}

/// One of several instances that share the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardState {
    /// Which of them, from 0.
    pub index: u32,
    /// How many there are.
    pub total: u32,
}

/// The exporter's own families at a scrape.
#[derive(Debug)]
pub struct Gathered {
    /// The families by name; none is empty.
    pub families: Vec<MetricFamily>,
    /// Since when each account's counters have been counting, in seconds since the epoch.
    created: BTreeMap<String, f64>,
    /// When the process started.
    started: Option<f64>,
}

impl Gathered {
    /// Since when a counter of a family has been counting, in seconds since the epoch.
    pub fn created(&self, family: &str, metric: &Metric) -> Option<f64> {
        if totals::KEPT.iter().any(|kept| kept.name == family) {
            return None;
        }
        match label(metric, "account") {
            Some(account) => self.created.get(account).copied(),
            None => self.started,
        }
    }

    /// Leaves out the series of collectors that are not wanted, those of their calls included;
    /// `collector_of` says whose calls an `api` is, unless all collectors share it.
    pub fn keep_collectors(
        &mut self,
        collector_of: impl Fn(&str) -> Option<&'static str>,
        wanted: impl Fn(&str) -> bool,
    ) {
        for family in &mut self.families {
            let keep = |metric: &Metric| {
                let collector = label(metric, "collector");
                let collector = collector.or_else(|| label(metric, "api").and_then(&collector_of));
                collector.is_none_or(&wanted)
            };
            family.mut_metric().retain(keep);
        }
        self.families
            .retain(|family| !family.get_metric().is_empty());
    }
}

fn label<'a>(metric: &'a Metric, name: &str) -> Option<&'a str> {
    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
    pair.map(|pair| pair.value())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number that only grows from 0"
)]
fn count(metric: &Metric) -> u64 {
    metric.get_counter().get_value() as u64
}

/// Gathers the exporter's own part of the page.
pub fn gather<'a>(
    config: ConfigState,
    accounts: &[AccountState],
    counters: impl Iterator<Item = &'a AccountCounters>,
    process: &ProcessMetrics,
) -> Result<Gathered, prometheus::Error> {
    let mut all = Vec::new();
    let mut created = BTreeMap::new();
    for account in counters {
        let gathered = account.registry.gather();
        let id = gathered
            .iter()
            .flat_map(MetricFamily::get_metric)
            .find_map(|m| label(m, "account"));
        if let (Some(id), Some(at)) = (id, account.created.get()) {
            created.insert(id.to_owned(), *at);
        }
        all.extend(gathered);
    }
    all.extend(states::of_accounts(accounts));
    all.extend(states::of_the_exporter(config));
    all.extend(process.gather());
    let mut families = merged(all);
    for family in &mut families {
        // The crate keeps series in a hash map; a page that changes its order at every scrape
        // reads badly and compresses badly.
        family.mut_metric().sort_unstable_by(by_labels);
    }
    let start = families
        .iter()
        .find(|family| family.name() == "process_start_time_seconds");
    let started =
        start.and_then(|family| Some(family.get_metric().first()?.get_gauge().get_value()));
    Ok(Gathered {
        families,
        created,
        started,
    })
}

/// The families by name. One may come from several accounts; on the page it stands once.
fn merged(mut all: Vec<MetricFamily>) -> Vec<MetricFamily> {
    all.retain(|family| !family.get_metric().is_empty());
    all.sort_by(|one, other| one.name().cmp(other.name()));
    let mut families: Vec<MetricFamily> = Vec::with_capacity(all.len());
    for mut family in all {
        match families.last_mut() {
            Some(last) if last.name() == family.name() => {
                last.mut_metric().append(family.mut_metric());
            }
            _ => families.push(family),
        }
    }
    families
}

/// By the values of the labels.
fn by_labels(one: &Metric, other: &Metric) -> Ordering {
    let values = |metric| Metric::get_label(metric).iter().map(LabelPair::value);
    values(one).cmp(values(other))
}

/// The name and the help text of a family.
fn options(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

#[cfg(test)]
mod tests;
