//! What a series is: families, labels, and the sink that takes samples.
//!
//! `family` says what a family is, `catalogue` lists those that are served, `exporter` holds the
//! exporter's own counters and `exporter_families` their families, `gathered_family` those that are new at
//! every scrape. Samples go straight into a
//! [`Sink`], so that no list of series is ever held.

mod catalogue;
pub mod exporter;
pub mod exporter_families;
mod family;
mod gathered_family;
mod process;

pub use catalogue::Catalogue;
pub use family::{Family, Kind, Origin};
pub use process::ProcessMetrics;

use crate::vocabulary::Id;

/// A label of a sample; the name comes from the family's labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LabelValue<'a> {
    /// Text, escaped by the writer.
    Text(&'a str),
    /// An id as LivePerson gives it.
    Id(i64),
}

impl<I: Id> From<I> for LabelValue<'_> {
    fn from(id: I) -> Self {
        Self::Id(id.into())
    }
}

/// Takes samples, in any order of families; the samples of one family keep their order.
pub trait Sink {
    /// One sample of a gauge. `labels` are the values of the family's labels, in their order.
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64);

    /// One gauge histogram. `buckets` are upper limits in seconds, ascending, with cumulative
    /// counts, without the one of infinity, which is `count`.
    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    );

    /// One sample of a counter, a family of [`Kind::Counter`]. `created` is the time from which it
    /// counts, in seconds since the epoch; only OpenMetrics can express it.
    fn counter(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        value: f64,
        created: i64,
    );

    /// One histogram that only grows, of a family of [`Kind::Histogram`]: `buckets` and `count` as in
    /// [`Sink::gauge_histogram`], `created` as in [`Sink::counter`]. It has neither sum nor count
    /// besides its buckets.
    fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
        created: i64,
    );
}

/// A sink for tests: remembers what it was given. The time from which something counts is a sample of
/// its own, `name_created{labels}`.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) samples: Vec<(String, f64)>,
}

#[cfg(test)]
impl Recorder {
    fn labels(family: &'static Family, labels: &[LabelValue<'_>]) -> String {
        let names = family.labels.iter();
        let pairs = names.zip(labels).map(|(name, value)| match value {
            LabelValue::Text(text) => format!("{name}={text}"),
            LabelValue::Id(id) => format!("{name}={id}"),
        });
        pairs.collect::<Vec<_>>().join(",")
    }

    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.samples
            .iter()
            .find(|(name, _)| name == series)
            .map(|(_, value)| *value)
    }
}

#[cfg(test)]
impl Recorder {
    fn push(&mut self, name: &str, labels: &str, value: f64) {
        self.samples.push((format!("{name}{{{labels}}}"), value));
    }

    fn push_buckets(&mut self, name: &str, labels: &str, buckets: &[(u32, f64)], count: f64) {
        for (le, value) in buckets {
            self.push(name, &format!("{labels},le={le}"), *value);
        }
        self.push(name, &format!("{labels},le=+Inf"), count);
    }

    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
    fn push_created(&mut self, family: &'static Family, labels: &str, created: i64) {
        let name = family.name.strip_suffix("_total").unwrap_or(family.name);
        self.push(&format!("{name}_created"), labels, created as f64);
    }
}

#[cfg(test)]
impl Sink for Recorder {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        assert_eq!(labels.len(), family.labels.len());
        self.push(family.name, &Self::labels(family, labels), value);
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        assert_eq!(labels.len(), family.labels.len());
        let labels = Self::labels(family, labels);
        self.push_buckets(family.name, &labels, buckets, count);
    }

    fn counter(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        value: f64,
        created: i64,
    ) {
        assert_eq!(family.kind, Kind::Counter);
        self.gauge(family, labels, value);
        self.push_created(family, &Self::labels(family, labels), created);
    }

    fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
        created: i64,
    ) {
        assert_eq!(family.kind, Kind::Histogram);
        self.gauge_histogram(family, labels, buckets, count);
        self.push_created(family, &Self::labels(family, labels), created);
    }
}
