//! Samples to chunks: lines family by family, cut into segments as they grow.
//!
//! Nothing holds the whole text of a large answer: as soon as a segment's lines are there they are
//! compressed and forgotten. Segments end after a number of series and not of bytes, so that one
//! number that grew by a digit does not move the borders of all that follow.

use std::io;

use super::escape;
use super::header;
use super::negotiate::Format;
use super::number;
use super::pack::{Packer, Segment};
use crate::metrics::{FamilyId, LabelValue, Sink};

/// Lines of a segment: about 250 kB of text. Smaller ones pack worse, larger ones no better, and
/// they would make the steps of a streamed page and the buffers of a poll larger.
const LINES: usize = 2048;

/// The samples of one family, without their header.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The family.
    pub family: FamilyId,
    /// How many lines, in the text format, which is how many series.
    pub series: u64,
    text: Vec<Segment>,
    /// `None` where both formats have the same lines: everywhere but in histograms.
    openmetrics: Option<Vec<Segment>>,
}

impl Chunk {
    /// The samples in one format.
    pub fn segments(&self, format: Format) -> &[Segment] {
        match (format, &self.openmetrics) {
            (Format::OpenMetrics, Some(segments)) => segments,
            _ => &self.text,
        }
    }
}

/// Writes samples, a chunk per family.
pub struct SegmentWriter<'a> {
    earlier: &'a [Chunk],
    families: Vec<Option<Building>>,
    cutter: Cutter,
}

#[derive(Default)]
struct Building {
    text: Lines,
    openmetrics: Option<Lines>,
    series: u64,
}

/// Lines of one format on their way into segments.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    count: usize,
    segments: Vec<Segment>,
    last: Line,
}

/// Where the labels of the last line stand, so that the next one can copy what they share: most
/// of it, as a skill's agents follow each other.
#[derive(Default)]
struct Line {
    start: usize,
    suffix: &'static str,
    labels: Vec<Place>,
}

/// A label of the last line, by offsets from the line's start.
#[derive(Clone, Copy)]
struct Place {
    value: usize,
    end: usize,
    id: Option<i64>,
    /// Whether the value stands there as it was given.
    verbatim: bool,
}

/// Packs, and remembers what went wrong: a [`Sink`] cannot fail.
struct Cutter {
    packer: Packer,
    error: Option<io::Error>,
}

impl Cutter {
    fn cut(&mut self, lines: &mut Lines, earlier: &[Segment]) {
        let earlier = earlier.get(lines.segments.len());
        match self.packer.keep_or_pack(&lines.buffer, earlier) {
            Ok(segment) => lines.segments.push(segment),
            Err(error) => self.error = Some(error),
        }
        lines.buffer.clear();
        lines.last.labels.clear();
        lines.count = 0;
    }

    fn added(&mut self, lines: &mut Lines, count: usize, earlier: &[Segment]) {
        lines.count += count;
        if lines.count >= LINES {
            self.cut(lines, earlier);
        }
    }
}

impl<'a> SegmentWriter<'a> {
    /// A writer. Segments of `earlier` whose text comes again stay what they are.
    ///
    /// # Errors
    /// Want of memory.
    pub fn new(earlier: &'a [Chunk]) -> io::Result<Self> {
        Ok(Self {
            earlier,
            families: FamilyId::all().map(|_| None).collect(),
            cutter: Cutter {
                packer: Packer::new()?,
                error: None,
            },
        })
    }

    /// What was written, in the order of the catalogue.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(mut self) -> io::Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        for (family, building) in FamilyId::all().zip(self.families) {
            let Some(mut building) = building else {
                continue;
            };
            let mut end = |lines: &mut Lines, format| {
                if lines.count > 0 {
                    self.cutter
                        .cut(lines, earlier_of(self.earlier, family, format));
                }
                std::mem::take(&mut lines.segments)
            };
            chunks.push(Chunk {
                family,
                series: building.series,
                text: end(&mut building.text, Format::Text),
                openmetrics: building
                    .openmetrics
                    .as_mut()
                    .map(|lines| end(lines, Format::OpenMetrics)),
            });
        }
        match self.cutter.error {
            Some(error) => Err(error),
            None => Ok(chunks),
        }
    }
}

