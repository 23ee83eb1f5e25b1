//! One scrape: what is asked for in its headers and its query, and the page that answers it.
//!
//! The data is joined from segments that were compressed when they were polled; only the exporter's
//! own part is written fresh.

use super::aside::aside;
use crate::exposition::{Encoding, Format, Frame, Inflater, Packer, Segment};
use crate::store::{Page, Selection};
use crate::web::{Chunks, MetricsRequest};

/// What a scrape asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    pub(super) selection: Selection,
}

impl Wanted {
    /// Reads a request; the error is for whoever wrote the query.
    pub(super) fn read(
        request: &MetricsRequest<'_>,
        parts: &[&str],
        accounts: &[&str],
    ) -> Result<Self, String> {
        let mut selection = Selection::default();
        let query = request.query.unwrap_or_default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let (known, into) = match &*key {
                "collect[]" => (parts, &mut selection.parts),
                "account[]" => (accounts, &mut selection.accounts),
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
            format: Format::preferred(request.accept),
            encoding: Encoding::preferred(request.accept_encoding),
            selection,
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

/// The whole page: the data and then `own`, which is plain.
pub(super) fn chunks(page: Page, own: Vec<u8>, encoding: Encoding) -> std::io::Result<Chunks> {
    let (length, frame) = match page.measure(encoding) {
        Some(measured) => measured,
        // The first scrape of all that asks for it; from the next poll on it is there.
        None => {
            aside(|| page.prepare_zstd())?;
            page.measure(encoding).ok_or(std::io::ErrorKind::Other)?
        }
    };
    let head = Frame::head(encoding);
    let last = match encoding {
        Encoding::Identity => own.into(),
        _ => Packer::new()?.last(&own, frame, encoding)?,
    };
    let length = (head.len() + last.len()) as u64 + length;
    let mut last = std::iter::once(last);
    if encoding != Encoding::Identity {
        let compressed = move |segment: Segment| segment.compressed(encoding).cloned();
        let compressed = page.segments().filter_map(compressed);
        let chunks = std::iter::once(head).chain(compressed).chain(last);
        return Ok(Chunks::new(length, chunks));
    }
    let mut inflater = Inflater::new();
    let mut segments = page.segments();
    let plain = std::iter::from_fn(move || {
        let Some(segment) = segments.next() else {
            return last.next();
        };
        // The end without the rest makes the connection break off.
        let text = inflater.plain(&segment);
        text.inspect_err(|error| tracing::error!(%error, "a segment cannot be inflated"))
            .ok()
    });
    Ok(Chunks::new(length, plain.fuse()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::collectors::Registry;
    use crate::exposition::SegmentWriter;
    use crate::metrics::{LabelValue, Sink as _};
    use crate::names::families::SKILL_INFO;
    use crate::store::{Publication, Source, Store};

    fn read(query: &str) -> Result<Wanted, String> {
        let request = MetricsRequest {
            accept: None,
            accept_encoding: None,
            query: Some(query),
        };
        Wanted::read(&request, &["engagement_activity", "sla"], &["1", "2"])
    }

    #[test]
    fn a_query_selects_collectors_and_accounts() {
        let selection = read("collect[]=sla&account%5B%5D=2&x=1&collect%5b%5d=sla")
            .unwrap()
            .selection;
        assert_eq!(selection.parts, ["sla"]);
        assert_eq!(selection.accounts, ["2"]);
        assert_eq!(read("").unwrap().selection, Selection::default());
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
        let mut writer = SegmentWriter::new(&[]).unwrap();
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
            came: None,
        };
        let source = Source {
            account: "1".into(),
            part: "names",
        };
        store.publish(source, vec![Arc::new(publication)]);
        let body = |encoding| -> Vec<u8> {
            let page = store.page(Instant::now(), Format::Text, &Selection::default());
            let chunks = chunks(page, b"own 1\n".to_vec(), encoding).unwrap();
            let length = chunks.length();
            let body: Vec<u8> = chunks.flatten().collect();
            assert_eq!(body.len() as u64, length);
            body
        };
        let plain = String::from_utf8(body(Encoding::Identity)).unwrap();
        assert!(plain.starts_with("# HELP liveperson_skill_info ") && plain.ends_with("\nown 1\n"));
        assert_eq!(plain.lines().count(), 5003);
        assert!(plain.contains(SKILL_INFO.help));
        let mut text = String::new();
        let gzip = body(Encoding::Gzip);
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, plain);
        assert!(gzip.len() * 5 < plain.len());
        let zstd = zstd::stream::decode_all(&body(Encoding::Zstd)[..]).unwrap();
        assert_eq!(zstd, plain.as_bytes());
    }
}
