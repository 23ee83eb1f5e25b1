//! The exporter's own families, as the `prometheus` crate gathers them, in both formats.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::header::{self, declared, label, value};
use super::negotiate::Format;
use super::number;
use crate::metrics::Kind;
use crate::metrics::exporter_families::find;

/// Writes families. `created` says since when a counter has been counting, in seconds since the
/// epoch; only OpenMetrics has a place for it.
pub fn families(
    format: Format,
    families: &[MetricFamily],
    created: impl Fn(&Metric) -> Option<f64>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 * 1024);
    for family in families {
        let name = family.name();
        let kind = kind(family);
        header::write(format, name, kind, family.help(), &mut out);
        let base = declared(format, name, kind);
        for metric in family.get_metric() {
            let mut sample = |name: &str, suffix: &str, le: Option<f64>, number: f64| {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(suffix.as_bytes());
                labels(metric, le, &mut out);
                value(number, &mut out);
            };
            match family.get_field_type() {
                MetricType::COUNTER => sample(name, "", None, metric.get_counter().get_value()),
                MetricType::HISTOGRAM => histogram(name, metric, sample),
                _ => sample(name, "", None, metric.get_gauge().get_value()),
            }
            if let (Format::OpenMetrics, Kind::Counter | Kind::Histogram, Some(at)) =
                (format, kind, created(metric))
            {
                out.extend_from_slice(base.as_bytes());
                out.extend_from_slice(b"_created");
                labels(metric, None, &mut out);
                value(at, &mut out);
            }
        }
    }
    out
}

/// The catalogue's word, as the crate knows no info; the type of what is not in it (`process_*`).
fn kind(family: &MetricFamily) -> Kind {
    match (find(family.name()), family.get_field_type()) {
        (Some(known), _) => known.kind,
        (None, MetricType::COUNTER) => Kind::Counter,
        (None, MetricType::HISTOGRAM) => Kind::Histogram,
        (None, _) => Kind::Gauge,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls stay far below 2^53"
)]
fn histogram(name: &str, metric: &Metric, mut sample: impl FnMut(&str, &str, Option<f64>, f64)) {
    let histogram = metric.get_histogram();
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|b| b.upper_bound().is_finite());
    for bucket in finite {
        let count = bucket.cumulative_count() as f64;
        sample(name, "_bucket", Some(bucket.upper_bound()), count);
    }
    let count = histogram.get_sample_count() as f64;
    sample(name, "_bucket", Some(f64::INFINITY), count);
    sample(name, "_sum", None, histogram.get_sample_sum());
    sample(name, "_count", None, count);
}

fn labels(metric: &Metric, le: Option<f64>, out: &mut Vec<u8>) {
    let mut separator = b'{';
    for pair in metric.get_label() {
        label(separator, pair.name(), pair.value(), out);
        separator = b',';
    }
    if let Some(limit) = le {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(b"le=\"");
        number::upper_limit(limit, out);
        out.push(b'"');
    }
    if separator == b',' {
        out.push(b'}');
    }
}
