//! LivePerson's services, by the names the Domain API knows them by.

use std::fmt;

/// A LivePerson service: each has its own host. A collector may name one that is not listed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(&'static str);

impl Service {
    /// OAuth 2.0 tokens.
    pub const SENTINEL: Self = Self("sentinel");
    /// User login.
    pub const AGENT_VEP: Self = Self("agentVep");
    /// Operational Realtime: Engagement Activity, SLA Histogram and others.
    pub const LE_DATA_REPORTING: Self = Self("leDataReporting");
    /// Names for ids.
    pub const ACCOUNT_CONFIG_READ_ONLY: Self = Self("accountConfigReadOnly");
    /// Agents' states and loads; nothing calls it yet.
    pub const AGENT_MANAGER_WORKSPACE: Self = Self("agentManagerWorkspace");

    /// A service by LivePerson's own name, case included.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// LivePerson's own name, case included: a key of `hosts` and a part of Domain API paths.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
