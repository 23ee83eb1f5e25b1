//! What is served now: the present snapshot, put together and swapped whole.
//!
//! Each answer is a publication of its own, with the time at which it came. Scrapes read a snapshot
//! that is replaced by one pointer, so a half-filled page cannot be seen. It is put together when it is
//! read for the first time after a change: many answers come between two scrapes. What is older than
//! `stale_after` is left out when it is read: a collector that has stopped cannot say so itself. The
//! store knows families and bytes, not how they were made.

mod levels;
mod page;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::exposition::{Chunk, Format, Header, Packer, header};
use crate::metrics::{Catalogue, Family};
use levels::{LeftOut, LevelCounts, level};

pub use page::{Page, Selection};

/// Who publishes: a collector (or the names) of an account. The order is the order on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Account id.
    pub account: Arc<str>,
    /// The collector's label, or another word for what is no collector.
    pub part: &'static str,
}

/// What one answer became.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The chunks.
    pub chunks: Vec<Chunk>,
    /// When the answer came; `None` for what does not age.
    pub came: Option<Instant>,
}

/// Series of a source that are served and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesCount {
    /// On the page.
    pub served: u64,
    /// Left out because of `limits.max_series`.
    pub dropped: u64,
}

/// The present snapshot and what it is made of.
#[derive(Debug)]
pub struct Store {
    /// Every family's header, in the order of the page.
    headers: Vec<(&'static Family, Arc<Header>)>,
    /// What every source serves. Held while one is replaced, and while a snapshot is made of them all.
    sources: Mutex<BTreeMap<Source, Vec<Arc<Publication>>>>,
    /// Whether the sources have changed since the snapshot was made; only set under their lock.
    changed: AtomicBool,
    snapshot: ArcSwap<Snapshot>,
    left_out: LeftOut,
    max_series: AtomicU64,
    /// In nanoseconds.
    stale_after: AtomicU64,
}

/// An immutable page of data series, of all ages.
#[derive(Debug, Default)]
struct Snapshot {
    families: Vec<SnapshotFamily>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct SnapshotFamily {
    header: Arc<Header>,
    level: usize,
    chunks: Vec<ChunkRef>,
}

/// Where a chunk stands: the place of its publication in [`Snapshot::pieces`], and its own there.
#[derive(Clone, Copy, Debug)]
struct ChunkRef {
    piece: usize,
    chunk: usize,
}

/// A publication in a snapshot.
#[derive(Debug)]
struct Piece {
    source: Arc<Source>,
    publication: Arc<Publication>,
    series: LevelCounts,
}

impl Store {
    /// An empty store that serves at most `max_series` data series, none of them older than
    /// `stale_after`.
    pub fn new(catalogue: &Catalogue, max_series: u64, stale_after: Duration) -> Self {
        let store = Self {
            headers: headers(catalogue).unwrap_or_else(|error| {
                tracing::error!(%error, "the headers of the page cannot be compressed");
                Vec::new()
            }),
            changed: AtomicBool::new(false),
            sources: Mutex::default(),
            snapshot: ArcSwap::default(),
            left_out: LeftOut::default(),
            max_series: AtomicU64::new(max_series),
            stale_after: AtomicU64::default(),
        };
        store.set_stale_after(stale_after);
        store
    }

    /// Replaces all that `source` serves.
    pub fn publish(&self, source: Source, publications: Vec<Arc<Publication>>) {
        self.change(|sources| {
            sources.insert(source, publications);
        });
    }

    /// Removes all that these accounts serve.
    pub fn remove_accounts(&self, accounts: &HashSet<&str>) {
        self.change(|sources| sources.retain(|source, _| !accounts.contains(&*source.account)));
    }

    /// Removes all that one source serves.
    pub fn remove(&self, source: &Source) {
        self.change(|sources| {
            sources.remove(source);
        });
    }

    /// Changes the limit of `limits.max_series`.
    pub fn set_max_series(&self, max_series: u64) {
        if self.max_series.swap(max_series, Ordering::Relaxed) != max_series {
            self.left_out.forget();
        }
    }

    /// Changes `stale_after`, for what is served already, too.
    pub fn set_stale_after(&self, stale_after: Duration) {
        let nanos = u64::try_from(stale_after.as_nanos()).unwrap_or(u64::MAX);
        self.stale_after.store(nanos, Ordering::Relaxed);
    }

