//! The data part of one page: which segments of the snapshot it has, and in which order.

use std::io;
use std::sync::Arc;

use super::series_limit::LevelSet;
use super::{ChunkRef, Snapshot};
use crate::exposition::{Chunk, Compressor, Format, GzipFraming, Segment};

/// Which accounts and collectors a page contains (`account[]` and `collect[]`); an empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageFilter {
    /// Account ids.
    pub accounts: Vec<String>,
    /// Collectors: see [`super::Source::collector`].
    pub collectors: Vec<String>,
}

impl PageFilter {
    /// Whether the page contains this account.
    pub fn includes_account(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|wanted| wanted == account)
    }

    /// Whether the page contains this collector.
    pub fn includes_collector(&self, collector: &str) -> bool {
        self.collectors.is_empty() || self.collectors.iter().any(|wanted| wanted == collector)
    }
}

/// The data part of a page: what is fresh of the snapshot that was current when it was asked for.
///
/// It holds the snapshot and a bit for each publication, whatever the number of series.
#[derive(Clone, Debug)]
pub struct Page {
    snapshot: Arc<Snapshot>,
    format: Format,
    /// Which publications are served, by their index in [`Snapshot::entries`].
    served: Arc<[bool]>,
    /// Levels that are not served because of `limits.max_series`.
    dropped_levels: LevelSet,
}

impl Page {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        format: Format,
        served: Arc<[bool]>,
        dropped_levels: LevelSet,
    ) -> Self {
        Self {
            snapshot,
            format,
            served,
            dropped_levels,
        }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether all of it is there in this format. Otherwise the first call of any other function makes
    /// what is missing; see [`Chunk::segments`] for how long that takes.
    pub fn is_made(&self) -> bool {
        let families = self.snapshot.families.iter();
        let mut chunks = families.flat_map(|family| &family.chunks).copied();
        chunks.all(|chunk| {
            let served = self.served.get(chunk.entry) == Some(&true);
            !served
                || self
                    .chunk(chunk)
                    .is_none_or(|chunk| chunk.is_made(self.format))
        })
    }

    /// Length of the plain text, in bytes.
    pub fn plain_length(&self) -> u64 {
        let segments = self.cursors().filter_map(|cursor| self.segment_at(cursor));
        segments.map(|segment| segment.length() as u64).sum()
    }

    /// What gzip needs around all the segments, and their compressed length.
    pub fn gzip_framing(&self) -> GzipFraming {
        let mut framing = GzipFraming::default();
        for segment in self.cursors().filter_map(|cursor| self.segment_at(cursor)) {
            framing.add(segment);
        }
        framing
    }

    /// The segments in order, shared and not copied.
    pub fn segments(self) -> impl Iterator<Item = Segment> + Send {
        let mut cursor = self.first_cursor();
        std::iter::from_fn(move || {
            let segment = self.segment_at(cursor?).cloned();
            cursor = self.next_cursor(cursor?);
            segment
        })
    }

    /// The segments of a page in protobuf, where a family's header has the length of what follows.
    ///
    /// # Errors
    /// Out of memory.
    pub fn protobuf_segments(&self, compressor: &mut Compressor) -> io::Result<Vec<Segment>> {
        let mut segments = Vec::new();
        let mut next = self.family_from(0);
        while let Some(SegmentCursor { family, .. }) = next {
            next = self.family_from(family + 1);
            let Some(family) = self.snapshot.families.get(family) else {
                break;
            };
            let served = family.chunks.iter().filter(|chunk| self.is_served(**chunk));
            let metrics = || served.clone().flat_map(|chunk| self.segments_of(*chunk));
            let length = metrics().map(|segment| segment.length() as u64).sum();
            segments.push(family.header.protobuf(compressor, length)?);
            segments.extend(metrics().cloned());
        }
        Ok(segments)
    }

    fn cursors(&self) -> impl Iterator<Item = SegmentCursor> {
        std::iter::successors(self.first_cursor(), |cursor| self.next_cursor(*cursor))
    }

    fn first_cursor(&self) -> Option<SegmentCursor> {
        self.family_from(0)
    }

    fn next_cursor(&self, cursor: SegmentCursor) -> Option<SegmentCursor> {
        let family = self.snapshot.families.get(cursor.family)?;
        let chunk = match cursor.segment {
            None => 0,
            Some((chunk, segment)) => {
                let segments = self.segments_of(*family.chunks.get(chunk)?);
                if segment + 1 < segments.len() {
                    let segment = Some((chunk, segment + 1));
                    return Some(SegmentCursor { segment, ..cursor });
                }
                chunk + 1
            }
        };
        let mut rest = family.chunks.iter().enumerate().skip(chunk);
        match rest.find(|(_, chunk)| self.is_served(**chunk)) {
            Some((chunk, _)) => Some(SegmentCursor {
                segment: Some((chunk, 0)),
                ..cursor
            }),
            None => self.family_from(cursor.family + 1),
        }
    }

    /// The header of the first family from here on of which anything is served.
    fn family_from(&self, from: usize) -> Option<SegmentCursor> {
        let mut rest = self.snapshot.families.iter().enumerate().skip(from);
        let (family, _) = rest.find(|(_, family)| {
            let dropped = |level| self.dropped_levels.contains(level);
            !family.level.is_some_and(dropped)
                && family.chunks.iter().any(|chunk| self.is_served(*chunk))
        })?;
        Some(SegmentCursor {
            family,
            segment: None,
        })
    }

    fn is_served(&self, chunk: ChunkRef) -> bool {
        let served = self.served.get(chunk.entry) == Some(&true);
        served && !self.segments_of(chunk).is_empty()
    }

    fn segments_of(&self, chunk: ChunkRef) -> &[Segment] {
        let chunk = self.chunk(chunk);
        chunk.map_or(&[], |chunk| chunk.segments(self.format))
    }

    fn chunk(&self, chunk: ChunkRef) -> Option<&Chunk> {
        let entry = self.snapshot.entries.get(chunk.entry)?;
        entry.publication.chunks.get(chunk.chunk)
    }

    fn segment_at(&self, cursor: SegmentCursor) -> Option<&Segment> {
        let family = self.snapshot.families.get(cursor.family)?;
        match cursor.segment {
            None => family.header.segment(self.format),
            Some((chunk, segment)) => self.segments_of(*family.chunks.get(chunk)?).get(segment),
        }
    }
}

/// The position of a segment on a page: a family's header, or a segment of one of its chunks.
#[derive(Clone, Copy, Debug)]
struct SegmentCursor {
    family: usize,
    /// Indices of the chunk and of the segment in it; `None` is the header.
    segment: Option<(usize, usize)>,
}
