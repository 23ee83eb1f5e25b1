//! The daemon: the module that knows all the others and connects them.
//!
//! [`Daemon`] owns the accounts, `reload` replaces them when the configuration changes. `account`
//! turns an account of the configuration into a running task, whose `tasks` are its collectors and the
//! names; `worker` makes its calls and reports what happened; `publisher` decides
//! what of their answers is served, `results` request by request; `status` and `log_throttle` say what
//! operators see of it, `liveness` whether it works, `status_document` puts it together with the figures
//! of `activity`. `handler` answers requests for pages, `scrape` for the largest of them.
//! `backfill` writes the history of running totals, `plan_report` prints the plan for `check-config`,
//! `connection_test` tries every call once for
//! `test-connection`; `advice` says what to do about a failure. `clock` is the wall clock, `server_clock` LivePerson's, `services` lists the hosts
//! that are needed.

mod account;
mod activity;
mod advice;
mod backfill;
mod clock;
mod connection_test;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod liveness;
mod log_throttle;
mod moment;
mod plan_report;
mod publisher;
mod reload;
mod results;
mod run_blocking;
mod saver;
mod scrape;
mod server_clock;
mod services;
mod status;
mod status_cache;
mod status_document;
mod tasks;
mod totals;
mod worker;

use std::sync::Arc;
use std::time::Instant;

use account::{
    AccountView, Predecessor, PreparedAccount, ReusableClient, RunningAccount, Shared, StateSource,
};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use liveness::Replacement;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::collectors::Registry;
use crate::config::{Account, Config, Shard};
use crate::metrics::Catalogue;
use crate::metrics::exporter::{ConfigState, ShardState};
use crate::names;
use crate::scheduler::{AccountScheduler, Ordinal};
use crate::store::Store;
use crate::totals::Folder;

use clock::{aged, epoch_seconds};

pub use advice::ProxyEnv;
pub use backfill::{BackfillOptions, BackfillSummary, Progress, backfill};
pub use clock::{SystemClock, WallClock, timeframe};
pub use connection_test::{Summary, Tried, test_connection};
pub use handler::DaemonHandler;
pub use liveness::{AccountSummary, Reloads};
pub use moment::Moment;
pub use plan_report::plan_report;
pub use publisher::{Answer, Publisher, SaveNeed, StartedPoll, TotalsSnapshot};
pub use status::{AccountStatus, CollectorError, CollectorStatus};
pub use totals::{TotalsAnswer, TotalsRequest};

/// Reads the configuration again.
pub type ConfigSource = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// The accounts being polled, and the configuration they come from.
pub struct Daemon {
    shared: Shared,
    source: ConfigSource,
    /// Which share of the configured accounts it runs; a flag says it, and no reload changes it.
    shard: Option<Shard>,
    /// Held across a whole reload: a reload during a reload waits.
    reloading: tokio::sync::Mutex<()>,
    /// For the report to systemd.
    reloads: watch::Sender<Reloads>,
    /// How far the reload is that replaces accounts.
    replacement: Replacement,
    /// Accounts that were taken out of the configuration a short while ago.
    removed: Mutex<Vec<RemovedAccount>>,
    /// The accounts that run. Taken out by a reload while it replaces some of them.
    accounts: Mutex<Vec<RunningAccount>>,
    /// What scrapes read; replaced whole, so that a scrape in the middle of a reload misses no account.
    views: ArcSwap<Vec<AccountView>>,
    /// How the last load of the configuration ended.
    last_load: Mutex<LastLoad>,
    /// When it started, by the clock of ages.
    started: Instant,
}

/// An account that was taken out of the configuration.
struct RemovedAccount {
    id: String,
    at: tokio::time::Instant,
    /// With the pause that LivePerson asked for, should it come back.
    scheduler: AccountScheduler,
}

/// How the last load of the configuration ended.
#[derive(Clone, Copy)]
struct LastLoad {
    successful: bool,
    /// When a load last succeeded.
    last_success: Timestamp,
}

