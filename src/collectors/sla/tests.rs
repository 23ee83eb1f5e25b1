//! The parser of the SLA Histogram. Where reading is the same for all APIs, `liveperson` has the tests.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cases::check_each;
use crate::liveperson::json::testing::{PLAIN, any_style, description, styles, write};

pub(crate) const FIXTURE: &str =
    include_str!("../../../tests/fixtures/sla/buckets-0-5-10-20-30.json");

/// An answer with these buckets: lower limits and chats.
pub(crate) fn answer(buckets: &[(u32, f64)]) -> SlaAnswer {
    let buckets = buckets.iter().map(|(lower_limit, chats)| SlaBucket {
        lower_limit: *lower_limit,
        chats: *chats,
    });
    SlaAnswer {
        buckets: buckets.collect(),
    }
}

fn read_error(body: &str) -> String {
    match read(body.as_bytes()) {
        Ok(content) => panic!("read as {content:?}\n{body}"),
        Err(error) => description(&error, body),
    }
}

#[test]
fn the_histogram() {
    let bucket = |lower_limit, chats| SlaBucket { lower_limit, chats };
    let expected = vec![
        bucket(0, 2.0),
        bucket(5, 2.0),
        bucket(10, 0.0),
        bucket(20, 1.0),
        bucket(30, 0.0),
    ];
    let content = read(FIXTURE.as_bytes()).unwrap();
    assert_eq!(content.value.buckets, expected);
    assert_eq!(content.status, None);
}

#[test]
fn every_form_of_the_histogram_reads_the_same() {
    let expected = read(FIXTURE.as_bytes()).unwrap().value;
    let value: Value = serde_json::from_str(FIXTURE).unwrap();
    check_each(styles(), |style| {
        let text = write(&value, style);
        let content = read(text.as_bytes()).unwrap();
        assert_eq!(content.value, expected, "{style:?}\n{text}");
        assert_eq!(content.status, style.envelope.then_some(200));
    });
}

/// Buckets of a histogram depend on each other; a key that is not a bucket does not matter.
#[test]
fn a_bad_bucket_loses_the_histogram_and_a_bad_key_does_not() {
    let read = |map: &str| read(format!(r#"{{"slaDataRange":{{{map}}}}}"#).as_bytes());
    let good = r#""0":{"chats":2,"accumulated":"NaN","percentageFromTotal":[]}"#;
    let content = read(&format!(r#"{good},"total":{{"chats":2}}"#)).unwrap();
    assert_eq!(content.value.buckets.len(), 1);
    assert_eq!(content.ignored.unwrap().count, 1);
    assert_eq!(read(good).unwrap().ignored, None);
    let cases = [r#""15":{"chats":"NaN"}"#, r#""15":7"#, r#""15":{}"#];
    check_each(cases, |odd| {
        assert!(read(&format!("{good},{odd}")).is_err(), "{odd}");
    });
}

#[test]
fn answers_without_a_histogram_are_errors() {
    let cases = [
        (
            "{}",
            "asked for a histogram but the answer has no slaDataRange section",
        ),
        (
            r#"{"slaDataRange":null}"#,
            "asked for a histogram but the answer has no slaDataRange section",
        ),
        (
            r#"{"slaDataRange":{"5":{"accumulated":1}}}"#,
            "slaDataRange.5 has no chats",
        ),
        (
            r#"{"slaDataRange":{"5":{"chats":-1}}}"#,
            "slaDataRange.5.chats: -1 is negative",
        ),
        (
            r#"{"slaDataRange":{"0-5":{"chats":1}}}"#,
            r#"slaDataRange.0-5: expected a number of seconds, found "0-5""#,
        ),
        (
            r#"{"slaDataRange":{"-5":{"chats":1}}}"#,
            r#"slaDataRange.-5: expected a number of seconds, found "-5""#,
        ),
        (
            r#"{"slaDataRange":{"4294967296":{"chats":1}}}"#,
            r#"slaDataRange.4294967296: expected a number of seconds, found "4294967296""#,
        ),
    ];
    check_each(cases, |(body, expected)| {
        assert_eq!(read_error(body), expected);
    });
    let body = br#"{"slaDataRange":{"15.0":{"chats":3},"0":{"chats":"2"}}}"#;
    let found: Vec<_> = read(body).unwrap().value.buckets;
    let found: Vec<_> = found.iter().map(|b| (b.lower_limit, b.chats)).collect();
    assert_eq!(found, [(0, 2.0), (15, 3.0)]);
}

#[test]
fn writer_and_reader_agree_on_the_plain_style() {
    let value: Value = serde_json::from_str(FIXTURE).unwrap();
    let again: Value = serde_json::from_str(&write(&value, PLAIN)).unwrap();
    assert_eq!(again, value);
}

fn answer_json(answer: &SlaAnswer) -> Value {
    let buckets = answer.buckets.iter().map(|bucket| {
        let value = json!({
            "chats": bucket.chats,
            "accumulated": "not read",
            "percentageFromTotal": null,
        });
        (bucket.lower_limit.to_string(), value)
    });
    json!({ "slaDataRange": Value::Object(buckets.collect()) })
}

fn any_histogram() -> impl Strategy<Value = SlaAnswer> {
    proptest::collection::btree_map(any::<u32>(), any::<u32>(), 0..9).prop_map(|map| SlaAnswer {
        buckets: map
            .into_iter()
            .map(|(lower_limit, chats)| SlaBucket {
                lower_limit,
                chats: f64::from(chats),
            })
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histograms_read_back(answer in any_histogram(), style in any_style()) {
        let text = write(&answer_json(&answer), style);
        let content = read(text.as_bytes());
        prop_assert_eq!(content.map(|c| c.value), Ok(answer), "{}", text);
    }
}
