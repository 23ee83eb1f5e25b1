//! Which of LivePerson's interfaces a call was made to.

use crate::collectors::About;
use crate::liveperson::api;

/// One of LivePerson's interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Api {
    /// Domain API.
    Domain,
    /// OAuth 2.0 token or user login.
    Token,
    /// Account configuration: names for ids.
    Names,
    /// The API of a collector.
    Data(&'static About),
}

impl Api {
    /// The value of the `api` label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Domain => api::DOMAIN,
            Self::Token => api::TOKEN,
            Self::Names => api::NAMES,
            Self::Data(about) => about.api,
        }
    }
}
