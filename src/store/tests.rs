use std::time::Duration;

use super::*;
use crate::exposition::{Encoding, SegmentWriter, join};
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
