//! HELP, TYPE and UNIT: what stands above a family's samples, once on a page.

use super::negotiate::Format;
use super::pack::{Packer, Segment};
use super::{escape, number};
use crate::metrics::{Family, Kind};

/// Units by the word that a family's name ends in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The header of a family in both formats, ready to be served.
#[derive(Debug)]
pub struct Header {
    text: Segment,
    openmetrics: Segment,
}

impl Header {
    /// The header in one format.
    pub fn segment(&self, format: Format) -> &Segment {
        match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.openmetrics,
        }
    }
}

/// The header of a family, compressed by the packer.
///
/// # Errors
/// Out of memory.
pub fn header(packer: &mut Packer, family: &Family) -> std::io::Result<Header> {
    let mut pack = |format| {
        let mut out = Vec::new();
        write(format, family.name, family.kind, family.help, &mut out);
        packer.pack(&out)
    };
    Ok(Header {
        text: pack(Format::Text)?,
        openmetrics: pack(Format::OpenMetrics)?,
    })
}

/// The name that a family is declared under. In OpenMetrics the suffixes that a type brings belong
/// to the samples and not to the family.
pub(super) fn declared(format: Format, name: &str, kind: Kind) -> &str {
    let suffix = match (format, kind) {
        (Format::OpenMetrics, Kind::Counter) => "_total",
        (Format::OpenMetrics, Kind::Info) => "_info",
        _ => "",
    };
    name.strip_suffix(suffix).unwrap_or(name)
}

/// Appends the header of a family.
pub(super) fn write(format: Format, name: &str, kind: Kind, help: &str, out: &mut Vec<u8>) {
    let name = declared(format, name, kind);
    let mut line = |word: &str, rest: &dyn Fn(&mut Vec<u8>)| {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(word.as_bytes());
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        rest(out);
        out.push(b'\n');
    };
    line("HELP", &|out| match format {
        Format::Text => escape::help(help, out),
        Format::OpenMetrics => escape::label_value(help, out),
    });
    line("TYPE", &|out| {
        out.extend_from_slice(type_word(format, kind).as_bytes());
    });
    let unit = UNITS.iter().find(|unit| {
        let before = name.strip_suffix(*unit);
        before.is_some_and(|before| before.ends_with('_'))
    });
    if let (Format::OpenMetrics, Some(unit)) = (format, unit) {
        line("UNIT", &|out| out.extend_from_slice(unit.as_bytes()));
    }
}

fn type_word(format: Format, kind: Kind) -> &'static str {
    match (kind, format) {
        (Kind::Info, Format::OpenMetrics) => "info",
        (Kind::GaugeHistogram, Format::OpenMetrics) => "gaugehistogram",
        (Kind::Gauge | Kind::Info, _) => "gauge",
        // The text format has no gauge histogram; readers take buckets from this type alone.
        (Kind::GaugeHistogram | Kind::Histogram, _) => "histogram",
        (Kind::Counter, _) => "counter",
    }
}

/// Appends one label; `separator` is what stands before it.
pub(super) fn label(separator: u8, name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(separator);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape::label_value(value, out);
    out.push(b'"');
}

/// Appends what stands between a sample's labels and the end of its line.
pub(super) fn value(value: f64, out: &mut Vec<u8>) {
    out.push(b' ');
    number::value(value, out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::Registry;
    use crate::collectors::sla::of_level;
    use crate::names::families::SKILL_INFO;
    use crate::vocabulary::Level;

    fn text(format: Format, family: &Family) -> String {
        let mut out = Vec::new();
        write(format, family.name, family.kind, family.help, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_gauge_histogram_is_a_histogram_where_there_is_no_other_word_for_it() {
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
    fn suffixes_that_a_type_brings_are_not_part_of_an_openmetrics_name() {
        let family = &SKILL_INFO;
        assert!(text(Format::OpenMetrics, family).ends_with("\n# TYPE liveperson_skill info\n"));
        assert!(text(Format::Text, family).ends_with("\n# TYPE liveperson_skill_info gauge\n"));
        let mut out = Vec::new();
        write(
            Format::OpenMetrics,
            "x_bytes_total",
            Kind::Counter,
            "Say \"x\".",
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "# HELP x_bytes Say \\\"x\\\".\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\n"
        );
    }

    #[test]
    fn every_family_has_its_header_compressed_once() {
        let mut packer = Packer::new().unwrap();
        for family in Registry::standard().families() {
            let header = header(&mut packer, family).unwrap();
            for format in [Format::Text, Format::OpenMetrics] {
                assert_eq!(
                    header.segment(format).plain().unwrap(),
                    text(format, family).as_bytes()
                );
            }
        }
    }
}
