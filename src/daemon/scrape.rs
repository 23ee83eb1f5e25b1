//! One scrape: what is asked for in its headers and its query, and the page that answers it.
//!
//! The data is put together from segments that were compressed when polled; only the exporter's
//! own metrics are written for every scrape.

use std::iter::once;

use crate::exposition::{
    CompressorPool, Encoding, Format, GzipFraming, Inflater, LastSegment, Segment,
};
use crate::store::{Page, PageFilter};
use crate::web::{Chunks, MetricsRequest};

/// What a scrape asks for, read from `Accept`, `Accept-Encoding` and the query.
#[derive(Debug, PartialEq)]
pub(super) struct ScrapeRequest {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    pub(super) filter: PageFilter,
}

impl ScrapeRequest {
    /// Reads a request; the error is for the author of the query.
    pub(super) fn read(
        request: &MetricsRequest<'_>,
        collectors: &[&str],
        accounts: &[&str],
    ) -> Result<Self, String> {
        let mut filter = PageFilter::default();
        let query = request.query.unwrap_or_default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let (known, into) = match &*key {
                "collect[]" => (collectors, &mut filter.collectors),
                "account[]" => (accounts, &mut filter.accounts),
                // Prometheus and proxies may send parameters of their own.
                _ => continue,
            };
            if !known.contains(&&*value) {
                return Err(unknown(&key, &value, known));
            }
            if !into.iter().any(|there| **there == *value) {
                into.push(value.into_owned());
            }
        }
        Ok(Self {
            format: Format::preferred(request.accept, request.user_agent),
            encoding: Encoding::preferred(request.accept_encoding),
            filter,
        })
    }
}

fn unknown(key: &str, value: &str, known: &[&str]) -> String {
    /// Longest part of a wrong value that is repeated, in characters.
    const SHOWN: usize = 80;
    let shown: String = value.chars().take(SHOWN).collect();
    let known = match known {
        [] => "there are none".to_owned(),
        known => format!("known are {}", known.join(", ")),
    };
    format!("{key}: {shown:?} is not known; {known}.\n")
}

/// The exporter's own part of a page, as it is without compression.
pub(super) struct SelfMetrics {
    /// Of the accounts and the exporter: the same until something is polled.
    pub(super) polled: Vec<u8>,
    /// Of the process, and the end of the page: new for every scrape.
    pub(super) process: Vec<u8>,
}

/// What scrapes keep for the next ones.
#[derive(Default)]
pub(super) struct Kept {
    compressors: CompressorPool,
    polled: LastSegment,
}

/// The whole page: the data, then the exporter's own part.
pub(super) fn page_body(
    page: Page,
    self_metrics: SelfMetrics,
    encoding: Encoding,
    kept: &Kept,
) -> std::io::Result<Chunks> {
    if page.format() == Format::Protobuf {
        let compressors = &kept.compressors;
        let segments = compressors.with(|compressor| page.protobuf_segments(compressor))?;
        return match encoding {
            Encoding::Identity => {
                let length = segments.iter().map(|segment| segment.length() as u64).sum();
                Ok(plain_body(length, segments.into_iter(), self_metrics))
            }
            Encoding::Gzip => {
                let mut framing = GzipFraming::default();
                segments.iter().for_each(|segment| framing.add(segment));
                gzip_body(framing, segments.into_iter(), &self_metrics, kept)
            }
        };
    }
    match encoding {
        Encoding::Identity => {
            let length = page.plain_length();
            Ok(plain_body(length, page.segments(), self_metrics))
        }
        Encoding::Gzip => {
            let framing = page.gzip_framing();
            gzip_body(framing, page.segments(), &self_metrics, kept)
        }
    }
}

fn gzip_body(
    mut framing: GzipFraming,
    segments: impl Iterator<Item = Segment> + Send + 'static,
    self_metrics: &SelfMetrics,
    kept: &Kept,
) -> std::io::Result<Chunks> {
    let (length, polled, end) = kept.compressors.with(|compressor| {
        let polled = kept.polled.of(&self_metrics.polled, compressor)?;
        framing.add(&polled);
        let length = framing.length();
        let end = compressor.finish(&self_metrics.process, framing)?;
        std::io::Result::Ok((length, polled, end))
    })?;
    let length = length + end.len() as u64;
    let segments = segments.chain(once(polled));
    let segments = segments.map(|segment| segment.compressed().clone());
    let chunks = once(GzipFraming::header()).chain(segments).chain(once(end));
    Ok(Chunks::new(length, chunks))
}

