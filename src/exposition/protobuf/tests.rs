use std::collections::BTreeMap;

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
fn a_histogram_has_its_buckets_and_no_sum_that_is_a_number() {
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
    assert!(matches!(histogram[&2][..], [Wire::Double(sum)] if sum.is_nan()));
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
