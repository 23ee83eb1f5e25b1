//! Lines of samples: names, labels and values.
//!
//! Lines that follow each other have most of their labels in common, so each copies what it shares
//! with the one before it. This is where the time of rendering goes.

use super::compress::Segment;
use super::escape;
use super::header::{self, declared_name};
use super::negotiate::Format;
use super::number;
use super::read::CREATED;
use crate::metrics::{Family, LabelValue};

/// Lines of one format, before and after they became segments.
#[derive(Default)]
pub(super) struct LineBuffer {
    pub(super) buffer: Vec<u8>,
    pub(super) count: usize,
    pub(super) segments: Vec<Segment>,
    last: LastLine,
}

/// Where the labels of the last line are, so that the next one can copy what both have in common:
/// most of it, as a skill's agents follow each other.
#[derive(Default)]
struct LastLine {
    start: usize,
    suffix: &'static str,
    labels: Vec<LabelSpan>,
}

/// A label of the last line, by offsets from the line's start.
#[derive(Clone, Copy)]
struct LabelSpan {
    value: usize,
    end: usize,
    id: Option<i64>,
    /// Whether the value was written without escapes.
    verbatim: bool,
}

impl LineBuffer {
    /// Empties it once its lines have become a segment.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.last.labels.clear();
        self.count = 0;
    }

    fn write_name_and_labels(
        &mut self,
        family: &'static Family,
        suffix: &'static str,
        labels: &[LabelValue<'_>],
    ) {
        let same = self.shared_labels(suffix, labels);
        let (out, last) = (&mut self.buffer, &mut self.last);
        let start = out.len();
        last.labels.truncate(same);
        match last.labels.last() {
            Some(span) => out.extend_from_within(last.start..last.start + span.end),
            None => {
                out.extend_from_slice(family.name.as_bytes());
                out.extend_from_slice(suffix.as_bytes());
            }
        }
        (last.start, last.suffix) = (start, suffix);
        for (index, (name, label)) in family.labels.iter().zip(labels).enumerate().skip(same) {
            out.push(if index == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            let value = out.len() - start;
            let (id, verbatim) = match label {
                LabelValue::Text(text) => {
                    escape::label_value(text, out);
                    (None, out.len() - start - value == text.len())
                }
                LabelValue::Id(id) => {
                    number::integer(*id, out);
                    (Some(*id), true)
                }
            };
            out.push(b'"');
            let end = out.len() - start;
            last.labels.push(LabelSpan {
                value,
                end,
                id,
                verbatim,
            });
        }
    }

    /// Appends a line with a value.
    pub(super) fn write_sample(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        value: f64,
    ) {
        self.write_name_and_labels(family, "", labels);
        write_value(&mut self.buffer, value);
        self.count += 1;
    }

    /// Appends the buckets of a histogram, the one of infinity included. The upper bounds are canonical
    /// floats in both formats, so that a series is the same one whichever format a Prometheus asked
    /// for.
    pub(super) fn write_buckets(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        for (upper_bound, value) in buckets {
            self.write_name_and_labels(family, "_bucket", labels);
            let out = &mut self.buffer;
            out.extend_from_slice(b",le=\"");
            number::upper_bound(f64::from(*upper_bound), out);
            out.push(b'"');
            write_value(out, *value);
        }
        self.write_name_and_labels(family, "_bucket", labels);
        self.buffer.extend_from_slice(b",le=\"+Inf\"");
        write_value(&mut self.buffer, count);
        self.count += buckets.len() + 1;
    }

    /// Appends how many a histogram has counted.
    pub(super) fn write_count(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        count: f64,
    ) {
        self.write_name_and_labels(family, "_count", labels);
        write_value(&mut self.buffer, count);
        self.count += 1;
    }

    /// Appends since when the series of the last line counts, in seconds since the epoch. Strict
    /// parsers want it next to that series.
    pub(super) fn write_created(&mut self, family: &'static Family, created: i64) {
        let (out, last) = (&mut self.buffer, &self.last);
        let labels = last.start + family.name.len() + last.suffix.len();
        let end = last
            .labels
            .last()
            .map_or(labels, |span| last.start + span.end);
        let name = declared_name(Format::OpenMetrics, family.name, family.kind);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(CREATED.as_bytes());
        out.extend_from_within(labels..end);
        out.extend_from_slice(b"} ");
        number::integer(created, out);
        out.extend_from_slice(b".0\n");
        self.count += 1;
    }

    /// How many labels at the beginning are equal to those of the last line.
    fn shared_labels(&self, suffix: &str, labels: &[LabelValue<'_>]) -> usize {
        if !is_same(self.last.suffix, suffix) {
            return 0;
        }
        let line = self.buffer.get(self.last.start..).unwrap_or_default();
        let same = |(span, label): &(&LabelSpan, &LabelValue<'_>)| match label {
            LabelValue::Id(id) => span.id == Some(*id),
            LabelValue::Text(text) => {
                let written = line.get(span.value..span.end - 1);
                span.id.is_none() && span.verbatim && written == Some(text.as_bytes())
            }
        };
        self.last.labels.iter().zip(labels).take_while(same).count()
    }
}

/// Compares suffixes. Most are empty, and `memcmp` of nothing reads with an empty mask from an address
/// that is not mapped, which takes some processors longer than writing the rest of the line.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

fn write_value(out: &mut Vec<u8>, value: f64) {
    out.push(b'}');
    header::write_value(value, out);
}
