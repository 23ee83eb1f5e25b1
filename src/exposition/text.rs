//! Prometheus's text format 0.0.4.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{escape, number};
use crate::metrics::{FamilyId, Kind, LabelValue, Sink};

/// The `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The HELP and TYPE lines of a family.
pub fn header(family: FamilyId) -> Bytes {
    let family = family.get();
    let kind = match family.kind {
        Kind::Gauge | Kind::Info => "gauge",
        // The format has no gauge histogram; readers take buckets from this type alone.
        Kind::GaugeHistogram | Kind::Histogram => "histogram",
        Kind::Counter => "counter",
    };
    let mut out = Vec::with_capacity(family.help.len() + 2 * family.name.len() + 32);
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(family.name.as_bytes());
    out.push(b' ');
    escape::help(family.help, &mut out);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(family.name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
    out.into()
}

/// The samples of one family, without HELP and TYPE.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The family.
    pub family: FamilyId,
    /// Whole lines.
    pub text: Bytes,
    /// How many lines, which is how many series.
    pub series: u64,
}

/// Writes samples, a buffer per family.
#[derive(Debug, Default)]
pub struct TextWriter {
    families: BTreeMap<FamilyId, (Vec<u8>, u64)>,
}

impl TextWriter {
    /// What was written, in the order of the catalogue.
    pub fn finish(self) -> Vec<Chunk> {
        let chunks = self
            .families
            .into_iter()
            .map(|(family, (text, series))| Chunk {
                family,
                text: text.into(),
                series,
            });
        chunks.collect()
    }
}

impl Sink for TextWriter {
    fn gauge(&mut self, family: FamilyId, labels: &[LabelValue<'_>], value: f64) {
        let (out, series) = self.families.entry(family).or_default();
        name_and_labels(family, "", labels, out);
        end_of_labels(out, value);
        *series += 1;
    }

    fn gauge_histogram(
        &mut self,
        family: FamilyId,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let (out, series) = self.families.entry(family).or_default();
        for (limit, value) in buckets {
            name_and_labels(family, "_bucket", labels, out);
            out.extend_from_slice(b",le=\"");
            number::id(*limit, out);
            out.push(b'"');
            end_of_labels(out, *value);
        }
        name_and_labels(family, "_bucket", labels, out);
        out.extend_from_slice(b",le=\"+Inf\"");
        end_of_labels(out, count);
        name_and_labels(family, "_count", labels, out);
        end_of_labels(out, count);
        *series += buckets.len() as u64 + 2;
    }
}

fn name_and_labels(family: FamilyId, suffix: &str, labels: &[LabelValue<'_>], out: &mut Vec<u8>) {
    let family = family.get();
    out.extend_from_slice(family.name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    let mut separator = b'{';
    for (name, value) in family.labels.iter().zip(labels) {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        match value {
            LabelValue::Text(text) => escape::label_value(text, out),
            LabelValue::Id(id) => number::id(*id, out),
        }
        out.push(b'"');
    }
}

fn end_of_labels(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(b"} ");
    number::value(value, out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::{info, waits};
    use crate::poll::plan::Level;

    fn page(chunks: &[Chunk]) -> String {
        chunks
            .iter()
            .map(|c| String::from_utf8(c.text.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_histogram_has_cumulative_buckets_and_a_count_and_no_sum() {
        let mut writer = TextWriter::default();
        let labels = [
            LabelValue::Text("1"),
            LabelValue::Id(i64::MAX),
            LabelValue::Text("5m"),
        ];
        let family = waits(Level::Skill).unwrap().wait_seconds;
        writer.gauge_histogram(family, &labels, &[(15, 3.0), (30, 5.0)], 6.0);
        let chunks = writer.finish();
        let labels = "account=\"1\",skill=\"9223372036854775807\",window=\"5m\"";
        let name = "liveperson_window_skill_wait_seconds";
        assert_eq!(
            page(&chunks),
            format!(
                "{name}_bucket{{{labels},le=\"15\"}} 3\n{name}_bucket{{{labels},le=\"30\"}} 5\n\
                 {name}_bucket{{{labels},le=\"+Inf\"}} 6\n{name}_count{{{labels}}} 6\n"
            )
        );
        assert_eq!(chunks[0].series, 4);
    }

    #[test]
    fn names_are_escaped() {
        let mut writer = TextWriter::default();
        let labels = [
            LabelValue::Text("1"),
            LabelValue::Id(-1),
            LabelValue::Text("a\"b\\\n"),
        ];
        writer.gauge(info(Level::Skill).unwrap(), &labels, 1.0);
        assert_eq!(
            page(&writer.finish()),
            "liveperson_skill_info{account=\"1\",skill=\"-1\",name=\"a\\\"b\\\\\\n\"} 1\n"
        );
    }

    #[test]
    fn the_header_names_the_livepersons_field() {
        let header = header(waits(Level::Account).unwrap().wait_seconds);
        let header = String::from_utf8(header.to_vec()).unwrap();
        assert!(header.starts_with("# HELP liveperson_window_account_wait_seconds Time"));
        assert!(header.contains("slaDataRange.*.chats"));
        assert!(header.ends_with("\n# TYPE liveperson_window_account_wait_seconds histogram\n"));
    }
}
