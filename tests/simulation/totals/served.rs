//! What a Prometheus has seen: counters that never fall and begin only once.

use std::collections::HashMap;

use liveperson_exporter::totals::{BookState, Mark, Row, SeriesKey};

use super::config::Config;

struct Series {
    created: Mark,
    served: Vec<f64>,
}

/// The last values of all series.
#[derive(Default)]
pub(crate) struct Served {
    series: HashMap<SeriesKey, Series>,
    /// How much a counter may fall: what LivePerson corrected after the last save before a crash.
    tolerance: f64,
}

impl Served {
    pub(crate) fn sees(&mut self, row: Row<'_>) {
        let key = row.key;
        let tolerance = self.tolerance;
        let series = self.series.entry(key).or_insert_with(|| Series {
            created: row.created,
            served: Vec::new(),
        });
        assert_eq!(row.created, series.created, "{key:?} began at another time");
        for (field, (before, now)) in series.served.iter().zip(row.served).enumerate() {
            assert!(
                *now >= before - tolerance,
                "field {field} of {key:?} fell from {before} to {now}"
            );
        }
        series.served.clear();
        series.served.extend_from_slice(row.served);
    }

    /// The exporter runs under another configuration.
    pub(crate) fn reconfigured(&mut self, old: &Config, new: &Config) {
        self.series.retain(|key, _| {
            let layouts = [old, new].map(|c| c.query_of(*key).map(|query| query.layout));
            layouts[0].is_some() && layouts[0] == layouts[1]
        });
    }

    /// The exporter was killed, and continues with what was saved, by which a series that was new may
    /// begin again.
    pub(crate) fn crashed(&mut self, saved: Option<&BookState>, corrected: f64) {
        self.tolerance = corrected;
        let ledgers = saved.map_or(&[][..], |saved| &saved.ledgers);
        let is_saved = |key: &SeriesKey| ledgers.iter().any(|(_, ledger)| ledger.contains(*key));
        self.series.retain(|key, _| is_saved(key));
    }

    /// What was shown between the last save and a crash is lost with the time after it.
    pub(crate) fn lost_after_crash(&mut self) {
        self.series.clear();
    }

    /// All series were seen after a crash.
    pub(crate) fn is_complete(&mut self) {
        self.tolerance = 0.0;
    }
}
