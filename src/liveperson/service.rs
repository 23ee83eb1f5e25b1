//! The LivePerson services that the client calls, under their names in the Domain API.

use std::fmt;

/// A LivePerson service: each has its own host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Engagement Activity and SLA Histogram.
    LeDataReporting,
    /// OAuth 2.0 tokens.
    Sentinel,
    /// User login.
    AgentVep,
    /// Names for ids.
    AccountConfigReadOnly,
}

impl Service {
    /// Every service, in the order in which they are needed.
    pub const ALL: [Self; 4] = [
        Self::Sentinel,
        Self::AgentVep,
        Self::LeDataReporting,
        Self::AccountConfigReadOnly,
    ];

    /// LivePerson's own name, case included: a key of `hosts` and a part of Domain API paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeDataReporting => "leDataReporting",
            Self::Sentinel => "sentinel",
            Self::AgentVep => "agentVep",
            Self::AccountConfigReadOnly => "accountConfigReadOnly",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
