//! What is worth a log line: changes of state, not repetitions.
//!
//! A trouble is told when it begins, at most every ten minutes while it lasts, with a count, and
//! when it ends, with how long it took.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::names;
use crate::vocabulary::Service;

/// Least time between two lines about the same trouble.
const REMINDER: Duration = Duration::from_secs(10 * 60);

/// What is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The host of a service; every collector waits for it.
    Host(Service),
    /// The token; every collector waits for it.
    Token,
    /// Our clock and LivePerson's.
    Clock,
    /// LivePerson answers 429.
    Throttling,
    /// The requests of the collector with this label.
    Collector(&'static str),
    /// The names for ids.
    Names,
}

impl Subject {
    /// The value of the field `collector`.
    pub(super) fn collector(self) -> &'static str {
        match self {
            Self::Collector(label) => label,
            Self::Names => names::LABEL,
            _ => "all",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    told: Instant,
    failures: u64,
}

/// What to say about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// It is new.
    Begins,
    /// It lasts: so many failures in so long.
    Lasts(u64, Duration),
    /// Nothing; it was told recently.
    Nothing,
}

/// The troubles of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles(HashMap<Subject, Trouble>);

impl Troubles {
    /// Takes note of a failure.
    pub(super) fn failed(&mut self, subject: Subject, now: Instant) -> Say {
        let Some(trouble) = self.0.get_mut(&subject) else {
            self.0.insert(
                subject,
                Trouble {
                    since: now,
                    told: now,
                    failures: 1,
                },
            );
            return Say::Begins;
        };
        trouble.failures += 1;
        if now.saturating_duration_since(trouble.told) < REMINDER {
            return Say::Nothing;
        }
        trouble.told = now;
        Say::Lasts(
            trouble.failures,
            now.saturating_duration_since(trouble.since),
        )
    }

    /// The troubles without those of collectors that are no more.
    pub(super) fn of(&self, collectors: &[&'static str]) -> Self {
        let there = |subject: &Subject| match subject {
            Subject::Collector(label) => collectors.contains(label),
            _ => true,
        };
        let troubles = self.0.iter().filter(|(subject, _)| there(subject));
        Self(troubles.map(|(s, t)| (*s, *t)).collect())
    }

    /// Takes note of a success: how many failures there were and how long it took, if there were.
    pub(super) fn recovered(&mut self, subject: Subject, now: Instant) -> Option<(u64, Duration)> {
        let trouble = self.0.remove(&subject)?;
        Some((
            trouble.failures,
            now.saturating_duration_since(trouble.since),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_at_the_beginning_one_every_ten_minutes_one_at_the_end() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut troubles = Troubles::default();
        let subject = Subject::Collector("sla");
        assert_eq!(troubles.recovered(subject, at(0)), None);
        assert_eq!(troubles.failed(subject, at(0)), Say::Begins);
        let said: Vec<_> = (1..=25)
            .map(|n| troubles.failed(subject, at(n * 60)))
            .filter(|s| *s != Say::Nothing)
            .collect();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(
            said,
            [Say::Lasts(11, minutes(10)), Say::Lasts(21, minutes(20))]
        );
        assert_eq!(troubles.failed(Subject::Throttling, at(5)), Say::Begins);
        assert_eq!(
            troubles.recovered(subject, at(1560)),
            Some((26, minutes(26)))
        );
        assert_eq!(troubles.failed(subject, at(1561)), Say::Begins);
    }

    #[test]
    fn a_changed_account_remembers_the_troubles_of_the_collectors_it_still_has() {
        let now = Instant::now();
        let mut troubles = Troubles::default();
        for subject in [
            Subject::Collector("sla"),
            Subject::Collector("engagement_activity"),
            Subject::Token,
        ] {
            troubles.failed(subject, now);
        }
        let mut left = troubles.of(&["sla"]);
        assert_eq!(left.failed(Subject::Token, now), Say::Nothing);
        assert_eq!(left.failed(Subject::Collector("sla"), now), Say::Nothing);
        let gone = Subject::Collector("engagement_activity");
        assert_eq!(left.failed(gone, now), Say::Begins);
    }
}
