//! From the configuration to a running account: first all that can fail, then the start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tracing::Instrument as _;

use super::config::AccountConfig;
use super::scheduling::{carryover, scheduler_settings};
use super::{Parts, ReusableClient, RunningAccount, Shared, StoppedAccount};
use crate::collectors::{AccountCollectors, Registry};
use crate::config::{Account, Config};
use crate::daemon::clock::{WallClock, epoch_seconds};
use crate::daemon::publisher::Publisher;
use crate::daemon::saver::Saver;
use crate::daemon::services::needed_services;
use crate::daemon::status::AccountStatus;
use crate::daemon::tasks::Tasks;
use crate::daemon::worker::{AccountWorker, WorkerParts};
use crate::liveperson::Client;
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::{AccountScheduler, AccountSettings, Ordinal, supervise};
use crate::totals::{Folder, Loaded};
use crate::vocabulary::Service;

/// Where the saved running totals of accounts come from.
pub(in crate::daemon) struct StateSource<'a> {
    pub(in crate::daemon) folder: Option<&'a Folder>,
    pub(in crate::daemon) clock: &'a dyn WallClock,
}

impl StateSource<'_> {
    fn load(&self, account: &str) -> Loaded {
        let now = self.clock.now().as_second();
        let loaded = self.folder.map(|folder| folder.load(account, now));
        loaded.unwrap_or_default()
    }
}

/// What there was of an account before it starts.
pub(in crate::daemon) enum Predecessor {
    /// Nothing is known of it.
    None,
    /// It ran under an older configuration.
    Changed(Box<StoppedAccount>),
    /// It was taken out of the configuration a short while ago.
    Removed(Box<AccountScheduler>),
}

/// An account that is ready to run: everything that can fail has succeeded.
pub(in crate::daemon) struct PreparedAccount {
    config: AccountConfig,
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
    pub(in crate::daemon) fn new(
        registry: &Registry,
        config: &Config,
        account: &Account,
        running: Option<&ReusableClient>,
        state: &StateSource<'_>,
    ) -> Result<Self, String> {
        let own = AccountConfig::of(config, account);
        let reused = running.filter(|running| running.settings == own.client);
        let client = match reused {
            Some(running) => Arc::clone(&running.client),
            None => Client::new(own.client.clone())
                .map(Arc::new)
                .map_err(|error| format!("account {}: {error}", account.id))?,
        };
        let collectors = registry.configured(account);
        let tasks = Tasks::new(&collectors, config.names.lookup);
        let counters = AccountCounters::new(&account.id, &tasks.labels())
            .map_err(|error| format!("account {}: {error}", account.id))?;
        Ok(Self {
            config: own,
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
    pub(in crate::daemon) fn start(
        self,
        config: &Config,
        shared: &Shared,
        first: Ordinal,
        predecessor: Predecessor,
        after_crash: bool,
    ) -> RunningAccount {
        let Self {
            config: own,
            name,
            client,
            collectors,
            tasks,
            mut counters,
            saved,
        } = self;
        let account = &own.account;
        let services = needed_services(&client, collectors.enabled(), config.names.lookup);
        let settings = scheduler_settings(config, account, &client, &services, &tasks, first);
        let status = Arc::new(new_status(&account.id, name, &tasks, &predecessor));
        if let Predecessor::Changed(stopped) = &predecessor {
            counters = Arc::clone(&stopped.parts.counters);
            adjust_counters(&counters, &stopped.parts.tasks, &tasks);
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
            publisher: Publisher::with_tasks(
                collectors.clone(),
                tasks.clone(),
                &config.names,
                &shared.store,
            ),
            counters: Arc::clone(&counters),
            status: Arc::clone(&status),
            saver: saver(shared, &predecessor),
            changes: changes.downgrade(),
        });
        let id = account.id.clone();
        let parts = Parts {
            config: own,
            status,
            counters,
            collectors,
            tasks,
            worker: Arc::new(worker),
        };
        let scheduler = new_scheduler(&settings, &parts, &services, &predecessor);
        restore_totals(&parts, saved, after_crash);
        parts.worker.publish_all();
        let again = move |now| AccountScheduler::new(settings.clone(), now);
        let task = supervise(scheduler, again, Arc::clone(&parts.worker), received);
        // An error span is there at every level of the log.
        let span = tracing::error_span!("account", account = id);
        RunningAccount {
            task: tokio::spawn(task.instrument(span)),
            id,
            parts,
            changes,
        }
    }
}

/// The scheduler of an account that starts; it continues where its predecessor stopped.
fn new_scheduler(
    settings: &AccountSettings,
    parts: &Parts,
    services: &[Service],
    predecessor: &Predecessor,
) -> AccountScheduler {
    let now = tokio::time::Instant::now().into_std();
    let mut scheduler = AccountScheduler::new(settings.clone(), now);
    match predecessor {
        Predecessor::None => {}
        Predecessor::Removed(pacing) => scheduler.restore_pacing_from(pacing),
        Predecessor::Changed(stopped) => {
            parts.worker.restore_from(&stopped.parts.worker);
            if let Some(old) = &stopped.scheduler {
                let carryover = carryover(parts, services, &stopped.parts);
                scheduler.restore_from(old, now, &carryover);
            }
        }
    }
    scheduler
}

/// The status of an account that starts, with what is known of it from before.
fn new_status(
    account: &str,
    name: Option<String>,
    tasks: &Tasks,
    predecessor: &Predecessor,
) -> AccountStatus {
    let status = AccountStatus::new(account, &tasks.labels());
    status.set_name(name);
    if let Predecessor::Changed(stopped) = predecessor {
        status.restore_from(&stopped.parts.status);
    }
    let running = tasks.collectors();
    status.set_intervals(running.map(|(_, collector)| (collector.label(), collector.interval())));
    status
}

/// What saves the running totals; one that is still saving is kept.
fn saver(shared: &Shared, predecessor: &Predecessor) -> Option<Arc<Saver>> {
    if let Predecessor::Changed(stopped) = predecessor {
        let saver = stopped.parts.worker.saver()?;
        saver.save_soon();
        return Some(saver);
    }
    let folder = shared.folder.clone()?;
    Some(Arc::new(Saver::new(folder)))
}

/// Continues the running totals that were saved, if there are any.
fn restore_totals(parts: &Parts, saved: Loaded, after_crash: bool) {
    if saved.rejected {
        parts.counters.totals().rejected();
    }
    if let Some(state) = saved.state {
        let withheld_for = after_crash.then_some(WITHHELD_AFTER_CRASH);
        parts.worker.restore_totals(state, withheld_for);
    }
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
