//! One account of the configuration as a running task: its client, its scheduler, its worker.
//! `prepared` makes it from the configuration, `config` says when a change needs another task,
//! `scheduling` turns the configuration into the scheduler's settings.

mod config;
mod prepared;
pub(super) mod scheduling;

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::clock::WallClock;
use super::status::AccountStatus;
use super::tasks::Tasks;
use super::worker::{AccountWorker, Change};
use crate::collectors::{AccountCollectors, Registry};
use crate::config::{Account, Config};
use crate::liveperson::{Client, ClientSettings};
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::AccountScheduler;
use crate::store::Store;
use crate::totals::{Folder, FolderError};

use config::AccountConfig;
pub(super) use config::client_settings;
pub(super) use prepared::{Predecessor, PreparedAccount, StateSource};

/// What all accounts share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn WallClock>,
    /// The collectors that there are.
    pub(super) collectors: Registry,
    /// Where running totals are kept; `None` when only in memory.
    pub(super) folder: Option<Arc<Folder>>,
}

/// What a scrape reads of an account.
#[derive(Clone)]
pub(super) struct AccountView {
    pub(super) status: Arc<AccountStatus>,
    pub(super) counters: Arc<AccountCounters>,
}

/// What a running account is made of, and one that stopped leaves to its successor.
struct Parts {
    config: AccountConfig,
    status: Arc<AccountStatus>,
    counters: Arc<AccountCounters>,
    collectors: AccountCollectors,
    tasks: Tasks,
    worker: Arc<AccountWorker>,
}

/// A running account.
pub(super) struct RunningAccount {
    pub(super) id: String,
    parts: Parts,
    changes: UnboundedSender<Change>,
    task: JoinHandle<AccountScheduler>,
}

/// What an account that stopped leaves to its successor.
pub(super) struct StoppedAccount {
    /// `None` when its task ended with a bug.
    scheduler: Option<AccountScheduler>,
    parts: Parts,
}

/// The client of a running account, and what it was made of.
pub(super) struct ReusableClient {
    settings: ClientSettings,
    client: Arc<Client>,
}

impl StoppedAccount {
    /// What is kept of an account that was removed, should it come back.
    pub(super) fn into_scheduler(self) -> Option<AccountScheduler> {
        self.scheduler
    }

    /// Saves its running totals; returns whether the file has all that was ever served of them. After a
    /// crash it has not, until they are served again. Blocks the thread.
    pub(super) fn save_totals(&self) -> Result<bool, FolderError> {
        self.parts.worker.save_last()?;
        Ok(!self.parts.worker.totals_are_withheld())
    }
}

impl RunningAccount {
    /// What a scrape reads of it.
    pub(super) fn view(&self) -> AccountView {
        AccountView {
            status: Arc::clone(&self.parts.status),
            counters: Arc::clone(&self.parts.counters),
        }
    }

    /// Whether it can continue as it is under a new configuration.
    pub(super) fn can_continue(&self, config: &Config, account: &Account) -> bool {
        self.parts.config == AccountConfig::of(config, account)
    }

    /// Its client, for a successor that needs no other.
    pub(super) fn client(&self) -> ReusableClient {
        ReusableClient {
            settings: self.parts.config.client.clone(),
            client: self.parts.worker.client(),
        }
    }

    /// Applies what it can take without being stopped; `name` is its display name.
    pub(super) fn apply(&self, config: &Config, name: Option<String>) {
        self.parts.status.set_name(name);
        let change = Change::Configuration {
            names: config.names.clone(),
            timezone: config.timezone.clone(),
        };
        // A task that is gone has nothing to apply it to.
        let _ = self.changes.send(change);
    }

    /// Asks its task whether it runs; what it returns resolves when the task answers or has ended.
    pub(super) fn ask(&self) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        // Of a task that is gone, the sender is dropped.
        let _ = self.changes.send(Change::Probe(answer));
        answered
    }

    /// Starts to stop it; the future ends when its calls under way are aborted. From then on nothing is
    /// published.
    pub(super) fn begin_stop(self) -> impl Future<Output = StoppedAccount> {
        let Self {
            parts,
            changes,
            task,
            ..
        } = self;
        drop(changes);
        async move {
            StoppedAccount {
                scheduler: task.await.ok(),
                parts,
            }
        }
    }
}
