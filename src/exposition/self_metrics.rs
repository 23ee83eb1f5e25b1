//! The exporter's own families, as the `prometheus` crate gathers them, in every format.

use std::collections::HashMap;
use std::sync::LazyLock;

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::header::{declared_name, protobuf_fields, write_header, write_label, write_value};
use super::negotiate::Format;
use super::{number, protobuf};
use crate::metrics::Kind;
use crate::metrics::exporter_families::{ALL, find};

/// Writes families. `created` returns since when a counter of a family has been counting, in seconds
/// since the epoch; only OpenMetrics can express it.
pub fn write_self_metrics(
    format: Format,
    families: &[MetricFamily],
    created: impl Fn(&str, &Metric) -> Option<f64>,
) -> Vec<u8> {
    if format == Format::Protobuf {
        return write_protobuf(families, created);
    }
    let mut out = Vec::with_capacity(512 * families.len());
    for family in families {
        let kind = kind(family);
        put_header(format, family, kind, &mut out);
        let has_created = format == Format::OpenMetrics && kind.is_cumulative();
        for metric in family.get_metric() {
            write_metric(family, metric, &mut out);
            if let (true, Some(at)) = (has_created, created(family.name(), metric)) {
                let name = declared_name(format, family.name(), kind);
                write_sample(name, "_created", metric, None, at, &mut out);
            }
        }
    }
    out
}

/// Appends the header of a family; those in the catalogue have been written before.
fn put_header(format: Format, family: &MetricFamily, kind: Kind, out: &mut Vec<u8>) {
    static WRITTEN: LazyLock<[HashMap<&str, Vec<u8>>; 2]> =
        LazyLock::new(|| [Format::Text, Format::OpenMetrics].map(written_headers));
    let [text, openmetrics] = &*WRITTEN;
    let headers = match format {
        Format::OpenMetrics => openmetrics,
        Format::Text | Format::Protobuf => text,
    };
    match headers.get(family.name()) {
        Some(header) => out.extend_from_slice(header),
        None => write_header(format, family.name(), kind, family.help(), out),
    }
}

fn written_headers(format: Format) -> HashMap<&'static str, Vec<u8>> {
    let headers = ALL.iter().map(|family| {
        let mut header = Vec::new();
        write_header(format, family.name, family.kind, family.help, &mut header);
        (family.name, header)
    });
    headers.collect()
}

fn write_protobuf(
    families: &[MetricFamily],
    created: impl Fn(&str, &Metric) -> Option<f64>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 * families.len());
    let mut metrics = Vec::new();
    for family in families {
        let kind = kind(family);
        metrics.clear();
        for metric in family.get_metric() {
            let created = created(family.name(), metric).filter(|_| kind.is_cumulative());
            protobuf::write_metric(&mut metrics, kind, metric, created);
        }
        let fields = protobuf_fields(family.name(), kind, family.help());
        out.extend_from_slice(&protobuf::family_head(&fields, metrics.len() as u64));
        out.extend_from_slice(&metrics);
    }
    out
}

fn write_metric(family: &MetricFamily, metric: &Metric, out: &mut Vec<u8>) {
    let name = family.name();
    let value = match family.get_field_type() {
        MetricType::HISTOGRAM => return write_histogram(name, metric, out),
        MetricType::COUNTER => metric.get_counter().get_value(),
        _ => metric.get_gauge().get_value(),
    };
    write_sample(name, "", metric, None, value, out);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls stay far below 2^53"
)]
fn write_histogram(name: &str, metric: &Metric, out: &mut Vec<u8>) {
    let histogram = metric.get_histogram();
    for bucket in histogram.get_bucket() {
        let (upper_bound, count) = (bucket.upper_bound(), bucket.cumulative_count() as f64);
        // The crate may have it, and may not.
        if upper_bound.is_finite() {
            write_sample(name, "_bucket", metric, Some(upper_bound), count, out);
        }
    }
    let count = histogram.get_sample_count() as f64;
    write_sample(name, "_bucket", metric, Some(f64::INFINITY), count, out);
    write_sample(name, "_sum", metric, None, histogram.get_sample_sum(), out);
    write_sample(name, "_count", metric, None, count, out);
}

fn write_sample(
    name: &str,
    suffix: &str,
    metric: &Metric,
    le: Option<f64>,
    value: f64,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    write_labels(metric, le, out);
    write_value(value, out);
}

fn write_labels(metric: &Metric, le: Option<f64>, out: &mut Vec<u8>) {
    let mut separator = b'{';
    for pair in metric.get_label() {
        write_label(separator, pair.name(), pair.value(), out);
        separator = b',';
    }
    if let Some(upper_bound) = le {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(b"le=\"");
        number::upper_bound(upper_bound, out);
        out.push(b'"');
    }
    if separator == b',' {
        out.push(b'}');
    }
}

/// The kind from the catalogue, as the crate knows no info; the crate's type for what is not in it
/// (`process_*`).
fn kind(family: &MetricFamily) -> Kind {
    match (find(family.name()), family.get_field_type()) {
        (Some(known), _) => known.kind,
        (None, MetricType::COUNTER) => Kind::Counter,
        (None, MetricType::HISTOGRAM) => Kind::Histogram,
        (None, _) => Kind::Gauge,
    }
}
