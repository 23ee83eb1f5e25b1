use super::*;
use crate::collectors::{engagement_activity, sla};
use crate::names::families::SKILL_INFO;
use crate::vocabulary::Level;

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
