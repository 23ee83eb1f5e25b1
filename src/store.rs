//! What is served now: the present snapshot, put together and swapped whole.
//!
//! A collector publishes the chunks of a poll at once; the snapshot that scrapes read is built
//! aside and replaced by one pointer, so a half-filled page cannot be seen and no scrape holds a
//! lock. What has grown older than `stale_after` is left out when it is read: a collector that
//! has stopped cannot say so itself. The store knows families and bytes, not how they were made.

mod page;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::exposition::{Chunk, Format, Header, header};
use crate::metrics::{FamilyId, Origin};
use crate::poll::plan::Level;

pub use page::{Page, Selection};

/// Who publishes: a collector (or the names) of an account. The order is the order on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Account id.
    pub account: Arc<str>,
    /// The collector's label, or another word for what is no collector.
    pub part: &'static str,
}

/// Chunks of the same age.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The chunks.
    pub chunks: Vec<Chunk>,
    /// When they grow too old to be served; `None` for never.
    pub fresh_until: Option<Instant>,
}

/// Series of a source that are served and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesCount {
    /// On the page.
    pub served: u64,
    /// Left out because of `limits.max_series`.
    pub dropped: u64,
}

/// The order in which levels are left out when there are too many series.
const DROPPED_FIRST: [Level; 5] = [
    Level::SkillAgent,
    Level::Agent,
    Level::Skill,
    Level::Group,
    Level::Account,
];

/// The present snapshot and what it is made of.
#[derive(Debug)]
pub struct Store {
    parts: Mutex<Parts>,
    snapshot: ArcSwap<Snapshot>,
}

#[derive(Debug)]
struct Parts {
    sources: BTreeMap<Source, Vec<Publication>>,
    max_series: u64,
    /// Levels whose absence the log has told of.
    told: Vec<Level>,
}

/// An immutable page of data series.
#[derive(Debug, Default)]
struct Snapshot {
    families: Vec<SnapshotFamily>,
    pieces: Vec<PieceCount>,
}

#[derive(Debug)]
struct SnapshotFamily {
    header: &'static Header,
    pieces: Vec<Piece>,
}

/// What one publication gives to one family.
#[derive(Debug)]
struct Piece {
    /// The place of its publication in [`Snapshot::pieces`].
    publication: usize,
    chunk: Chunk,
}

#[derive(Debug)]
struct PieceCount {
    source: Source,
    fresh_until: Option<Instant>,
    series: SeriesCount,
}

impl Store {
    /// An empty store that serves at most `max_series` data series.
    pub fn new(max_series: u64) -> Self {
        Self {
            parts: Mutex::new(Parts {
                sources: BTreeMap::new(),
                max_series,
                told: Vec::new(),
            }),
            snapshot: ArcSwap::default(),
        }
    }

    /// Replaces all that `source` serves.
    pub fn publish(&self, source: Source, publications: Vec<Publication>) {
        self.change(|parts| {
            parts.sources.insert(source, publications);
        });
    }

