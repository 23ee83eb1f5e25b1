//! Entries of answers that could not be read: counted each time, logged once per incident.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::calls::shortened;
use super::{AccountWorker, Api};
use crate::liveperson::IgnoredEntries;

/// Without an ignored entry for so long, the next one is a new incident. Longer than the interval of
/// the names, which are asked for least often by default.
const INCIDENT_ENDS_AFTER: Duration = Duration::from_secs(3 * 3600);

/// When entries of each API's answers were ignored last, by its label.
#[derive(Clone, Debug, Default)]
pub(super) struct IgnoredEntriesLog(HashMap<&'static str, Instant>);

impl IgnoredEntriesLog {
    /// Records an answer with ignored entries; returns whether this begins an incident.
    fn begins(&mut self, api: &'static str, now: Instant) -> bool {
        let last = self.0.insert(api, now);
        last.is_none_or(|at| now.saturating_duration_since(at) >= INCIDENT_ENDS_AFTER)
    }
}

impl AccountWorker {
    pub(super) fn record_ignored_entries(
        &self,
        api: Api,
        requested: &str,
        ignored: &IgnoredEntries,
    ) {
        let IgnoredEntries { count, example } = ignored;
        let api = api.label();
        self.counters.entries_ignored(api, *count);
        let now = tokio::time::Instant::now().into_std();
        if self.ignored.lock().begins(api, now) {
            tracing::warn!(
                api,
                asked = shortened(requested),
                count,
                example,
                "entries of an answer cannot be read and are left out"
            );
        } else {
            tracing::debug!(
                api,
                asked = requested,
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
        let start = crate::clock::real_time();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut incidents = IgnoredEntriesLog::default();
        assert!(incidents.begins("names", at(0)));
        assert!(
            !incidents.begins("names", at(60)),
            "names are looked up every hour"
        );
        assert!(incidents.begins("sla", at(61)), "another API");
        assert!(!incidents.begins("names", at(120)));
        assert!(incidents.begins("names", at(300)), "it had ended");
    }
}
