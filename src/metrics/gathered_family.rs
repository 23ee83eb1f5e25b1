//! Families as the `prometheus` crate hands them out, for values that are new at every scrape.
//!
//! The crate's own gauges check and hash every name when they are made, which would be most of what the
//! exporter's own part of a page costs.

use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::family::Family;

/// A family of gauges; no value gives no series.
pub(super) fn gauges<'a, L>(
    family: &Family,
    series: impl IntoIterator<Item = (L, Option<f64>)>,
) -> MetricFamily
where
    L: IntoIterator<Item = &'a str>,
{
    let series = series.into_iter();
    let metrics = series.filter_map(|(values, value)| {
        let pairs = family.labels.iter().zip(values);
        let mut labels: Vec<LabelPair> = pairs.map(|(name, value)| pair(name, value)).collect();
        // As the crate has them.
        labels.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        let mut gauge = Gauge::default();
        gauge.set_value(value?);
        let mut metric = Metric::from_label(labels);
        metric.set_gauge(gauge);
        Some(metric)
    });
    named(
        family.name,
        family.help,
        MetricType::GAUGE,
        metrics.collect(),
    )
}

/// A family by its name.
pub(super) fn named(
    name: &str,
    help: &str,
    kind: MetricType,
    metrics: Vec<Metric>,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}
