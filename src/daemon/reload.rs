//! A changed configuration: which accounts stop, start, or continue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::account::{
    Predecessor, PreparedAccount, ReusableClient, RunningAccount, Shared, StateSource,
    StoppedAccount,
};
use super::liveness::ReloadCount;
use super::{Daemon, RemovedAccount, prepare};
use crate::config::{Account, Config};
use crate::scheduler::{AccountScheduler, Ordinal};

/// Longest time that reading the configuration and what it names may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a removed account is kept in memory: no pause lasts longer.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);

impl Daemon {
    /// Loads the configuration again and applies it. Accounts that did not change continue without a
    /// gap; an invalid configuration changes nothing.
    ///
    /// # Errors
    /// What is wrong with the configuration, or with what it names.
    pub async fn reload(&self) -> Result<(), String> {
        let _counted = ReloadCount::begin(&self.reloads);
        let _one_at_a_time = self.reloading.lock().await;
        let result = self.load_and_apply().await;
        let now = self.shared.clock.now();
        {
            let mut last_load = self.last_load.lock();
            last_load.successful = result.is_ok();
            if result.is_ok() {
                last_load.last_success = now;
            }
        }
        match &result {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(error) => {
                tracing::error!(
                    error,
                    "configuration not reloaded; the old one stays in use"
                );
            }
        }
        result
    }

    async fn load_and_apply(&self) -> Result<(), String> {
        let source = Arc::clone(&self.source);
        let config = read_files("the configuration", move || source()).await?;
        let changed = self.changed_accounts(&config);
        // All that can fail comes first, so that a failure leaves everything as it was.
        let (config, prepared) = self.prepare_changed(config, &changed).await?;
        let store = &self.shared.store;
        store.set_max_series(config.limits.max_series);
        store.set_stale_after(config.stale_after);
        let running = {
            let mut accounts = self.accounts.lock();
            self.replacement.begin();
            std::mem::take(&mut *accounts)
        };
        let mut gone: HashSet<String> = running.iter().map(|r| r.id.clone()).collect();
        let accounts = self.replace(&config, running, &changed, prepared).await;
        for account in &accounts {
            gone.remove(&account.id);
        }
        // All at once, and not under a lock that scrapes need.
        store.remove_accounts(&gone.iter().map(String::as_str).collect());
        let views = accounts.iter().map(RunningAccount::view).collect();
        self.views.store(Arc::new(views));
        *self.accounts.lock() = accounts;
        self.replacement.end();
        Ok(())
    }

    /// The accounts that are new or cannot continue as they are.
    fn changed_accounts(&self, config: &Config) -> Vec<Account> {
        let running = self.accounts.lock();
        let running = by_id(&running);
        let continues = |account: &&Account| {
            let running = running.get(&*account.id);
            running.is_some_and(|running| running.can_continue(config, account))
        };
        let changed = config.accounts.iter().filter(|account| !continues(account));
        changed.cloned().collect()
    }

    /// Prepares the accounts that changed, on a blocking thread: files are read for it.
    async fn prepare_changed(
        &self,
        config: Config,
        changed: &[Account],
    ) -> Result<(Config, Vec<PreparedAccount>), String> {
        let with_client = self.with_reusable_clients(changed);
        let Shared {
            collectors,
            folder,
            clock,
            ..
        } = self.shared.clone();
        read_files("the settings of the accounts", move || {
            let state = StateSource {
                folder: folder.as_deref(),
                clock: &*clock,
            };
            let prepared = prepare(&collectors, &config, &with_client, &state)?;
            Ok((config, prepared))
        })
        .await
    }

    fn with_reusable_clients(&self, changed: &[Account]) -> Vec<(Account, Option<ReusableClient>)> {
        let running = self.accounts.lock();
        let running = by_id(&running);
        let client = |account: &Account| {
            let running = running.get(&*account.id);
            (account.clone(), running.map(|running| running.client()))
        };
        changed.iter().map(client).collect()
    }