impl Daemon {
    /// Starts polling; the error says which account cannot be started and why. `source` is asked
    /// again at every reload. `folder` is where running totals are kept, `None` for memory only.
    pub fn start(
        collectors: Registry,
        config: Config,
        source: ConfigSource,
        clock: Arc<dyn WallClock>,
        folder: Option<Arc<Folder>>,
    ) -> Result<Arc<Self>, String> {
        let accounts: Vec<_> = config.accounts.iter().map(|a| (a.clone(), None)).collect();
        let state = StateSource {
            folder: folder.as_deref(),
            clock: &*clock,
        };
        let prepared = prepare(&collectors, &config, &accounts, &state)?;
        // Before anything is served: from now on a crash would make the mark untrue.
        let after_crash = !folder
            .as_ref()
            .is_some_and(|folder| folder.take_clean_stop());
        let store = Store::new(
            &catalogue(&collectors),
            config.limits.max_series,
            config.stale_after,
        );
        let shared = Shared {
            store: Arc::new(store),
            clock,
            collectors,
            folder,
        };
        let mut accounts = Vec::new();
        for (place, account) in prepared.into_iter().enumerate() {
            let first = Ordinal::of_account(place, shared.collectors.len());
            accounts.push(account.start(&config, &shared, first, Predecessor::None, after_crash));
        }
        let started = aged(tokio::time::Instant::now().into_std(), &*shared.clock);
        let last_load = LastLoad {
            successful: true,
            last_success: shared.clock.now(),
        };
        let views = accounts.iter().map(RunningAccount::view).collect();
        Ok(Arc::new(Self {
            shared,
            source,
            shard: config.shard,
            reloading: tokio::sync::Mutex::new(()),
            reloads: watch::Sender::new(Reloads::default()),
            replacement: Replacement::default(),
            removed: Mutex::default(),
            accounts: Mutex::new(accounts),
            views: ArcSwap::from_pointee(views),
            last_load: Mutex::new(last_load),
            started,
        }))
    }

    /// What scrapes read.
    fn views(&self) -> Arc<Vec<AccountView>> {
        self.views.load_full()
    }

    /// The state of the configuration for the exporter's own series.
    fn config_state(&self) -> ConfigState {
        let last_load = *self.last_load.lock();
        ConfigState {
            // The handler knows.
            web_config_in_force: true,
            last_load_successful: last_load.successful,
            last_success: epoch_seconds(last_load.last_success),
            shard: self.shard.map(|shard| ShardState {
                index: shard.index(),
                total: shard.total(),
            }),
        }
    }

    /// Stops polling, and saves the running totals; calls under way are aborted.
    pub async fn stop(&self) {
        let accounts = std::mem::take(&mut *self.accounts.lock());
        let stopping = accounts.into_iter().map(RunningAccount::begin_stop);
        let stopping: Vec<_> = stopping.collect();
        let mut saving = JoinSet::new();
        for stopped in stopping {
            let stopped = stopped.await;
            saving.spawn_blocking(move || stopped.save_totals());
        }
        let mut all_saved = true;
        while let Some(saved) = saving.join_next().await {
            if let Ok(Err(error)) = &saved {
                tracing::error!(%error, "running totals cannot be saved");
            }
            all_saved &= matches!(saved, Ok(Ok(true)));
        }
        if let Some(folder) = self.shared.folder.clone().filter(|_| all_saved) {
            let marked = tokio::task::spawn_blocking(move || folder.mark_clean_stop());
            if let Ok(Err(error)) = marked.await {
                tracing::warn!(%error, "running totals are served 45 s later after the next start");
            }
        }
    }
}

/// The families of all collectors and of the names, in the order of the page.
pub fn catalogue(collectors: &Registry) -> Catalogue {
    Catalogue::new(collectors.families().chain(names::families::ALL))
}

/// Prepares accounts; the error lists those that cannot be started and why.
fn prepare(
    collectors: &Registry,
    config: &Config,
    accounts: &[(Account, Option<ReusableClient>)],
    state: &StateSource<'_>,
) -> Result<Vec<PreparedAccount>, String> {
    let (mut prepared, mut errors) = (Vec::new(), Vec::new());
    for (account, client) in accounts {
        match PreparedAccount::new(collectors, config, account, client.as_ref(), state) {
            Ok(account) => prepared.push(account),
            Err(error) => errors.push(error),
        }
    }
    match errors.as_slice() {
        [] => Ok(prepared),
        errors => Err(errors.join("\n")),
    }
}
