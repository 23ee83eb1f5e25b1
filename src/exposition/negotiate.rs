//! Which format and which compression a scrape asks for, quality values honoured.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' protobuf, delimited.
    Protobuf,
}

/// The message that the protobuf format is made of.
const MESSAGE: &str = "io.prometheus.client.MetricFamily";

impl Format {
    /// The `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }

    /// The format that an `Accept` header prefers. Of equals it is the one named first; wildcards
    /// and unknown types mean the text format, which every reader understands. Protobuf is not for the
    /// `User-Agent` that misreads it.
    pub fn preferred(accept: Option<&str>, user_agent: Option<&str>) -> Self {
        let mut best = (Self::Text, 0);
        for range in accept.into_iter().flat_map(|header| header.split(',')) {
            let (media_type, parameters) = value_and_parameters(range);
            let quality = quality(parameters.clone());
            if let Some(format) = Self::of_media_type(media_type, parameters)
                && quality > best.1
                && !(format == Self::Protobuf && misreads_protobuf(user_agent))
            {
                best = (format, quality);
            }
        }
        best.0
    }

    fn of_media_type<'a>(
        media_type: &str,
        parameters: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<Self> {
        let version = parameter(parameters.clone(), "version");
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            matches!(version, None | Some("1.0.0")).then_some(Self::OpenMetrics)
        } else if media_type.eq_ignore_ascii_case("text/plain") {
            matches!(version, None | Some("0.0.4")).then_some(Self::Text)
        } else if media_type.eq_ignore_ascii_case("application/vnd.google.protobuf") {
            let message = parameter(parameters.clone(), "proto");
            let encoding = parameter(parameters, "encoding");
            let is = |found: Option<&str>, wanted| {
                found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            };
            (is(message, MESSAGE) && is(encoding, "delimited")).then_some(Self::Protobuf)
        } else if media_type == "*/*" || media_type.eq_ignore_ascii_case("text/*") {
            Some(Self::Text)
        } else {
            None
        }
    }
}

/// Prometheus 2.40 to 2.44 ask for protobuf when native histograms are enabled, and lose the `_bucket` of
/// a gauge histogram's series.
fn misreads_protobuf(user_agent: Option<&str>) -> bool {
    let version = user_agent.and_then(|agent| agent.strip_prefix("Prometheus/2."));
    let minor = version.and_then(|version| version.split('.').next());
    minor.is_some_and(|minor| minor.parse().is_ok_and(|minor: u32| minor < 45))
}

/// A compression of the whole page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip, one member around all segments.
    Gzip,
}

impl Encoding {
    /// The `Content-Encoding`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }

