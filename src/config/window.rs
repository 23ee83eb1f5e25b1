//! Time frames: how they are written in the file and in the `window` label.

use std::time::Duration;

use super::Window;
use super::units::{format_duration, parse_duration};

/// Minutes in the longest window there is.
const WHOLE_DAY: u16 = 1440;
/// LivePerson keeps 24 hours.
const LONGEST_MINUTES: u64 = 24 * 60;

impl Window {
    /// The `window` label: `5m`, `1h`, `1h30m`, `1d` or `today`.
    pub fn label(&self) -> String {
        match self {
            Self::Minutes(minutes) => {
                format_duration(Duration::from_secs(u64::from(*minutes) * 60))
            }
            Self::Today => "today".to_owned(),
        }
    }

    /// Whether everything that happened in another window happened in this one, at any time of the
    /// day.
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Minutes(this), Self::Minutes(other)) => this >= other,
            // The day so far is a whole day just before midnight.
            (Self::Minutes(this), Self::Today) => this == WHOLE_DAY,
            (Self::Today, other) => other == Self::Today,
        }
    }

    /// One window that covers all of these.
    pub fn covering(windows: &[Self]) -> Self {
        let minutes = windows.iter().map(|window| match window {
            Self::Minutes(minutes) => *minutes,
            Self::Today => WHOLE_DAY,
        });
        Self::Minutes(minutes.max().unwrap_or(WHOLE_DAY))
    }

    /// Reads `today` or a length in whole minutes from 1m to 24h; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "today" {
            return Some(Self::Today);
        }
        let millis = parse_duration(text)?.as_millis();
        let minutes = u64::try_from(millis / 60_000).ok()?;
        let whole = millis % 60_000 == 0 && (1..=LONGEST_MINUTES).contains(&minutes);
        whole.then_some(Self::Minutes(u16::try_from(minutes).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_prometheus_would_write() {
        let cases = [
            ("5m", "5m"),
            ("60m", "1h"),
            ("90m", "1h30m"),
            ("1439m", "23h59m"),
            ("24h", "1d"),
            ("1440m", "1d"),
            ("60s", "1m"),
            ("today", "today"),
        ];
        for (text, label) in cases {
            assert_eq!(Window::parse(text).unwrap().label(), label, "{text}");
        }
    }

    #[test]
    fn refuses_what_liveperson_cannot_answer() {
        for text in [
            "0m",
            "30s",
            "90s",
            "1441m",
            "25h",
            "2d",
            "Today",
            "",
            "5",
            "584942417y",
        ] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
