//! The validated configuration. Every value here has passed `validate`; no other room checks again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::secret::Secret;
use crate::collectors::{Collector, ConfiguredCollector};

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
    /// small letters, each with all of its subdomains.
    pub allowed_domains: Vec<String>,
    /// TLS towards LivePerson.
    pub tls: Tls,
}

/// One LivePerson account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// LivePerson's account id (site id): the `account` label.
    pub id: String,
    /// How calls are authorised.
    pub auth: Auth,
    /// LivePerson service name to base URL; a service named here is not asked of the Domain API.
    pub hosts: BTreeMap<String, Url>,
    /// Every collector with its global settings and this account's own merged over them, key by key.
    pub collectors: Vec<ConfiguredCollector>,
}

impl Account {
    /// The settings of a collector, if the configuration knows it.
    pub fn settings<C: Collector>(&self) -> Option<&C::Settings> {
        let mut collectors = self.collectors.iter();
        collectors.find_map(|collector| collector.settings::<C>())
    }
}

/// The three ways LivePerson authorises a call.
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

/// The `engagement_activity` section.
#[derive(Clone, Debug, PartialEq)]
pub struct EngagementActivity {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between the starts of two polls.
    pub interval: Duration,
    /// Time frames asked for, in the order of the file, without duplicates.
    pub windows: Vec<Window>,
    /// Skills to serve.
    pub skills: Selection,
    /// Agents to serve.
    pub agents: Selection,
    /// Whether to serve series per skill AND agent.
    pub skill_agents: bool,
}

/// The `sla` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Sla {
    /// Whether the collector runs.
    pub enabled: bool,
    /// Time between the starts of two polls.
    pub interval: Duration,
    /// Time frames asked for, in the order of the file, without duplicates.
    pub windows: Vec<Window>,
    /// Upper limits in seconds, ascending multiples of 5, without 0.
    pub buckets: Vec<u32>,
    /// Whether to serve the histogram of the whole account.
    pub account: bool,
    /// Skills with a histogram each.
    pub skills: Selection,
    /// Groups with a histogram each: `None` or `Ids`, never `All`.
    pub groups: Selection,
}

/// Which ids of a level are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every id that LivePerson names.
    All,
    /// The level is not served.
    None,
    /// These ids, in the order of the file, without duplicates, never empty.
    Ids(Vec<i64>),
}

/// A time frame that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A fixed length in minutes, 1 to 1440.
    Minutes(u16),
    /// Since midnight in the configured time zone.
    Today,
}

/// The `limits` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Requests under way at once, per account; at least 1.
    pub max_in_flight: usize,
    /// Time between the starts of two requests of one account; more than zero.
    pub min_spacing: Duration,
    /// Total time allowed for one request.
    pub request_timeout: Duration,
    /// Longest answer that is read, in bytes.
    pub max_response_bytes: u64,
    /// Most data series served by the whole exporter.
    pub max_series: u64,
}

/// The `names` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// Whether LivePerson is asked for names.
    pub lookup: bool,
    /// Time between two look-ups.
    pub refresh: Duration,
    /// Names given in the file; they win over LivePerson's.
    pub skills: BTreeMap<i64, String>,
    /// Names given in the file; they win over LivePerson's.
    pub agents: BTreeMap<i64, String>,
    /// Names given in the file; they win over LivePerson's.
    pub groups: BTreeMap<i64, String>,
}

/// The `tls` section: TLS towards LivePerson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// An extra root certificate (PEM), already resolved against the configuration file's folder.
    pub ca_file: Option<PathBuf>,
}
