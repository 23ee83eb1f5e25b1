//! HELP, TYPE and UNIT: the lines above a family's samples, once on a page.

use super::compress::{Compressor, Segment};
use super::negotiate::Format;
use super::{escape, number, protobuf};
use crate::metrics::{Family, Kind};

/// Units: the last word of a family's name.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The header of a family in every format, ready to be served.
#[derive(Debug)]
pub struct Header {
    text: Segment,
    openmetrics: Segment,
    /// What stands before a family's metrics in protobuf, after its length.
    protobuf: Vec<u8>,
}

impl Header {
    /// The header in one format; `None` in protobuf, where it depends on what follows.
    pub fn segment(&self, format: Format) -> Option<&Segment> {
        match format {
            Format::Text => Some(&self.text),
            Format::OpenMetrics => Some(&self.openmetrics),
            Format::Protobuf => None,
        }
    }

    /// The header in protobuf, above metrics of so many bytes.
    ///
    /// # Errors
    /// Out of memory.
    pub fn protobuf(&self, compressor: &mut Compressor, metrics: u64) -> std::io::Result<Segment> {
        compressor.compress(&protobuf::family_head(&self.protobuf, metrics))
    }
}

/// The header of a family.
///
/// # Errors
/// Out of memory.
pub fn header(compressor: &mut Compressor, family: &Family) -> std::io::Result<Header> {
    let mut compress = |format| {
        let mut out = Vec::new();
        write_header(format, family.name, family.kind, family.help, &mut out);
        compressor.compress(&out)
    };
    Ok(Header {
        text: compress(Format::Text)?,
        openmetrics: compress(Format::OpenMetrics)?,
        protobuf: protobuf_fields(family.name, family.kind, family.help),
    })
}

/// The name that a family is declared under. In OpenMetrics the suffixes that a type brings belong
/// to the samples and not to the family.
pub(super) fn declared_name(format: Format, name: &str, kind: Kind) -> &str {
    let declared = match (format, kind) {
        (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total"),
        (Format::OpenMetrics, Kind::Info) => name.strip_suffix("_info"),
        // Not an empty suffix: comparing nothing with nothing is slow on some processors.
        _ => None,
    };
    declared.unwrap_or(name)
}

/// Appends the header of a family.
pub(super) fn write_header(format: Format, name: &str, kind: Kind, help: &str, out: &mut Vec<u8>) {
    let name = declared_name(format, name, kind);
    write_keyword("HELP", name, out);
    match format {
        Format::Text | Format::Protobuf => escape::help(help, out),
        Format::OpenMetrics => escape::label_value(help, out),
    }
    out.push(b'\n');
    write_keyword("TYPE", name, out);
    out.extend_from_slice(type_name(format, kind).as_bytes());
    out.push(b'\n');
    if let (Format::OpenMetrics, Some(unit)) = (format, unit(name)) {
        write_keyword("UNIT", name, out);
        out.extend_from_slice(unit.as_bytes());
        out.push(b'\n');
    }
}

fn write_keyword(keyword: &str, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# ");
    out.extend_from_slice(keyword.as_bytes());
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
}

/// What stands before the metrics of a family in protobuf, after its length.
pub(super) fn protobuf_fields(name: &str, kind: Kind, help: &str) -> Vec<u8> {
    let declared = declared_name(Format::OpenMetrics, name, kind);
    protobuf::family_fields(name, help, kind, unit(declared))
}

fn unit(name: &str) -> Option<&'static str> {
    let (_, last_word) = name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last_word)
}

fn type_name(format: Format, kind: Kind) -> &'static str {
    match (kind, format) {
        (Kind::Info, Format::OpenMetrics) => "info",
        (Kind::GaugeHistogram, Format::OpenMetrics) => "gaugehistogram",
        (Kind::Gauge | Kind::Info, _) => "gauge",
        // The text format has no gauge histogram; readers take buckets from this type alone.
        (Kind::GaugeHistogram | Kind::Histogram, _) => "histogram",
        (Kind::Counter, _) => "counter",
    }
}

/// Appends one label after a separator.
pub(super) fn write_label(separator: u8, name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(separator);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape::label_value(value, out);
    out.push(b'"');
}

/// Appends what follows the labels of a sample: its value and the end of the line.
pub(super) fn write_value(value: f64, out: &mut Vec<u8>) {
    out.push(b' ');
    number::value(value, out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;
    use crate::collectors::Registry;
    use crate::collectors::sla::of_level;
    use crate::data_family;
    use crate::names::families::SKILL_INFO;
    use crate::vocabulary::Level;

    fn text(format: Format, family: &Family) -> String {
        let mut out = Vec::new();
        write_header(format, family.name, family.kind, family.help, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_gauge_histogram_is_a_histogram_in_the_text_format() {
        let family = &of_level(Level::Account).unwrap().wait_seconds;
        let name = "liveperson_window_account_wait_seconds";
        let written = text(Format::Text, family);
        assert!(written.starts_with(&format!("# HELP {name} Time")));
        assert!(written.contains("slaDataRange.*.chats"));
        assert!(written.ends_with(&format!("\n# TYPE {name} histogram\n")));
        let written = text(Format::OpenMetrics, family);
        assert!(written.ends_with(&format!(
            "\n# TYPE {name} gaugehistogram\n# UNIT {name} seconds\n"
        )));
    }

    #[test]
    fn suffixes_of_a_type_are_not_part_of_an_openmetrics_name() {
        let family = &SKILL_INFO;
        assert!(text(Format::OpenMetrics, family).ends_with("\n# TYPE liveperson_skill info\n"));
        assert!(text(Format::Text, family).ends_with("\n# TYPE liveperson_skill_info gauge\n"));
        let family: Family = data_family!(
            Account: "liveperson_", "handling_seconds_total", Counter ["kind"], "Time", "."
        );
        let name = "liveperson_account_handling_seconds";
        let declared = format!("# TYPE {name} counter\n# UNIT {name} seconds\n");
        assert!(text(Format::OpenMetrics, &family).ends_with(&declared));
        let declared = format!("# TYPE {name}_total counter\n");
        assert!(text(Format::Text, &family).ends_with(&declared));
        let mut out = Vec::new();
        write_header(
            Format::OpenMetrics,
            "x_bytes_total",
            Kind::Counter,
            "The \"x\".",
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "# HELP x_bytes The \\\"x\\\".\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\n"
        );
    }

    #[test]
    fn every_family_has_its_header_compressed_once() {
        let mut compressor = Compressor::new();
        check_each(Registry::standard().families(), |family| {
            let header = header(&mut compressor, family).unwrap();
            for format in [Format::Text, Format::OpenMetrics] {
                assert_eq!(
                    header.segment(format).unwrap().plain().unwrap(),
                    text(format, family).as_bytes()
                );
            }
        });
    }
}
