//! The daemon: the one room that knows all the others and ties them together.
//!
//! `account` turns an account of the configuration into a running task; `worker` makes its calls
//! and tells what happened; `publisher` decides what of their answers is served, `results` by
//! request and `names` for ids; `status` and `trouble` are what a person is told; `handler` is what `web` serves and
//! `scrape` its largest page; `plan_report` prints the plan for `check-config`; `connection_test`
//! tries every call once for `test-connection`; `clock` is the wall clock
//! and `server_clock` LivePerson's.

mod account;
mod aside;
mod clock;
mod connection_test;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod plan_report;
mod publisher;
mod results;
mod scrape;
mod server_clock;
mod services;
mod status;
mod trouble;
mod worker;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use account::{
    AccountView, Before, PreparedAccount, ReusableClient, RunningAccount, Shared, StoppedAccount,
};
use jiff::Timestamp;

use crate::collectors::Registry;
use crate::config::{Account, Config};
use crate::metrics::Catalogue;
use crate::metrics::exporter::ConfigState;
use crate::names;
use crate::scheduler::AccountScheduler;
use crate::store::Store;

use clock::epoch_seconds;

pub use clock::{SystemClock, WallClock, timeframe};
pub use connection_test::{Surroundings, Tally, test_connection};
pub use handler::DaemonHandler;
pub use plan_report::plan_report;
pub use publisher::{Answer, Publisher};
pub use status::{AccountStatus, CollectorStatus};

/// Reads the configuration again.
pub type ConfigSource = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// The accounts being polled, and the configuration they come from.
pub struct Daemon {
    shared: Shared,
    source: ConfigSource,
    /// Held across a whole reload: a reload during a reload waits.
    reloading: tokio::sync::Mutex<()>,
    /// Accounts that were taken out of the configuration a short while ago.
    removed: Mutex<Vec<Removed>>,
    present: Mutex<Present>,
}

/// Id of an account that was removed, when that was, and what it had learnt.
type Removed = (String, Instant, AccountScheduler);

/// No pause lasts longer than this.
const LONGEST_MEMORY: Duration = Duration::from_secs(5 * 60);

