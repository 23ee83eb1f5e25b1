//! The validated configuration. Every value here has been checked; no other module checks again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::collector_section::{CollectorSection, Sections};
use super::secret::Secret;
use super::shard::Shard;
use crate::vocabulary::{AgentId, GroupId, SkillId};

/// A whole configuration, file and environment merged.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Accounts in the order of the file; ids are unique.
    pub accounts: Vec<Account>,
    /// Limits, the pacing ones being per account.
    pub limits: Limits,
    /// Data older than this is no longer served.
    pub stale_after: Duration,
    /// Where `today` begins at midnight.
    pub timezone: jiff::tz::TimeZone,
    /// Names for ids.
    pub names: Names,
    /// Base URL of LivePerson's Domain API.
    pub domain_api: Url,
    /// Where the Domain API may send calls besides LivePerson's domains, its own and `hosts`: in
    /// lower case, each with all of its subdomains.
    pub allowed_domains: Vec<String>,
    /// TLS towards LivePerson.
    pub tls: Tls,
    /// Which share of the configured accounts these are; `None` for all of them.
    pub shard: Option<Shard>,
}

impl Config {
    /// Leaves the accounts that a shard serves; returns how many there were.
    pub fn keep_shard(&mut self, shard: Shard) -> usize {
        let before = self.accounts.len();
        self.accounts.retain(|account| shard.owns(&account.id));
        self.shard = Some(shard);
        before
    }
}

/// One LivePerson account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// LivePerson's account id (site id): the `account` label.
    pub id: String,
    /// Its display name: the `name` label of `liveperson_account_info`.
    pub name: Option<String>,
    /// How calls are authorised.
    pub auth: Auth,
    /// LivePerson service name to base URL; no lookup in the Domain API for a service named here.
    pub hosts: BTreeMap<String, Url>,
    /// The settings of every collector: the global ones with this account's merged over them, key
    /// by key.
    pub sections: Sections,
}

impl Account {
    /// The settings of one collector; `None` when the configuration does not know the collector.
    pub fn section<T: CollectorSection>(&self) -> Option<&T> {
        self.sections.get()
    }
}

/// How LivePerson authorises a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// OAuth 2.0 client credentials.
    OAuth2 {
        /// Public half of the key.
        client_id: String,
        /// Secret half of the key.
        client_secret: Secret,
    },
    /// OAuth 1.0 API key, HMAC-SHA1.
    OAuth1 {
        /// Consumer key.
        app_key: String,
        /// Consumer secret.
        app_secret: Secret,
        /// Token.
        access_token: Secret,
        /// Token secret.
        access_token_secret: Secret,
    },
    /// A LivePerson user.
    Login {
        /// Login name.
        username: String,
        /// Password.
        password: Secret,
    },
}

/// The `limits` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Requests in flight at once, per account; at least 1.
    pub max_in_flight: usize,
    /// Time between the starts of two requests of one account; more than zero.
    pub min_spacing: Duration,
    /// Total time allowed for one request.
    pub request_timeout: Duration,
    /// Longest response that is read, in bytes.
    pub max_response_bytes: u64,
    /// Most data series that the whole exporter serves.
    pub max_series: u64,
}

/// The `names` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// Whether names are requested from LivePerson.
    pub lookup: bool,
    /// Time between two lookups.
    pub refresh: Duration,
    /// Names given in the file; they win over LivePerson's.
    pub skills: BTreeMap<SkillId, String>,
    /// Names given in the file; they win over LivePerson's.
    pub agents: BTreeMap<AgentId, String>,
    /// Names given in the file; they win over LivePerson's.
    pub groups: BTreeMap<GroupId, String>,
}

/// The `tls` section: TLS towards LivePerson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// An extra root certificate (PEM), already resolved against the folder of the configuration file.
    pub ca_file: Option<PathBuf>,
}
