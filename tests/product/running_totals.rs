//! Counters and growing histograms of LivePerson's data, as strict parsers and Prometheus read them.

use liveperson_exporter::data_family;
use liveperson_exporter::exposition::{Compressor, Format, SegmentWriter, header, page_end};
use liveperson_exporter::metrics::{Family, LabelValue, Sink as _};

use crate::prometheus::{complaints_of_promtool, serve};
use crate::prometheus_server::{Prometheus, servers};
use crate::scrape::strictly_parsed;

static HANDLING: Family = data_family!(
    Account: "liveperson_", "handling_seconds_total", Counter ["kind"],
    "Time", " (LivePerson: totalHandlingTime)."
);
static CONNECTED: Family = data_family!(
    Skill: "liveperson_", "connected_engagements_total", Counter [], "Engagements", "."
);
static WAITS: Family = data_family!(
    Skill: "liveperson_", "wait_seconds", Histogram [], "Wait times", "."
);

const TEXT: &str = include_str!("../golden/running-totals.txt");
const OPENMETRICS: &str = include_str!("../golden/running-totals.openmetrics.txt");

/// A 5-minute mark, and the one after it.
const CREATED: [i64; 2] = [1_773_144_000, 1_773_144_300];

fn page(format: Format) -> String {
    let account = LabelValue::Text("12345678");
    let mut writer = SegmentWriter::new(&[]);
    for (kind, value) in [("interactive", 5400.0), ("noninteractive", 0.5)] {
        let labels = [account, LabelValue::Text(kind)];
        writer.counter(&HANDLING, &labels, value, CREATED[0]);
    }
    for (skill, value, waits, created) in [
        (-1, 0.0, [3.0, 5.0, 6.0], CREATED[0]),
        (4, 12_345_678_901.0, [0.0, 10.0, 10.0], CREATED[1]),
    ] {
        let labels = [account, LabelValue::Id(skill)];
        writer.counter(&CONNECTED, &labels, value, created);
        let buckets = [(15, waits[0]), (120, waits[1])];
        writer.histogram(&WAITS, &labels, &buckets, waits[2], created);
    }
    let mut compressor = Compressor::new();
    let mut page = Vec::new();
    for chunk in writer.finish().unwrap() {
        let header = header(&mut compressor, chunk.family).unwrap();
        page.extend_from_slice(&header.segment(format).unwrap().plain().unwrap());
        for segment in chunk.segments(format) {
            page.extend_from_slice(&segment.plain().unwrap());
        }
    }
    page.extend_from_slice(page_end(format));
    String::from_utf8(page).unwrap()
}

#[test]
fn running_totals_are_written_exactly_so() {
    assert_eq!(page(Format::Text), TEXT);
    assert_eq!(page(Format::OpenMetrics), OPENMETRICS);
}

#[test]
fn strict_parsers_accept_counters_and_bucket_only_histograms() {
    if let Some(families) = strictly_parsed(OPENMETRICS) {
        assert_eq!(
            families,
            [
                "liveperson_account_handling_seconds counter seconds 4",
                "liveperson_skill_connected_engagements counter - 4",
                "liveperson_skill_wait_seconds histogram seconds 8",
            ]
        );
    }
    assert_eq!(complaints_of_promtool(TEXT).unwrap_or_default(), "");
}

#[tokio::test]
async fn every_prometheus_reads_running_totals_in_both_formats() {
    for program in servers() {
        for (format, page) in [(Format::Text, TEXT), (Format::OpenMetrics, OPENMETRICS)] {
            let url = serve(format.content_type(), page);
            let prometheus = Prometheus::scraping(&program, &url);
            prometheus.eventually("up", |values| values == [1.0]).await;
            let created = match format {
                Format::Text | Format::Protobuf => vec![],
                Format::OpenMetrics => CREATED
                    .map(|at| f64::from(i32::try_from(at).unwrap()))
                    .to_vec(),
            };
            for (query, values) in [
                (
                    "liveperson_account_handling_seconds_total",
                    vec![5400.0, 0.5],
                ),
                (
                    "liveperson_skill_connected_engagements_total{skill=\"4\"}",
                    vec![12_345_678_901.0],
                ),
                (
                    "liveperson_skill_wait_seconds_bucket{le=\"120.0\"}",
                    vec![5.0, 10.0],
                ),
                ("liveperson_skill_wait_seconds_created", created),
                (
                    "histogram_quantile(0.5, liveperson_skill_wait_seconds_bucket{skill=\"-1\"})",
                    vec![15.0],
                ),
                ("count({__name__=~\"liveperson_.*_(sum|count)\"})", vec![]),
            ] {
                let found = prometheus.query(query).await;
                assert_eq!(found, Some(values), "{program:?}, {format:?}, {query}");
            }
        }
    }
}
