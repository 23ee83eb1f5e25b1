//! A time frame of LivePerson's numbers.

/// A time frame that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A fixed length in minutes, 1 to [`Window::MAX_MINUTES`].
    Minutes(u16),
    /// Since midnight in the configured time zone.
    Today,
    /// Since the anchor of a running total: a mark of its own for each request, at most a day ago.
    /// It cannot be configured.
    SinceAnchor,
}

impl Window {
    /// The longest fixed length: LivePerson keeps 24 hours.
    pub const MAX_MINUTES: u16 = 24 * 60;

    /// The `window` label, as Prometheus writes durations: `5m`, `1h`, `1h30m`, `1d`; or `today`.
    /// `totals` for the one that has no series of its own.
    pub fn label(&self) -> String {
        let minutes = match *self {
            Self::Minutes(minutes) => minutes,
            Self::Today => return "today".to_owned(),
            Self::SinceAnchor => return "totals".to_owned(),
        };
        match (minutes / 60, minutes % 60) {
            (0, minutes) => format!("{minutes}m"),
            (hours, 0) if hours % 24 == 0 => format!("{}d", hours / 24),
            (hours, 0) => format!("{hours}h"),
            (hours, minutes) => format!("{hours}h{minutes}m"),
        }
    }

    /// Whether everything that happened in another window happened in this one, at any time of the
    /// day.
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Minutes(this), Self::Minutes(other)) => this >= other,
            // The day so far is a whole day just before midnight.
            (Self::Minutes(this), Self::Today) => this == Self::MAX_MINUTES,
            (Self::Today, other) => other == Self::Today,
            // Anchors move: that of another request may be older or younger.
            (Self::SinceAnchor, other) => other == Self::SinceAnchor,
            (Self::Minutes(_), Self::SinceAnchor) => false,
        }
    }

    /// One window that covers all of these.
    pub fn covering(windows: &[Self]) -> Self {
        let minutes = windows.iter().map(|window| match window {
            Self::Minutes(minutes) => *minutes,
            Self::Today | Self::SinceAnchor => Self::MAX_MINUTES,
        });
        Self::Minutes(minutes.max().unwrap_or(Self::MAX_MINUTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn labels_are_written_as_prometheus_writes_durations() {
        let cases = [
            (Window::Minutes(5), "5m"),
            (Window::Minutes(60), "1h"),
            (Window::Minutes(90), "1h30m"),
            (Window::Minutes(1439), "23h59m"),
            (Window::Minutes(1440), "1d"),
            (Window::Today, "today"),
            (Window::SinceAnchor, "totals"),
        ];
        check_each(cases, |(window, label)| {
            assert_eq!(window.label(), label, "{window:?}");
        });
    }

    #[test]
    fn only_totals_cover_totals() {
        let (day, today, totals) = (Window::Minutes(1440), Window::Today, Window::SinceAnchor);
        let pairs = [
            (day, totals),
            (today, totals),
            (totals, day),
            (totals, today),
        ];
        let covering: Vec<_> = pairs.iter().filter(|(a, b)| a.covers(*b)).collect();
        assert_eq!(covering, Vec::<&(Window, Window)>::new());
        assert!(totals.covers(totals));
    }
}
