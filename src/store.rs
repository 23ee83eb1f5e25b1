//! What is served now: the current snapshot, swapped whole.
//!
//! Each answer is a publication with the time at which it arrived. Scrapes read a snapshot that is
//! replaced by one pointer, so a half-filled page cannot be seen. It is put together when it is read
//! for the first time after a change, because many answers arrive between two scrapes. What is older
//! than `stale_after` is left out when it is read: a collector that has stopped cannot report that
//! itself. The store knows families and bytes, not how they were made.

mod page;
mod series_limit;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::exposition::{Chunk, Compressor, Format, Header, header};
use crate::metrics::{Catalogue, Family};
use series_limit::{DropRank, LevelCounts, LevelSet, SeriesLimit};

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

/// Series of a source that are served and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesCount {
    /// On the page.
    pub served: u64,
    /// Not on the page because of `limits.max_series`.
    pub dropped: u64,
}

type Headers = Vec<(&'static Family, Arc<Header>)>;
type Publications = BTreeMap<Source, Vec<Arc<Publication>>>;

/// The current snapshot and what it is made of.
#[derive(Debug)]
pub struct Store {
    /// Every family's header, in the order of the page.
    headers: Headers,
    /// All publications. Held while a source's are replaced, and while a snapshot is made of them.
    publications: Mutex<Publications>,
    /// Whether the publications have changed since the snapshot was made; set under their lock.
    changed: AtomicBool,
    snapshot: ArcSwap<Snapshot>,
    series_limit: SeriesLimit,
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
    header: Arc<Header>,
    /// `None` when it is never dropped.
    level: Option<DropRank>,
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
    pub fn new(catalogue: &Catalogue, max_series: u64, stale_after: Duration) -> Self {
        let store = Self {
            headers: headers(catalogue),
            changed: AtomicBool::new(false),
            publications: Mutex::default(),
            snapshot: ArcSwap::default(),
            series_limit: SeriesLimit::new(max_series),
            stale_after: AtomicU64::default(),
        };
        store.set_stale_after(stale_after);
        store
    }

    /// Replaces all that `source` serves.
    pub fn publish(&self, source: Source, publications: Vec<Arc<Publication>>) {
        self.change(|all| {
            all.insert(source, publications);
        });
    }

    /// Removes all that these accounts serve.
    pub fn remove_accounts(&self, accounts: &HashSet<&str>) {
        self.change(|all| all.retain(|source, _| !accounts.contains(&*source.account)));
    }

    /// Removes all that one source serves.
    pub fn remove(&self, source: &Source) {
        self.change(|all| {
            all.remove(source);
        });
    }

    /// Changes the limit of `limits.max_series`.
    pub fn set_max_series(&self, max_series: u64) {
        self.series_limit.set(max_series);
    }

    /// Changes `stale_after`, also for what is served already.
    pub fn set_stale_after(&self, stale_after: Duration) {
        let nanos = u64::try_from(stale_after.as_nanos()).unwrap_or(u64::MAX);
        self.stale_after.store(nanos, Ordering::Relaxed);
    }

    /// How old data may grow.
    pub fn stale_after(&self) -> Duration {
        Duration::from_nanos(self.stale_after.load(Ordering::Relaxed))
    }

    fn change(&self, change: impl FnOnce(&mut Publications)) {
        let mut publications = self.publications.lock();
        change(&mut publications);
        self.changed.store(true, Ordering::Release);
    }

    /// All that is served, of all ages.
    fn snapshot(&self) -> Arc<Snapshot> {
        if self.changed.load(Ordering::Acquire) {
            let publications = self.publications.lock();
            // Under the lock, so that an older snapshot cannot replace a newer one.
            if self.changed.swap(false, Ordering::AcqRel) {
                let snapshot = Snapshot::of(&publications, &self.headers);
                self.snapshot.store(Arc::new(snapshot));
            }
        }
        self.snapshot.load_full()
    }

    /// The data part of the page at `now`.
    pub fn page(&self, now: Instant, format: Format, filter: &PageFilter) -> Page {
        let snapshot = self.snapshot();
        let dropped_levels = self.dropped_levels(&snapshot, now);
        let stale_after = self.stale_after();
        let served = snapshot.entries.iter().map(|entry| {
            entry.is_fresh(now, stale_after)
                && filter.includes_account(&entry.source.account)
                && filter.includes_collector(entry.source.collector)
        });
        let served = served.collect();
        Page::new(snapshot, format, served, dropped_levels)
    }

    /// How many series of each source are on the page at `now`, and how many are dropped.
    pub fn series(&self, now: Instant) -> BTreeMap<Source, SeriesCount> {
        let snapshot = self.snapshot();
        let dropped_levels = self.dropped_levels(&snapshot, now);
        let stale_after = self.stale_after();
        let mut counts: BTreeMap<Source, SeriesCount> = BTreeMap::new();
        for entry in &snapshot.entries {
            if entry.is_fresh(now, stale_after) {
                let count = counts.entry(Source::clone(&entry.source)).or_default();
                let split = entry.series.split(dropped_levels);
                count.served += split.served;
                count.dropped += split.dropped;
            }
        }
        counts
    }

    /// All that is fresh at `now`, whether or not `max_series` leaves some of it out.
    pub fn fresh(&self, now: Instant) -> Vec<(Arc<Source>, Arc<Publication>)> {
        let snapshot = self.snapshot();
        let stale_after = self.stale_after();
        let entries = snapshot.entries.iter();
        let fresh = entries.filter(|entry| entry.is_fresh(now, stale_after));
        let shared =
            |entry: &PageEntry| (Arc::clone(&entry.source), Arc::clone(&entry.publication));
        fresh.map(shared).collect()
    }

    /// Only what is fresh counts towards the limit: what is too old is not served.
    fn dropped_levels(&self, snapshot: &Snapshot, now: Instant) -> LevelSet {
        let stale_after = self.stale_after();
        let fresh = snapshot.entries.iter();
        let fresh = fresh.filter(|entry| entry.is_fresh(now, stale_after));
        let counts = fresh.fold(LevelCounts::default(), |sum, entry| sum + entry.series);
        self.series_limit.dropped_levels(counts)
    }
}

impl PageEntry {
    fn is_fresh(&self, now: Instant, stale_after: Duration) -> bool {
        let received_at = self.publication.received_at;
        received_at.is_none_or(|at| now.saturating_duration_since(at) < stale_after)
    }
}

impl Snapshot {
    fn of(sources: &Publications, headers: &Headers) -> Self {
        let mut families: Vec<Option<SnapshotFamily>> = headers.iter().map(|_| None).collect();
        let mut entries = Vec::with_capacity(sources.values().map(Vec::len).sum());
        for (source, publications) in sources {
            let source = Arc::new(source.clone());
            for publication in publications {
                let mut series = LevelCounts::default();
                for (index, chunk) in publication.chunks.iter().enumerate() {
                    let is_it = |(family, _): &(&Family, _)| std::ptr::eq(*family, chunk.family);
                    let Some(position) = headers.iter().position(is_it) else {
                        continue;
                    };
                    let level = DropRank::of(chunk.family);
                    series.add_series(level, chunk.series);
                    let family = families[position].get_or_insert_with(|| SnapshotFamily {
                        header: Arc::clone(&headers[position].1),
                        level,
                        chunks: Vec::new(),
                    });
                    family.chunks.push(ChunkRef {
                        entry: entries.len(),
                        chunk: index,
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

/// The header of every family, compressed once.
fn headers(catalogue: &Catalogue) -> Headers {
    let mut compressor = Compressor::new();
    let families = catalogue.data().iter();
    let headers = families.map(|family| Ok((*family, Arc::new(header(&mut compressor, family)?))));
    let headers: std::io::Result<Headers> = headers.collect();
    headers.unwrap_or_else(|error| {
        tracing::error!(%error, "the headers of the page cannot be compressed");
        Vec::new()
    })
}

#[cfg(test)]
mod tests;
