//! Samples to chunks: lines family by family, split into segments as they grow.
//!
//! Nothing holds the whole text of a large answer: as soon as a segment's lines are there they are
//! compressed and dropped. Segments end after a number of lines and not of bytes, so that a number
//! that grows by a digit does not move the boundaries of all segments that follow.

use std::io;

use super::chunk::{Chunk, ChunkLines};
use super::compress::{Compressor, Segment};
use super::lines::LineBuffer;
use super::negotiate::Format;
use super::protobuf::ProtobufOnDemand;
use super::text_on_demand::{TextOnDemand, without_created};
use crate::metrics::{Family, Kind, LabelValue, Sink};

/// Lines of a segment: about 250 kB of text. Smaller ones compress worse, larger ones no better, and
/// they would make the steps of a streamed page and the buffers of a poll larger.
const LINES_PER_SEGMENT: usize = 2048;

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
    /// Lines of OpenMetrics, and of the text format where `text` has no others.
    lines: LineBuffer,
    text: TextBuilder,
    series: u64,
}

/// The text format of a [`Chunk`] that is being written.
enum TextBuilder {
    /// The same lines as OpenMetrics.
    Same,
    /// Lines of its own.
    Different(LineBuffer),
    /// Made when a scrape asks for it.
    OnDemand,
    /// Made of each segment of OpenMetrics at once, because a scrape did ask lately.
    Ahead(Vec<Segment>),
}

/// Turns lines into segments. Keeps an error until the end, because a [`Sink`] cannot fail.
struct Segmenter {
    compressor: Compressor,
    error: Option<io::Error>,
    /// Text of a segment that is made ahead; kept for its memory.
    ahead: Vec<u8>,
}

impl Segmenter {
    /// Ends the segments of a family that have at least so many lines.
    fn end_segments(&mut self, builder: &mut FamilyBuilder, lines: usize, previous: &[Chunk]) {
        let previous = previous_chunk(previous, builder.family);
        let made = |format| previous.map_or(&[][..], |chunk| chunk.segments_made(format));
        if let TextBuilder::Different(text) = &mut builder.text
            && text.count >= lines
        {
            self.end_segment(text, made(Format::Text));
        }
        if builder.lines.count >= lines {
            if let TextBuilder::Ahead(segments) = &mut builder.text {
                self.ahead.clear();
                without_created(builder.family, &builder.lines.buffer, &mut self.ahead);
                let previous = made(Format::Text).get(segments.len());
                let segment = self.compressor.reuse_or_compress(&self.ahead, previous);
                self.keep(segment, segments);
            }
            self.end_segment(&mut builder.lines, made(Format::OpenMetrics));
        }
    }

    fn end_segment(&mut self, lines: &mut LineBuffer, previous: &[Segment]) {
        let previous = previous.get(lines.segments.len());
        let segment = self.compressor.reuse_or_compress(&lines.buffer, previous);
        self.keep(segment, &mut lines.segments);
        lines.clear();
    }

    fn keep(&mut self, segment: io::Result<Segment>, segments: &mut Vec<Segment>) {
        match segment {
            Ok(segment) => segments.push(segment),
            Err(error) => self.error = Some(error),
        }
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
                ahead: Vec::new(),
            },
        }
    }

    /// What was written, a chunk for each family.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(mut self) -> io::Result<Vec<Chunk>> {
        let mut chunks = Vec::with_capacity(self.families.all.len());
        for mut builder in self.families.all {
            self.segmenter.end_segments(&mut builder, 1, self.previous);
            chunks.push(builder.chunk(self.previous));
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
    fn of(&mut self, family: &'static Family, previous: &[Chunk]) -> &mut FamilyBuilder {
        let is_it = |builder: &FamilyBuilder| std::ptr::eq(builder.family, family);
        let next = self.last + 1;
        if !self.all.get(self.last).is_some_and(is_it) {
            self.last = if self.all.get(next).is_some_and(is_it) {
                next
            } else {
                let known = self.all.iter().position(is_it);
                known.unwrap_or_else(|| {
                    self.all.push(FamilyBuilder::new(family, previous));
                    self.all.len() - 1
                })
            };
        }
        &mut self.all[self.last]
    }
}

