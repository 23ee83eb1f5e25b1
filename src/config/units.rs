//! Durations as Prometheus writes them (`1h30m`) and sizes (`64MiB`): the only parser of each in
//! the program. Depends on nothing else of it.

use std::time::Duration;

/// Milliseconds per unit, largest first; the flag says that the unit is only written when the
/// rest is a whole multiple of it, as Prometheus does (25h stays 25h, 24h becomes 1d).
const DURATION_UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, true),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

const SIZE_UNITS: [(&str, u64); 11] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("kiB", 1 << 10),
    ("B", 1),
];

/// Reads `250ms`, `30s`, `1h30m`, `1d`, `1w` or `0`: units largest first, each at most once.
/// `None` for anything else, also for a number without a unit and for one that overflows.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut units = DURATION_UNITS.iter();
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let (_, factor, _) = units.find(|(name, ..)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Writes a duration as Prometheus does; what is below a millisecond is left out.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, factor, only_whole) in DURATION_UNITS {
        if rest >= factor && (!only_whole || rest.is_multiple_of(factor)) {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    text
}

/// Reads bytes: `64MiB`, `1GiB`, `500kB` or a plain number of bytes. `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    let factor = match unit {
        "" => 1,
        unit => SIZE_UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.checked_mul(factor)
}

/// Writes bytes with the largest binary unit that leaves no remainder.
pub fn format_size(bytes: u64) -> String {
    SIZE_UNITS
        .iter()
        .take(4)
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map_or_else(
            || format!("{bytes}B"),
            |(unit, factor)| format!("{}{unit}", bytes / factor),
        )
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn reads_durations_as_prometheus_does() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1y2w3d4h5m6s7ms", 31_536_000_000 + 1_483_506_007),
        ];
        check_each(cases, |(text, millis)| {
            let want = Some(Duration::from_millis(millis));
            assert_eq!(parse_duration(text), want, "{text}");
        });
    }

    #[test]
    fn what_is_not_a_duration_is_none() {
        let invalid = [
            "",
            "5",
            "m",
            "-5m",
            "+5m",
            "1.5h",
            "5 m",
            "30m1h",
            "1h1h",
            "5M",
            "5m ",
            "ms",
            "5µs",
            "1é",
            "99999999999999999999s",
            "999999999999y",
        ];
        check_each(invalid, |text| {
            assert_eq!(parse_duration(text), None, "{text}");
        });
    }

    #[test]
    fn writes_durations_as_prometheus_does() {
        let cases = [
            (0, "0s"),
            (1, "1ms"),
            (90_000, "1m30s"),
            (3_600_000, "1h"),
            (5_400_000, "1h30m"),
            (86_400_000, "1d"),
            (90_000_000, "25h"),
            (604_800_000, "1w"),
        ];
        check_each(cases, |(millis, text)| {
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        });
        assert_eq!(
            parse_duration(&format_duration(Duration::MAX)),
            Some(Duration::from_millis(u64::MAX))
        );
    }

    #[test]
    fn reads_and_writes_sizes() {
        let cases = [
            ("64MiB", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("500kB", Some(500_000)),
            ("1024", Some(1024)),
            ("7B", Some(7)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("64 MiB", None),
            ("64mib", None),
            ("99999999999TiB", None),
        ];
        check_each(cases, |(text, bytes)| {
            assert_eq!(parse_size(text), bytes, "{text}");
        });
        assert_eq!(format_size(64 << 20), "64MiB");
        assert_eq!(format_size(500_000), "500000B");
        assert_eq!(format_size(0), "0B");
    }
}