/// `length`: that of all segments as plain text, in bytes.
fn plain_body(
    length: u64,
    segments: impl Iterator<Item = Segment> + Send + 'static,
    self_metrics: SelfMetrics,
) -> Chunks {
    let SelfMetrics { polled, process } = self_metrics;
    let length = length + (polled.len() + process.len()) as u64;
    let mut inflater = Inflater::new();
    let data = segments.map(move |segment| inflater.plain(&segment));
    // After a failure nothing is sent, and the missing bytes make the connection break off.
    let chunks = data
        .chain([Ok(polled.into()), Ok(process.into())])
        .map_while(|text| {
            let text = text.inspect_err(|error| {
                tracing::error!(%error, "a segment cannot be decompressed");
            });
            text.ok()
        })
        .fuse();
    Chunks::new(length, chunks)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::collectors::Registry;
    use crate::exposition::SegmentWriter;
    use crate::metrics::{LabelValue, Sink as _};
    use crate::names::families::SKILL_INFO;
    use crate::store::{Publication, Source, Store};

    fn read(query: &str) -> Result<ScrapeRequest, String> {
        let request = MetricsRequest {
            accept: None,
            accept_encoding: None,
            user_agent: None,
            query: Some(query),
        };
        ScrapeRequest::read(&request, &["engagement_activity", "sla"], &["1", "2"])
    }

    #[test]
    fn a_query_selects_collectors_and_accounts() {
        let filter = read("collect[]=sla&account%5B%5D=2&x=1&collect%5b%5d=sla")
            .unwrap()
            .filter;
        assert_eq!(filter.collectors, ["sla"]);
        assert_eq!(filter.accounts, ["2"]);
        assert_eq!(read("").unwrap().filter, PageFilter::default());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        assert_eq!(
            read("collect[]=cpu").unwrap_err(),
            "collect[]: \"cpu\" is not known; known are engagement_activity, sla.\n"
        );
        let error = read(&format!("account[]={}", "%00x".repeat(500))).unwrap_err();
        assert!(
            error.contains("known are 1, 2.") && error.len() < 800,
            "{error}"
        );
        assert!(read("collect[]=").is_err());
    }

    #[test]
    fn every_encoding_is_the_same_page_of_the_announced_length() {
        let catalogue = crate::daemon::catalogue(&Registry::standard());
        let store = Store::new(&catalogue, 100_000, Duration::MAX);
        let mut writer = SegmentWriter::new(&[]);
        for id in 0..5000 {
            let name = format!("skill {id}");
            let labels = [
                LabelValue::Text("1"),
                LabelValue::Id(id),
                LabelValue::Text(&name),
            ];
            writer.gauge(&SKILL_INFO, &labels, 1.0);
        }
        let publication = Publication {
            chunks: writer.finish().unwrap(),
            received_at: None,
        };
        let source = Source {
            account: "1".into(),
            collector: "names",
        };
        store.publish(source, vec![Arc::new(publication)]);
        let kept = Kept::default();
        let body = |encoding| -> Vec<u8> {
            let page = store.page(
                crate::clock::real_time(),
                Format::Text,
                &PageFilter::default(),
            );
            let own = SelfMetrics {
                polled: b"own 1\n".to_vec(),
                process: b"process 2\n".to_vec(),
            };
            let chunks = page_body(page, own, encoding, &kept).unwrap();
            let length = chunks.length();
            let body: Vec<u8> = chunks.flatten().collect();
            assert_eq!(body.len() as u64, length);
            body
        };
        let plain = String::from_utf8(body(Encoding::Identity)).unwrap();
        assert!(
            plain.starts_with("# HELP liveperson_skill_info ")
                && plain.ends_with("\nown 1\nprocess 2\n")
        );
        assert_eq!(plain.lines().count(), 5004);
        assert!(plain.contains(SKILL_INFO.help));
        let mut text = String::new();
        let gzip = body(Encoding::Gzip);
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, plain);
        assert!(gzip.len() * 5 < plain.len());
    }
}
