//! One account of the configuration as a running task: its client, its scheduler, its worker.
//! `scheduling` turns the configuration into the scheduler's settings.

pub(super) mod scheduling;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use scheduling::{carryover, scheduler_settings};

use super::clock::{WallClock, epoch_seconds};
use super::publisher::Publisher;
use super::saver::Saver;
use super::services::needed_services;
use super::status::AccountStatus;
use super::tasks::Tasks;
use super::worker::{AccountWorker, Change, WorkerParts};
use crate::collectors::{AccountCollectors, Registry};
use crate::config::{Account, Config};
use crate::liveperson::{Client, ClientSettings};
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::{AccountScheduler, Ordinal, SessionChange, supervise};
use crate::store::Store;
use crate::totals::{Folder, FolderError, Loaded};

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

/// Where the saved running totals of accounts come from.
pub(super) struct StateSource<'a> {
    pub(super) folder: Option<&'a Folder>,
    pub(super) clock: &'a dyn WallClock,
}

impl StateSource<'_> {
    fn load(&self, account: &str) -> Loaded {
        let now = self.clock.now().as_second();
        let loaded = self.folder.map(|folder| folder.load(account, now));
        loaded.unwrap_or_default()
    }
}

/// What a scrape reads of an account.
#[derive(Clone)]
pub(super) struct AccountView {
    pub(super) status: Arc<AccountStatus>,
    pub(super) counters: Arc<AccountCounters>,
}

/// What of the configuration an account's task is made of: when any of it changes the task is
/// stopped and another one takes over.
#[derive(Clone, Debug, PartialEq)]
struct Basis {
    account: Account,
    client: ClientSettings,
    max_in_flight: usize,
    min_spacing: Duration,
    /// How often names are looked up; `None` for never.
    names_refresh: Option<Duration>,
}

impl Basis {
    fn of(config: &Config, account: &Account) -> Self {
        // What people call it is no reason to stop it.
        let nameless = Account {
            name: None,
            ..account.clone()
        };
        Self {
            account: nameless,
            client: client_settings(config, account),
            max_in_flight: config.limits.max_in_flight,
            min_spacing: config.limits.min_spacing,
            names_refresh: config.names.lookup.then_some(config.names.refresh),
        }
    }

    /// What a change from an `old` configuration means for hosts and token.
    fn session_after(&self, old: &Self) -> SessionChange {
        if self.client == old.client {
            return SessionChange::Unchanged;
        }
        let with_old_limits = ClientSettings {
            request_timeout: old.client.request_timeout,
            max_response_bytes: old.client.max_response_bytes,
            ..self.client.clone()
        };
        if with_old_limits == old.client {
            SessionChange::NewClient
        } else {
            SessionChange::Repaired
        }
    }
}

/// A running account.
pub(super) struct RunningAccount {
    pub(super) id: String,
    basis: Basis,
    status: Arc<AccountStatus>,
    counters: Arc<AccountCounters>,
    collectors: AccountCollectors,
    tasks: Tasks,
    changes: UnboundedSender<Change>,
    task: JoinHandle<AccountScheduler>,
    worker: Arc<AccountWorker>,
}

/// What an account that stopped leaves to its successor.
pub(super) struct StoppedAccount {
    scheduler: Option<AccountScheduler>,
    basis: Basis,
    collectors: AccountCollectors,
    tasks: Tasks,
    status: Arc<AccountStatus>,
    counters: Arc<AccountCounters>,
    worker: Arc<AccountWorker>,
}

/// What there was of an account before it starts.
pub(super) enum Before {
    /// Nothing.
    New,
    /// It ran under an older configuration.
    Changed(Box<StoppedAccount>),
    /// It was taken out of the configuration a short while ago.
    Removed(Box<AccountScheduler>),
}

/// An account that is ready to run: everything that can fail has succeeded.
pub(super) struct PreparedAccount {
    basis: Basis,
    name: Option<String>,
    client: Arc<Client>,
    collectors: AccountCollectors,
    tasks: Tasks,
    counters: Arc<AccountCounters>,
    /// Its running totals as they were saved last; nothing of one that is running.
    saved: Loaded,
}

