use std::time::Duration;

use super::*;
use crate::clock::real_time;
use crate::collectors::Registry;
use crate::collectors::engagement_activity::of_level;
use crate::data_family;
use crate::exposition::SegmentWriter;
use crate::metrics::{LabelValue, Sink as _};
use crate::vocabulary::Level;

const STALE: Duration = Duration::from_secs(300);

static SKILL_TOTAL: Family = data_family!(
    Skill: "liveperson_", "test_total", Counter [], "A total", "."
);

fn store(max_series: u64, stale_after: Duration) -> Store {
    let registry = Registry::standard();
    let catalogue = Catalogue::new(registry.families().chain([&SKILL_TOTAL]));
    Store::new(&catalogue, max_series, stale_after)
}

/// Samples of one family, named after their first label.
fn chunk(level: Level, names: &[(&str, f64)]) -> Chunk {
    let mut writer = SegmentWriter::new(&[]);
    for (name, value) in names {
        let family = &of_level(level).unwrap().chats;
        writer.gauge(family, &[LabelValue::Text(name)], *value);
    }
    writer.finish().unwrap().into_iter().next().unwrap()
}

fn source(account: &str, collector: &'static str) -> Source {
    Source {
        account: account.into(),
        collector,
    }
}

fn fresh(chunks: Vec<Chunk>) -> Vec<Arc<Publication>> {
    vec![Arc::new(Publication {
        chunks,
        received_at: None,
    })]
}

/// Series of an account that are served and dropped.
fn served(store: &Store, account: &str, now: Instant) -> (u64, u64) {
    let counts = store.series(now);
    let count = counts.get(&source(account, "x"));
    count.map_or((0, 0), |count| (count.served, count.dropped))
}

/// The page without the labels that are the same on every line.
fn text(store: &Store, now: Instant) -> String {
    text_of(store, now, &PageFilter::default())
}

fn text_of(store: &Store, now: Instant, filter: &PageFilter) -> String {
    let page = store.page(now, Format::Text, filter);
    let length = page.plain_length();
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
    let store = store(100, STALE);
    for account in ["2", "1"] {
        let chunks = vec![
            chunk(Level::Account, &[(&format!("a{account}"), 1.0)]),
            chunk(Level::Skill, &[(&format!("s{account}"), 1.0)]),
        ];
        store.publish(source(account, "x"), fresh(chunks));
    }
    assert_eq!(
        text(&store, real_time()),
        "# TYPE liveperson_window_account_chats gauge\na1 1\na2 1\n\
         # TYPE liveperson_window_skill_chats gauge\ns1 1\ns2 1\n"
    );
}

