//! One seed from beginning to end: many accounts under the same clocks and the same scenario.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::tz::TimeZone;
use liveperson_exporter::store::Store;

use super::account::Account;
use super::clocks::Clocks;
use super::rules;
use super::scenario::{Disturbance, Scenario};
use super::served;
use super::setup::AccountSetup;

/// More events than any seed has: a scheduler that spins is caught and does not hang the run.
const MOST_EVENTS: u64 = 2_000_000;

/// Runs one seed; panics when a rule is broken. Returns how many events were handled.
pub(crate) fn run(seed: u64) -> u64 {
    World::new(seed).run()
}

struct World {
    clocks: Clocks,
    scenario: Scenario,
    accounts: Vec<Account>,
    store: Arc<Store>,
    zone: TimeZone,
    rng: Rng,
    disturbances_done: usize,
    events: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clocks = Clocks::new();
        let count = [1, 1, 2, 2, 3, 4][rng.usize(..6)];
        let stale_after = Duration::from_secs([60, 300, 300][rng.usize(..3)]);
        let store = Arc::new(Store::new(&served::catalogue(), u64::MAX, stale_after));
        let account = |i| {
            let setup = AccountSetup::generate(&mut rng, i);
            Account::new(i, setup, &clocks, &store, stale_after)
        };
        let accounts: Vec<_> = (0..count).map(account).collect();
        phases_differ(&accounts);
        let scenario = Scenario::generate(&mut rng, count);
        let zones = [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
        ];
        let zone = TimeZone::get(zones[rng.usize(..zones.len())]).unwrap();
        Self {
            clocks,
            scenario,
            accounts,
            store,
            zone,
            rng,
            disturbances_done: 0,
            events: 0,
        }
    }

    fn run(mut self) -> u64 {
        let end = self.clocks.at(self.scenario.ends);
        loop {
            let disturbance = self.scenario.disturbances.get(self.disturbances_done);
            let disturbance_at =
                disturbance.map(|(at, _)| self.clocks.at(*at).max(self.clocks.now));
            let Some(next) = self.accounts.iter().filter_map(Account::next).min() else {
                return self.events;
            };
            match disturbance_at {
                Some(at) if at <= next => {
                    self.clocks.now = at;
                    self.disturbances_done += 1;
                    let disturbance = self.scenario.disturbances[self.disturbances_done - 1].1;
                    self.disturb(disturbance);
                }
                _ => {
                    self.clocks.now = self.clocks.now.max(next);
                    self.turn_all(true);
                }
            }
            if self.clocks.now > end && disturbance_at.is_none() {
                self.settle(end);
            }
            assert!(self.events < MOST_EVENTS, "the scheduler never stops");
        }
    }

    fn turn_all(&mut self, exact: bool) {
        let now = self.clocks.now;
        for (number, account) in self.accounts.iter_mut().enumerate() {
            if account.next().is_some_and(|next| next <= now) {
                let turn = || account.turn(&self.clocks, &self.scenario, &mut self.rng, exact);
                let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(turn));
                match turned {
                    Ok(events) => self.events += events,
                    Err(panic) => {
                        eprintln!(
                            "in account {number} at {:?}: {:#?}",
                            self.clocks.elapsed(),
                            self.scenario
                        );
                        eprintln!("{:#?}", account.setup);
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
        if self.events.is_multiple_of(16) {
            rules::check_today(&self.zone, self.clocks.wall());
        }
    }

    fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::WallClockSteps(by) => self.clocks.step_wall(by),
            Disturbance::Suspend(time) => {
                self.clocks.suspend(time);
                for account in &mut self.accounts {
                    account.lose_connections(&self.clocks);
                }
                self.turn_all(false);
            }
            Disturbance::Stall(time) => {
                self.clocks.now += time;
                self.turn_all(false);
            }
            Disturbance::TokensRevoked => {
                for account in &mut self.accounts {
                    account.liveperson.revoke_tokens();
                }
            }
            Disturbance::Reload(number, change, session) => {
                let account = &mut self.accounts[number];
                account.reload(&self.clocks, change, session, &mut self.rng);
            }
            Disturbance::Remove(number) => {
                let left = self.accounts.iter().filter(|account| !account.removed);
                if left.count() > 1 && !self.accounts[number].removed {
                    self.accounts[number].remove(&self.clocks);
                }
            }
            Disturbance::StaleAfter(seconds) => {
                let stale_after = Duration::from_secs(seconds);
                self.store.set_stale_after(stale_after);
                for account in &mut self.accounts {
                    account.set_stale_after(stale_after);
                }
            }
            Disturbance::Skills(number) => {
                self.accounts[number]
                    .liveperson
                    .change_skills(&mut self.rng);
            }
        }
    }

    /// After the scenario every account recovers within a bounded time, and then its data stays fresh:
    /// when it has been so for long enough the account is done.
    fn settle(&mut self, end: Instant) {
        let now = self.clocks.now;
        for (number, account) in self.accounts.iter_mut().enumerate() {
            if account.removed {
                account.is_gone(now);
                account.done = true;
            }
            if account.done {
                continue;
            }
            let Some(since) = account.recovered_since else {
                let (bound, late) = (account.recovery_bound(), now - end);
                let recovered = account.recovered(end);
                assert!(
                    recovered || late <= bound,
                    "account {number}: not all requests have run {bound:?} after the last fault: {:?} {:#?}",
                    account.model.collectors,
                    self.scenario
                );
                account.recovered_since = recovered.then_some(now);
                continue;
            };
            // Every collector has had a poll that no fault touched.
            let longest = account.setup.longest_interval();
            if now - since > longest.mul_f64(2.1) {
                account.check_freshness(now, self.clocks.aged(now));
            }
            account.done = now - since > longest.mul_f64(3.3);
        }
    }
}

/// Collectors with the same interval poll at different times.
fn phases_differ(accounts: &[Account]) {
    let collectors = accounts.iter().flat_map(|a| a.setup.data_tasks());
    let mut phases: Vec<_> = collectors.map(|c| (c.interval, c.phase)).collect();
    let count = phases.len();
    phases.sort();
    phases.dedup();
    assert_eq!(phases.len(), count, "polls of the same phase: {phases:?}");
}