struct Present {
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
        collectors: Registry,
        config: Config,
        source: ConfigSource,
        clock: Arc<dyn WallClock>,
    ) -> Result<Arc<Self>, String> {
        let accounts: Vec<_> = config.accounts.iter().map(|a| (a.clone(), None)).collect();
        let prepared = prepare(&collectors, &config, &accounts)?;
        let store = Store::new(
            &catalogue(&collectors),
            config.limits.max_series,
            config.stale_after,
        );
        let shared = Shared {
            store: Arc::new(store),
            clock,
            collectors,
        };
        let mut accounts = Vec::new();
        let mut ordinal = 0;
        for account in prepared {
            accounts.push(account.start(&config, &shared, ordinal, Before::New));
            ordinal += shared.collectors.len();
        }
        let last_load = shared.clock.now();
        let views = accounts.iter().map(RunningAccount::view).collect();
        let present = Present {
            accounts,
            views,
            last_load_successful: true,
            last_load,
        };
        Ok(Arc::new(Self {
            shared,
            source,
            reloading: tokio::sync::Mutex::new(()),
            removed: Mutex::default(),
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
        let source = Arc::clone(&self.source);
        let config = read_aside("the configuration", move || source()).await?;
        let changed: Vec<Account> = {
            let present = self.present();
            let running: HashMap<&str, &RunningAccount> =
                present.accounts.iter().map(|r| (&*r.id, r)).collect();
            let runs_on = |account: &&Account| {
                let running = running.get(&*account.id);
                running.is_some_and(|running| running.runs_on(&config, account))
            };
            let accounts = config.accounts.iter();
            accounts
                .filter(|account| !runs_on(account))
                .cloned()
                .collect()
        };
        // All that can fail comes first, so that a failure leaves everything as it was.
        let (config, prepared) = self.prepare_changed(config, &changed).await?;
        let store = &self.shared.store;
        store.set_max_series(config.limits.max_series);
        store.set_stale_after(config.stale_after);
        let running = std::mem::take(&mut self.present().accounts);
        let before: Vec<_> = running.iter().map(|account| account.id.clone()).collect();
        let kept = self.replace(&config, running, &changed, prepared).await;
        let ids: HashSet<&str> = kept.iter().map(|account| &*account.id).collect();
        let gone = before.iter().filter(|id| !ids.contains(&***id));
        let gone: HashSet<&str> = gone.map(String::as_str).collect();
        // In one go, and not under the lock that scrapes need.
        store.remove_accounts(&gone);
        let views = kept.iter().map(RunningAccount::view).collect();
        let mut present = self.present();
        present.views = views;
        present.accounts = kept;
        Ok(())
    }

    /// Prepares the accounts that changed, off the executor: files are read for it.
    async fn prepare_changed(
        &self,
        config: Config,
        changed: &[Account],
    ) -> Result<(Config, Vec<PreparedAccount>), String> {
        let changed: Vec<(Account, Option<ReusableClient>)> = {
            let present = self.present();
            let running: HashMap<&str, &RunningAccount> =
                present.accounts.iter().map(|r| (&*r.id, r)).collect();
            let client = |account: &Account| {
                let running = running.get(&*account.id);
                (account.clone(), running.map(|running| running.client()))
            };
            changed.iter().map(client).collect()
        };
        let collectors = self.shared.collectors.clone();
        read_aside("the settings of the accounts", move || {
            let prepared = prepare(&collectors, &config, &changed)?;
            Ok((config, prepared))
        })
        .await
    }

    /// Stops what is gone or changed and starts what is new or changed, in the file's order.
    async fn replace(
        &self,
        config: &Config,
        running: Vec<RunningAccount>,
        changed: &[Account],
        prepared: Vec<PreparedAccount>,
    ) -> Vec<RunningAccount> {
        let places = config.accounts.iter().map(|account| &*account.id);
        let places: HashMap<&str, usize> = places.zip(0..).collect();
        let changing: HashSet<&str> = changed.iter().map(|account| &*account.id).collect();
        let (mut kept, mut stopping) = (Vec::new(), Vec::new());
        for account in running {
            if places.contains_key(&*account.id) && !changing.contains(&*account.id) {
                account.apply(config);
                kept.push(account);
            } else {
                stopping.push((account.id.clone(), account.begin_stop()));
            }
        }
        let mut stopped: HashMap<String, StoppedAccount> = HashMap::new();
        for (id, stopping) in stopping {
            let account = stopping.await;
            if places.contains_key(&*id) {
                stopped.insert(id, account);
            } else if let Some(machine) = account.into_machine() {
                self.removed().push((id, Instant::now(), machine));
            }
        }
        for (account, prepared) in changed.iter().zip(prepared) {
            let place = places.get(&*account.id).copied().unwrap_or_default();
            let before = match stopped.remove(&account.id) {
                Some(stopped) => Before::Changed(Box::new(stopped)),
                None => self.before_removal(&account.id),
            };
            let ordinal = place * self.shared.collectors.len();
            kept.push(prepared.start(config, &self.shared, ordinal, before));
        }
        kept.sort_by_key(|running| places.get(&*running.id).copied());
        kept
    }

    /// The accounts that were removed a short while ago; those of before are forgotten.
    fn removed(&self) -> std::sync::MutexGuard<'_, Vec<Removed>> {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.retain(|(_, at, _)| at.elapsed() < LONGEST_MEMORY);
        removed
    }

    /// An account that comes back keeps the pause that LivePerson asked it for.
    fn before_removal(&self, id: &str) -> Before {
        let mut removed = self.removed();
        let place = removed.iter().position(|(removed, ..)| removed == id);
        match place.map(|place| removed.swap_remove(place)) {
            Some((.., machine)) => Before::Removed(Box::new(machine)),
            None => Before::New,
        }
    }

    /// What scrapes read.
    fn views(&self) -> Arc<[AccountView]> {
        Arc::clone(&self.present().views)
    }

    /// The state of the configuration for the exporter's own series.
    fn config_state(&self) -> ConfigState {
        let present = self.present();
        ConfigState {
            // The handler knows.
            web_config_in_force: true,
            last_load_successful: present.last_load_successful,
            last_success: epoch_seconds(present.last_load),
        }
    }

    /// Stops polling; calls under way are aborted.
    pub async fn stop(&self) {
        let accounts = std::mem::take(&mut self.present().accounts);
        let stopping = accounts.into_iter().map(RunningAccount::begin_stop);
        let stopping: Vec<_> = stopping.collect();
        for stopped in stopping {
            stopped.await;
        }
    }
}

/// The families of all collectors and of the names, in the order of the page.
pub fn catalogue(collectors: &Registry) -> Catalogue {
    Catalogue::new(collectors.families().chain(names::families::ALL))
}

/// Longest time that reading the configuration and what it names may take.
const LONGEST_READ: Duration = Duration::from_secs(30);

/// Runs what reads files and parses them where it holds nobody up, and not for ever.
async fn read_aside<T: Send + 'static>(
    what: &str,
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(LONGEST_READ, tokio::task::spawn_blocking(read)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(format!(
            "reading {what} failed; this is a bug in the exporter"
        )),
        Err(_) => Err(format!(
            "reading {what} took longer than {} s; is it on a file system that hangs, or huge?",
            LONGEST_READ.as_secs()
        )),
    }
}

fn prepare(
    collectors: &Registry,
    config: &Config,
    accounts: &[(Account, Option<ReusableClient>)],
) -> Result<Vec<PreparedAccount>, String> {
    let prepared: Vec<_> = accounts
        .iter()
        .map(|(account, client)| PreparedAccount::new(collectors, config, account, client.as_ref()))
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
