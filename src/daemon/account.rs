//! One account of the configuration as a running task: its client, its machine, its worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::clock::{WallClock, epoch_seconds};
use super::publisher::Publisher;
use super::services::needed_services;
use super::status::AccountStatus;
use super::worker::{AccountWorker, Change, WorkerParts};
use crate::collectors::{About, AccountCollectors, Registry};
use crate::config::{Account, Auth, Config};
use crate::liveperson::{Client, ClientSettings};
use crate::metrics::exporter::AccountCounters;
use crate::scheduler::{
    AccountScheduler, AccountSettings, CarriedTask, Carryover, ServiceId, SessionChange,
    SessionSettings, TaskId, TaskPolicy, TaskSettings, first_phase, supervise,
};
use crate::store::Store;
use crate::vocabulary::Service;

/// What all accounts share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn WallClock>,
    /// The collectors that there are.
    pub(super) collectors: Registry,
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
        Self {
            account: account.clone(),
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
    changes: UnboundedSender<Change>,
    task: JoinHandle<AccountScheduler>,
    worker: Arc<AccountWorker>,
}

/// What an account that stopped leaves to its successor.
pub(super) struct StoppedAccount {
    machine: Option<AccountScheduler>,
    basis: Basis,
    collectors: AccountCollectors,
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
    client: Arc<Client>,
    collectors: AccountCollectors,
    counters: Arc<AccountCounters>,
}

impl PreparedAccount {
    /// Prepares an account; the error says what is wrong with its settings. One that is `running`
    /// passes its client on if nothing changed that a client is made of.
    pub(super) fn new(
        registry: &Registry,
        config: &Config,
        account: &Account,
        running: Option<&ReusableClient>,
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
        let counters = AccountCounters::new(&account.id, &labels(&collectors))
            .map_err(|error| format!("account {}: {error}", account.id))?;
        Ok(Self {
            basis,
            client,
            collectors,
            counters: Arc::new(counters),
        })
    }

    /// Starts it. `ordinal` is its first collector's number in the whole exporter.
    pub(super) fn start(
        self,
        config: &Config,
        shared: &Shared,
        ordinal: usize,
        before: Before,
    ) -> RunningAccount {
        let Self {
            basis,
            client,
            collectors,
            mut counters,
        } = self;
        let account = &basis.account;
        let services = needed_services(&client, &collectors, config.names.lookup);
        let machine = new_machine(config, account, &client, &services, &collectors, ordinal);
        let status = Arc::new(AccountStatus::new(&account.id, &labels(&collectors)));
        if let Before::Changed(stopped) = &before {
            status.inherit(&stopped.status);
            counters = Arc::clone(&stopped.counters);
            adjust_counters(&counters, &stopped.collectors, &collectors);
        }
        counters.begin(epoch_seconds(shared.clock.now()));
        let worker = AccountWorker::new(WorkerParts {
            account: account.clone(),
            client,
            services: services.clone(),
            collectors: about(&collectors),
            timezone: config.timezone.clone(),
            clock: Arc::clone(&shared.clock),
            publisher: Publisher::new(collectors.clone(), &config.names, &shared.store),
            counters: Arc::clone(&counters),
            status: Arc::clone(&status),
        });
        let now = tokio::time::Instant::now().into_std();
        let mut first = machine(now);
        if let Before::Removed(pacing) = &before {
            first.restore_pacing_from(pacing);
        }
        if let Before::Changed(stopped) = &before {
            worker.inherit(&stopped.worker);
            if let Some(machine) = &stopped.machine {
                first.restore_from(
                    machine,
                    now,
                    &carryover(&basis, &collectors, &services, stopped),
                );
            }
        }
        worker.publish_all();
        let worker = Arc::new(worker);
        let (changes, received) = unbounded_channel();
        let task = tokio::spawn(supervise(first, machine, Arc::clone(&worker), received));
        RunningAccount {
            id: account.id.clone(),
            basis,
            status,
            counters,
            collectors,
            changes,
            task,
            worker,
        }
    }
}

/// The client of a running account, and what it was made of.
pub(super) struct ReusableClient {
    settings: ClientSettings,
    client: Arc<Client>,
}

fn about(collectors: &AccountCollectors) -> Vec<&'static About> {
    let enabled = collectors.enabled().iter();
    enabled.map(|collector| collector.about()).collect()
}

fn labels(collectors: &AccountCollectors) -> Vec<&'static str> {
    let about = about(collectors).into_iter();
    about.map(|about| about.label).collect()
}

/// A collector that a reload switched on is counted from 0, one that it switched off no longer.
fn adjust_counters(counters: &AccountCounters, old: &AccountCollectors, new: &AccountCollectors) {
    counters.add_collectors(&labels(new));
    for gone in labels(old) {
        if new.find(gone).is_none() {
            counters.remove_collector(gone);
        }
    }
}

