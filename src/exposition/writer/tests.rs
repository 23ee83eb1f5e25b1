use super::*;
use crate::collectors::{engagement_activity, sla};
use crate::data_family;
use crate::exposition::text_on_demand::UNREAD_ANSWERS;
use crate::names::families::SKILL_INFO;
use crate::vocabulary::Level;

static CHATS_TOTAL: Family = data_family!(
    Skill: "liveperson_", "chats_total", Counter ["kind"], "Chats closed", "."
);
static WAIT_SECONDS: Family = data_family!(
    Skill: "liveperson_", "wait_seconds", Histogram [], "Wait times", "."
);

fn page(chunks: &[Chunk], format: Format) -> String {
    let segments = chunks.iter().flat_map(|chunk| chunk.segments(format));
    let text: Vec<u8> = segments.flat_map(|s| s.plain().unwrap()).collect();
    String::from_utf8(text).unwrap()
}

fn of_skill(skill: i64, value: f64, previous: &[Chunk]) -> Vec<Chunk> {
    let mut writer = SegmentWriter::new(previous);
    let labels = [
        LabelValue::Text("1"),
        LabelValue::Id(skill),
        LabelValue::Text("5m"),
    ];
    let families = sla::of_level(Level::Skill).unwrap();
    let buckets = [(15, value), (30, value + 2.0)];
    writer.gauge_histogram(&families.wait_seconds, &labels, &buckets, value + 3.0);
    writer.gauge(&families.waited_chats, &labels, value + 3.0);
    writer.finish().unwrap()
}

#[test]
fn a_histogram_has_cumulative_buckets_and_no_sum() {
    let chunks = of_skill(i64::MAX, 3.0, &[]);
    let labels = "account=\"1\",skill=\"9223372036854775807\",window=\"5m\"";
    let name = "liveperson_window_skill_wait_seconds";
    let buckets = format!(
        "{name}_bucket{{{labels},le=\"15.0\"}} 3\n{name}_bucket{{{labels},le=\"30.0\"}} 5\n\
         {name}_bucket{{{labels},le=\"+Inf\"}} 6\n"
    );
    let count = format!("{name}_count{{{labels}}} 6\n");
    assert_eq!(
        page(&chunks[..1], Format::Text),
        format!("{buckets}{count}")
    );
    assert_eq!(page(&chunks[..1], Format::OpenMetrics), buckets);
    assert_eq!(chunks[0].series, 4);
}

#[test]
fn label_values_are_escaped() {
    let mut writer = SegmentWriter::new(&[]);
    let labels = [
        LabelValue::Text("1"),
        LabelValue::Id(-1),
        LabelValue::Text("a\"b\\\n"),
    ];
    writer.gauge(&SKILL_INFO, &labels, 1.0);
    let line = "liveperson_skill_info{account=\"1\",skill=\"-1\",name=\"a\\\"b\\\\\\n\"} 1\n";
    let chunks = writer.finish().unwrap();
    assert_eq!(page(&chunks, Format::Text), line);
    assert_eq!(page(&chunks, Format::OpenMetrics), line);
}

#[test]
fn repeated_labels_are_written_correctly() {
    let mut writer = SegmentWriter::new(&[]);
    let family = &SKILL_INFO;
    let mut expected = String::new();
    for (account, skill, name) in [
        ("1", 4, "a"),
        ("1", 4, "a"),
        ("1", 4, "a\""),
        ("1", 4, "a\\\""),
        ("1", 44, "a\\\""),
        ("1\n", 44, "x"),
        ("1\\n", 44, "x"),
        ("12", 44, ""),
    ] {
        let labels = [
            LabelValue::Text(account),
            LabelValue::Id(skill),
            LabelValue::Text(name),
        ];
        writer.gauge(family, &labels, 1.0);
        let escaped = |text: &str| format!("{text:?}").replace("\\'", "'");
        expected += &format!(
            "liveperson_skill_info{{account={},skill=\"{skill}\",name={}}} 1\n",
            escaped(account),
            escaped(name)
        );
    }
    assert_eq!(page(&writer.finish().unwrap(), Format::Text), expected);
}

#[test]
fn an_equal_answer_reuses_its_segments() {
    let write = |previous: &[Chunk]| {
        let mut writer = SegmentWriter::new(previous);
        for skill in 0..1000 {
            let labels = [LabelValue::Text("1"), LabelValue::Id(skill)];
            writer.gauge(
                &engagement_activity::of_level(Level::Skill).unwrap().chats,
                &labels,
                3.0,
            );
        }
        writer.finish().unwrap()
    };
    let first = write(&[]);
    assert!(same(&first, &write(&first)));
    assert!(!same(&first, &write(&[])));
}

/// Whether the segments are the same memory.
fn same(one: &[Chunk], other: &[Chunk]) -> bool {
    let places = |chunks: &[Chunk]| -> Vec<*const u8> {
        let segments = chunks.iter().flat_map(|c| c.segments(Format::Text));
        segments.map(|s| s.compressed().as_ptr()).collect()
    };
    places(one) == places(other)
}

