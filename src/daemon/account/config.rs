//! What an account's task is made of, and whether a change of the configuration needs another one.

use std::time::Duration;

use crate::config::{Account, Config};
use crate::liveperson::ClientSettings;
use crate::scheduler::SessionChange;

/// What of the configuration an account's task is made of: when any of it changes the task is
/// stopped and another one takes over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AccountConfig {
    pub(super) account: Account,
    pub(super) client: ClientSettings,
    pub(super) max_in_flight: usize,
    pub(super) min_spacing: Duration,
    /// How often names are looked up; `None` for never.
    pub(super) names_refresh: Option<Duration>,
}

impl AccountConfig {
    pub(super) fn of(config: &Config, account: &Account) -> Self {
        // Another display name is no reason to stop it.
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
    pub(super) fn session_after(&self, old: &Self) -> SessionChange {
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

/// What the client of an account has to know.
pub(in crate::daemon) fn client_settings(config: &Config, account: &Account) -> ClientSettings {
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
