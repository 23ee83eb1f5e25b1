//! Chunks: the samples of one family in every format.

use std::io;

use super::compress::{Inflater, Segment};
use super::negotiate::Format;
use super::protobuf::ProtobufOnDemand;
use super::read::{Sample, sample};
use super::text_on_demand::TextOnDemand;
use crate::metrics::Family;

/// The samples of one family, without their header.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The family.
    pub family: &'static Family,
    /// How many lines, in the text format, which is how many series.
    pub series: u64,
    pub(super) lines: ChunkLines,
    pub(super) protobuf: ProtobufOnDemand,
}

/// The lines of a chunk.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ChunkLines {
    /// Both formats have the same.
    Same(Vec<Segment>),
    /// Gauge histograms: each format has its own.
    Different {
        text: Vec<Segment>,
        openmetrics: Vec<Segment>,
    },
    /// Counters and histograms: the text format has those of OpenMetrics without `_created`, and is
    /// made of them when a scrape asks for it.
    Cumulative {
        openmetrics: Vec<Segment>,
        text: TextOnDemand,
    },
}

impl Chunk {
    /// The samples in one format. The first call for the text format of a counter or histogram makes it,
    /// which takes about as long as compressing it took; the first call for protobuf some eight times that.
    pub fn segments(&self, format: Format) -> &[Segment] {
        match (&self.lines, format) {
            (_, Format::Protobuf) => {
                let openmetrics = self.segments_made(Format::OpenMetrics);
                self.protobuf.segments(self.family, openmetrics)
            }
            (ChunkLines::Cumulative { openmetrics, text }, Format::Text) => {
                text.segments(self.family, openmetrics)
            }
            _ => self.segments_made(format),
        }
    }

    /// Whether [`Chunk::segments`] only has to hand out what there is.
    pub fn is_made(&self, format: Format) -> bool {
        match (&self.lines, format) {
            (_, Format::Protobuf) => self.protobuf.is_made(),
            (ChunkLines::Cumulative { text, .. }, Format::Text) => text.is_made(),
            _ => true,
        }
    }

    /// Hands over its samples, in the order in which they were written.
    ///
    /// # Errors
    /// Corrupt memory.
    pub fn for_each_sample(
        &self,
        inflater: &mut Inflater,
        mut each: impl FnMut(Sample<'_>),
    ) -> io::Result<()> {
        for segment in self.segments(Format::OpenMetrics) {
            let text = inflater.plain(segment)?;
            let text = std::str::from_utf8(&text).map_err(io::Error::other)?;
            for line in text.lines() {
                each(sample(line).ok_or(io::ErrorKind::InvalidData)?);
            }
        }
        Ok(())
    }

    /// Those of [`Chunk::segments`] that need not be made first.
    pub(super) fn segments_made(&self, format: Format) -> &[Segment] {
        match (&self.lines, format) {
            (ChunkLines::Same(segments), _) => segments,
            (ChunkLines::Different { text, .. }, Format::Text) => text,
            (ChunkLines::Cumulative { text, .. }, Format::Text) => text.segments_made(),
            (
                ChunkLines::Different { openmetrics, .. }
                | ChunkLines::Cumulative { openmetrics, .. },
                Format::OpenMetrics | Format::Protobuf,
            ) => openmetrics,
        }
    }

    /// The text format's part, where it is made on demand.
    pub(super) fn text_on_demand(&self) -> Option<&TextOnDemand> {
        match &self.lines {
            ChunkLines::Cumulative { text, .. } => Some(text),
            _ => None,
        }
    }
}
