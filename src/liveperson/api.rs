//! The LivePerson interfaces that the client itself calls, as the `api` label counts them. Those of
//! data belong to the collectors.

/// OAuth 2.0 token or user login.
pub const TOKEN: &str = "token";
/// Domain API.
pub const DOMAIN: &str = "domain";
/// Account configuration: names for ids.
pub const NAMES: &str = "names";