    /// Stops what is gone or changed and starts what is new or changed, in the file's order.
    async fn replace(
        &self,
        config: &Config,
        running: Vec<RunningAccount>,
        changed: &[Account],
        prepared: Vec<PreparedAccount>,
    ) -> Vec<RunningAccount> {
        let ids = config.accounts.iter().map(|account| &*account.id);
        let positions: HashMap<&str, usize> = ids.zip(0..).collect();
        let changing: HashSet<&str> = changed.iter().map(|account| &*account.id).collect();
        let (continuing, stopping): (Vec<_>, Vec<_>) = running.into_iter().partition(|account| {
            positions.contains_key(&*account.id) && !changing.contains(&*account.id)
        });
        for account in &continuing {
            let position = positions.get(&*account.id);
            let configured = position.and_then(|at| config.accounts.get(*at));
            account.apply(config, configured.and_then(|account| account.name.clone()));
        }
        let mut accounts = continuing;
        let mut stopped = self.stop_all(stopping, &positions).await;
        for (account, prepared) in changed.iter().zip(prepared) {
            let position = positions.get(&*account.id).copied().unwrap_or_default();
            let predecessor = match stopped.remove(&account.id) {
                Some(stopped) => Predecessor::Changed(Box::new(stopped)),
                None => self.removed_before(&account.id),
            };
            let first = Ordinal::of_account(position, self.shared.collectors.len());
            accounts.push(prepared.start(config, &self.shared, first, predecessor, true));
        }
        accounts.sort_by_key(|account| positions.get(&*account.id).copied());
        accounts
    }

    /// Stops accounts; returns those that start again.
    async fn stop_all(
        &self,
        stopping: Vec<RunningAccount>,
        configured: &HashMap<&str, usize>,
    ) -> HashMap<String, StoppedAccount> {
        // All at once, and then one after another is waited for.
        let stopping = stopping.into_iter();
        let stopping: Vec<_> = stopping
            .map(|account| (account.id.clone(), account.begin_stop()))
            .collect();
        let mut stopped = HashMap::new();
        for (id, stop) in stopping {
            let account = stop.await;
            self.replacement.account_stopped();
            if configured.contains_key(&*id) {
                stopped.insert(id, account);
            } else if let Some(scheduler) = save_and_end(account).await {
                let at = Instant::now();
                let mut removed = self.removed.lock();
                forget_old(&mut removed);
                removed.push(RemovedAccount { id, at, scheduler });
            }
        }
        stopped
    }

    /// An account that comes back keeps the pause that LivePerson asked it for.
    fn removed_before(&self, id: &str) -> Predecessor {
        let mut removed = self.removed.lock();
        forget_old(&mut removed);
        match removed.iter().position(|account| account.id == id) {
            Some(index) => Predecessor::Removed(Box::new(removed.swap_remove(index).scheduler)),
            None => Predecessor::None,
        }
    }
}

/// Saves the running totals of an account that is removed, should it come back.
async fn save_and_end(account: StoppedAccount) -> Option<AccountScheduler> {
    let saved = spawn_blocking(move || (account.save_totals(), account.into_scheduler()));
    let (saved, scheduler) = saved.await.ok()?;
    if let Err(error) = saved {
        tracing::error!(%error, "running totals of a removed account cannot be saved");
    }
    scheduler
}

fn by_id(accounts: &[RunningAccount]) -> HashMap<&str, &RunningAccount> {
    let accounts = accounts.iter();
    accounts.map(|account| (&*account.id, account)).collect()
}

fn forget_old(removed: &mut Vec<RemovedAccount>) {
    removed.retain(|account| account.at.elapsed() < MAX_PAUSE);
}

/// Runs what reads and parses files on a blocking thread, for a limited time.
async fn read_files<T: Send + 'static>(
    what: &str,
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    match tokio::time::timeout(READ_TIMEOUT, tokio::task::spawn_blocking(read)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(format!(
            "reading {what} failed; this is a bug in the exporter"
        )),
        Err(_) => Err(format!(
            "reading {what} took longer than {} s; is it on a file system that hangs, or huge?",
            READ_TIMEOUT.as_secs()
        )),
    }
}
