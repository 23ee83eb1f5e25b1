//! The data part of one page: which segments of the snapshot it has, and in which order.

use std::sync::Arc;

use super::levels::is_left_out;
use super::{ChunkRef, Snapshot};
use crate::exposition::{Chunk, Encoding, Format, Frame, Segment, Zstd};

/// Which sources a page is made of; an empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Account ids.
    pub accounts: Vec<String>,
    /// Parts: see [`super::Source::part`].
    pub parts: Vec<String>,
}

impl Selection {
    /// Whether an account is asked for.
    pub fn has_account(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|wanted| wanted == account)
    }

    /// Whether a part is asked for.
    pub fn has_part(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

/// The data part of a page: what is fresh of the snapshot that was present when it was asked for.
///
/// It holds the snapshot and a bit for each publication, whatever the number of series.
#[derive(Clone, Debug)]
pub struct Page {
    snapshot: Arc<Snapshot>,
    format: Format,
    /// Which publications are served, by their place in [`Snapshot::pieces`].
    served: Arc<[bool]>,
    /// Levels that are left out.
    left_out: u8,
}

impl Page {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        format: Format,
        served: Arc<[bool]>,
        left_out: u8,
    ) -> Self {
        Self {
            snapshot,
            format,
            served,
            left_out,
        }
    }

    /// Length of all segments in an encoding, in bytes, and what they need around them. `None`
    /// when they do not have this encoding yet: see [`Page::prepare_zstd`].
    pub fn measure(&self, encoding: Encoding) -> Option<(u64, Frame)> {
        let (mut length, mut frame) = (0, Frame::default());
        for segment in self.places().filter_map(|place| self.at(place)) {
            length += match encoding {
                Encoding::Identity => segment.length(),
                encoding => segment.compressed(encoding)?.len(),
            } as u64;
            frame.add(segment);
        }
        Some((length, frame))
    }

    /// Compresses every segment with Zstandard that is not yet. Takes a while.
    ///
    /// # Errors
    /// Want of memory.
    pub fn prepare_zstd(&self) -> std::io::Result<()> {
        let mut zstd = Zstd::asked()?;
        let mut segments = self.places().filter_map(|place| self.at(place));
        segments.try_for_each(|segment| zstd.prepare(segment))
    }

    /// The segments in order, shared and not copied.
    pub fn segments(self) -> impl Iterator<Item = Segment> + Send {
        let mut place = self.first();
        std::iter::from_fn(move || {
            let segment = self.at(place?).cloned();
            place = self.next(place?);
            segment
        })
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        std::iter::successors(self.first(), |place| self.next(*place))
    }

    fn first(&self) -> Option<Place> {
        self.family_from(0)
    }

    fn next(&self, place: Place) -> Option<Place> {
        let family = self.snapshot.families.get(place.family)?;
        let chunk = match place.segment {
            None => 0,
            Some((chunk, segment)) => {
                let segments = self.segments_of(*family.chunks.get(chunk)?);
                if segment + 1 < segments.len() {
                    let segment = Some((chunk, segment + 1));
                    return Some(Place { segment, ..place });
                }
                chunk + 1
            }
        };
        let mut rest = family.chunks.iter().enumerate().skip(chunk);
        match rest.find(|(_, chunk)| self.has(**chunk)) {
            Some((chunk, _)) => Some(Place {
                segment: Some((chunk, 0)),
                ..place
            }),
            None => self.family_from(place.family + 1),
        }
    }

    /// The header of the first family from here on of which anything is served.
    fn family_from(&self, from: usize) -> Option<Place> {
        let mut rest = self.snapshot.families.iter().enumerate().skip(from);
        let (family, _) = rest.find(|(_, family)| {
            !is_left_out(self.left_out, family.level)
                && family.chunks.iter().any(|chunk| self.has(*chunk))
        })?;
        Some(Place {
            family,
            segment: None,
        })
    }

    fn has(&self, chunk: ChunkRef) -> bool {
        let served = self.served.get(chunk.piece) == Some(&true);
        served && !self.segments_of(chunk).is_empty()
    }

    fn segments_of(&self, at: ChunkRef) -> &[Segment] {
        let piece = self.snapshot.pieces.get(at.piece);
        let chunk: Option<&Chunk> = piece.and_then(|p| p.publication.chunks.get(at.chunk));
        chunk.map_or(&[], |chunk| chunk.segments(self.format))
    }

    fn at(&self, place: Place) -> Option<&Segment> {
        let family = self.snapshot.families.get(place.family)?;
        match place.segment {
            None => Some(family.header.segment(self.format)),
            Some((chunk, segment)) => self.segments_of(*family.chunks.get(chunk)?).get(segment),
        }
    }
}

/// A segment on a page: a family's header, or a segment of one of its chunks.
#[derive(Clone, Copy, Debug)]
struct Place {
    family: usize,
    segment: Option<(usize, usize)>,
}