/// How long saved totals are not served after a crash: a node of LivePerson's that lags may know less
/// than what was served before it.
const WITHHELD_AFTER_CRASH: Duration = Duration::from_secs(45);

impl PreparedAccount {
    /// Prepares an account; the error says what is wrong with its settings. One that is `running`
    /// passes its client on if nothing changed that a client is made of.
    pub(super) fn new(
        registry: &Registry,
        config: &Config,
        account: &Account,
        running: Option<&ReusableClient>,
        state: &StateSource<'_>,
    ) -> Result<Self, String> {
        let basis = Basis::of(config, account);
        let reused = running.filter(|running| running.settings == basis.client);
        let client = match reused {
            Some(running) => Arc::clone(&running.client),
            None => Client::new(basis.client.clone())
                .map(Arc::new)
                .map_err(|error| format!("account {}: {error}", account.id))?,
        };
        let collectors = registry.configured(account);
        let tasks = Tasks::new(&collectors, config.names.lookup);
        let counters = AccountCounters::new(&account.id, &tasks.labels())
            .map_err(|error| format!("account {}: {error}", account.id))?;
        Ok(Self {
            basis,
            name: account.name.clone(),
            client,
            collectors,
            tasks,
            counters: Arc::new(counters),
            saved: match running {
                Some(_) => Loaded::default(),
                None => state.load(&account.id),
            },
        })
    }

    /// Starts it. `first` is its first collector's ordinal; `after_crash`: whether what was served last
    /// may not have been saved.
    pub(super) fn start(
        self,
        config: &Config,
        shared: &Shared,
        first: Ordinal,
        before: Before,
        after_crash: bool,
    ) -> RunningAccount {
        let Self {
            basis,
            name,
            client,
            collectors,
            tasks,
            mut counters,
            saved,
        } = self;
        let account = &basis.account;
        let services = needed_services(&client, &collectors, config.names.lookup);
        let settings = scheduler_settings(config, account, &client, &services, &tasks, first);
        let status = Arc::new(new_status(&account.id, name, &tasks, &before));
        if let Before::Changed(stopped) = &before {
            counters = Arc::clone(&stopped.counters);
            adjust_counters(&counters, &stopped.tasks, &tasks);
        }
        counters.begin(epoch_seconds(shared.clock.now()));
        let (changes, received) = unbounded_channel();
        let worker = AccountWorker::new(WorkerParts {
            account: account.clone(),
            client,
            services: services.clone(),
            tasks: tasks.clone(),
            timezone: config.timezone.clone(),
            clock: Arc::clone(&shared.clock),
            publisher: Publisher::new(collectors.clone(), &config.names, &shared.store),
            counters: Arc::clone(&counters),
            status: Arc::clone(&status),
            saver: saver(shared, &before),
            changes: changes.downgrade(),
        });
        let now = tokio::time::Instant::now().into_std();
        let mut scheduler = AccountScheduler::new(settings.clone(), now);
        match &before {
            Before::New => {}
            Before::Removed(pacing) => scheduler.restore_pacing_from(pacing),
            Before::Changed(stopped) => {
                worker.restore_from(&stopped.worker);
                if let Some(old) = &stopped.scheduler {
                    let carryover = carryover(&basis, &collectors, &tasks, &services, stopped);
                    scheduler.restore_from(old, now, &carryover);
                }
            }
        }
        restore_totals(&worker, &counters, saved, after_crash);
        worker.publish_all();
        let worker = Arc::new(worker);
        let new_scheduler = move |now| AccountScheduler::new(settings.clone(), now);
        let polling = supervise(scheduler, new_scheduler, Arc::clone(&worker), received);
        // An error span is there at every level of the log.
        let span = tracing::error_span!("account", account = account.id);
        RunningAccount {
            id: account.id.clone(),
            task: tokio::spawn(polling.instrument(span)),
            basis,
            status,
            counters,
            collectors,
            tasks,
            changes,
            worker,
        }
    }
}

