//! Entries of answers that could not be read: counted each time, told once per incident.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::AccountWorker;
use super::called::Called;
use crate::liveperson::IgnoredEntries;

/// An API of which no entry was left out for so long is well again. Longer than the names, which are
/// asked for least often by default, are apart.
const INCIDENT_ENDS_AFTER: Duration = Duration::from_secs(3 * 3600);

/// When entries of each API were last left out.
#[derive(Clone, Debug, Default)]
pub(super) struct IgnoredIncidents(HashMap<&'static str, Instant>);

impl IgnoredIncidents {
    /// Takes note of an answer; whether this begins an incident.
    fn begins(&mut self, api: &'static str, now: Instant) -> bool {
        let last = self.0.insert(api, now);
        last.is_none_or(|at| now.saturating_duration_since(at) >= INCIDENT_ENDS_AFTER)
    }
}

impl AccountWorker {
    pub(super) fn entries_ignored(&self, api: Called, asked: &str, ignored: &IgnoredEntries) {
        let IgnoredEntries { count, example } = ignored;
        let api = api.label();
        self.counters.entries_ignored(api, *count);
        let now = tokio::time::Instant::now().into_std();
        let begins = self.lock().ignored.begins(api, now);
        let account = self.id();
        if begins {
            let asked = super::calls::shortened(asked);
            tracing::warn!(
                account,
                api,
                asked,
                count,
                example,
                "entries of an answer cannot be read and are left out"
            );
        } else {
            tracing::debug!(
                account,
                api,
                asked,
                count,
                example,
                "entries left out again"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_incident_and_api() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut incidents = IgnoredIncidents::default();
        assert!(incidents.begins("names", at(0)));
        assert!(
            !incidents.begins("names", at(60)),
            "an hour is the names' rhythm"
        );
        assert!(incidents.begins("sla", at(61)), "another API");
        assert!(!incidents.begins("names", at(120)));
        assert!(incidents.begins("names", at(300)), "it had been well again");
    }
}
