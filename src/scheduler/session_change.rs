//! What a change of the configuration means for hosts and token.

/// What a change of the configuration means for the hosts and the token of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// The client continues, and so do its hosts and token.
    Unchanged,
    /// The client is a new one without hosts or token; waits after failures stay.
    NewClient,
    /// Credentials, hosts or trust changed: what failed may work now, so that nothing waits because
    /// of an earlier failure. The pause after a 429 and the spacing are not about them and stay.
    Repaired,
}