    /// What `source` serves, fresh or not.
    pub fn published(&self, source: &Source) -> Vec<Publication> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.sources.get(source).cloned().unwrap_or_default()
    }

    /// Removes all that an account serves.
    pub fn remove_account(&self, account: &str) {
        self.change(|parts| {
            parts
                .sources
                .retain(|source, _| &*source.account != account)
        });
    }

    /// Removes all that one source serves.
    pub fn remove(&self, source: &Source) {
        self.change(|parts| {
            parts.sources.remove(source);
        });
    }

    /// Changes the limit of `limits.max_series`.
    pub fn set_max_series(&self, max_series: u64) {
        self.change(|parts| {
            if parts.max_series != max_series {
                parts.max_series = max_series;
                parts.told.clear();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        // Nothing in here panics; should it ever, the parts are still whole publications.
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        // Swapped under the lock, so that two publications cannot overtake each other.
        self.snapshot.store(Arc::new(parts.snapshot()));
    }

    /// The data part of the page at `now`.
    pub fn page(&self, now: Instant, format: Format, selection: &Selection) -> Page {
        let snapshot = self.snapshot.load_full();
        let served = snapshot.pieces.iter().map(|piece| {
            is_fresh(piece.fresh_until, now)
                && selection.has_account(&piece.source.account)
                && selection.has_part(piece.source.part)
        });
        let served = served.collect();
        Page::new(snapshot, format, served)
    }

    /// How many series of a source are on the page at `now`, and how many are left out.
    pub fn series(&self, source: &Source, now: Instant) -> SeriesCount {
        let snapshot = self.snapshot.load();
        let of_source = snapshot
            .pieces
            .iter()
            .filter(|piece| piece.source == *source && is_fresh(piece.fresh_until, now));
        of_source.fold(SeriesCount::default(), |sum, piece| SeriesCount {
            served: sum.served + piece.series.served,
            dropped: sum.dropped + piece.series.dropped,
        })
    }
}

fn is_fresh(until: Option<Instant>, now: Instant) -> bool {
    until.is_none_or(|until| now < until)
}

impl Parts {
    fn snapshot(&mut self) -> Snapshot {
        let kept = self.levels_kept();
        self.tell(&kept);
        let mut families: Vec<Option<SnapshotFamily>> = FamilyId::all().map(|_| None).collect();
        let mut pieces = Vec::new();
        for (source, publication) in self
            .sources
            .iter()
            .flat_map(|(s, publications)| publications.iter().map(move |p| (s, p)))
        {
            let mut series = SeriesCount::default();
            for chunk in &publication.chunks {
                if !kept.contains(&level(chunk.family)) {
                    series.dropped += chunk.series;
                    continue;
                }
                series.served += chunk.series;
                let Some(header) = header(chunk.family) else {
                    continue;
                };
                let family = families[chunk.family.index()].get_or_insert_with(|| SnapshotFamily {
                    header,
                    pieces: Vec::new(),
                });
                family.pieces.push(Piece {
                    publication: pieces.len(),
                    chunk: chunk.clone(),
                });
            }
            let fresh_until = publication.fresh_until;
            pieces.push(PieceCount {
                source: source.clone(),
                fresh_until,
                series,
            });
        }
        Snapshot {
            families: families.into_iter().flatten().collect(),
            pieces,
        }
    }

    /// The levels that fit in `max_series`: whole ones are left out, the most detailed first, so
    /// that what is served never depends on which poll came last.
    fn levels_kept(&self) -> Vec<Level> {
        let chunks = || self.sources.values().flatten().flat_map(|p| &p.chunks);
        let count = |wanted: Level| -> u64 {
            chunks()
                .filter(|c| level(c.family) == wanted)
                .map(|c| c.series)
                .sum()
        };
        let mut kept = DROPPED_FIRST.to_vec();
        let mut total: u64 = chunks().map(|c| c.series).sum();
        while total > self.max_series && !kept.is_empty() {
            total -= count(kept.remove(0));
        }
        kept
    }
}

impl Parts {
    /// Says once which levels are left out; a number of series that moves around the limit is no
    /// reason to say it again.
    fn tell(&mut self, kept: &[Level]) {
        let left_out = || DROPPED_FIRST.iter().filter(|level| !kept.contains(level));
        if left_out().all(|level| self.told.contains(level)) {
            return;
        }
        self.told = left_out().copied().collect();
        let words: Vec<_> = left_out().map(|level| level.label()).collect();
        let chunks = self.sources.values().flatten().flat_map(|p| &p.chunks);
        let series: u64 = chunks.map(|chunk| chunk.series).sum();
        tracing::warn!(
            series,
            max_series = self.max_series,
            left_out = words.join(","),
            "more series than limits.max_series: whole levels are left out; raise it, or serve \
             fewer levels, skills or agents"
        );
    }
}

fn level(family: FamilyId) -> Level {
    match family.get().origin {
        Origin::Data(level) | Origin::Names(level) => level,
        Origin::Exporter => Level::Account,
    }
}

#[cfg(test)]
mod tests;
