//! What an account keeps when its configuration changes.

use std::time::Instant;

use super::AccountScheduler;

/// What of an account is still there after a change of its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Carryover {
    /// For each collector, which one it was.
    pub collectors: Vec<Option<CarriedTask>>,
    /// For each service, its older index.
    pub services: Vec<Option<usize>>,
    /// What becomes of hosts and token.
    pub session: SessionChange,
}

/// What a collector was under an older configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedTask {
    /// Its older index.
    pub index: usize,
    /// Whether it asks for the same things as often as before.
    pub unchanged: bool,
}

/// What a change of the configuration means for the hosts and the token of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// The client continues, and what it holds.
    Unchanged,
    /// The client is a new one that holds nothing; waits after failures stay.
    NewClient,
    /// Credentials, hosts or trust changed: what failed may work now, so that nothing waits because
    /// of an earlier failure. The pause after a 429 and the spacing are not about them and stay.
    Repaired,
}

impl AccountScheduler {
    /// Takes over what the account as a whole has to keep to: its pause, the distance between its
    /// calls and when the last one was.
    pub fn restore_pacing_from(&mut self, old: &Self) {
        self.spacing.restore_from(&old.spacing);
        self.pause = old.pause.clone();
        self.last_start = old.last_start;
    }

    /// Takes over pause, spacing and back-off of the same account under an older configuration,
    /// so that a reload never makes it call sooner than it may. Calls under way then must have
    /// been aborted. A collector that did not change continues where it was.
    pub fn restore_from(&mut self, old: &Self, now: Instant, carryover: &Carryover) {
        self.restore_pacing_from(old);
        self.turn = old.turn;
        for (collector, carried) in std::iter::zip(&mut self.collectors, &carryover.collectors) {
            let old =
                carried.and_then(|carried| Some((old.collectors.get(carried.index)?, carried)));
            if let Some((old, carried)) = old {
                collector.restore_from(old, now, carried.unchanged);
            }
            if carryover.session == SessionChange::Repaired {
                collector.clear_failures(now);
            }
        }
        for (service, carried) in std::iter::zip(&mut self.services, &carryover.services) {
            if let Some(old) = carried.and_then(|index| old.services.get(index)) {
                service.restore_from(old, now, carryover.session);
            }
        }
        if let (Some(token), Some(old)) = (&mut self.token, &old.token) {
            token.restore_from(old, now, carryover.session);
        }
        if carryover.session != SessionChange::Repaired {
            self.token_generation = old.token_generation;
            self.replaced_after_401 = old.replaced_after_401;
            self.replaced_for_failing = old.replaced_for_failing;
        }
    }
}
