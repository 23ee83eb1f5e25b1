//! Arbitrary input: nothing panics.

use std::time::SystemTime;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Feeds a body to everything that reads bodies, and to everything that describes them.
fn feed(body: &[u8]) {
    let redactor = redactor::Redactor::new(["secret", "x-ä%/\""]);
    for query in [
        query(None, None),
        query(Some(IdFilter::All), Some(IdFilter::All)),
    ] {
        if let Err(error) = engagement_activity::read(body, &query) {
            error.describe(body, &redactor);
            error.without_excerpt(body).describe(body, &redactor);
        }
        if let Err(error) = engagement_activity::read_slots(body, &query) {
            error.describe(body, &redactor);
        }
    }
    if let Err(error) = sla::read(body) {
        error.describe(body, &redactor);
    }
    for kind in NameKind::ALL {
        let _ = names::read(kind, body);
    }
    let _ = auth::read_any_token(body, SystemTime::UNIX_EPOCH);
    let found = domain::read(body, "sentinel").map(|content| content.value);
    if let Ok(domain::HostLookup::Host(host)) = found {
        let api = url::Url::parse("http://127.0.0.1").unwrap();
        domain::base_url(&host, &api);
    }
    for cut in [false, true] {
        let message = redactor.message(body, cut);
        assert!(message.chars().count() <= 201);
        assert!(!message.chars().any(char::is_control));
    }
    assert!(redactor.excerpt(body).chars().count() <= 123);
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-z]{0,3}",
        "-?[0-9]{1,20}",
        proptest::sample::select(vec![
            "meta",
            "body",
            "responseCode",
            "metricsTotals",
            "metricsPerAgent",
            "metricsPerSkill",
            "agentsMetrics",
            "skillsMetrics",
            "skillsMetricsPerAgent",
            "metricsByIntervals",
            "timestamp",
            "metricsData",
            "totalHandlingTime",
            "slaDataRange",
            "chats",
            "id",
            "name",
            "message",
            "error",
            "errors",
            "baseURI",
            "baseURIs",
            "access_token",
            "bearer",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[-+]?[0-9]{0,25}[.eE]?[0-9]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        feed(&body);
    }

    #[test]
    fn arbitrary_json(value in any_json()) {
        feed(value.to_string().as_bytes());
    }

    #[test]
    fn mutated_fixtures(
        which in 0..8_usize,
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let fixtures = fixtures();
        let body = fixtures.get(which).map_or(SLA_FIXTURE, |fixture| fixture.1);
        let mut body = body.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => { body.remove(at); }
            }
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        feed(&body);
    }

    #[test]
    fn headers_of_any_kind(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = reqwest::header::HeaderValue::from_bytes(&value) {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(reqwest::header::RETRY_AFTER, value.clone());
            headers.insert(reqwest::header::DATE, value);
            retry_after::retry_after(&headers, SystemTime::UNIX_EPOCH);
        }
    }
}

#[test]
fn deep_huge_and_broken_bodies() {
    let deep = "[".repeat(100_000);
    let objects = "{\"a\":".repeat(100_000);
    let inside = format!(
        "{{\"metricsTotals\":{}",
        "{\"metricsTotals\":".repeat(10_000)
    );
    let unknown = format!("{{\"x\":{deep}");
    for body in [
        deep.as_bytes(),
        objects.as_bytes(),
        inside.as_bytes(),
        unknown.as_bytes(),
        b"\xff\xfe\x00",
        b"{\"metricsTotals\":{\"totalHandlingTime\":\"\xff\"}}",
        b"{\"\xff\":1,\"metricsTotals\":{}}",
        b"{\"metricsTotals\":{\"totalHandlingTime\":1e999}}",
        b"{\"metricsTotals\":{\"totalHandlingTime\":123456789012345678901234567890}}",
        b"{\"metricsTotals\":{\"totalHandlingTime\":\"\\u0000\"}}",
        b"{\"metricsTotals\":{\"totalHandlingTime\":\"\\ud800\"}}",
        b"\0\0\0",
    ] {
        feed(body);
    }
    let huge = br#"{"metricsTotals":{"totalHandlingTime":123456789012345678901234567890}}"#;
    let account = engagement_activity::read(huge, &query(None, None)).unwrap();
    let account = account.value.account.unwrap();
    assert_eq!(
        account.interactive_handling_seconds,
        Some(1.234_567_890_123_456_8e29)
    );
}
