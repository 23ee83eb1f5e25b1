//! Samples read back from the lines that were written: for the few that are needed as numbers again,
//! so that nothing is kept twice for them.

use std::borrow::Cow;

/// What the name of a line ends with that says since when a series counts.
pub(super) const CREATED: &str = "_created";

/// One line of OpenMetrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The name, suffixes such as `_bucket` included.
    pub name: &'a str,
    /// Labels in the order in which they were written.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value.
    pub value: f64,
}

impl Sample<'_> {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        let (_, value) = labels.find(|(label, _)| *label == name)?;
        Some(value)
    }
}

/// Reads one line; `None` for anything that was not written here.
pub(super) fn sample(line: &str) -> Option<Sample<'_>> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::with_capacity(4);
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.strip_prefix(',').unwrap_or(rest).split_once("=\"")?;
            let (value, after) = label_value(after)?;
            labels.push((label, value));
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// The value up to the quotation mark that ends it, and what follows that.
fn label_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::from(&text[..end]);
    let mut chars = text[end..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Cow::Owned(value), &text[end + at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exposition::{Inflater, SegmentWriter, escape, number};
    use crate::metrics::{LabelValue, Sink as _};
    use crate::names::families::SKILL_INFO;

    #[test]
    fn lines_that_were_not_written_here_are_refused() {
        let lines = [
            "",
            "x",
            "x{",
            "x{a",
            "x{a=\"",
            "x{a=\"\\",
            "x{a=\"b\"",
            "x{a=\"b\"}1",
        ];
        crate::cases::check_each(lines, |line| assert_eq!(sample(line), None));
    }

    #[test]
    fn a_chunk_is_read_back_as_it_was_written() {
        let mut writer = SegmentWriter::new(&[]);
        let name = "a \"quoted\" \\ name\nof {two} lines,";
        let labels = [
            LabelValue::Text("1"),
            LabelValue::Id(7),
            LabelValue::Text(name),
        ];
        writer.gauge(&SKILL_INFO, &labels, 1.5);
        let chunks = writer.finish().unwrap();
        let mut read = Vec::new();
        let each = |sample: Sample<'_>| {
            read.push((
                sample.label("skill").map(str::to_owned),
                sample.label("name").map(str::to_owned),
                sample.value,
            ));
        };
        chunks[0]
            .for_each_sample(&mut Inflater::new(), each)
            .unwrap();
        assert_eq!(read, [(Some("7".to_owned()), Some(name.to_owned()), 1.5)]);
    }

    proptest! {
        #[test]
        fn any_label_and_any_value_survives(label in "\\PC*|[\\\\\"\n{},= ]*", value: f64) {
            let mut line = b"name{label=\"".to_vec();
            escape::label_value(&label, &mut line);
            line.extend_from_slice(b"\"} ");
            number::value(value, &mut line);
            let line = String::from_utf8(line).unwrap();
            let read = sample(&line).unwrap();
            prop_assert_eq!(read.label("label"), Some(&*label));
            prop_assert!(read.value == value || read.value.is_nan() && value.is_nan());
        }

        #[test]
        fn no_line_makes_it_panic(line in "\\PC*|[a{}\"\\\\=, 1]*") {
            let _ = sample(&line);
        }
    }
}
