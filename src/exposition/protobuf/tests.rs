use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::collectors::Registry;
use crate::exposition::{Format, SegmentWriter};
use crate::metrics::{LabelValue, Origin, Sink as _};

static CHATS_TOTAL: Family = Family {
    name: "x_chats_total",
    kind: Kind::Counter,
    labels: &["account"],
    help: "Chats.",
    origin: Origin::Exporter,
};
static WAITS: Family = Family {
    name: "x_wait_seconds",
    kind: Kind::Histogram,
    labels: &["account"],
    help: "Waits.",
    origin: Origin::Exporter,
};

/// A field: a number or bytes.
#[derive(Clone, Debug, PartialEq)]
enum Wire<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

type Message<'a> = BTreeMap<u64, Vec<Wire<'a>>>;

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

/// Reads any message, by the rules of the wire format alone.
fn message(mut bytes: &[u8]) -> Message<'_> {
    let mut message = Message::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_at(8);
                bytes = rest;
                Wire::Double(f64::from_le_bytes(value.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Wire::Bytes(value)
            }
            other => panic!("wire type {other}"),
        };
        message.entry(tag >> 3).or_default().push(value);
    }
    message
}

fn inside<'a>(message: &Message<'a>, field: u64) -> Vec<Message<'a>> {
    let values = message.get(&field).into_iter().flatten();
    let inside = values.map(|value| match value {
        Wire::Bytes(bytes) => self::message(bytes),
        other => panic!("{other:?}"),
    });
    inside.collect()
}

fn metrics(family: &'static Family, write: impl FnOnce(&mut SegmentWriter<'_>)) -> Vec<u8> {
    let mut writer = SegmentWriter::new(&[]);
    write(&mut writer);
    let chunks = writer.finish().unwrap();
    assert_eq!(chunks[0].family, family);
    let segments = chunks[0].segments(Format::Protobuf).iter();
    segments
        .flat_map(|segment| segment.plain().unwrap())
        .collect()
}

#[test]
fn a_counter_has_its_value_labels_and_created_time() {
    let bytes = metrics(&CHATS_TOTAL, |writer| {
        writer.counter(
            &CHATS_TOTAL,
            &[LabelValue::Text("a\"b")],
            7.0,
            1_700_000_000,
        );
        writer.counter(&CHATS_TOTAL, &[LabelValue::Text("c")], 8.0, 1_700_000_001);
    });
    let metrics = inside(&message(&bytes), 4);
    assert_eq!(metrics.len(), 2);
    let label = &inside(&metrics[0], 1)[0];
    assert_eq!(label[&1], [Wire::Bytes(b"account")]);
    assert_eq!(label[&2], [Wire::Bytes(b"a\"b")]);
    let counter = &inside(&metrics[1], 3)[0];
    assert_eq!(counter[&1], [Wire::Double(8.0)]);
    let created = &inside(counter, 3)[0];
    assert_eq!(created[&1], [Wire::Number(1_700_000_001)]);
}

#[test]
fn a_histogram_has_its_buckets_and_no_invented_sum() {
    let bytes = metrics(&WAITS, |writer| {
        for account in ["1", "2"] {
            let buckets = [(15, 3.0), (30, 5.0)];
            writer.histogram(
                &WAITS,
                &[LabelValue::Text(account)],
                &buckets,
                6.0,
                1_700_000_000,
            );
        }
    });
    let metrics = inside(&message(&bytes), 4);
    assert_eq!(metrics.len(), 2);
    let histogram = &inside(&metrics[1], 7)[0];
    assert_eq!(histogram[&1], [Wire::Number(6)]);
    assert_eq!(histogram.get(&2), None);
    let buckets: Vec<_> = inside(histogram, 3)
        .into_iter()
        .map(|b| (b[&2].clone(), b[&1].clone()))
        .collect();
    let bucket = |limit, count| (vec![Wire::Double(limit)], vec![Wire::Number(count)]);
    assert_eq!(
        buckets,
        [bucket(15.0, 3), bucket(30.0, 5), bucket(f64::INFINITY, 6)]
    );
    assert_eq!(inside(histogram, 15).len(), 1);
}

#[test]
fn a_gauge_histogram_ends_where_its_labels_do() {
    let (account, _) = Registry::standard().highlights().waits.unwrap();
    let bytes = metrics(account, |writer| {
        for window in ["5m", "1h"] {
            let labels = [LabelValue::Text("1"), LabelValue::Text(window)];
            writer.gauge_histogram(account, &labels, &[(15, 0.0)], 0.0);
        }
    });
    let metrics = inside(&message(&bytes), 4);
    assert_eq!(metrics.len(), 2);
    assert_eq!(inside(&inside(&metrics[0], 7)[0], 3).len(), 2);
}

#[test]
fn the_head_of_a_family_has_the_length_of_the_whole() {
    let metrics = metrics(&CHATS_TOTAL, |writer| {
        for account in 0..5000 {
            writer.counter(&CHATS_TOTAL, &[LabelValue::Id(account)], 7.0, 1_700_000_000);
        }
    });
    let fields = family_fields(
        "x_seconds_total",
        "Seconds.",
        Kind::Counter,
        Some("seconds"),
    );
    let mut page = family_head(&fields, metrics.len() as u64);
    page.extend_from_slice(&metrics);
    let mut rest = &page[..];
    let length = varint(&mut rest);
    assert_eq!(length, rest.len() as u64);
    let family = message(rest);
    assert_eq!(family[&1], [Wire::Bytes(b"x_seconds_total")]);
    assert_eq!(family[&3], [Wire::Number(0)]);
    assert_eq!(family[&5], [Wire::Bytes(b"seconds")]);
    assert_eq!(family[&4].len(), 5000);
}

