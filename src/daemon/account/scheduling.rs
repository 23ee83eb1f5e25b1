//! What the configuration means for the scheduler of an account: its settings, and what a change of the
//! configuration lets it keep.

use std::time::Duration;

use super::Parts;
use crate::collectors::ConfiguredCollector;
use crate::config::{Account, Auth, Config};
use crate::daemon::tasks::{Task, Tasks};
use crate::liveperson::Client;
use crate::scheduler::{
    AccountSettings, CarriedTask, Carryover, Ordinal, ServiceId, SessionSettings, TaskPolicy,
    TaskSettings, first_phase,
};
use crate::vocabulary::Service;

/// LivePerson wants logins at least this far apart.
const LOGIN_DISTANCE: Duration = Duration::from_secs(5);

/// The settings of an account's scheduler. `first` is its first collector's ordinal: all collectors of
/// all accounts start at different times.
pub(in crate::daemon) fn scheduler_settings(
    config: &Config,
    account: &Account,
    client: &Client,
    services: &[Service],
    tasks: &Tasks,
    first: Ordinal,
) -> AccountSettings {
    let tasks = tasks.iter().map(|(id, task)| match task {
        Task::Collector(collector) => collector_settings(collector, services, first.of_task(id)),
        Task::Names => TaskSettings {
            interval: config.names.refresh,
            phase: first_phase(config.names.refresh, first),
            service: service_id(services, Service::ACCOUNT_CONFIG_READ_ONLY),
            policy: TaskPolicy::BACKGROUND,
        },
    });
    AccountSettings {
        max_in_flight: config.limits.max_in_flight,
        min_spacing: config.limits.min_spacing,
        session: session_settings(account, client, services),
        tasks: tasks.collect(),
        seed: fastrand::u64(..),
    }
}

fn collector_settings(
    collector: &ConfiguredCollector,
    services: &[Service],
    ordinal: Ordinal,
) -> TaskSettings {
    let interval = collector.interval();
    TaskSettings {
        interval,
        phase: first_phase(interval, ordinal),
        service: service_id(services, collector.about().service),
        policy: TaskPolicy::DATA,
    }
}

fn session_settings(account: &Account, client: &Client, services: &[Service]) -> SessionSettings {
    let token_service = client.token_service();
    SessionSettings {
        services: services.len(),
        token: client.needs_token(),
        token_service: token_service.and_then(|service| service_id(services, service)),
        token_distance: match account.auth {
            Auth::Login { .. } => LOGIN_DISTANCE,
            Auth::OAuth1 { .. } | Auth::OAuth2 { .. } => Duration::ZERO,
        },
    }
}

fn service_id(services: &[Service], wanted: Service) -> Option<ServiceId> {
    let index = services.iter().position(|service| *service == wanted);
    index.map(ServiceId::new)
}

/// Which tasks and services were there before the account changed, and what the change means for them.
pub(super) fn carryover(new: &Parts, services: &[Service], old: &Parts) -> Carryover {
    let carried = |task: &Task| match task {
        Task::Collector(collector) => Some(CarriedTask {
            id: old.tasks.find(collector.label())?,
            unchanged: new
                .collectors
                .asks_the_same(&old.collectors, collector.label()),
        }),
        Task::Names => Some(CarriedTask {
            id: old.tasks.names()?,
            unchanged: new.config.names_refresh == old.config.names_refresh,
        }),
    };
    let old_services = old.worker.services();
    let services = services.iter();
    Carryover {
        tasks: new.tasks.iter().map(|(_, task)| carried(task)).collect(),
        services: services
            .map(|service| service_id(old_services, *service))
            .collect(),
        session: new.config.session_after(&old.config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::Registry;
    use crate::config::{Environment, load_text};
    use crate::daemon::account::client_settings;

    #[test]
    fn collectors_of_all_accounts_start_at_different_times() {
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
        let (mut phases, mut enabled) = (Vec::new(), 0);
        for (place, account) in config.accounts.iter().enumerate() {
            let client = Client::new(client_settings(&config, account)).unwrap();
            let collectors = Registry::standard().configured(account);
            let first = Ordinal::of_account(place, collectors.all().len());
            enabled += collectors.enabled().len();
            let tasks = Tasks::new(&collectors, false);
            let settings = scheduler_settings(&config, account, &client, &[], &tasks, first);
            let shares = settings.tasks.iter();
            phases.extend(shares.map(|c| c.phase.div_duration_f64(c.interval)));
        }
        assert!(enabled >= 2);
        assert_eq!(phases.len(), enabled);
        let phases_count = phases.iter().map(|_| 1.0).sum::<f64>();
        phases.sort_by(f64::total_cmp);
        for pair in phases.windows(2) {
            let apart = pair[1] - pair[0];
            assert!(apart > 0.15 / phases_count, "{phases:?}");
        }
    }
}
