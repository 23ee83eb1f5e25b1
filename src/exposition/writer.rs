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
use crate::metrics::{Family, LabelValue, Sink};

/// Lines of a segment: about 250 kB of text. Smaller ones pack worse, larger ones no better, and
/// they would make the steps of a streamed page and the buffers of a poll larger.
const LINES: usize = 2048;

/// The samples of one family, without their header.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The family.
    pub family: &'static Family,
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
    families: Families,
    cutter: Cutter,
}

/// The families that have samples so far, in the order in which they began.
#[derive(Default)]
struct Families {
    building: Vec<Building>,
    /// The one that had the last sample.
    last: usize,
}

struct Building {
    family: &'static Family,
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
            families: Families::default(),
            cutter: Cutter {
                packer: Packer::new()?,
                error: None,
            },
        })
    }

    /// What was written, a chunk for each family.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(self) -> io::Result<Vec<Chunk>> {
        let Self {
            earlier,
            families,
            mut cutter,
        } = self;
        let chunks = families.building.into_iter();
        let chunks = chunks
            .map(|building| cutter.finish(building, earlier))
            .collect();
        match cutter.error {
            Some(error) => Err(error),
            None => Ok(chunks),
        }
    }
}

impl Cutter {
    fn finish(&mut self, building: Building, earlier: &[Chunk]) -> Chunk {
        let Building {
            family,
            text,
            openmetrics,
            series,
        } = building;
        Chunk {
            family,
            series,
            text: self.finish_lines(text, earlier_of(earlier, family, Format::Text)),
            openmetrics: openmetrics.map(|lines| {
                self.finish_lines(lines, earlier_of(earlier, family, Format::OpenMetrics))
            }),
        }
    }

    fn finish_lines(&mut self, mut lines: Lines, earlier: &[Segment]) -> Vec<Segment> {
        if lines.count > 0 {
            self.cut(&mut lines, earlier);
        }
        lines.segments
    }
}

impl Families {
    /// The family's samples so far. Called for every sample: the families of an answer are few, and
    /// the next sample is most often of the last one or the one behind it.
    fn of(&mut self, family: &'static Family) -> &mut Building {
        let is_it = |building: &Building| std::ptr::eq(building.family, family);
        let next = self.last + 1;
        self.last = if self.building.get(self.last).is_some_and(is_it) {
            self.last
        } else if self.building.get(next).is_some_and(is_it) {
            next
        } else if let Some(place) = self.building.iter().position(is_it) {
            place
        } else {
            self.building.push(Building {
                family,
                text: Lines::default(),
                openmetrics: None,
                series: 0,
            });
            self.building.len() - 1
        };
        &mut self.building[self.last]
    }
}

fn earlier_of<'a>(chunks: &'a [Chunk], family: &'static Family, format: Format) -> &'a [Segment] {
    let chunk = chunks.iter().find(|chunk| chunk.family == family);
    chunk.map_or(&[], |chunk| chunk.segments(format))
}

impl Sink for SegmentWriter<'_> {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        let building = self.families.of(family);
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
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let building = self.families.of(family);
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
    family: &'static Family,
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
        family: &'static Family,
        suffix: &'static str,
        labels: &[LabelValue<'_>],
    ) {
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