static VALUE: Family = Family {
    name: "x_value",
    kind: Kind::Gauge,
    labels: &["account", "name"],
    help: "Values.",
    origin: Origin::Exporter,
};
static WINDOW_WAITS: Family = Family {
    name: "x_window_wait_seconds",
    kind: Kind::GaugeHistogram,
    labels: &["account", "name"],
    help: "Waits.",
    origin: Origin::Exporter,
};

/// A sample: its name, its labels, its value written out, as not every number is equal to itself.
type Written = (String, Vec<(String, String)>, String);

fn written(name: String, labels: &[(String, String)], value: f64) -> Written {
    (name, labels.to_vec(), format!("{value:?}"))
}

/// The samples of a chunk's lines.
fn of_lines(chunk: &crate::exposition::Chunk, format: Format) -> Vec<Written> {
    let mut found = Vec::new();
    for segment in chunk.segments(format) {
        let lines = segment.plain().unwrap();
        for line in std::str::from_utf8(&lines).unwrap().lines() {
            let read = sample(line).unwrap();
            let labels = read.labels.iter();
            let labels: Vec<_> = labels
                .map(|(n, v)| ((*n).to_owned(), v.to_string()))
                .collect();
            found.push(written(read.name.to_owned(), &labels, read.value));
        }
    }
    found
}

fn text(value: &Wire<'_>) -> String {
    match value {
        Wire::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the counts of the test are small"
)]
fn number(value: &Wire<'_>) -> f64 {
    match value {
        Wire::Double(value) => *value,
        Wire::Number(value) => *value as f64,
        other => panic!("{other:?}"),
    }
}

/// The samples of a chunk's messages, in the order of OpenMetrics.
fn of_messages(chunk: &crate::exposition::Chunk) -> Vec<Written> {
    let segments = chunk.segments(Format::Protobuf).iter();
    let bytes: Vec<u8> = segments.flat_map(|s| s.plain().unwrap()).collect();
    let name = chunk.family.name;
    let mut found = Vec::new();
    for metric in inside(&message(&bytes), 4) {
        let labels = inside(&metric, 1);
        let labels: Vec<_> = labels
            .iter()
            .map(|l| (text(&l[&1][0]), text(&l[&2][0])))
            .collect();
        if let Some(gauge) = inside(&metric, 2).first() {
            found.push(written(name.to_owned(), &labels, number(&gauge[&1][0])));
        }
        let mut created = Vec::new();
        if let Some(counter) = inside(&metric, 3).first() {
            found.push(written(name.to_owned(), &labels, number(&counter[&1][0])));
            created = inside(counter, 3);
        }
        if let Some(histogram) = inside(&metric, 7).first() {
            for bucket in inside(histogram, 3) {
                let limit = number(&bucket[&2][0]);
                let limit = match limit.is_infinite() {
                    true => "+Inf".to_owned(),
                    false => format!("{limit:?}"),
                };
                let labels = [&labels[..], &[("le".to_owned(), limit)]].concat();
                found.push(written(
                    format!("{name}_bucket"),
                    &labels,
                    number(&bucket[&1][0]),
                ));
            }
            created = inside(histogram, 15);
        }
        for at in created {
            let name = name.strip_suffix("_total").unwrap_or(name);
            found.push(written(
                format!("{name}_created"),
                &labels,
                number(&at[&1][0]),
            ));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn text_and_protobuf_have_the_same_samples(
        series in prop::collection::vec(
            ("\\PC{0,12}|[\\\\\"\n{},= ]{0,6}", any::<f64>(), 0_u32..9, 0_u32..99, 0_i64..4_000_000_000),
            1..40,
        ),
        repeat in 1_usize..60,
    ) {
        let mut writer = SegmentWriter::new(&[]);
        // Also more than one segment has lines for.
        for (account, (name, value, few, many, created)) in
            (0..repeat).flat_map(|_| &series).enumerate()
        {
            let account = LabelValue::Id(i64::try_from(account).unwrap());
            let both = [account, LabelValue::Text(name)];
            let (few, many) = (f64::from(*few), f64::from(*few + *many));
            writer.gauge(&VALUE, &both, *value);
            writer.gauge_histogram(&WINDOW_WAITS, &both, &[(15, few)], many);
            writer.counter(&CHATS_TOTAL, &[account], many, *created);
            writer.histogram(&WAITS, &[account], &[(15, few), (30, few)], many, *created);
        }
        let chunks = writer.finish().unwrap();
        prop_assert_eq!(chunks.len(), 4);
        for chunk in &chunks {
            let messages = of_messages(chunk);
            prop_assert_eq!(&messages, &of_lines(chunk, Format::OpenMetrics));
            // The text format has no time of creation, and a count.
            let is_common = |sample: &Written| !sample.0.ends_with("_created") && !sample.0.ends_with("_count");
            let messages: Vec<_> = messages.into_iter().filter(is_common).collect();
            let lines = of_lines(chunk, Format::Text).into_iter().filter(is_common);
            prop_assert_eq!(messages, lines.collect::<Vec<_>>());
        }
    }
}
