//! What is served now: the present snapshot, put together and swapped whole.
//!
//! Each answer is a publication of its own, with the time at which it arrived. The snapshot that
//! scrapes read is built aside and replaced by one pointer, so a half-filled page cannot be seen and
//! no scrape holds a lock. What is older than `stale_after` is left out when it is read: a collector
//! that has stopped cannot say so itself. The store knows families and bytes, not how they were
//! made.

mod page;
mod series_limit;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::exposition::{Chunk, Format, Header, header};
use crate::metrics::FamilyId;
use series_limit::{LevelCounts, SeriesLimit, level};

pub use page::{Page, PageFilter};

/// Who publishes: a collector, or the names, of an account. The order is the order on the page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Account id.
    pub account: Arc<str>,
    /// The collector's label, or `names` for the names of ids.
    pub collector: &'static str,
}

/// What one answer became.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// The chunks.
    pub chunks: Vec<Chunk>,
    /// When the answer was received, on the clock of ages (`daemon::clock::aged`); `None` for data that
    /// does not age.
    pub received_at: Option<Instant>,
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
    sources: Mutex<BTreeMap<Source, Vec<Arc<Publication>>>>,
    snapshot: ArcSwap<Snapshot>,
    series_limit: SeriesLimit,
    max_series: AtomicU64,
    /// In nanoseconds.
    stale_after: AtomicU64,
}

/// An immutable page of data series, of all ages.
#[derive(Debug, Default)]
struct Snapshot {
    families: Vec<SnapshotFamily>,
    entries: Vec<PageEntry>,
}

#[derive(Debug)]
struct SnapshotFamily {
    header: &'static Header,
    level: usize,
    chunks: Vec<ChunkRef>,
}

/// A chunk by the index of its publication in [`Snapshot::entries`] and its index there.
#[derive(Clone, Copy, Debug)]
struct ChunkRef {
    entry: usize,
    chunk: usize,
}

/// A publication in a snapshot.
#[derive(Debug)]
struct PageEntry {
    source: Arc<Source>,
    publication: Arc<Publication>,
    series: LevelCounts,
}

impl Store {
    /// An empty store that serves at most `max_series` data series, none of them older than
    /// `stale_after`.
    pub fn new(max_series: u64, stale_after: Duration) -> Self {
        let store = Self {
            sources: Mutex::default(),
            snapshot: ArcSwap::default(),
            series_limit: SeriesLimit::default(),
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
            self.series_limit.forget();
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
        // Nothing in here panics; should it ever, what is there are still whole publications.
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sources);
        // Swapped under the lock, so that two publications cannot overtake each other.
        self.snapshot.store(Arc::new(Snapshot::of(&sources)));
    }

    /// The data part of the page at `now`.
    pub fn page(&self, now: Instant, format: Format, filter: &PageFilter) -> Page {
        let snapshot = self.snapshot.load_full();
        let left_out = self.levels_left_out(&snapshot, now);
        let stale_after = self.stale_after();
        let served = snapshot.entries.iter().map(|entry| {
            entry.is_fresh(now, stale_after)
                && filter.includes_account(&entry.source.account)
                && filter.includes_collector(entry.source.collector)
        });
        let served = served.collect();
        Page::new(snapshot, format, served, left_out)
    }

    /// How many series of each source are on the page at `now`, and how many are left out.
    pub fn series(&self, now: Instant) -> BTreeMap<Source, SeriesCount> {
        let snapshot = self.snapshot.load();
        let left_out = self.levels_left_out(&snapshot, now);
        let stale_after = self.stale_after();
        let mut counts: BTreeMap<Source, SeriesCount> = BTreeMap::new();
        for entry in &snapshot.entries {
            if entry.is_fresh(now, stale_after) {
                let count = counts.entry(Source::clone(&entry.source)).or_default();
                let (served, dropped) = entry.series.split(left_out);
                count.served += served;
                count.dropped += dropped;
            }
        }
        counts
    }

    /// Only what is fresh counts: what is not served any more makes nobody room scarce.
    fn levels_left_out(&self, snapshot: &Snapshot, now: Instant) -> u8 {
        let stale_after = self.stale_after();
        let fresh = snapshot.entries.iter();
        let fresh = fresh.filter(|entry| entry.is_fresh(now, stale_after));
        let counts = fresh.fold(LevelCounts::default(), |sum, entry| sum + entry.series);
        self.series_limit
            .update(counts, self.max_series.load(Ordering::Relaxed))
    }
}

impl PageEntry {
    fn is_fresh(&self, now: Instant, stale_after: Duration) -> bool {
        let received_at = self.publication.received_at;
        received_at.is_none_or(|at| now.saturating_duration_since(at) < stale_after)
    }
}

impl Snapshot {
    fn of(sources: &BTreeMap<Source, Vec<Arc<Publication>>>) -> Self {
        let mut families: Vec<Option<SnapshotFamily>> = FamilyId::all().map(|_| None).collect();
        let mut entries = Vec::with_capacity(sources.values().map(Vec::len).sum());
        for (source, publications) in sources {
            let source = Arc::new(source.clone());
            for publication in publications {
                let mut series = LevelCounts::default();
                for (place, chunk) in publication.chunks.iter().enumerate() {
                    let Some(header) = header(chunk.family) else {
                        continue;
                    };
                    let level = level(chunk.family);
                    series.add(level, chunk.series);
                    let family = &mut families[chunk.family.index()];
                    let family = family.get_or_insert_with(|| SnapshotFamily {
                        header,
                        level,
                        chunks: Vec::new(),
                    });
                    family.chunks.push(ChunkRef {
                        entry: entries.len(),
                        chunk: place,
                    });
                }
                entries.push(PageEntry {
                    source: Arc::clone(&source),
                    publication: Arc::clone(publication),
                    series,
                });
            }
        }
        Self {
            families: families.into_iter().flatten().collect(),
            entries,
        }
    }
}

#[cfg(test)]
mod tests;
