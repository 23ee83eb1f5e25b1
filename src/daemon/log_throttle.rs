//! What is worth a log line: changes of state, not repetitions.
//!
//! An incident is reported when it begins, at most every ten minutes while it lasts, with a count, and
//! when it ends, with its duration.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::names;
use crate::vocabulary::Service;

/// Least time between two lines about the same incident.
const REMINDER: Duration = Duration::from_secs(10 * 60);

/// What an incident is about.
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
    /// Saving the running totals.
    State,
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
struct Incident {
    since: Instant,
    reported: Instant,
    failures: u64,
}

/// What to log about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogDecision {
    /// It is new.
    Begins,
    /// It lasts: so many failures in so long.
    Lasts(u64, Duration),
    /// Nothing; it was reported recently.
    Nothing,
}

/// The incidents of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Incidents(HashMap<Subject, Incident>);

impl Incidents {
    /// Records a failure.
    pub(super) fn failed(&mut self, subject: Subject, now: Instant) -> LogDecision {
        let Some(incident) = self.0.get_mut(&subject) else {
            self.0.insert(
                subject,
                Incident {
                    since: now,
                    reported: now,
                    failures: 1,
                },
            );
            return LogDecision::Begins;
        };
        incident.failures += 1;
        if now.saturating_duration_since(incident.reported) < REMINDER {
            return LogDecision::Nothing;
        }
        incident.reported = now;
        LogDecision::Lasts(
            incident.failures,
            now.saturating_duration_since(incident.since),
        )
    }

    /// The incidents without those of collectors that are gone.
    pub(super) fn of(&self, collectors: &[&'static str]) -> Self {
        let there = |subject: &Subject| match subject {
            Subject::Collector(label) => collectors.contains(label),
            _ => true,
        };
        let incidents = self.0.iter().filter(|(subject, _)| there(subject));
        Self(incidents.map(|(s, t)| (*s, *t)).collect())
    }

    /// Records a success; returns how many failures there were before it and how long it took.
    pub(super) fn recovered(&mut self, subject: Subject, now: Instant) -> Option<(u64, Duration)> {
        let incident = self.0.remove(&subject)?;
        Some((
            incident.failures,
            now.saturating_duration_since(incident.since),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_the_start_every_ten_minutes_and_at_the_end() {
        let start = crate::clock::real_time();
        let at = |secs| start + Duration::from_secs(secs);
        let mut incidents = Incidents::default();
        let subject = Subject::Collector("sla");
        assert_eq!(incidents.recovered(subject, at(0)), None);
        assert_eq!(incidents.failed(subject, at(0)), LogDecision::Begins);
        let reported: Vec<_> = (1..=25)
            .map(|n| incidents.failed(subject, at(n * 60)))
            .filter(|s| *s != LogDecision::Nothing)
            .collect();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(
            reported,
            [
                LogDecision::Lasts(11, minutes(10)),
                LogDecision::Lasts(21, minutes(20))
            ]
        );
        assert_eq!(
            incidents.failed(Subject::Throttling, at(5)),
            LogDecision::Begins
        );
        assert_eq!(
            incidents.recovered(subject, at(1560)),
            Some((26, minutes(26)))
        );
        assert_eq!(incidents.failed(subject, at(1561)), LogDecision::Begins);
    }

    #[test]
    fn incidents_of_remaining_collectors_survive_a_change() {
        let now = crate::clock::real_time();
        let mut incidents = Incidents::default();
        for subject in [
            Subject::Collector("sla"),
            Subject::Collector("engagement_activity"),
            Subject::Token,
        ] {
            incidents.failed(subject, now);
        }
        let mut left = incidents.of(&["sla"]);
        assert_eq!(left.failed(Subject::Token, now), LogDecision::Nothing);
        assert_eq!(
            left.failed(Subject::Collector("sla"), now),
            LogDecision::Nothing
        );
        let gone = Subject::Collector("engagement_activity");
        assert_eq!(left.failed(gone, now), LogDecision::Begins);
    }
}
