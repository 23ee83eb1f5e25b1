//! Whose turn it is to have a password hashed.
//!
//! Hashing is slow on purpose and runs only a few times at once, so somebody who guesses could
//! keep everyone else waiting. Therefore the newest attempt goes first; a peer that has guessed
//! wrong a few times is a suspect, and suspects share one place while the other one is kept for
//! the rest; and a suspect hears of a wrong guess only after a pause that grows with its attempts
//! under way, so that a peer's guesses take a quarter of that one place at most, however many
//! connections it opens. A right password thus is never behind more than the hash that runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::peer::Peer;

/// Hashes at once.
const AT_ONCE: usize = 2;
/// Hashes of suspects at once.
const OF_SUSPECTS: usize = 1;
/// Wrong guesses that nobody minds: somebody mistypes, or a scraper has the old password.
const FREE_GUESSES: u32 = 5;
/// The time in which one wrong guess is forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);
/// A suspect's pause, in hashes for each of its attempts under way.
const PAUSE_HASHES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Peers that are remembered; an attacker may have any number of addresses.
const MOST_PEERS: usize = 4096;

/// The turns, and what is remembered of peers.
#[derive(Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    running: usize,
    running_suspects: usize,
    /// The newest last.
    waiting: Vec<Waiting>,
    peers: HashMap<Peer, Record>,
}

struct Waiting {
    peer: Peer,
    turn: oneshot::Sender<Turn>,
}

/// What is remembered of a peer.
struct Record {
    wrong: u32,
    /// Up to when wrong guesses have been forgiven.
    forgiven: Instant,
    /// Attempts that have not been answered.
    under_way: u32,
}

/// An attempt from its beginning to its answer.
pub(super) struct Attempt {
    turns: Arc<Turns>,
    peer: Peer,
}

/// Permission to hash one password; the next one's turn comes when it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    suspect: bool,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a peer tries a password.
    pub(super) fn attempt(self: &Arc<Self>, peer: Peer) -> Attempt {
        self.state().record(peer).under_way += 1;
        Attempt {
            turns: Arc::clone(self),
            peer,
        }
    }

    /// Hands turns out while there are any.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            state.waiting.retain(|waiting| !waiting.turn.is_closed());
            let Some((waiting, suspect)) = state.pick() else {
                return;
            };
            state.running += 1;
            state.running_suspects += usize::from(suspect);
            drop(state);
            // When nobody takes it, it is dropped here and comes back.
            let _ = waiting.turn.send(Turn {
                turns: Arc::clone(self),
                suspect,
            });
        }
    }
}

impl State {
    fn record(&mut self, peer: Peer) -> &mut Record {
        let now = Instant::now();
        if self.peers.len() >= MOST_PEERS {
            self.peers.retain(|_, record| {
                record.forgive(now);
                record.under_way > 0 || record.wrong > 0
            });
            if self.peers.len() >= MOST_PEERS {
                self.peers.retain(|_, record| record.under_way > 0);
            }
        }
        let record = self.peers.entry(peer).or_insert(Record {
            wrong: 0,
            forgiven: now,
            under_way: 0,
        });
        record.forgive(now);
        record
    }

    fn pick(&mut self) -> Option<(Waiting, bool)> {
        if self.running >= AT_ONCE {
            return None;
        }
        let is_suspect = |waiting: &Waiting| {
            let record = self.peers.get(&waiting.peer);
            record.is_some_and(|record| record.wrong > FREE_GUESSES)
        };
        let clean = self
            .waiting
            .iter()
            .rposition(|waiting| !is_suspect(waiting));
        if let Some(index) = clean {
            return Some((self.waiting.remove(index), false));
        }
        if self.running_suspects >= OF_SUSPECTS {
            return None;
        }
        self.waiting.pop().map(|waiting| (waiting, true))
    }
}

impl Record {
    fn forgive(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.forgiven).as_secs();
        let forgiven = u32::try_from(past / FORGIVEN_AFTER.as_secs()).unwrap_or(u32::MAX);
        self.forgiven += FORGIVEN_AFTER * forgiven;
        self.wrong = self.wrong.saturating_sub(forgiven);
    }
}