impl FamilyBuilder {
    fn new(family: &'static Family, previous: &[Chunk]) -> Self {
        let is_read = || {
            let chunk = previous_chunk(previous, family);
            let text = chunk.and_then(Chunk::text_on_demand);
            text.is_some_and(TextOnDemand::is_made_ahead)
        };
        let text = match family.kind {
            Kind::Gauge | Kind::Info => TextBuilder::Same,
            Kind::GaugeHistogram => TextBuilder::Different(LineBuffer::default()),
            Kind::Counter | Kind::Histogram if is_read() => TextBuilder::Ahead(Vec::new()),
            Kind::Counter | Kind::Histogram => TextBuilder::OnDemand,
        };
        Self {
            family,
            lines: LineBuffer::default(),
            text,
            series: 0,
        }
    }

    fn chunk(self, previous: &[Chunk]) -> Chunk {
        let on_demand = |ahead| {
            let chunk = previous_chunk(previous, self.family);
            TextOnDemand::new(chunk.and_then(Chunk::text_on_demand), ahead)
        };
        let segments = self.lines.segments;
        let lines = match self.text {
            TextBuilder::Same => ChunkLines::Same(segments),
            TextBuilder::Different(text) => ChunkLines::Different {
                text: text.segments,
                openmetrics: segments,
            },
            TextBuilder::OnDemand => ChunkLines::Cumulative {
                text: on_demand(None),
                openmetrics: segments,
            },
            TextBuilder::Ahead(text) => ChunkLines::Cumulative {
                text: on_demand(Some(text)),
                openmetrics: segments,
            },
        };
        Chunk {
            family: self.family,
            series: self.series,
            lines,
            protobuf: ProtobufOnDemand::default(),
        }
    }
}

fn previous_chunk<'a>(chunks: &'a [Chunk], family: &'static Family) -> Option<&'a Chunk> {
    chunks.iter().find(|chunk| chunk.family == family)
}

impl Sink for SegmentWriter<'_> {
    fn gauge(&mut self, family: &'static Family, labels: &[LabelValue<'_>], value: f64) {
        let builder = self.families.of(family, self.previous);
        builder.lines.write_sample(family, labels, value);
        builder.series += 1;
        // Called only when it may do something: this is run for every series.
        if builder.lines.count >= LINES_PER_SEGMENT {
            let segmenter = &mut self.segmenter;
            segmenter.end_segments(builder, LINES_PER_SEGMENT, self.previous);
        }
    }

    fn gauge_histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
    ) {
        let builder = self.families.of(family, self.previous);
        builder.lines.write_buckets(family, labels, buckets, count);
        // OpenMetrics pairs `_gcount` with `_gsum`, strict parsers refuse one without the other, and
        // LivePerson gives no sum.
        if let TextBuilder::Different(text) = &mut builder.text {
            text.write_buckets(family, labels, buckets, count);
            text.write_count(family, labels, count);
        }
        builder.series += buckets.len() as u64 + 2;
        let segmenter = &mut self.segmenter;
        segmenter.end_segments(builder, LINES_PER_SEGMENT, self.previous);
    }

    fn counter(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        value: f64,
        created: i64,
    ) {
        let builder = self.families.of(family, self.previous);
        builder.lines.write_sample(family, labels, value);
        builder.lines.write_created(family, created);
        builder.series += 1;
        if builder.lines.count >= LINES_PER_SEGMENT {
            let segmenter = &mut self.segmenter;
            segmenter.end_segments(builder, LINES_PER_SEGMENT, self.previous);
        }
    }

    fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[LabelValue<'_>],
        buckets: &[(u32, f64)],
        count: f64,
        created: i64,
    ) {
        let builder = self.families.of(family, self.previous);
        builder.lines.write_buckets(family, labels, buckets, count);
        builder.lines.write_created(family, created);
        builder.series += buckets.len() as u64 + 1;
        let segmenter = &mut self.segmenter;
        segmenter.end_segments(builder, LINES_PER_SEGMENT, self.previous);
    }
}

#[cfg(test)]
mod tests;