/// The status of an account that starts, with what is known of it from before.
fn new_status(
    account: &str,
    name: Option<String>,
    tasks: &Tasks,
    before: &Before,
) -> AccountStatus {
    let status = AccountStatus::new(account, &tasks.labels());
    status.set_name(name);
    if let Before::Changed(stopped) = before {
        status.restore_from(&stopped.status);
    }
    let running = tasks.collectors();
    status.set_intervals(running.map(|(_, collector)| (collector.label(), collector.interval())));
    status
}

/// What saves the running totals; one that is still saving is kept.
fn saver(shared: &Shared, before: &Before) -> Option<Arc<Saver>> {
    if let Before::Changed(stopped) = before {
        let saver = stopped.worker.saver()?;
        saver.save_soon();
        return Some(saver);
    }
    let folder = shared.folder.clone()?;
    Some(Arc::new(Saver::new(folder)))
}

/// Continues the running totals that were saved, if there are any.
fn restore_totals(
    worker: &AccountWorker,
    counters: &AccountCounters,
    saved: Loaded,
    after_crash: bool,
) {
    if saved.rejected {
        counters.totals().rejected();
    }
    if let Some(state) = saved.state {
        let withheld_for = after_crash.then_some(WITHHELD_AFTER_CRASH);
        worker.restore_totals(state, withheld_for);
    }
}

/// The client of a running account, and what it was made of.
pub(super) struct ReusableClient {
    settings: ClientSettings,
    client: Arc<Client>,
}

/// A collector that a reload switched on is counted from 0, one that it switched off no longer.
fn adjust_counters(counters: &AccountCounters, old: &Tasks, new: &Tasks) {
    counters.add_collectors(&new.labels());
    for gone in old.labels() {
        if new.find(gone).is_none() {
            counters.remove_collector(gone);
        }
    }
}

impl StoppedAccount {
    /// What is kept of an account that was removed, should it come back.
    pub(super) fn into_scheduler(self) -> Option<AccountScheduler> {
        self.scheduler
    }

    /// Saves its running totals; returns whether the file has all that was ever served of them. After a
    /// crash it has not, until they are served again. Blocks the thread.
    pub(super) fn save_totals(&self) -> Result<bool, FolderError> {
        self.worker.save_last()?;
        Ok(!self.worker.totals_are_withheld())
    }
}

impl RunningAccount {
    /// What a scrape reads of it.
    pub(super) fn view(&self) -> AccountView {
        AccountView {
            status: Arc::clone(&self.status),
            counters: Arc::clone(&self.counters),
        }
    }

    /// Whether it can continue as it is under a new configuration.
    pub(super) fn can_continue(&self, config: &Config, account: &Account) -> bool {
        self.basis == Basis::of(config, account)
    }

    /// Its client, for a successor that needs no other.
    pub(super) fn client(&self) -> ReusableClient {
        ReusableClient {
            settings: self.basis.client.clone(),
            client: self.worker.client(),
        }
    }

    /// Applies what it can take without being stopped; `name` is what people call it.
    pub(super) fn apply(&self, config: &Config, name: Option<String>) {
        self.status.set_name(name);
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
            basis,
            status,
            counters,
            collectors,
            tasks,
            changes,
            task,
            worker,
            ..
        } = self;
        drop(changes);
        async move {
            StoppedAccount {
                scheduler: task.await.ok(),
                basis,
                collectors,
                tasks,
                status,
                counters,
                worker,
            }
        }
    }
}

/// What the client of an account has to know.
pub(super) fn client_settings(config: &Config, account: &Account) -> ClientSettings {
    ClientSettings {
        account: account.id.clone(),
        auth: account.auth.clone(),
        hosts: account.hosts.clone(),
        domain_api: config.domain_api.clone(),
        allowed_domains: config.allowed_domains.clone(),
        ca_file: config.tls.ca_file.clone(),
        request_timeout: config.limits.request_timeout,
        max_response_bytes: config.limits.max_response_bytes,
    }
}
