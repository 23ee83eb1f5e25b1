//! The daemon: the one room that knows all the others and ties them together.
//!
//! `account` turns an account of the configuration into a running task; `worker` makes its calls
//! and publishes; `results` holds a poll's answers until it ends; `names` merges names for ids and
//! serves them; `status` and `trouble` are what a person is told; `site` is what `web` serves and
//! `scrape` its largest page; `plan_report` prints the plan for `check-config`; `connection_test`
//! tries every call once for `test-connection`; `clock` is the wall clock.

mod account;
mod aside;
mod clock;
mod connection_test;
mod names;
mod plan_report;
mod results;
mod scrape;
mod site;
mod status;
mod trouble;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};

use account::{AccountView, Legacy, PreparedAccount, RunningAccount, Shared};
use jiff::Timestamp;

use crate::config::{Account, Config};
use crate::metrics::exporter::ConfigState;
use crate::poll::plan::CollectorKind;
use crate::store::Store;

use clock::epoch_seconds;

pub use clock::{SystemClock, WallClock, timeframe};
pub use connection_test::{Surroundings, Tally, test_connection};
pub use plan_report::plan_report;
pub use site::DaemonSite;
pub use status::{AccountStatus, CollectorStatus};

/// Reads the configuration again.
pub type ConfigSource = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// The accounts being polled, and the configuration they come from.
pub struct Daemon {
    shared: Shared,
    source: ConfigSource,
    /// Held across a whole reload: a reload during a reload waits.
    reloading: tokio::sync::Mutex<()>,
    present: Mutex<Present>,
}

struct Present {
    config: Config,
    accounts: Vec<RunningAccount>,
    /// What scrapes read; replaced whole, so that a scrape in the middle of a reload misses none.
    views: Arc<[AccountView]>,
    last_load_successful: bool,
    last_load: Timestamp,
}

impl Daemon {
    /// Starts polling; the error says which account cannot be started and why. `source` is asked
    /// again at every reload.
    pub fn start(
        config: Config,
        source: ConfigSource,
        clock: Arc<dyn WallClock>,
    ) -> Result<Arc<Self>, String> {
        let prepared = prepare(&config, &config.accounts)?;
        let store = Arc::new(Store::new(config.limits.max_series));
        let shared = Shared { store, clock };
        let mut accounts = Vec::new();
        let mut ordinal = 0;
        for account in prepared {
            accounts.push(account.start(&config, &shared, ordinal, None));
            ordinal += CollectorKind::ALL.len();
        }
        let last_load = shared.clock.now();
        let views = accounts.iter().map(RunningAccount::view).collect();
        let present = Present {
            config,
            accounts,
            views,
            last_load_successful: true,
            last_load,
        };
        Ok(Arc::new(Self {
            shared,
            source,
            reloading: tokio::sync::Mutex::new(()),
            present: Mutex::new(present),
        }))
    }

    fn present(&self) -> std::sync::MutexGuard<'_, Present> {
        // Every change under this lock is a plain assignment, so nothing half-done can be seen.
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the configuration again and applies it. Accounts that did not change go on without a
    /// gap; an invalid configuration changes nothing.
    pub async fn reload(&self) -> Result<(), String> {
        let _one_at_a_time = self.reloading.lock().await;
        let result = self.load_and_apply().await;
        let now = self.shared.clock.now();
        let mut present = self.present();
        present.last_load_successful = result.is_ok();
        match &result {
            Ok(()) => {
                present.last_load = now;
                tracing::info!("configuration reloaded");
            }
            Err(error) => tracing::error!(error, "configuration not reloaded; the old one goes on"),
        }
        result
    }

    async fn load_and_apply(&self) -> Result<(), String> {
        let config = (self.source)()?;
        let old = self.present().config.clone();
        let unchanged =
            |account: &Account| same_surroundings(&old, &config) && old.accounts.contains(account);
        let changed: Vec<_> = config
            .accounts
            .iter()
            .filter(|account| !unchanged(account))
            .cloned()
            .collect();
        // All that can fail comes first, so that a failure leaves everything as it was.
        let prepared = prepare(&config, &changed)?;
        self.shared.store.set_max_series(config.limits.max_series);
        let running = std::mem::take(&mut self.present().accounts);
        let kept = self.replace(&config, running, &changed, prepared).await;
        let mut present = self.present();
        present.views = kept.iter().map(RunningAccount::view).collect();
        for gone in old
            .accounts
            .iter()
            .filter(|old| !kept.iter().any(|new| new.id == old.id))
        {
            self.shared.store.remove_account(&gone.id);
        }
        present.accounts = kept;
        present.config = config;
        Ok(())
    }

    /// Stops what is gone or changed and starts what is new or changed, in the file's order.
    async fn replace(
        &self,
        config: &Config,
        running: Vec<RunningAccount>,
        changed: &[Account],
        prepared: Vec<PreparedAccount>,
    ) -> Vec<RunningAccount> {
        let mut kept = Vec::new();
        let mut legacies: Vec<(String, Option<Legacy>)> = Vec::new();
        for account in running {
            let id = account.id.clone();
            if !config.accounts.iter().any(|a| a.id == id) {
                account.stop().await;
            } else if changed.iter().any(|a| a.id == id) {
                legacies.push((id, account.stop().await));
            } else {
                kept.push(account);
            }
        }
        for (account, prepared) in changed.iter().zip(prepared) {
            let place = config
                .accounts
                .iter()
                .position(|a| a.id == account.id)
                .unwrap_or_default();
            let legacy = legacies.iter_mut().find(|(id, _)| *id == account.id);
            let legacy = legacy.and_then(|(_, legacy)| legacy.take());
            let ordinal = place * CollectorKind::ALL.len();
            kept.push(prepared.start(config, &self.shared, ordinal, legacy));
        }
        kept.sort_by_key(|running| config.accounts.iter().position(|a| a.id == running.id));
        kept
    }

    /// What scrapes read.
    fn views(&self) -> Arc<[AccountView]> {
        Arc::clone(&self.present().views)
    }

    /// The state of the configuration for the exporter's own series.
    fn config_state(&self) -> ConfigState {
        let present = self.present();
        ConfigState {
            // The site knows.
            web_config_in_force: true,
            last_load_successful: present.last_load_successful,
            last_success: epoch_seconds(present.last_load),
        }
    }

    /// Stops polling; calls under way are aborted.
    pub async fn stop(&self) {
        let accounts = std::mem::take(&mut self.present().accounts);
        for account in accounts {
            account.stop().await;
        }
    }
}

fn prepare(config: &Config, accounts: &[Account]) -> Result<Vec<PreparedAccount>, String> {
    let prepared: Vec<_> = accounts
        .iter()
        .map(|account| PreparedAccount::new(config, account))
        .collect();
    let errors: Vec<_> = prepared
        .iter()
        .filter_map(|p| p.as_ref().err().cloned())
        .collect();
    if errors.is_empty() {
        Ok(prepared.into_iter().flatten().collect())
    } else {
        Err(errors.join("\n"))
    }
}

/// Whether what all accounts depend on is the same, `max_series` apart.
fn same_surroundings(old: &Config, new: &Config) -> bool {
    let mut limits = old.limits.clone();
    limits.max_series = new.limits.max_series;
    limits == new.limits
        && old.stale_after == new.stale_after
        && old.timezone == new.timezone
        && old.names == new.names
        && old.domain_api == new.domain_api
        && old.tls == new.tls
}
