//! Counters and gauges about running totals: where they stand, what they lost, whether saving them succeeds.

use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use super::{count, label};
use crate::metrics::exporter_families as families;
use crate::metrics::family::Family;

/// Counters that are kept with the totals and may begin above 0. When they began is not known here, and
/// the start of the process would be wrong: Prometheus would count all of them again at each start.
pub(super) static KEPT: [&Family; 2] = [
    &families::TOTALS_LOST_SECONDS_TOTAL,
    &families::TOTALS_CORRECTIONS_TOTAL,
];

/// Where the running totals of a collector stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalsStatus {
    /// The oldest anchor, in seconds since the epoch; `None` before there is one.
    pub anchor: Option<i64>,
    /// Time that is not counted, in seconds, since the totals began.
    pub lost_seconds: u64,
    /// Numbers corrected downwards and anchors moved by force, since the totals began.
    pub corrections: u64,
}

/// What is counted about the running totals of one account.
#[derive(Debug)]
pub struct TotalsCounters {
    anchor: GaugeVec,
    lost_seconds: IntCounterVec,
    corrections: IntCounterVec,
    /// Without labels; a series from the first save on.
    saved: GaugeVec,
    save_failures: IntCounter,
    rejected: IntCounter,
}

impl TotalsCounters {
    pub(super) fn new(
        registry: &Registry,
        opts: impl Fn(&Family) -> Opts,
    ) -> Result<Self, prometheus::Error> {
        let (anchor, saved) = (
            opts(&families::TOTALS_ANCHOR_TIMESTAMP_SECONDS),
            opts(&families::TOTALS_SAVED_TIMESTAMP_SECONDS),
        );
        let (lost_seconds, corrections) = (
            opts(&families::TOTALS_LOST_SECONDS_TOTAL),
            opts(&families::TOTALS_CORRECTIONS_TOTAL),
        );
        let counters = Self {
            anchor: GaugeVec::new(anchor, &["collector"])?,
            lost_seconds: IntCounterVec::new(lost_seconds, &["collector"])?,
            corrections: IntCounterVec::new(corrections, &["collector"])?,
            saved: GaugeVec::new(saved, &[])?,
            save_failures: IntCounter::with_opts(opts(&families::TOTALS_SAVE_FAILURES_TOTAL))?,
            rejected: IntCounter::with_opts(opts(&families::TOTALS_STATE_REJECTED_TOTAL))?,
        };
        registry.register(Box::new(counters.anchor.clone()))?;
        registry.register(Box::new(counters.lost_seconds.clone()))?;
        registry.register(Box::new(counters.corrections.clone()))?;
        registry.register(Box::new(counters.saved.clone()))?;
        registry.register(Box::new(counters.save_failures.clone()))?;
        registry.register(Box::new(counters.rejected.clone()))?;
        Ok(counters)
    }

    /// Says where the running totals of a collector stand; what is counted never falls.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
    pub fn set(&self, collector: &str, status: TotalsStatus) {
        match status.anchor {
            Some(anchor) => self
                .anchor
                .with_label_values(&[collector])
                .set(anchor as f64),
            // One that was never there is gone already.
            None => drop(self.anchor.remove_label_values(&[collector])),
        }
        for (counters, value) in [
            (&self.lost_seconds, status.lost_seconds),
            (&self.corrections, status.corrections),
        ] {
            let counter = counters.with_label_values(&[collector]);
            // Never down, and never seen in between: a scrape may come at any time.
            counter.inc_by(value.saturating_sub(counter.get()));
        }
    }

    /// Where the running totals of a collector stand; `None` for one without.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "times of our own, in whole seconds"
    )]
    pub fn of(&self, collector: &str) -> Option<TotalsStatus> {
        let lost_seconds = value(&self.lost_seconds, collector, count)?;
        Some(TotalsStatus {
            anchor: value(&self.anchor, collector, gauged).map(|anchor| anchor as i64),
            lost_seconds,
            corrections: value(&self.corrections, collector, count).unwrap_or_default(),
        })
    }

    /// When the totals were last saved, in seconds since the epoch.
    pub fn saved_at(&self) -> Option<f64> {
        let families = self.saved.collect();
        families
            .iter()
            .flat_map(MetricFamily::get_metric)
            .map(gauged)
            .next()
    }

    /// A collector has no running totals any more.
    pub fn remove(&self, collector: &str) {
        let _ = self.anchor.remove_label_values(&[collector]);
        let _ = self.lost_seconds.remove_label_values(&[collector]);
        let _ = self.corrections.remove_label_values(&[collector]);
    }

    /// Says when the totals were last saved, in seconds since the epoch.
    pub fn saved(&self, at: f64) {
        let no_labels: [&str; 0] = [];
        self.saved.with_label_values(&no_labels).set(at);
    }

    /// Counts a failure to save the totals.
    pub fn save_failed(&self) {
        self.save_failures.inc();
    }

    /// Counts a file of saved totals that could not be used.
    pub fn rejected(&self) {
        self.rejected.inc();
    }
}

/// What `read` reads of a collector's series; `None` when it has none. Looking a label up in a vector
/// would add a series.
fn value<T>(series: &impl Collector, collector: &str, read: impl Fn(&Metric) -> T) -> Option<T> {
    let families = series.collect();
    let mut metrics = families.iter().flat_map(MetricFamily::get_metric);
    let metric = metrics.find(|metric| label(metric, "collector") == Some(collector));
    metric.map(read)
}

fn gauged(metric: &Metric) -> f64 {
    metric.get_gauge().get_value()
}
