//! What an account keeps when its configuration changes.

use std::time::Instant;

use super::AccountMachine;

/// What of an account is still there after a change of its configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heirs {
    /// For each collector, which one it was.
    pub collectors: Vec<Option<Heir>>,
    /// For each service, its older index.
    pub services: Vec<Option<usize>>,
}

/// What a collector was under an older configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heir {
    /// Its older index.
    pub index: usize,
    /// Whether it asks for the same things as often as before.
    pub unchanged: bool,
}

impl AccountMachine {
    /// Takes over pause, spacing and back-off of the same account under an older configuration,
    /// so that a reload never makes it call sooner than it may. Calls under way then must have
    /// been aborted. A collector that did not change keeps its rhythm.
    pub fn inherit(&mut self, old: &Self, now: Instant, heirs: &Heirs) {
        self.spacing.inherit(&old.spacing);
        self.pause = old.pause.clone();
        self.last_start = old.last_start;
        self.turn = old.turn;
        for (collector, heir) in std::iter::zip(&mut self.collectors, &heirs.collectors) {
            let Some(heir) = heir else { continue };
            if let Some(old) = old.collectors.get(heir.index) {
                collector.inherit(old, now, heir.unchanged);
            }
        }
        for (service, heir) in std::iter::zip(&mut self.services, &heirs.services) {
            if let Some(old) = heir.and_then(|index| old.services.get(index)) {
                service.inherit(old, now);
            }
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            token.inherit(old, now);
        }
    }
}