    /// The compression that an `Accept-Encoding` header prefers; of equals gzip. A header that leaves
    /// nothing acceptable counts as absent.
    pub fn preferred(accept_encoding: Option<&str>) -> Self {
        let header = accept_encoding.unwrap_or_default();
        let gzip = coding_quality(header, &["gzip", "x-gzip"])
            .or_else(|| coding_quality(header, &["*"]))
            .unwrap_or(0);
        // Where it is not named, `identity` is acceptable, but only when nothing better is.
        let identity = coding_quality(header, &["identity"]).unwrap_or(0);
        if gzip > 0 && gzip >= identity {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// The quality of the first coding in `Accept-Encoding` that has one of these names.
fn coding_quality(header: &str, names: &[&str]) -> Option<u16> {
    header.split(',').find_map(|range| {
        let (coding, parameters) = value_and_parameters(range);
        let is_named = names.iter().any(|name| name.eq_ignore_ascii_case(coding));
        is_named.then(|| quality(parameters))
    })
}

fn value_and_parameters(range: &str) -> (&str, impl Iterator<Item = &str> + Clone) {
    let mut parts = range.split(';');
    (parts.next().unwrap_or_default().trim(), parts)
}

fn parameter<'a>(parameters: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

/// The quality value in thousandths: 1000 without one, 0 for one that cannot be read.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    let Some(text) = parameter(parameters, "q") else {
        return 1000;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if digits && fraction.len() <= 3 => format!("{fraction:0<3}").parse().unwrap_or(0),
        "1" if fraction.bytes().all(|byte| byte == b'0') => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
        application/openmetrics-text;version=0.0.1;q=0.4,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
        text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const PROMETHEUS_WITH_PROTOBUF: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    #[test]
    fn the_format_is_the_one_with_the_highest_quality() {
        use Format::{OpenMetrics, Protobuf, Text};
        let cases = [
            (None, Text),
            (Some(""), Text),
            (Some("*/*"), Text),
            (Some("text/html, */*;q=0.1"), Text),
            (Some("application/*"), Text),
            (Some(PROMETHEUS_2), OpenMetrics),
            (Some(PROMETHEUS_3), OpenMetrics),
            (Some("application/openmetrics-text"), OpenMetrics),
            (
                Some("Application/OpenMetrics-Text; Version=\"1.0.0\""),
                OpenMetrics,
            ),
            (Some("application/openmetrics-text; version=0.0.1"), Text),
            (
                Some("application/openmetrics-text; version=2.0.0, */*;q=0.1"),
                Text,
            ),
            (
                Some("application/openmetrics-text;q=0.4,text/plain;q=0.5"),
                Text,
            ),
            (
                Some("text/plain;q=0.4,application/openmetrics-text;q=0.5"),
                OpenMetrics,
            ),
            (Some("text/plain,application/openmetrics-text"), Text),
            (Some("application/openmetrics-text,text/plain"), OpenMetrics),
            (Some("application/openmetrics-text;q=0"), Text),
            (Some(PROMETHEUS_WITH_PROTOBUF), Protobuf),
            (Some("application/vnd.google.protobuf"), Text),
            (
                Some(
                    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                ),
                Text,
            ),
            (Some("application/openmetrics-text;q=0.0001"), Text),
            (Some("application/openmetrics-text;q=zero"), Text),
            (Some(";;;,,;q=,=,application/openmetrics-text"), OpenMetrics),
        ];
        check_each(cases, |(accept, format)| {
            assert_eq!(Format::preferred(accept, None), format, "{accept:?}");
        });
    }

    #[test]
    fn a_prometheus_that_misreads_protobuf_gets_the_next_format() {
        let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                      encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";
        let cases = [
            ("Prometheus/2.42.0", Format::OpenMetrics),
            ("Prometheus/2.42.0+ds", Format::OpenMetrics),
            ("Prometheus/2.44.0", Format::OpenMetrics),
            ("Prometheus/2.45.0", Format::Protobuf),
            ("Prometheus/2.5", Format::OpenMetrics),
            ("Prometheus/3.5.0", Format::Protobuf),
            ("Prometheus/2.x", Format::Protobuf),
            ("curl/7.88.1", Format::Protobuf),
        ];
        check_each(cases, |(agent, format)| {
            assert_eq!(Format::preferred(Some(accept), Some(agent)), format);
        });
    }

    #[test]
    fn the_encoding_is_the_one_with_the_highest_quality() {
        let cases = [
            (None, Encoding::Identity),
            (Some(""), Encoding::Identity),
            (Some("gzip"), Encoding::Gzip),
            (Some("x-gzip"), Encoding::Gzip),
            (Some("GZIP;q=1.0"), Encoding::Gzip),
            (Some("zstd"), Encoding::Identity),
            (Some("br, deflate"), Encoding::Identity),
            (Some("deflate, gzip, br, zstd"), Encoding::Gzip),
            (Some("gzip;q=0.5, zstd"), Encoding::Gzip),
            (Some("gzip;q=0"), Encoding::Identity),
            (Some("gzip;q=0, *"), Encoding::Identity),
            (Some("zstd, *;q=0.1"), Encoding::Gzip),
            (Some("*"), Encoding::Gzip),
            (Some("*;q=0"), Encoding::Identity),
            (Some("identity, gzip;q=0.5"), Encoding::Identity),
            (Some("identity;q=0.5, gzip;q=0.5"), Encoding::Gzip),
            (Some("identity;q=0, gzip;q=0.1"), Encoding::Gzip),
            (Some("identity;q=0"), Encoding::Identity),
            (Some("gzip;q=2"), Encoding::Identity),
        ];
        check_each(cases, |(accept, encoding)| {
            assert_eq!(Encoding::preferred(accept), encoding, "{accept:?}");
        });
    }
}