fn earlier_of(chunks: &[Chunk], family: FamilyId, format: Format) -> &[Segment] {
    let chunk = chunks.iter().find(|chunk| chunk.family == family);
    chunk.map_or(&[], |chunk| chunk.segments(format))
}

impl Sink for SegmentWriter<'_> {
    fn gauge(&mut self, family: FamilyId, labels: &[LabelValue<'_>], value: f64) {
        let building = self.families[family.index()].get_or_insert_default();
        building.text.name_and_labels(family, "", labels);
        end_of_labels(&mut building.text.buffer, value);
        building.series += 1;
        // Looked for only when it may be needed: this is called for every series.
        if building.text.count + 1 >= LINES {
            let earlier = earlier_of(self.earlier, family, Format::Text);
            self.cutter.added(&mut building.text, 1, earlier);
        } else {
            building.text.count += 1;
        }
    }

    fn gauge_histogram(
        &mut self,
        family: FamilyId,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let building = self.families[family.index()].get_or_insert_default();
        building.series += buckets.len() as u64 + 2;
        let openmetrics = building.openmetrics.get_or_insert_default();
        let both = [
            (&mut building.text, Format::Text),
            (openmetrics, Format::OpenMetrics),
        ];
        for (lines, format) in both {
            let added = histogram(format, family, labels, buckets, count, lines);
            let earlier = earlier_of(self.earlier, family, format);
            self.cutter.added(lines, added, earlier);
        }
    }
}

/// Appends a histogram; returns how many lines it has.
///
/// The limits are canonical floats, alike in both formats, so that a series is the same one whichever
/// format a Prometheus asked for. A count of its own stands only in the text format: OpenMetrics
/// pairs `_gcount` with `_gsum`, strict parsers refuse one without the other, and LivePerson gives
/// no sum.
fn histogram(
    format: Format,
    family: FamilyId,
    labels: &[LabelValue<'_>],
    buckets: &[(u32, f64)],
    count: f64,
    lines: &mut Lines,
) -> usize {
    for (limit, value) in buckets {
        lines.name_and_labels(family, "_bucket", labels);
        let out = &mut lines.buffer;
        out.extend_from_slice(b",le=\"");
        number::upper_limit(f64::from(*limit), out);
        out.push(b'"');
        end_of_labels(out, *value);
    }
    lines.name_and_labels(family, "_bucket", labels);
    lines.buffer.extend_from_slice(b",le=\"+Inf\"");
    end_of_labels(&mut lines.buffer, count);
    if format == Format::OpenMetrics {
        return buckets.len() + 1;
    }
    lines.name_and_labels(family, "_count", labels);
    end_of_labels(&mut lines.buffer, count);
    buckets.len() + 2
}

impl Lines {
    fn name_and_labels(
        &mut self,
        family: FamilyId,
        suffix: &'static str,
        labels: &[LabelValue<'_>],
    ) {
        let family = family.get();
        let same = self.same_labels(suffix, labels);
        let (out, last) = (&mut self.buffer, &mut self.last);
        let start = out.len();
        last.labels.truncate(same);
        match last.labels.last() {
            Some(place) => out.extend_from_within(last.start..last.start + place.end),
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
                    number::id(*id, out);
                    (Some(*id), true)
                }
            };
            out.push(b'"');
            let end = out.len() - start;
            last.labels.push(Place {
                value,
                end,
                id,
                verbatim,
            });
        }
    }

    /// How many labels at the beginning are those of the last line.
    fn same_labels(&self, suffix: &str, labels: &[LabelValue<'_>]) -> usize {
        if self.last.suffix != suffix {
            return 0;
        }
        let line = self.buffer.get(self.last.start..).unwrap_or_default();
        let same = |(place, label): &(&Place, &LabelValue<'_>)| match label {
            LabelValue::Id(id) => place.id == Some(*id),
            LabelValue::Text(text) => {
                let written = line.get(place.value..place.end - 1);
                place.id.is_none() && place.verbatim && written == Some(text.as_bytes())
            }
        };
        self.last.labels.iter().zip(labels).take_while(same).count()
    }
}

fn end_of_labels(out: &mut Vec<u8>, value: f64) {
    out.push(b'}');
    header::value(value, out);
}

#[cfg(test)]
mod tests;
