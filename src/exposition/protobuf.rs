//! Prometheus' protobuf format: delimited messages `io.prometheus.client.MetricFamily`.
//!
//! A family is one message. Its metrics are a repeated field, so the messages of a family's metrics,
//! written one after the other, are the family's own bytes: a page joins the segments of many answers,
//! and only the head of a family (its length, name, help, type) is written for every scrape. The
//! messages are made of the lines of OpenMetrics, when a scrape first asks for them.

use std::io;
use std::sync::{Arc, OnceLock};

use prometheus::proto::Metric;

use super::compress::{Compressor, Inflater, Segment};
use super::read::{CREATED, Sample, sample};
use crate::metrics::{Family, Kind};

/// Field numbers of `io.prometheus.client`, metrics.proto.
mod field {
    pub(super) const FAMILY_NAME: u32 = 1;
    pub(super) const FAMILY_HELP: u32 = 2;
    pub(super) const FAMILY_TYPE: u32 = 3;
    pub(super) const FAMILY_METRIC: u32 = 4;
    pub(super) const FAMILY_UNIT: u32 = 5;
    pub(super) const METRIC_LABEL: u32 = 1;
    pub(super) const METRIC_GAUGE: u32 = 2;
    pub(super) const METRIC_COUNTER: u32 = 3;
    pub(super) const METRIC_HISTOGRAM: u32 = 7;
    pub(super) const LABEL_NAME: u32 = 1;
    pub(super) const LABEL_VALUE: u32 = 2;
    pub(super) const VALUE: u32 = 1;
    pub(super) const COUNTER_CREATED: u32 = 3;
    pub(super) const HISTOGRAM_COUNT: u32 = 1;
    pub(super) const HISTOGRAM_SUM: u32 = 2;
    pub(super) const HISTOGRAM_BUCKET: u32 = 3;
    pub(super) const HISTOGRAM_CREATED: u32 = 15;
    pub(super) const BUCKET_COUNT: u32 = 1;
    pub(super) const BUCKET_LIMIT: u32 = 2;
    pub(super) const SECONDS: u32 = 1;
    pub(super) const NANOS: u32 = 2;
}

/// Metrics of a chunk as messages, once a scrape has asked for them; cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct ProtobufOnDemand(Arc<OnceLock<Vec<Segment>>>);

impl PartialEq for ProtobufOnDemand {
    /// They follow from the segments of OpenMetrics.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl ProtobufOnDemand {
    /// Whether a scrape has asked for them already.
    pub(super) fn is_made(&self) -> bool {
        self.0.get().is_some()
    }

    /// The messages of a family's `openmetrics`. Who asks at the same time waits for the first.
    pub(super) fn segments(&self, family: &Family, openmetrics: &[Segment]) -> &[Segment] {
        self.0.get_or_init(|| {
            make(family, openmetrics).unwrap_or_else(|error| {
                tracing::error!(%error, family = family.name, "protobuf cannot be made");
                Vec::new()
            })
        })
    }
}

fn make(family: &Family, openmetrics: &[Segment]) -> io::Result<Vec<Segment>> {
    let mut compressor = Compressor::new();
    let mut inflater = Inflater::new();
    let mut writer = MetricWriter::new(family);
    let segments = openmetrics.iter().map(|segment| {
        let lines = inflater.plain(segment)?;
        let lines = std::str::from_utf8(&lines).map_err(io::Error::other)?;
        for line in lines.lines() {
            writer.add(&sample(line).ok_or(io::ErrorKind::InvalidData)?);
        }
        // A segment ends with a whole metric.
        writer.end_metric();
        let segment = compressor.compress(&writer.out);
        writer.out.clear();
        segment
    });
    segments.collect()
}

/// What a metric is, in the words of the format.
enum Value<'a> {
    Gauge(f64),
    Counter(f64),
    Histogram {
        /// Upper limits and cumulative counts, infinity included.
        buckets: &'a [(f64, f64)],
        sum: Option<f64>,
    },
}

/// Turns the lines of a family into messages.
struct MetricWriter<'a> {
    family: &'a Family,
    out: Vec<u8>,
    /// The labels of the present metric, as fields.
    labels: Vec<u8>,
    value: Option<f64>,
    buckets: Vec<(f64, f64)>,
    created: Option<f64>,
}

impl<'a> MetricWriter<'a> {
    fn new(family: &'a Family) -> Self {
        Self {
            family,
            out: Vec::new(),
            labels: Vec::new(),
            value: None,
            buckets: Vec::new(),
            created: None,
        }
    }

    fn add(&mut self, sample: &Sample<'_>) {
        if self.family.kind.is_cumulative() && sample.name.ends_with(CREATED) {
            self.created = Some(sample.value);
            return;
        }
        let mut labels = Vec::with_capacity(self.labels.len());
        let mut limit = None;
        for (name, value) in &sample.labels {
            match *name {
                "le" => limit = value.parse().ok(),
                name => put_label(&mut labels, name, value),
            }
        }
        match limit {
            Some(limit) => {
                if labels != self.labels || self.created.is_some() {
                    self.end_metric();
                    self.labels = labels;
                }
                self.buckets.push((limit, sample.value));
            }
            None => {
                self.end_metric();
                (self.labels, self.value) = (labels, Some(sample.value));
            }
        }
    }

