//! What a series is: families, labels, and the sink that takes samples.
//!
//! `family` says what a family is, `catalogue` lists those that are served, `exporter` holds the
//! exporter's own counters and `exporter_families` their families. Samples go straight into a
//! [`Sink`], so that no list of series is ever held.

mod catalogue;
pub mod exporter;
pub mod exporter_families;
mod family;
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
}

/// A sink for tests: remembers what it was given.
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
impl Sink for Recorder {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        assert_eq!(labels.len(), family.labels.len());
        let series = format!("{}{{{}}}", family.name, Self::labels(family, labels));
        self.samples.push((series, value));
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let (name, labels) = (family.name, Self::labels(family, labels));
        for (le, value) in buckets {
            self.samples
                .push((format!("{name}{{{labels},le={le}}}"), *value));
        }
        self.samples
            .push((format!("{name}{{{labels},le=+Inf}}"), count));
    }
}