#[test]
fn only_changed_segments_of_a_long_family_are_compressed() {
    let write = |changed: i64, previous: &[Chunk]| {
        let mut writer = SegmentWriter::new(previous);
        for skill in 0..10_000 {
            let labels = [
                LabelValue::Text("1"),
                LabelValue::Id(skill),
                LabelValue::Text("5m"),
            ];
            let value = if skill == changed { 1e9 } else { 9.0 };
            let family = &engagement_activity::of_level(Level::Skill)
                .unwrap()
                .connected_engagements;
            writer.gauge(family, &labels, value);
        }
        writer.finish().unwrap()
    };
    let first = write(-1, &[]);
    let segments = first[0].segments(Format::Text);
    assert_eq!(segments.len(), 10_000_usize.div_ceil(LINES_PER_SEGMENT));
    let second = write(5000, &first);
    let kept =
        std::iter::zip(segments, second[0].segments(Format::Text)).filter(|(old, new)| old == new);
    assert_eq!(kept.count(), segments.len() - 1);
}

fn totals(skill: i64, chats: f64, writer: &mut SegmentWriter<'_>) {
    let created = 1_700_000_000 + skill;
    let labels = [LabelValue::Text("1"), LabelValue::Id(skill)];
    for (kind, value) in [("interactive", chats), ("noninteractive", 0.5)] {
        let labels = [labels[0], labels[1], LabelValue::Text(kind)];
        writer.counter(&CHATS_TOTAL, &labels, value, created);
    }
    writer.histogram(&WAIT_SECONDS, &labels, &[(15, 3.0)], chats, created);
}

fn totals_of(skills: i64, chats: f64, previous: &[Chunk]) -> Vec<Chunk> {
    let mut writer = SegmentWriter::new(previous);
    for skill in 1..=skills {
        totals(skill, chats, &mut writer);
    }
    writer.finish().unwrap()
}

#[test]
fn counters_stand_next_to_their_created_in_openmetrics() {
    let chunks = totals_of(2, 7.0, &[]);
    let of = |skill: i64| {
        let chats = |series: &str, kind: &str| {
            format!(
                "liveperson_skill_chats_{series}{{account=\"1\",skill=\"{skill}\",kind=\"{kind}\"}}"
            )
        };
        let (one, other) = ("interactive", "noninteractive");
        format!(
            "{} 7\n{} 170000000{skill}.0\n{} 0.5\n{} 170000000{skill}.0\n",
            chats("total", one),
            chats("created", one),
            chats("total", other),
            chats("created", other),
        )
    };
    let openmetrics = format!("{}{}", of(1), of(2));
    assert_eq!(page(&chunks[..1], Format::OpenMetrics), openmetrics);
    assert_eq!(page(&chunks[..1], Format::Text), plain(&openmetrics));
    assert_eq!(chunks[0].series, 4);
}

#[test]
fn a_growing_histogram_has_buckets_and_created_only() {
    let chunks = totals_of(2, 7.0, &[]);
    let of = |skill: i64| {
        let (name, labels) = (
            "liveperson_skill_wait_seconds",
            format!("account=\"1\",skill=\"{skill}\""),
        );
        format!(
            "{name}_bucket{{{labels},le=\"15.0\"}} 3\n{name}_bucket{{{labels},le=\"+Inf\"}} 7\n\
             {name}_created{{{labels}}} 170000000{skill}.0\n"
        )
    };
    let openmetrics = format!("{}{}", of(1), of(2));
    assert_eq!(page(&chunks[1..], Format::OpenMetrics), openmetrics);
    assert_eq!(page(&chunks[1..], Format::Text), plain(&openmetrics));
    assert_eq!(chunks[1].series, 4);
}

/// OpenMetrics' lines of the text format.
fn plain(openmetrics: &str) -> String {
    let lines = openmetrics
        .lines()
        .filter(|line| !line.contains("_created{"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn text_of_counters_comes_with_the_answer_while_it_is_read() {
    let is_made = |chunks: &[Chunk]| {
        let made = chunks
            .iter()
            .map(|chunk| !chunk.segments_made(Format::Text).is_empty());
        made.collect::<Vec<_>>()
    };
    // More than one segment of four lines each.
    let skills = i64::try_from(LINES_PER_SEGMENT).unwrap() / 4 + 1;
    let mut chunks = totals_of(skills, 7.0, &[]);
    page(&chunks, Format::OpenMetrics);
    chunks = totals_of(skills, 8.0, &chunks);
    assert_eq!(is_made(&chunks), [false, false], "not read");
    page(&chunks[..1], Format::Text);
    assert_eq!(is_made(&chunks), [true, false], "what was read");
    for answer in 0..UNREAD_ANSWERS + 2 {
        chunks = totals_of(skills, f64::from(answer), &chunks);
        let still = answer < UNREAD_ANSWERS;
        assert_eq!(is_made(&chunks), [still, false], "answer {answer}");
        if still {
            let made: Vec<u8> = (chunks[0].segments_made(Format::Text).iter())
                .flat_map(|segment| segment.plain().unwrap())
                .collect();
            let openmetrics = page(&chunks[..1], Format::OpenMetrics);
            assert!(made == plain(&openmetrics).as_bytes(), "answer {answer}");
        }
    }
}

#[test]
fn unchanged_counters_reuse_their_segments_in_both_formats() {
    let addresses = |chunks: &[Chunk]| -> Vec<*const u8> {
        let both = [Format::Text, Format::OpenMetrics];
        let all = both
            .iter()
            .flat_map(|format| chunks.iter().flat_map(|c| c.segments(*format)));
        all.map(|segment| segment.compressed().as_ptr()).collect()
    };
    let first = totals_of(1000, 7.0, &[]);
    let before = addresses(&first);
    assert_eq!(addresses(&totals_of(1000, 7.0, &first)), before);
    let other = addresses(&totals_of(1000, 8.0, &first));
    assert!(before.iter().zip(&other).all(|(old, new)| old != new));
}
