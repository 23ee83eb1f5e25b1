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

use crate::exposition::{Chunk, Encoding, Format, Frame, Header, Segment, Zstd, header};
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

/// Which sources a page is made of; an empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Account ids.
    pub accounts: Vec<String>,
    /// Parts: see [`Source::part`].
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
}

impl Page {
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
        let piece = match place.segment {
            None => 0,
            Some((piece, segment)) => {
                let segments = family.pieces.get(piece)?.chunk.segments(self.format);
                if segment + 1 < segments.len() {
                    let segment = Some((piece, segment + 1));
                    return Some(Place { segment, ..place });
                }
                piece + 1
            }
        };
        let mut rest = family.pieces.iter().enumerate().skip(piece);
        match rest.find(|(_, piece)| self.has(piece)) {
            Some((piece, _)) => Some(Place {
                segment: Some((piece, 0)),
                ..place
            }),
            None => self.family_from(place.family + 1),
        }
    }

    /// The header of the first family from here on of which anything is served.
    fn family_from(&self, from: usize) -> Option<Place> {
        let mut rest = self.snapshot.families.iter().enumerate().skip(from);
        let (family, _) = rest.find(|(_, family)| family.pieces.iter().any(|p| self.has(p)))?;
        Some(Place {
            family,
            segment: None,
        })
    }

    fn has(&self, piece: &Piece) -> bool {
        let served = self.served.get(piece.publication) == Some(&true);
        served && !piece.chunk.segments(self.format).is_empty()
    }

    fn at(&self, place: Place) -> Option<&Segment> {
        let family = self.snapshot.families.get(place.family)?;
        match place.segment {
            None => Some(family.header.segment(self.format)),
            Some((piece, segment)) => {
                let piece = family.pieces.get(piece)?;
                piece.chunk.segments(self.format).get(segment)
            }
        }
    }
}

/// A segment on a page: a family's header, or a segment of a piece.
#[derive(Clone, Copy, Debug)]
struct Place {
    family: usize,
    segment: Option<(usize, usize)>,
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
        Page {
            served: served.collect(),
            snapshot,
            format,
        }
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
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exposition::{SegmentWriter, join};
    use crate::metrics::catalogue::activity;
    use crate::metrics::{LabelValue, Sink as _};

    /// Samples of one family, named after their first label.
    fn chunk(level: Level, names: &[(&str, f64)]) -> Chunk {
        let mut writer = SegmentWriter::new(&[]).unwrap();
        for (name, value) in names {
            let family = activity(level).unwrap().chats;
            writer.gauge(family, &[LabelValue::Text(name)], *value);
        }
        let chunks = join(&writer.finish().unwrap(), &[]).unwrap();
        chunks.into_iter().next().unwrap()
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

    /// The page without what is the same on every line.
    fn text(store: &Store, now: Instant) -> String {
        text_of(store, now, &Selection::default())
    }

    fn text_of(store: &Store, now: Instant, selection: &Selection) -> String {
        let page = store.page(now, Format::Text, selection);
        let (length, _) = page.measure(Encoding::Identity).unwrap();
        let text: Vec<u8> = page.segments().flat_map(|s| s.plain().unwrap()).collect();
        assert_eq!(text.len() as u64, length);
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("# HELP"));
        let short = lines.map(|line| match line.split_once("{account=\"") {
            Some((_, rest)) => format!("{}\n", rest.replace("\"}", "")),
            None => format!("{line}\n"),
        });
        short.collect()
    }

    #[test]
    fn families_are_declared_once_and_never_interleaved() {
        let store = Store::new(100);
        for account in ["2", "1"] {
            let chunks = vec![
                chunk(Level::Account, &[(&format!("a{account}"), 1.0)]),
                chunk(Level::Skill, &[(&format!("s{account}"), 1.0)]),
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
    fn a_selection_leaves_the_other_sources_out_with_their_headers() {
        let store = Store::new(100);
        store.publish(
            source("1", "x"),
            fresh(vec![chunk(Level::Skill, &[("s1", 1.0)])]),
        );
        store.publish(
            source("1", "y"),
            fresh(vec![chunk(Level::Agent, &[("a1", 1.0)])]),
        );
        store.publish(
            source("2", "x"),
            fresh(vec![chunk(Level::Skill, &[("s2", 1.0)])]),
        );
        let of = |accounts: &[&str], parts: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
            let selection = Selection {
                accounts: owned(accounts),
                parts: owned(parts),
            };
            text_of(&store, Instant::now(), &selection)
        };
        assert_eq!(
            of(&["2"], &[]),
            "# TYPE liveperson_window_skill_chats gauge\ns2 1\n"
        );
        assert_eq!(
            of(&[], &["y"]),
            "# TYPE liveperson_window_agent_chats gauge\na1 1\n"
        );
        assert_eq!(of(&["2"], &["y"]), "");
        assert_eq!(of(&["1", "2"], &["x"]).lines().count(), 3);
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
                    chunks: vec![chunk(Level::Account, &[("a", 1.0)])],
                    fresh_until: Some(later),
                },
                Publication {
                    chunks: vec![chunk(Level::Skill, &[("s", 1.0)])],
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
            fresh(vec![chunk(Level::Skill, &[("s4", 1.0), ("s5", 1.0)])]),
        );
        store.publish(
            source("1", "x"),
            fresh(vec![chunk(Level::Skill, &[("s5", 2.0)])]),
        );
        assert!(text(&store, Instant::now()).ends_with("gauge\ns5 2\n"));
        store.remove_account("1");
        assert_eq!(text(&store, Instant::now()), "");
    }

    #[test]
    fn too_many_series_leave_whole_levels_out_the_most_detailed_first() {
        let store = Store::new(3);
        let chunks = vec![
            chunk(Level::Account, &[("a", 1.0)]),
            chunk(Level::Skill, &[("s", 1.0), ("t", 2.0)]),
            chunk(Level::SkillAgent, &[("sa", 1.0)]),
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