#[test]
fn a_filter_excludes_other_sources_and_their_headers() {
    let store = store(100, STALE);
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
    let of = |accounts: &[&str], collectors: &[&str]| {
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let filter = PageFilter {
            accounts: owned(accounts),
            collectors: owned(collectors),
        };
        text_of(&store, real_time(), &filter)
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
fn stale_data_is_not_served_and_neither_is_its_header() {
    let store = store(100, STALE);
    let now = real_time();
    let publication = |chunks, received_at| {
        Arc::new(Publication {
            chunks,
            received_at,
        })
    };
    store.publish(
        source("1", "x"),
        vec![
            publication(vec![chunk(Level::Account, &[("a", 1.0)])], Some(now)),
            publication(vec![chunk(Level::Skill, &[("s", 1.0)])], None),
        ],
    );
    let almost = now + STALE - Duration::from_nanos(1);
    assert_eq!(served(&store, "1", almost), (2, 0));
    let later = now + STALE;
    assert_eq!(served(&store, "1", later), (1, 0));
    let without = "# TYPE liveperson_window_skill_chats gauge\ns 1\n";
    assert_eq!(text(&store, later), without);
    store.set_stale_after(STALE * 2);
    assert_eq!(served(&store, "1", later), (2, 0));
    store.set_stale_after(STALE / 2);
    assert_eq!(text(&store, now + STALE / 2), without, "at once");
}

#[test]
fn stale_data_does_not_count_towards_the_limit() {
    let store = store(3, STALE);
    let now = real_time();
    let publish = |account, received_at| {
        let chunks = vec![
            chunk(Level::Account, &[("a", 1.0)]),
            chunk(Level::Agent, &[("g", 1.0), ("h", 1.0)]),
        ];
        let received_at = Some(received_at);
        let publication = Arc::new(Publication {
            chunks,
            received_at,
        });
        store.publish(source(account, "x"), vec![publication]);
    };
    publish("dead", now);
    let later = now + STALE;
    publish("live", later);
    assert_eq!(served(&store, "live", later - STALE / 2), (1, 2));
    // The level is back only when a tenth of the limit would be left.
    store.set_max_series(4);
    assert_eq!(served(&store, "live", later), (3, 0));
    assert_eq!(served(&store, "dead", later), (0, 0));
}

#[test]
fn a_new_publication_replaces_the_previous_one_as_a_whole() {
    let store = store(100, STALE);
    store.publish(
        source("1", "x"),
        fresh(vec![chunk(Level::Skill, &[("s4", 1.0), ("s5", 1.0)])]),
    );
    store.publish(
        source("1", "x"),
        fresh(vec![chunk(Level::Skill, &[("s5", 2.0)])]),
    );
    assert!(text(&store, real_time()).ends_with("gauge\ns5 2\n"));
    store.remove_accounts(&HashSet::from(["1"]));
    assert_eq!(text(&store, real_time()), "");
}

#[test]
fn above_the_limit_the_most_detailed_levels_are_dropped() {
    let store = store(3, STALE);
    let chunks = vec![
        chunk(Level::Account, &[("a", 1.0)]),
        chunk(Level::Skill, &[("s", 1.0), ("t", 2.0)]),
        chunk(Level::SkillAgent, &[("sa", 1.0)]),
    ];
    store.publish(source("1", "x"), fresh(chunks));
    let now = real_time();
    assert_eq!(served(&store, "1", now), (3, 1));
    assert!(!text(&store, now).contains("sa 1"));
    store.set_max_series(2);
    assert_eq!(served(&store, "1", now), (1, 3));
    store.set_max_series(4);
    assert_eq!(served(&store, "1", now), (4, 0));
}

#[test]
fn running_totals_stay_when_windows_are_dropped_for_them() {
    let store = store(4, STALE);
    let publish = |skills: i64| {
        let mut writer = SegmentWriter::new(&[]);
        for skill in 0..skills {
            let labels = [LabelValue::Text("t"), LabelValue::Id(skill)];
            writer.counter(&SKILL_TOTAL, &labels, 7.0, 300);
        }
        let mut chunks = writer.finish().unwrap();
        chunks.push(chunk(Level::Account, &[("a", 1.0)]));
        chunks.push(chunk(Level::Skill, &[("s", 1.0), ("t", 2.0)]));
        store.publish(source("1", "x"), fresh(chunks));
    };
    let now = real_time();
    publish(3);
    assert_eq!(served(&store, "1", now), (4, 2), "windows of skills");
    let page = text(&store, now);
    let of = |what: &str| page.matches(what).count();
    assert_eq!(
        (of(" 7\n"), of("\na 1\n"), of("\ns 1\n")),
        (3, 1, 0),
        "{page}"
    );
    assert!(page.contains("# TYPE liveperson_skill_test_total counter\n"));
    publish(5);
    assert_eq!(served(&store, "1", now), (5, 3), "all windows");
    assert_eq!(text(&store, now).lines().count(), 6);
    let page = store.page(now, Format::OpenMetrics, &PageFilter::default());
    let created: Vec<u8> = page.segments().flat_map(|s| s.plain().unwrap()).collect();
    assert_eq!(
        String::from_utf8(created)
            .unwrap()
            .matches(" 300.0\n")
            .count(),
        5
    );
}
