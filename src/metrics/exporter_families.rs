//! The exporter's own families: one static each, named after the series without its prefix.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::family::{Family, Kind, Origin};

/// Declares the families and the list of them, so that none can be left out of it.
macro_rules! families {
    ($($name:ident = $kind:ident $series:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $name: Family = Family {
                name: $series,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
                origin: Origin::Exporter,
            };
        )*

        /// All of them; they are served after the data, by name.
        pub static ALL: &[&Family] = &[$(&$name),*];
    };
}

families! {
    UP = Gauge "liveperson_up" ["account", "collector"]
        "Whether the last poll of the collector succeeded whole: 1 or 0.";
    LAST_SUCCESS_TIMESTAMP_SECONDS = Gauge "liveperson_last_success_timestamp_seconds" ["account", "collector"]
        "When a poll of the collector last succeeded whole, in seconds since the epoch.";
    POLL_DURATION_SECONDS = Gauge "liveperson_poll_duration_seconds" ["account", "collector"]
        "How long the last poll of the collector took, in seconds; its requests are spread over the interval.";
    POLL_INTERVAL_SECONDS = Gauge "liveperson_poll_interval_seconds" ["account", "collector"]
        "The collector's interval as configured: time from the beginning of one poll to that of the next, in seconds.";
    POLL_STRETCH_RATIO = Gauge "liveperson_poll_stretch_ratio" ["account", "collector"]
        "Time the last poll of the collector took over its interval, at least 1; more means that polls are late, because calls are slow, fail or may not start more often.";
    POLLS_SKIPPED_TOTAL = Counter "liveperson_polls_skipped_total" ["account", "collector"]
        "Polls of the collector that were due while the last one was still running or backing off; a late one begins as soon as the one before is through.";
    SERIES = Gauge "liveperson_series" ["account", "collector"]
        "Data series of the collector that are served.";
    SERIES_DROPPED = Gauge "liveperson_series_dropped" ["account", "collector"]
        "Data series of the collector that are left out because of limits.max_series.";
    API_REQUESTS_TOTAL = Counter "liveperson_api_requests_total" ["account", "api", "code"]
        "Requests to LivePerson by outcome: HTTP status (or the envelope's meta.responseCode), timeout, connect, decode or too_large.";
    API_REQUEST_DURATION_SECONDS = Histogram "liveperson_api_request_duration_seconds" ["account", "api"]
        "Time from the start of a request to LivePerson to the end of its answer, in seconds.";
    API_RESPONSE_BYTES_TOTAL = Counter "liveperson_api_response_bytes_total" ["account", "api"]
        "Bytes of LivePerson's answers, after decompression.";
    API_ENTRIES_IGNORED_TOTAL = Counter "liveperson_api_entries_ignored_total" ["account", "api"]
        "Entries of LivePerson's answers that could not be read and were left out.";
    API_BACKOFF_SECONDS = Gauge "liveperson_api_backoff_seconds" ["account"]
        "What is left of the present wait after a 429 or a failure, in seconds; 0 when there is none.";
    CLOCK_OFFSET_SECONDS = Gauge "liveperson_clock_offset_seconds" ["account"]
        "LivePerson's clock (the Date header of its answers) less ours, in seconds.";
    ACCOUNT_INFO = Info "liveperson_account_info" ["account", "name"]
        "Name of an account (configuration: accounts[].name).";
    TOTALS_ANCHOR_TIMESTAMP_SECONDS = Gauge "liveperson_totals_anchor_timestamp_seconds" ["account", "collector"]
        "The oldest anchor of the collector's running totals, in seconds since the epoch: what LivePerson counted before it is settled.";
    TOTALS_LOST_SECONDS_TOTAL = Counter "liveperson_totals_lost_seconds_total" ["account", "collector"]
        "Time that the collector's running totals do not count, because LivePerson could not be asked for more than a day, in seconds; kept with the totals.";
    TOTALS_CORRECTIONS_TOTAL = Counter "liveperson_totals_corrections_total" ["account", "collector"]
        "Numbers that LivePerson corrected downwards, and anchors of running totals that moved without a proof; kept with the totals.";
    TOTALS_SAVED_TIMESTAMP_SECONDS = Gauge "liveperson_totals_saved_timestamp_seconds" ["account"]
        "When the running totals were last saved, in seconds since the epoch.";
    TOTALS_SAVE_FAILURES_TOTAL = Counter "liveperson_totals_save_failures_total" ["account"]
        "Failures to save the running totals.";
    TOTALS_STATE_REJECTED_TOTAL = Counter "liveperson_totals_state_rejected_total" ["account"]
        "Files of saved running totals that could not be used and were renamed.";
    BUILD_INFO = Info "liveperson_exporter_build_info" ["version", "revision", "rust_version"]
        "Version and revision of the exporter and the compiler it was built with.";
    CONFIG_LAST_RELOAD_SUCCESSFUL = Gauge "liveperson_exporter_config_last_reload_successful" []
        "Whether the last load of the configuration succeeded: 1 or 0.";
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS = Gauge "liveperson_exporter_config_last_reload_success_timestamp_seconds" []
        "When the configuration was last loaded successfully, in seconds since the epoch.";
    WEB_CONFIG_LAST_RELOAD_SUCCESSFUL = Gauge "liveperson_exporter_web_config_last_reload_successful" []
        "Whether the present web configuration file is in use: 1, also without one, or 0 when the last good state of it is.";
    SHARDS = Gauge "liveperson_exporter_shards" ["shard"]
        "How many instances share the accounts (TOTAL of --shard), with the index of this one; not without the flag.";
}

/// One of the exporter's own families by the name of its series.
pub fn find(name: &str) -> Option<&'static Family> {
    static BY_NAME: LazyLock<HashMap<&str, &Family>> =
        LazyLock::new(|| ALL.iter().map(|family| (family.name, *family)).collect());
    BY_NAME.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_found_by_name() {
        assert_eq!(find("liveperson_up"), Some(&UP));
        assert_eq!(find("process_open_fds"), None);
    }
}
