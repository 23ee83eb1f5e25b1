//! One account of the configuration as a running task: its client, its machine, its worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::clock::{WallClock, epoch_seconds};
use super::names::NameBook;
use super::status::AccountStatus;
use super::worker::{AccountWorker, WorkerParts};
use crate::config::{Account, Auth, Config};
use crate::liveperson::{Client, ClientSettings, Service};
use crate::metrics::exporter::AccountCounters;
use crate::poll::plan::CollectorKind;
use crate::poll::{
    AccountMachine, AccountSettings, CollectorSettings, Heir, Heirs, SessionSettings, first_phase,
    run,
};
use crate::store::{Source, Store};

/// What all accounts share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn WallClock>,
}

/// What a scrape reads of an account.
#[derive(Clone)]
pub(super) struct AccountView {
    pub(super) status: Arc<AccountStatus>,
    pub(super) counters: Arc<AccountCounters>,
}

/// A running account.
pub(super) struct RunningAccount {
    pub(super) id: String,
    status: Arc<AccountStatus>,
    counters: Arc<AccountCounters>,
    kinds: Vec<CollectorKind>,
    names: Arc<NameBook>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<AccountMachine>,
    worker: Arc<AccountWorker>,
    account: Account,
}

/// What an account that stopped leaves to its successor.
pub(super) struct Legacy {
    machine: AccountMachine,
    kinds: Vec<CollectorKind>,
    names: Arc<NameBook>,
    status: Arc<AccountStatus>,
    counters: Arc<AccountCounters>,
    worker: Arc<AccountWorker>,
    account: Account,
}

/// An account that is ready to run: everything that can fail has succeeded.
pub(super) struct PreparedAccount {
    account: Account,
    client: Client,
    kinds: Vec<CollectorKind>,
    counters: Arc<AccountCounters>,
}

impl PreparedAccount {
    /// Prepares an account; the error says what is wrong with its settings.
    pub(super) fn new(config: &Config, account: &Account) -> Result<Self, String> {
        let client = Client::new(client_settings(config, account))
            .map_err(|error| format!("account {}: {error}", account.id))?;
        let kinds: Vec<_> = CollectorKind::ALL
            .into_iter()
            .filter(|k| k.enabled(account))
            .collect();
        let labels: Vec<_> = kinds.iter().map(|kind| kind.label()).collect();
        let counters = AccountCounters::new(&account.id, &labels)
            .map_err(|error| format!("account {}: {error}", account.id))?;
        Ok(Self {
            account: account.clone(),
            client,
            kinds,
            counters: Arc::new(counters),
        })
    }

    /// Starts it. `ordinal` is its first collector's number in the whole exporter.
    pub(super) fn start(
        self,
        config: &Config,
        shared: &Shared,
        ordinal: usize,
        legacy: Option<Legacy>,
    ) -> RunningAccount {
        let Self {
            account,
            client,
            kinds,
            mut counters,
        } = self;
        let services = client.services();
        let settings = machine_settings(config, &account, &client, &kinds, ordinal);
        let now = tokio::time::Instant::now().into_std();
        let mut machine = AccountMachine::new(settings, now);
        if config.names.lookup {
            // The last of the account's collectors, behind all the kinds.
            machine = machine.with_background(names_settings(config, &client, ordinal), now);
        }
        let older = legacy.as_ref().map(|legacy| &*legacy.names);
        let names = NameBook::new(&account.id, &config.names, &shared.store, older);
        let names = Arc::new(names);
        let status = Arc::new(AccountStatus::new(&account.id, &kinds, config.stale_after));
        if let Some(legacy) = &legacy {
            let heirs = heirs(&account, &kinds, &services, legacy);
            machine.inherit(&legacy.machine, now, &heirs);
            status.inherit(&legacy.status);
            counters = Arc::clone(&legacy.counters);
            for gone in legacy.kinds.iter().filter(|kind| !kinds.contains(kind)) {
                shared.store.remove(&source(&account.id, gone.label()));
            }
        }
        counters.begin(epoch_seconds(shared.clock.now()));
        names.publish();
        let id = account.id.clone();
        let worker = AccountWorker::new(WorkerParts {
            account: account.clone(),
            client,
            services,
            collectors: kinds.clone(),
            timezone: config.timezone.clone(),
            stale_after: config.stale_after,
            clock: Arc::clone(&shared.clock),
            store: Arc::clone(&shared.store),
            names: Arc::clone(&names),
            counters: Arc::clone(&counters),
            status: Arc::clone(&status),
        });
        if let Some(legacy) = &legacy {
            worker.inherit(&legacy.worker);
        }
        let worker = Arc::new(worker);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(machine, Arc::clone(&worker), async move {
            // A sender that is gone means stop, too.
            let _ = stopped.await;
        }));
        RunningAccount {
            id,
            status,
            counters,
            kinds,
            names,
            stop,
            task,
            worker,
            account,
        }
    }
}

/// What of the collectors and services was there before the account changed.
fn heirs(account: &Account, kinds: &[CollectorKind], services: &[Service], old: &Legacy) -> Heirs {
    let collector = |kind: &CollectorKind| {
        let index = old.kinds.iter().position(|k| k == kind)?;
        let unchanged = kind.asks_the_same(account, &old.account);
        Some(Heir { index, unchanged })
    };
    let before = old.worker.services();
    Heirs {
        collectors: kinds.iter().map(collector).collect(),
        services: services
            .iter()
            .map(|service| before.iter().position(|s| s == service))
            .collect(),
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

    /// Stops it; calls under way are aborted. `None` when its task had died.
    pub(super) async fn stop(self) -> Option<Legacy> {
        let Self {
            stop,
            task,
            kinds,
            names,
            status,
            counters,
            worker,
            account,
            ..
        } = self;
        // A receiver that is gone has stopped already.
        let _ = stop.send(());
        let machine = task.await.ok()?;
        Some(Legacy {
            machine,
            kinds,
            names,
            status,
            counters,
            worker,
            account,
        })
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
        names: config.names.lookup,
    }
}

fn source(account: &str, part: &'static str) -> Source {
    Source {
        account: account.into(),
        part,
    }
}

fn machine_settings(
    config: &Config,
    account: &Account,
    client: &Client,
    kinds: &[CollectorKind],
    ordinal: usize,
) -> AccountSettings {
    let services = client.services();
    let index = |wanted: Service| services.iter().position(|service| *service == wanted);
    let data = index(Service::LeDataReporting);
    let (token_service, token_distance) = match account.auth {
        Auth::OAuth2 { .. } => (index(Service::Sentinel), Duration::ZERO),
        // LivePerson wants logins at least this far apart.
        Auth::Login { .. } => (index(Service::AgentVep), Duration::from_secs(5)),
        Auth::OAuth1 { .. } => (None, Duration::ZERO),
    };
    let collectors = kinds.iter().enumerate().map(|(i, kind)| {
        let interval = kind.interval(account);
        let phase = first_phase(interval, ordinal + i);
        CollectorSettings {
            interval,
            phase,
            service: data,
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
        collectors: collectors.collect(),
        seed: fastrand::u64(..),
    }
}

/// Names are asked for in the background of everything else.
fn names_settings(config: &Config, client: &Client, ordinal: usize) -> CollectorSettings {
    let services = client.services();
    let service = |s: &Service| *s == Service::AccountConfigReadOnly;
    CollectorSettings {
        interval: config.names.refresh,
        phase: first_phase(config.names.refresh, ordinal),
        service: services.iter().position(service),
    }
}
