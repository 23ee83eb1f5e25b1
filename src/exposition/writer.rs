//! Samples to chunks: lines family by family, split into segments as they grow.
//!
//! Nothing holds the whole text of a large answer: as soon as a segment's lines are there they are
//! compressed and dropped. Segments end after a number of lines and not of bytes, so that a number
//! that grows by a digit does not move the boundaries of all segments that follow.

use std::io;

use super::compress::{Compressor, Segment};
use super::lines::{self, LineBuffer};
use super::negotiate::Format;
use crate::metrics::{Family, LabelValue, Sink};

/// Lines of a segment: about 250 kB of text. Smaller ones compress worse, larger ones no better, and
/// they would make the steps of a streamed page and the buffers of a poll larger.
const LINES_PER_SEGMENT: usize = 2048;

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
    /// What the answer to the same request became last time: equal segments are reused.
    previous: &'a [Chunk],
    families: FamilyBuilders,
    segmenter: Segmenter,
}

/// The families that have samples so far, in the order in which they began.
#[derive(Default)]
struct FamilyBuilders {
    all: Vec<FamilyBuilder>,
    /// The one that had the last sample.
    last: usize,
}

/// A [`Chunk`] that is being written.
struct FamilyBuilder {
    family: &'static Family,
    text: LineBuffer,
    openmetrics: Option<LineBuffer>,
    series: u64,
}

/// Turns lines into segments. Keeps an error until the end, because a [`Sink`] cannot fail.
struct Segmenter {
    compressor: Compressor,
    error: Option<io::Error>,
}

impl Segmenter {
    fn end_segment(&mut self, lines: &mut LineBuffer, previous: &[Segment]) {
        let previous = previous.get(lines.segments.len());
        match self.compressor.reuse_or_compress(&lines.buffer, previous) {
            Ok(segment) => lines.segments.push(segment),
            Err(error) => self.error = Some(error),
        }
        lines.clear();
    }

    fn count_lines(&mut self, lines: &mut LineBuffer, count: usize, previous: &[Segment]) {
        lines.count += count;
        if lines.count >= LINES_PER_SEGMENT {
            self.end_segment(lines, previous);
        }
    }

    fn finish(&mut self, mut lines: LineBuffer, previous: &[Segment]) -> Vec<Segment> {
        if lines.count > 0 {
            self.end_segment(&mut lines, previous);
        }
        lines.segments
    }
}

impl<'a> SegmentWriter<'a> {
    /// A writer. Segments of `previous` whose text is the same are reused.
    pub fn new(previous: &'a [Chunk]) -> Self {
        Self {
            previous,
            families: FamilyBuilders::default(),
            segmenter: Segmenter {
                compressor: Compressor::new(),
                error: None,
            },
        }
    }

    /// What was written, a chunk for each family.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(mut self) -> io::Result<Vec<Chunk>> {
        let mut chunks = Vec::with_capacity(self.families.all.len());
        for builder in self.families.all {
            let family = builder.family;
            let previous = |format| previous_segments(self.previous, family, format);
            let text = self.segmenter.finish(builder.text, previous(Format::Text));
            let openmetrics = builder
                .openmetrics
                .map(|lines| self.segmenter.finish(lines, previous(Format::OpenMetrics)));
            chunks.push(Chunk {
                family,
                series: builder.series,
                text,
                openmetrics,
            });
        }
        match self.segmenter.error {
            Some(error) => Err(error),
            None => Ok(chunks),
        }
    }
}

impl FamilyBuilders {
    /// The builder of a family. Called for every sample: an answer has few families, and the next
    /// sample is most often of the same one or of the one after it.
    fn of(&mut self, family: &'static Family) -> &mut FamilyBuilder {
        let is_it = |builder: &FamilyBuilder| std::ptr::eq(builder.family, family);
        let next = self.last + 1;
        if !self.all.get(self.last).is_some_and(is_it) {
            self.last = if self.all.get(next).is_some_and(is_it) {
                next
            } else {
                let known = self.all.iter().position(is_it);
                known.unwrap_or_else(|| self.begin(family))
            };
        }
        &mut self.all[self.last]
    }

    fn begin(&mut self, family: &'static Family) -> usize {
        self.all.push(FamilyBuilder {
            family,
            text: LineBuffer::default(),
            openmetrics: None,
            series: 0,
        });
        self.all.len() - 1
    }
}

fn previous_segments<'a>(
    chunks: &'a [Chunk],
    family: &'static Family,
    format: Format,
) -> &'a [Segment] {
    let chunk = chunks.iter().find(|chunk| chunk.family == family);
    chunk.map_or(&[], |chunk| chunk.segments(format))
}

impl Sink for SegmentWriter<'_> {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        let builder = self.families.of(family);
        builder.text.write_name_and_labels(family, "", labels);
        lines::write_value(&mut builder.text.buffer, value);
        builder.series += 1;
        // Looked for only when it may be needed: this is called for every series.
        if builder.text.count + 1 >= LINES_PER_SEGMENT {
            let previous = previous_segments(self.previous, family, Format::Text);
            self.segmenter.count_lines(&mut builder.text, 1, previous);
        } else {
            builder.text.count += 1;
        }
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let builder = self.families.of(family);
        builder.series += buckets.len() as u64 + 2;
        let openmetrics = builder.openmetrics.get_or_insert_default();
        let both = [
            (&mut builder.text, Format::Text),
            (openmetrics, Format::OpenMetrics),
        ];
        for (lines, format) in both {
            let added = lines::histogram(format, family, labels, buckets, count, lines);
            let previous = previous_segments(self.previous, family, format);
            self.segmenter.count_lines(lines, added, previous);
        }
    }
}

#[cfg(test)]
mod tests;