    /// How old data may grow.
    pub fn stale_after(&self) -> Duration {
        Duration::from_nanos(self.stale_after.load(Ordering::Relaxed))
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Source, Vec<Arc<Publication>>>)) {
        let mut sources = self.sources.lock();
        change(&mut sources);
        self.changed.store(true, Ordering::Release);
    }

    /// What is served now, of all ages.
    fn snapshot(&self) -> Arc<Snapshot> {
        if self.changed.load(Ordering::Acquire) {
            let sources = self.sources.lock();
            // Under the lock, so that an older snapshot cannot replace a newer one.
            if self.changed.swap(false, Ordering::AcqRel) {
                let snapshot = Snapshot::of(&sources, &self.headers);
                self.snapshot.store(Arc::new(snapshot));
            }
        }
        self.snapshot.load_full()
    }

    /// The data part of the page at `now`.
    pub fn page(&self, now: Instant, format: Format, selection: &Selection) -> Page {
        let snapshot = self.snapshot();
        let left_out = self.levels_left_out(&snapshot, now);
        let stale_after = self.stale_after();
        let served = snapshot.pieces.iter().map(|piece| {
            piece.is_fresh(now, stale_after)
                && selection.has_account(&piece.source.account)
                && selection.has_part(piece.source.part)
        });
        let served = served.collect();
        Page::new(snapshot, format, served, left_out)
    }

    /// How many series of each source are on the page at `now`, and how many are left out.
    pub fn series(&self, now: Instant) -> BTreeMap<Source, SeriesCount> {
        let snapshot = self.snapshot();
        let left_out = self.levels_left_out(&snapshot, now);
        let stale_after = self.stale_after();
        let mut counts: BTreeMap<Source, SeriesCount> = BTreeMap::new();
        for piece in &snapshot.pieces {
            if piece.is_fresh(now, stale_after) {
                let count = counts.entry(Source::clone(&piece.source)).or_default();
                let (served, dropped) = piece.series.split(left_out);
                count.served += served;
                count.dropped += dropped;
            }
        }
        counts
    }

    /// Only what is fresh counts: what is not served any more makes nobody room scarce.
    fn levels_left_out(&self, snapshot: &Snapshot, now: Instant) -> u8 {
        let stale_after = self.stale_after();
        let fresh = snapshot.pieces.iter();
        let fresh = fresh.filter(|piece| piece.is_fresh(now, stale_after));
        let counts = fresh.fold(LevelCounts::default(), |sum, piece| sum + piece.series);
        self.left_out
            .update(counts, self.max_series.load(Ordering::Relaxed))
    }
}

impl Piece {
    fn is_fresh(&self, now: Instant, stale_after: Duration) -> bool {
        let came = self.publication.came;
        came.is_none_or(|came| now.saturating_duration_since(came) < stale_after)
    }
}

impl Snapshot {
    fn of(
        sources: &BTreeMap<Source, Vec<Arc<Publication>>>,
        headers: &[(&'static Family, Arc<Header>)],
    ) -> Self {
        let mut families: Vec<Option<SnapshotFamily>> = headers.iter().map(|_| None).collect();
        let mut pieces = Vec::with_capacity(sources.values().map(Vec::len).sum());
        for (source, publications) in sources {
            let source = Arc::new(source.clone());
            for publication in publications {
                let mut series = LevelCounts::default();
                for (place, chunk) in publication.chunks.iter().enumerate() {
                    let is_it = |(family, _): &(&Family, _)| std::ptr::eq(*family, chunk.family);
                    let Some(position) = headers.iter().position(is_it) else {
                        continue;
                    };
                    let level = level(chunk.family);
                    series.add(level, chunk.series);
                    let family = families[position].get_or_insert_with(|| SnapshotFamily {
                        header: Arc::clone(&headers[position].1),
                        level,
                        chunks: Vec::new(),
                    });
                    family.chunks.push(ChunkRef {
                        piece: pieces.len(),
                        chunk: place,
                    });
                }
                pieces.push(Piece {
                    source: Arc::clone(&source),
                    publication: Arc::clone(publication),
                    series,
                });
            }
        }
        Self {
            families: families.into_iter().flatten().collect(),
            pieces,
        }
    }
}

/// The header of every family, compressed once.
fn headers(catalogue: &Catalogue) -> std::io::Result<Vec<(&'static Family, Arc<Header>)>> {
    let mut packer = Packer::new()?;
    let families = catalogue.data().iter();
    families
        .map(|family| Ok((*family, Arc::new(header(&mut packer, family)?))))
        .collect()
}

#[cfg(test)]
mod tests;
