//! One seed from beginning to end: many accounts under the same clocks and the same story.

use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::tz::TimeZone;

use super::account::Account;
use super::clocks::Clocks;
use super::drawn::Drawn;
use super::rules;
use super::story::{Story, Twist};

/// More events than any seed has: a poller that spins is caught and does not hang the run.
const MOST_EVENTS: u64 = 2_000_000;

/// Runs one seed; panics when a rule is broken. Returns how many events were handled.
pub(crate) fn run(seed: u64) -> u64 {
    World::new(seed).run()
}

struct World {
    clocks: Clocks,
    story: Story,
    accounts: Vec<Account>,
    zone: TimeZone,
    rng: Rng,
    twists_done: usize,
    events: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clocks = Clocks::new();
        let count = rng.usize(1..5);
        let accounts = (0..count).map(|i| Account::new(i, Drawn::draw(&mut rng, i), &clocks));
        let accounts = accounts.collect();
        let story = Story::draw(&mut rng, count);
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
            story,
            accounts,
            zone,
            rng,
            twists_done: 0,
            events: 0,
        }
    }

    fn run(mut self) -> u64 {
        let end = self.clocks.at(self.story.ends);
        loop {
            let twist = self.story.twists.get(self.twists_done);
            let twist_at = twist.map(|(at, _)| self.clocks.at(*at).max(self.clocks.now));
            let next = self.accounts.iter().map(Account::next).min().unwrap();
            match twist_at {
                Some(at) if at <= next => {
                    self.clocks.now = at;
                    self.twists_done += 1;
                    let twist = self.story.twists[self.twists_done - 1].1;
                    self.happen(twist);
                }
                _ => {
                    self.clocks.now = self.clocks.now.max(next);
                    self.turn_all(true);
                }
            }
            if self.clocks.now > end && twist_at.is_none() && self.all_recovered(end) {
                return self.events;
            }
            assert!(self.events < MOST_EVENTS, "the poller never rests");
        }
    }

    fn turn_all(&mut self, exact: bool) {
        let now = self.clocks.now;
        for (number, account) in self.accounts.iter_mut().enumerate() {
            if account.next() <= now {
                let turn = || account.turn(&self.clocks, &self.story, &mut self.rng, exact);
                let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(turn));
                match turned {
                    Ok(events) => self.events += events,
                    Err(panic) => {
                        eprintln!(
                            "in account {number} at {:?}: {:#?}",
                            self.clocks.elapsed(),
                            self.story
                        );
                        eprintln!("{:#?}", account.drawn);
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
        if self.events.is_multiple_of(16) {
            rules::today_is_right(&self.zone, self.clocks.wall());
        }
    }

    fn happen(&mut self, twist: Twist) {
        match twist {
            Twist::WallClockSteps(by) => self.clocks.step_wall(by),
            Twist::Suspend(time) => {
                self.clocks.suspend(time);
                for account in &mut self.accounts {
                    account.lose_connections(&self.clocks);
                }
                self.turn_all(false);
            }
            Twist::Stall(time) => {
                self.clocks.now += time;
                self.turn_all(false);
            }
            Twist::TokensRevoked => {
                for account in &mut self.accounts {
                    account.liveperson.revoke_tokens();
                }
            }
            Twist::Reload(number, same) => {
                self.accounts[number].reload(&self.clocks, same, &mut self.rng);
            }
        }
    }

    /// No starvation: after the story every planned request runs again within a bounded time.
    fn all_recovered(&self, end: Instant) -> bool {
        let since = self.clocks.now - end;
        self.accounts.iter().enumerate().fold(true, |all, (number, account)| {
            let recovered = account.recovered(end);
            let bound: Duration = account.recovery_bound();
            assert!(
                recovered || since <= bound,
                "account {number}: not all requests have run {bound:?} after the last fault: {:?} {:#?}",
                account.model.collectors,
                self.story
            );
            all && recovered
        })
    }
}
