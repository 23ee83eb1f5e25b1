//! What is served now: the present snapshot, put together and swapped whole.
//!
//! A collector publishes the chunks of a poll at once; the snapshot that scrapes read is built
//! aside and replaced by one pointer, so a half-filled page cannot be seen and no scrape holds a
//! lock. What has grown older than `stale_after` is left out when it is read: a collector that
//! has stopped cannot say so itself. The store knows families and bytes, not how they were made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::exposition::{Chunk, header};
use crate::metrics::{FamilyId, Origin};
use crate::poll::plan::Level;

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
}

/// An immutable page of data series.
#[derive(Debug, Default)]
struct Snapshot {
    families: Vec<SnapshotFamily>,
    pieces: Vec<PieceCount>,
}

#[derive(Debug)]
struct SnapshotFamily {
    header: Bytes,
    pieces: Vec<(Option<Instant>, Bytes)>,
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
        self.change(|parts| parts.max_series = max_series);
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        // Nothing in here panics; should it ever, the parts are still whole publications.
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        // Swapped under the lock, so that two publications cannot overtake each other.
        self.snapshot.store(Arc::new(parts.snapshot()));
    }

    /// The data part of the page at `now`, in chunks.
    pub fn page(&self, now: Instant) -> Vec<Bytes> {
        let snapshot = self.snapshot.load();
        let mut page = Vec::new();
        for family in &snapshot.families {
            let mut fresh = family
                .pieces
                .iter()
                .filter(|(until, _)| is_fresh(*until, now))
                .peekable();
            if fresh.peek().is_some() {
                page.push(family.header.clone());
                page.extend(fresh.map(|(_, text)| text.clone()));
            }
        }
        page
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
    fn snapshot(&self) -> Snapshot {
        let kept = self.levels_kept();
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
                let family = families[chunk.family.index()].get_or_insert_with(|| SnapshotFamily {
                    header: header(chunk.family),
                    pieces: Vec::new(),
                });
                family
                    .pieces
                    .push((publication.fresh_until, chunk.text.clone()));
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

fn level(family: FamilyId) -> Level {
    match family.get().origin {
        Origin::Data(level) | Origin::Names(level) => level,
        Origin::Exporter => Level::Account,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::catalogue::activity;

    fn chunk(level: Level, text: &str) -> Chunk {
        let series = text.lines().count() as u64;
        let text = Bytes::copy_from_slice(text.as_bytes());
        Chunk {
            family: activity(level).unwrap().chats,
            text,
            series,
        }
    }

    fn source(account: &str, part: &'static str) -> Source {
        Source {
            account: account.into(),
            part,
        }
    }

    fn fresh(chunks: Vec<Chunk>) -> Vec<Publication> {
        vec![Publication {
            chunks,
            fresh_until: None,
        }]
    }

    fn text(store: &Store, now: Instant) -> String {
        let page: Vec<u8> = store.page(now).concat();
        let page = String::from_utf8(page).unwrap();
        page.lines()
            .filter(|line| !line.starts_with("# HELP"))
            .map(|l| format!("{l}\n"))
            .collect()
    }

    #[test]
    fn families_are_declared_once_and_never_interleaved() {
        let store = Store::new(100);
        for account in ["2", "1"] {
            let chunks = vec![
                chunk(Level::Account, &format!("a{account} 1\n")),
                chunk(Level::Skill, &format!("s{account} 1\n")),
            ];
            store.publish(source(account, "x"), fresh(chunks));
        }
        assert_eq!(
            text(&store, Instant::now()),
            "# TYPE liveperson_window_account_chats gauge\na1 1\na2 1\n\
             # TYPE liveperson_window_skill_chats gauge\ns1 1\ns2 1\n"
        );
    }

    #[test]
    fn what_is_too_old_is_left_out_with_its_header() {
        let store = Store::new(100);
        let now = Instant::now();
        let later = now + Duration::from_secs(10);
        store.publish(
            source("1", "x"),
            vec![
                Publication {
                    chunks: vec![chunk(Level::Account, "a 1\n")],
                    fresh_until: Some(later),
                },
                Publication {
                    chunks: vec![chunk(Level::Skill, "s 1\n")],
                    fresh_until: None,
                },
            ],
        );
        assert_eq!(store.series(&source("1", "x"), now).served, 2);
        assert_eq!(store.series(&source("1", "x"), later).served, 1);
        assert_eq!(
            text(&store, later),
            "# TYPE liveperson_window_skill_chats gauge\ns 1\n"
        );
    }

    #[test]
    fn a_new_publication_replaces_the_old_one_whole() {
        let store = Store::new(100);
        store.publish(
            source("1", "x"),
            fresh(vec![chunk(Level::Skill, "s4 1\ns5 1\n")]),
        );
        store.publish(source("1", "x"), fresh(vec![chunk(Level::Skill, "s5 2\n")]));
        assert!(text(&store, Instant::now()).ends_with("gauge\ns5 2\n"));
        store.remove_account("1");
        assert_eq!(text(&store, Instant::now()), "");
    }

    #[test]
    fn too_many_series_leave_whole_levels_out_the_most_detailed_first() {
        let store = Store::new(3);
        let chunks = vec![
            chunk(Level::Account, "a 1\n"),
            chunk(Level::Skill, "s 1\ns 2\n"),
            chunk(Level::SkillAgent, "sa 1\n"),
        ];
        store.publish(source("1", "x"), fresh(chunks));
        let now = Instant::now();
        let count = store.series(&source("1", "x"), now);
        assert_eq!(
            count,
            SeriesCount {
                served: 3,
                dropped: 1
            }
        );
        assert!(!text(&store, now).contains("sa 1"));
        store.set_max_series(2);
        assert_eq!(
            store.series(&source("1", "x"), now),
            SeriesCount {
                served: 1,
                dropped: 3
            }
        );
        store.set_max_series(4);
        assert_eq!(
            store.series(&source("1", "x"), now),
            SeriesCount {
                served: 4,
                dropped: 0
            }
        );
    }
}
