//! What an account keeps when its configuration changes.

use std::time::Instant;

use super::AccountMachine;

/// What of an account is still there after a change of its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Heirs {
    /// For each collector, which one it was.
    pub collectors: Vec<Option<Heir>>,
    /// For each service, its older index.
    pub services: Vec<Option<usize>>,
    /// What becomes of hosts and token.
    pub session: Session,
}

/// What a collector was under an older configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heir {
    /// Its older index.
    pub index: usize,
    /// Whether it asks for the same things as often as before.
    pub unchanged: bool,
}

/// What a change of the configuration means for the hosts and the token of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// The client continues, and what it holds.
    Kept,
    /// The client is a new one that holds nothing; waits after failures stay.
    New,
    /// Credentials, hosts or trust changed: what failed may work now, so that nothing waits because
    /// of an earlier failure. The pause after a 429 and the spacing are not about them and stay.
    Mended,
}

impl AccountMachine {
    /// Takes over what the account as a whole has to keep to: its pause, the distance between its
    /// calls and when the last one was.
    pub fn inherit_pacing(&mut self, old: &Self) {
        self.spacing.inherit(&old.spacing);
        self.pause = old.pause.clone();
        self.last_start = old.last_start;
    }

    /// Takes over pause, spacing and back-off of the same account under an older configuration,
    /// so that a reload never makes it call sooner than it may. Calls under way then must have
    /// been aborted. A collector that did not change continues where it was.
    pub fn inherit(&mut self, old: &Self, now: Instant, heirs: &Heirs) {
        self.inherit_pacing(old);
        self.turn = old.turn;
        for (collector, heir) in std::iter::zip(&mut self.collectors, &heirs.collectors) {
            let old = heir.and_then(|heir| Some((old.collectors.get(heir.index)?, heir)));
            if let Some((old, heir)) = old {
                collector.inherit(old, now, heir.unchanged);
            }
            if heirs.session == Session::Mended {
                collector.forget_failures(now);
            }
        }
        for (service, heir) in std::iter::zip(&mut self.services, &heirs.services) {
            if let Some(old) = heir.and_then(|index| old.services.get(index)) {
                service.inherit(old, now, heirs.session);
            }
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            token.inherit(old, now, heirs.session);
        }
        if heirs.session != Session::Mended {
            self.token_generation = old.token_generation;
            self.replaced_after_401 = old.replaced_after_401;
            self.replaced_for_failing = old.replaced_for_failing;
        }
    }
}
