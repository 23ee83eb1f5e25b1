//! The states of accounts, collectors and the configuration as families, new for every scrape.

use prometheus::proto::MetricFamily;

use super::{AccountState, CollectorState, ConfigState};
use crate::metrics::exporter_families as families;
use crate::metrics::gathered_family::gauges;

/// What is said about accounts and their collectors.
pub(super) fn of_accounts(accounts: &[AccountState]) -> Vec<MetricFamily> {
    let account = |family, value: fn(&AccountState) -> Option<f64>| {
        let series = accounts.iter().map(|a| ([a.account.as_str()], value(a)));
        gauges(family, series)
    };
    let collector = |family, value: fn(&CollectorState) -> Option<f64>| {
        let all = accounts.iter().flat_map(|account| {
            let collectors = account.collectors.iter();
            collectors.map(|c| ([account.account.as_str(), c.collector], value(c)))
        });
        gauges(family, all)
    };
    let named = accounts.iter().filter_map(|account| {
        let name = account.name.as_deref()?;
        Some(([account.account.as_str(), name], Some(1.0)))
    });
    vec![
        gauges(&families::ACCOUNT_INFO, named),
        account(&families::API_BACKOFF_SECONDS, |account| {
            Some(account.backoff.as_secs_f64())
        }),
        account(&families::CLOCK_OFFSET_SECONDS, |account| {
            account.clock_offset
        }),
        collector(&families::UP, |state| Some(flag(state.up))),
        collector(&families::LAST_SUCCESS_TIMESTAMP_SECONDS, |state| {
            state.last_success
        }),
        collector(&families::POLL_DURATION_SECONDS, |state| {
            Some(state.poll_duration?.as_secs_f64())
        }),
        collector(&families::POLL_INTERVAL_SECONDS, |state| {
            Some(state.interval?.as_secs_f64())
        }),
        collector(&families::POLL_STRETCH_RATIO, |state| Some(state.stretch)),
        collector(&families::SERIES, |state| Some(as_float(state.series))),
        collector(&families::SERIES_DROPPED, |state| {
            Some(as_float(state.series_dropped))
        }),
    ]
}

/// What is said about the exporter and its configuration.
pub(super) fn of_the_exporter(config: ConfigState) -> Vec<MetricFamily> {
    let build = [crate::VERSION, crate::REVISION, crate::RUST_VERSION];
    let gauge = |family, value| gauges(family, [([], Some(value))]);
    let shard = config.shard.map(|shard| shard.index.to_string());
    let shards = config.shard.map(|shard| f64::from(shard.total));
    vec![
        gauges(&families::BUILD_INFO, [(build, Some(1.0))]),
        gauge(
            &families::CONFIG_LAST_RELOAD_SUCCESSFUL,
            flag(config.last_load_successful),
        ),
        gauge(
            &families::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,
            config.last_success,
        ),
        gauge(
            &families::WEB_CONFIG_LAST_RELOAD_SUCCESSFUL,
            flag(config.web_config_in_force),
        ),
        gauges(&families::SHARDS, [(shard.as_deref(), shards)]),
    ]
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a page has far fewer than 2^53 series"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}