/// What of the collectors and services was there before the account changed.
fn carryover(
    basis: &Basis,
    collectors: &AccountCollectors,
    services: &[Service],
    old: &StoppedAccount,
) -> Carryover {
    let before = labels(&old.collectors);
    let collector = |label: &str| {
        let id = TaskId::new(before.iter().position(|l| *l == label)?);
        let unchanged = collectors.asks_the_same(&old.collectors, label);
        Some(CarriedTask { id, unchanged })
    };
    // Names stand behind all the collectors.
    let names = basis.names_refresh.and(old.basis.names_refresh).map(|_| {
        let id = TaskId::new(before.len());
        let unchanged = basis.names_refresh == old.basis.names_refresh;
        CarriedTask { id, unchanged }
    });
    let old_services = old.worker.services();
    Carryover {
        tasks: labels(collectors)
            .into_iter()
            .map(collector)
            .chain([names])
            .collect(),
        services: services
            .iter()
            .map(|service| service_id(old_services, *service))
            .collect(),
        session: basis.session_after(&old.basis),
    }
}

impl StoppedAccount {
    /// What is kept of an account that was removed, should it come back.
    pub(super) fn into_machine(self) -> Option<AccountScheduler> {
        self.machine
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

    /// Whether it can run on as it is under a new configuration.
    pub(super) fn runs_on(&self, config: &Config, account: &Account) -> bool {
        self.basis == Basis::of(config, account)
    }

    /// Its client, for a successor that needs no other.
    pub(super) fn client(&self) -> ReusableClient {
        ReusableClient {
            settings: self.basis.client.clone(),
            client: self.worker.client(),
        }
    }

    /// Applies what it can take without being stopped.
    pub(super) fn apply(&self, config: &Config) {
        let change = Change {
            names: config.names.clone(),
            timezone: config.timezone.clone(),
        };
        // A task that is gone has nothing to apply it to.
        let _ = self.changes.send(change);
    }

    /// Tells it to stop; what it leaves is there once its calls under way are aborted. From then on
    /// nothing is published.
    pub(super) fn begin_stop(self) -> impl Future<Output = StoppedAccount> {
        let Self {
            basis,
            status,
            counters,
            collectors,
            changes,
            task,
            worker,
            ..
        } = self;
        drop(changes);
        async move {
            StoppedAccount {
                machine: task.await.ok(),
                basis,
                collectors,
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

/// Makes the machine of an account, whenever one is needed.
fn new_machine(
    config: &Config,
    account: &Account,
    client: &Client,
    services: &[Service],
    collectors: &AccountCollectors,
    ordinal: usize,
) -> impl Fn(Instant) -> AccountScheduler + Send + 'static {
    let mut settings = machine_settings(config, account, client, services, collectors, ordinal);
    // The last of the account's tasks, behind all the collectors.
    if config.names.lookup {
        settings.tasks.push(TaskSettings {
            interval: config.names.refresh,
            phase: first_phase(config.names.refresh, ordinal),
            service: service_id(services, Service::ACCOUNT_CONFIG_READ_ONLY),
            policy: TaskPolicy::BACKGROUND,
        });
    }
    move |now| AccountScheduler::new(settings.clone(), now)
}

fn service_id(services: &[Service], wanted: Service) -> Option<ServiceId> {
    let index = services.iter().position(|service| *service == wanted);
    index.map(ServiceId::new)
}

fn machine_settings(
    config: &Config,
    account: &Account,
    client: &Client,
    services: &[Service],
    collectors: &AccountCollectors,
    ordinal: usize,
) -> AccountSettings {
    let (token_service, token_distance) = match account.auth {
        Auth::OAuth2 { .. } => (service_id(services, Service::SENTINEL), Duration::ZERO),
        // LivePerson wants logins at least this far apart.
        Auth::Login { .. } => (
            service_id(services, Service::AGENT_VEP),
            Duration::from_secs(5),
        ),
        Auth::OAuth1 { .. } => (None, Duration::ZERO),
    };
    let tasks = collectors
        .enabled()
        .iter()
        .enumerate()
        .map(|(i, collector)| {
            let interval = collector.interval();
            let phase = first_phase(interval, ordinal + i);
            TaskSettings {
                interval,
                phase,
                service: service_id(services, collector.about().service),
                policy: TaskPolicy::DATA,
            }
        });
    AccountSettings {
        max_in_flight: config.limits.max_in_flight,
        min_spacing: config.limits.min_spacing,
        session: SessionSettings {
            services: services.len(),
            token: client.needs_token(),
            token_service,
            token_distance,
        },
        tasks: tasks.collect(),
        seed: fastrand::u64(..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::Registry;
    use crate::config::{Environment, load_text};

    #[test]
    fn collectors_of_the_same_interval_have_phases_of_their_own_in_all_accounts() {
        let auth = "{oauth2: {client_id: i, client_secret: s}}";
        let text = format!("accounts: [{{id: '1', auth: {auth}}}, {{id: '2', auth: {auth}}}]");
        let loaded = load_text(
            "test",
            &text,
            &Environment::default(),
            &Registry::standard().sections(),
        )
        .unwrap();
        let config = loaded.config;
        let mut phases = Vec::new();
        for (place, account) in config.accounts.iter().enumerate() {
            let client = Client::new(client_settings(&config, account)).unwrap();
            let collectors = Registry::standard().configured(account);
            let ordinal = place * collectors.all().len();
            let settings = machine_settings(&config, account, &client, &[], &collectors, ordinal);
            let shares = settings.tasks.iter();
            phases.extend(shares.map(|c| c.phase.div_duration_f64(c.interval)));
        }
        assert_eq!(phases.len(), 4);
        phases.sort_by(f64::total_cmp);
        for pair in phases.windows(2) {
            assert!(pair[1] - pair[0] > 0.1, "{phases:?}");
        }
    }
}
