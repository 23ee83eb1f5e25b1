//! Which format and which compression a scrape asks for, quality values honoured.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that an `Accept` header prefers. Of equals it is the one named first; wildcards
    /// and whatever is not understood mean the text format, which every reader has.
    pub fn preferred(accept: Option<&str>) -> Self {
        let mut best = (Self::Text, 0);
        for range in accept.into_iter().flat_map(|header| header.split(',')) {
            let mut parts = range.split(';');
            let media = parts.next().unwrap_or_default().trim();
            let parameters = parts.clone();
            let version = parameter(parameters, "version");
            let format = if media.eq_ignore_ascii_case("application/openmetrics-text") {
                matches!(version, None | Some("1.0.0")).then_some(Self::OpenMetrics)
            } else if media.eq_ignore_ascii_case("text/plain") {
                matches!(version, None | Some("0.0.4")).then_some(Self::Text)
            } else if media == "*/*" || media.eq_ignore_ascii_case("text/*") {
                Some(Self::Text)
            } else {
                None
            };
            let quality = quality(parts);
            if let Some(format) = format
                && quality > best.1
            {
                best = (format, quality);
            }
        }
        best.0
    }
}

/// A compression of the whole page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// gzip, one member around all segments.
    Gzip,
    /// Zstandard, a frame for each segment.
    Zstd,
}

impl Encoding {
    /// The `Content-Encoding`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The compression that an `Accept-Encoding` header prefers; of equals gzip, which has been
    /// read by everybody for longest. A header that leaves nothing acceptable counts as absent.
    pub fn preferred(accept_encoding: Option<&str>) -> Self {
        let Some(header) = accept_encoding else {
            return Self::Identity;
        };
        let of = |names: &[&str]| {
            let found = |wanted: &[&str]| {
                header.split(',').find_map(|coding| {
                    let mut parts = coding.split(';');
                    let name = parts.next().unwrap_or_default().trim();
                    let named = wanted.iter().any(|word| word.eq_ignore_ascii_case(name));
                    named.then(|| quality(parts))
                })
            };
            found(names).or_else(|| found(&["*"]))
        };
        let gzip = of(&["gzip", "x-gzip"]).unwrap_or(0);
        let zstd = of(&["zstd"]).unwrap_or(0);
        // Not named, it is acceptable, but only when nothing better is.
        let named = header.split(',').any(|coding| {
            let name = coding.split(';').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("identity")
        });
        let identity = if named {
            of(&["identity"]).unwrap_or(0)
        } else {
            0
        };
        if gzip == 0 && zstd == 0 || identity > gzip.max(zstd) {
            Self::Identity
        } else if gzip >= zstd {
            Self::Gzip
        } else {
            Self::Zstd
        }
    }
}

fn parameter<'a>(parameters: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
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

    #[test]
    fn the_format_is_the_one_with_the_highest_quality() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
                            application/openmetrics-text;version=0.0.1;q=0.75,\
                            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, format) in [
            (None, Format::Text),
            (Some(""), Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/html, */*;q=0.1"), Format::Text),
            (Some("application/*"), Format::Text),
            (Some(prometheus_2), Format::OpenMetrics),
            (Some(prometheus_3), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (
                Some("Application/OpenMetrics-Text; Version=\"1.0.0\""),
                Format::OpenMetrics,
            ),
            (
                Some("application/openmetrics-text; version=0.0.1"),
                Format::Text,
            ),
            (
                Some("application/openmetrics-text; version=2.0.0, */*;q=0.1"),
                Format::Text,
            ),
            (
                Some("application/openmetrics-text;q=0.4,text/plain;q=0.5"),
                Format::Text,
            ),
            (
                Some("text/plain;q=0.4,application/openmetrics-text;q=0.5"),
                Format::OpenMetrics,
            ),
            (
                Some("text/plain,application/openmetrics-text"),
                Format::Text,
            ),
            (
                Some("application/openmetrics-text,text/plain"),
                Format::OpenMetrics,
            ),
            (Some("application/openmetrics-text;q=0"), Format::Text),
            (Some("application/openmetrics-text;q=0.0001"), Format::Text),
            (Some("application/openmetrics-text;q=zero"), Format::Text),
            (
                Some(";;;,,;q=,=,application/openmetrics-text"),
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(Format::preferred(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn the_encoding_is_the_one_with_the_highest_quality() {
        for (accept, encoding) in [
            (None, Encoding::Identity),
            (Some(""), Encoding::Identity),
            (Some("gzip"), Encoding::Gzip),
            (Some("x-gzip"), Encoding::Gzip),
            (Some("GZIP;q=1.0"), Encoding::Gzip),
            (Some("zstd"), Encoding::Zstd),
            (Some("br, deflate"), Encoding::Identity),
            (Some("deflate, gzip, br, zstd"), Encoding::Gzip),
            (Some("gzip;q=0.5, zstd"), Encoding::Zstd),
            (Some("gzip;q=0.8, zstd;q=0.9"), Encoding::Zstd),
            (Some("gzip;q=0"), Encoding::Identity),
            (Some("gzip;q=0, *"), Encoding::Zstd),
            (Some("*"), Encoding::Gzip),
            (Some("*;q=0"), Encoding::Identity),
            (Some("identity, gzip;q=0.5"), Encoding::Identity),
            (Some("identity;q=0.5, gzip;q=0.5"), Encoding::Gzip),
            (Some("identity;q=0, gzip;q=0.1"), Encoding::Gzip),
            (Some("identity;q=0"), Encoding::Identity),
            (Some("gzip;q=2"), Encoding::Identity),
        ] {
            assert_eq!(Encoding::preferred(accept), encoding, "{accept:?}");
        }
    }
}