impl Attempt {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let (turn, receiver) = oneshot::channel();
        self.turns.state().waiting.push(Waiting {
            peer: self.peer,
            turn,
        });
        self.turns.dispatch();
        receiver.await.ok()
    }

    /// Notes a wrong guess whose hashing took `hash_time`, and says how long its answer has to wait.
    pub(super) fn wrong(&self, hash_time: Duration) -> Duration {
        let mut state = self.turns.state();
        let record = state.record(self.peer);
        // Counting further would only keep a mended scraper waiting.
        record.wrong = (record.wrong + 1).min(2 * FREE_GUESSES);
        if record.wrong <= FREE_GUESSES {
            return Duration::ZERO;
        }
        let pause = hash_time.saturating_mul(PAUSE_HASHES.saturating_mul(record.under_way));
        pause.min(LONGEST_PAUSE)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        let record = state.record(self.peer);
        record.under_way = record.under_way.saturating_sub(1);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.running -= 1;
        state.running_suspects -= usize::from(self.suspect);
        drop(state);
        self.turns.dispatch();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::task::JoinHandle;

    use super::*;

    const HASH: Duration = Duration::from_millis(50);

    fn peer(last: u8) -> Peer {
        SocketAddr::from(([192, 0, 2, last], 1)).into()
    }

    fn waits(attempt: Attempt) -> JoinHandle<Option<Turn>> {
        tokio::spawn(async move { attempt.turn().await })
    }

    /// Runs all tasks up to where they wait.
    async fn settle() {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }

    fn suspect(turns: &Arc<Turns>, peer: Peer) {
        let attempt = turns.attempt(peer);
        for _ in 0..=FREE_GUESSES {
            attempt.wrong(HASH);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_is_behind_no_more_than_what_runs_even_among_guesses_of_its_own_peer() {
        let turns = Arc::new(Turns::default());
        suspect(&turns, peer(1));
        let guesses: Vec<_> = (0..300).map(|_| waits(turns.attempt(peer(1)))).collect();
        settle().await;
        assert_eq!(turns.state().running, 1, "suspects have one place");

        let elsewhere = waits(turns.attempt(peer(2)));
        let same = waits(turns.attempt(peer(1)));
        settle().await;
        assert!(elsewhere.is_finished(), "a place is kept for the others");
        assert!(!same.is_finished());
        let running = guesses.iter().position(JoinHandle::is_finished).unwrap();
        let mut guesses = guesses;
        drop(guesses.swap_remove(running).await.unwrap());
        settle().await;
        assert!(same.is_finished(), "it was behind more than one hash");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wrong_guesses_are_free_and_forgiven_in_time() {
        let turns = Arc::new(Turns::default());
        let attempt = turns.attempt(peer(1));
        for _ in 0..FREE_GUESSES {
            assert_eq!(attempt.wrong(HASH), Duration::ZERO);
        }
        assert_eq!(attempt.wrong(HASH), HASH * PAUSE_HASHES);
        let more: Vec<_> = (0..9).map(|_| turns.attempt(peer(1))).collect();
        assert_eq!(attempt.wrong(HASH), HASH * PAUSE_HASHES * 10);
        assert_eq!(attempt.wrong(HASH * 999), LONGEST_PAUSE);
        assert_eq!(turns.attempt(peer(2)).wrong(HASH), Duration::ZERO);
        drop(more);
        tokio::time::advance(FORGIVEN_AFTER * 99).await;
        assert_eq!(attempt.wrong(HASH), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_nothing_behind() {
        let turns = Arc::new(Turns::default());
        let running = [(); AT_ONCE].map(|()| waits(turns.attempt(peer(1))));
        settle().await;
        let gone = waits(turns.attempt(peer(1)));
        settle().await;
        gone.abort();
        settle().await;
        for turn in running {
            drop(turn.await.unwrap());
        }
        let state = turns.state();
        assert_eq!((state.running, state.waiting.len()), (0, 0));
        assert!(state.peers.values().all(|record| record.under_way == 0));
    }

    #[test]
    fn a_flood_of_addresses_is_not_remembered() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let turns = Arc::new(Turns::default());
            for address in 0..20_000_u32 {
                let address = SocketAddr::from((std::net::Ipv4Addr::from(address), 1));
                turns.attempt(address.into()).wrong(HASH);
            }
            assert!(turns.state().peers.len() <= MOST_PEERS);
        });
    }
}