    /// Writes the metric whose lines have all been added.
    fn end_metric(&mut self) {
        let value = match (self.value, self.family.kind) {
            (Some(value), Kind::Counter) => Value::Counter(value),
            (Some(value), _) => Value::Gauge(value),
            (None, _) if self.buckets.is_empty() => return,
            // LivePerson gives no sum. Prometheus reads a missing one as 0; with NaN it would answer +Inf
            // to every quantile of a native histogram.
            (None, _) => Value::Histogram {
                buckets: &self.buckets,
                sum: None,
            },
        };
        put_metric(&mut self.out, &self.labels, &value, self.created);
        self.value = None;
        self.buckets.clear();
        self.created = None;
    }
}

/// The fields of a family that stand before its metrics.
pub(super) fn family_fields(name: &str, help: &str, kind: Kind, unit: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, field::FAMILY_NAME, name.as_bytes());
    put_bytes(&mut out, field::FAMILY_HELP, help.as_bytes());
    let of_type = match kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info => 1,
        Kind::Histogram => 4,
        Kind::GaugeHistogram => 5,
    };
    put_number(&mut out, field::FAMILY_TYPE, of_type);
    if let Some(unit) = unit {
        put_bytes(&mut out, field::FAMILY_UNIT, unit.as_bytes());
    }
    out
}

/// The head of a family on a page: the length of its message, and its fields. `metrics`: the length of
/// the messages that follow, in bytes.
pub(super) fn family_head(fields: &[u8], metrics: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.len() + 10);
    put_varint(&mut out, fields.len() as u64 + metrics);
    out.extend_from_slice(fields);
    out
}

/// Appends a metric of the `prometheus` crate, which counts since `created`, in seconds since the epoch.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls stay far below 2^53"
)]
pub(super) fn write_metric(out: &mut Vec<u8>, kind: Kind, metric: &Metric, created: Option<f64>) {
    let mut labels = Vec::new();
    for pair in metric.get_label() {
        put_label(&mut labels, pair.name(), pair.value());
    }
    let histogram = metric.get_histogram();
    let mut buckets = Vec::new();
    let value = match kind {
        Kind::Counter => Value::Counter(metric.get_counter().get_value()),
        Kind::Histogram => {
            let all = histogram.get_bucket().iter();
            let finite = all.filter(|bucket| bucket.upper_bound().is_finite());
            buckets.extend(finite.map(|b| (b.upper_bound(), b.cumulative_count() as f64)));
            buckets.push((f64::INFINITY, histogram.get_sample_count() as f64));
            Value::Histogram {
                buckets: &buckets,
                sum: Some(histogram.get_sample_sum()),
            }
        }
        _ => Value::Gauge(metric.get_gauge().get_value()),
    };
    put_metric(out, &labels, &value, created);
}

fn put_metric(out: &mut Vec<u8>, labels: &[u8], value: &Value<'_>, created: Option<f64>) {
    let mut inner = Vec::with_capacity(64);
    let number = match value {
        Value::Gauge(value) => {
            put_double(&mut inner, field::VALUE, *value);
            field::METRIC_GAUGE
        }
        Value::Counter(value) => {
            put_double(&mut inner, field::VALUE, *value);
            put_created(&mut inner, field::COUNTER_CREATED, created);
            field::METRIC_COUNTER
        }
        Value::Histogram { buckets, sum } => {
            let count = buckets.last().map_or(0.0, |(_, count)| *count);
            put_number(&mut inner, field::HISTOGRAM_COUNT, whole(count));
            if let Some(sum) = sum {
                put_double(&mut inner, field::HISTOGRAM_SUM, *sum);
            }
            for (limit, count) in *buckets {
                let mut bucket = Vec::with_capacity(20);
                put_number(&mut bucket, field::BUCKET_COUNT, whole(*count));
                put_double(&mut bucket, field::BUCKET_LIMIT, *limit);
                put_bytes(&mut inner, field::HISTOGRAM_BUCKET, &bucket);
            }
            put_created(&mut inner, field::HISTOGRAM_CREATED, created);
            field::METRIC_HISTOGRAM
        }
    };
    let mut metric = Vec::with_capacity(labels.len() + inner.len() + 6);
    metric.extend_from_slice(labels);
    put_bytes(&mut metric, number, &inner);
    put_bytes(out, field::FAMILY_METRIC, &metric);
}

/// Counts of chats and calls are whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; counts are whole and not negative"
)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut pair = Vec::with_capacity(name.len() + value.len() + 6);
    put_bytes(&mut pair, field::LABEL_NAME, name.as_bytes());
    put_bytes(&mut pair, field::LABEL_VALUE, value.as_bytes());
    put_bytes(out, field::METRIC_LABEL, &pair);
}

/// A `google.protobuf.Timestamp`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times after 1970, and a fraction of a second"
)]
fn put_created(out: &mut Vec<u8>, number: u32, created: Option<f64>) {
    let Some(at) = created.filter(|at| *at >= 0.0) else {
        return;
    };
    let mut timestamp = Vec::with_capacity(12);
    put_number(&mut timestamp, field::SECONDS, at.trunc() as u64);
    put_number(&mut timestamp, field::NANOS, (at.fract() * 1e9) as u64);
    put_bytes(out, number, &timestamp);
}

fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number << 3 | 2));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_double(out: &mut Vec<u8>, number: u32, value: f64) {
    put_varint(out, u64::from(number << 3 | 1));
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_number(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number << 3));
    put_varint(out, value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests;
