//! Whose turn it is to have a password hashed.
//!
//! Hashing is slow on purpose and runs only a few times at once, so somebody who guesses could
//! keep everyone else waiting. Therefore peers that wait have their turns one after the other, and
//! of one peer's attempts the newest goes first; a peer that has guessed wrong a few times is a
//! suspect, and suspects share one place while the other one is kept for the rest; and a suspect
//! hears of a wrong guess only after a pause that grows with its attempts under way, so that a
//! peer that listens takes a quarter of that one place at most, however many connections it opens.
//! A right password thus is never behind more than one hash of each other peer of its kind.
//!
//! A guess counts from the moment it is hashed, and is taken back when it was right: who does not
//! wait for the answer has guessed all the same.

use std::collections::{HashMap, VecDeque};
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
    /// One for each peer that waits. The first is next; a peer that had its turn goes to the end.
    queues: VecDeque<Queue>,
    peers: HashMap<Peer, Record>,
}

/// The attempts of one peer that wait.
struct Queue {
    peer: Peer,
    /// The newest last, at least one.
    waiting: Vec<oneshot::Sender<Turn>>,
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
    peer: Peer,
    suspect: bool,
    /// What this guess added to the peer's wrong ones when the turn was given.
    counted: u32,
    /// Whether the password was hashed, and not known to be right.
    wrong: bool,
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

    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.state().running
    }

    #[cfg(test)]
    pub(super) fn wrong_guesses(&self, peer: Peer) -> u32 {
        self.state().record(peer).wrong
    }

    /// Hands turns out while there are any.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let mut state = self.state();
            state.forget_who_left();
            let Some((peer, waiting, suspect)) = state.pick() else {
                return;
            };
            state.running += 1;
            state.running_suspects += usize::from(suspect);
            let turn = Turn {
                turns: Arc::clone(self),
                peer,
                suspect,
                // At once, so that many that come together are not all free.
                counted: state.record(peer).count(),
                wrong: false,
            };
            drop(state);
            // When nobody takes it, it is dropped here and comes back.
            let _ = waiting.send(turn);
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

    fn enqueue(&mut self, peer: Peer, turn: oneshot::Sender<Turn>) {
        match self.queues.iter_mut().find(|queue| queue.peer == peer) {
            Some(queue) => queue.waiting.push(turn),
            None => self.queues.push_back(Queue {
                peer,
                waiting: vec![turn],
            }),
        }
    }

    fn forget_who_left(&mut self) {
        self.queues.retain_mut(|queue| {
            queue.waiting.retain(|turn| !turn.is_closed());
            !queue.waiting.is_empty()
        });
    }

    /// Who is next, and whether that is a suspect.
    fn pick(&mut self) -> Option<(Peer, oneshot::Sender<Turn>, bool)> {
        if self.running >= AT_ONCE {
            return None;
        }
        let is_suspect = |queue: &Queue| {
            let record = self.peers.get(&queue.peer);
            record.is_some_and(Record::is_suspect)
        };
        let clean = self.queues.iter().position(|queue| !is_suspect(queue));
        let index = match clean {
            Some(index) => index,
            None if self.running_suspects < OF_SUSPECTS => 0,
            None => return None,
        };
        let mut queue = self.queues.remove(index)?;
        let (peer, turn) = (queue.peer, queue.waiting.pop()?);
        if !queue.waiting.is_empty() {
            self.queues.push_back(queue);
        }
        Some((peer, turn, clean.is_none()))
    }
}

impl Record {
    fn forgive(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.forgiven).as_secs();
        let forgiven = u32::try_from(past / FORGIVEN_AFTER.as_secs()).unwrap_or(u32::MAX);
        self.forgiven += FORGIVEN_AFTER * forgiven;
        self.wrong = self.wrong.saturating_sub(forgiven);
    }

    /// Counts a guess as wrong, and says how much that added.
    fn count(&mut self) -> u32 {
        // Counting further would only keep a mended scraper waiting.
        let added = u32::from(self.wrong < 2 * FREE_GUESSES);
        self.wrong += added;
        added
    }

    fn is_suspect(&self) -> bool {
        self.wrong > FREE_GUESSES
    }
}

impl Attempt {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let (turn, receiver) = oneshot::channel();
        self.turns.state().enqueue(self.peer, turn);
        self.turns.dispatch();
        receiver.await.ok()
    }

    /// How long the answer to a wrong guess has to wait whose hashing took `hash_time`.
    pub(super) fn pause(&self, hash_time: Duration) -> Duration {
        let mut state = self.turns.state();
        let record = state.record(self.peer);
        if !record.is_suspect() {
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

impl Turn {
    /// The password is being hashed: the guess counts from here on, whoever waits for its answer.
    pub(super) fn hashing(&mut self) {
        self.wrong = true;
    }

    /// The password was right, so this was no guess.
    pub(super) fn right(&mut self) {
        self.wrong = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        if !self.wrong {
            let record = state.record(self.peer);
            record.wrong = record.wrong.saturating_sub(self.counted);
        }
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

    /// A guess that turns out wrong, with nobody else in the way.
    fn wrong(turns: &Arc<Turns>, attempt: &Attempt) -> Duration {
        turns.state().record(attempt.peer).count();
        attempt.pause(HASH)
    }

    fn suspect(turns: &Arc<Turns>, peer: Peer) {
        let attempt = turns.attempt(peer);
        for _ in 0..=FREE_GUESSES {
            wrong(turns, &attempt);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_guess_counts_from_its_hashing_on_and_a_right_or_unhashed_one_not_at_all() {
        let turns = Arc::new(Turns::default());
        let counted = || turns.state().record(peer(1)).wrong;
        for (hashed, right, more) in [(false, false, 0), (true, true, 0), (true, false, 1)] {
            let before = counted();
            // Whose client left while the turn was used.
            let attempt = turns.attempt(peer(1));
            let mut turn = attempt.turn().await.unwrap();
            drop(attempt);
            assert_eq!(counted(), before + 1, "all count while they run");
            if hashed {
                turn.hashing();
            }
            if right {
                turn.right();
            }
            drop(turn);
            assert_eq!(counted(), before + more, "{hashed} {right}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_guesses_that_come_together_are_not_all_free() {
        let turns = Arc::new(Turns::default());
        let mut guesses: Vec<_> = (0..50).map(|_| waits(turns.attempt(peer(1)))).collect();
        let mut free = 0;
        while !guesses.is_empty() {
            settle().await;
            let ended = guesses.extract_if(.., |guess| guess.is_finished());
            for guess in ended.collect::<Vec<_>>() {
                let mut turn = guess.await.unwrap().unwrap();
                turn.hashing();
                free += u32::from(!turn.suspect);
            }
        }
        assert_eq!(free, FREE_GUESSES + 1);
    }

    /// Each of the others has a newer attempt waiting whenever a turn ends.
    #[tokio::test(start_paused = true)]
    async fn a_peer_waits_for_one_turn_of_each_other_peer_at_most() {
        const OTHERS: u8 = 20;
        for all_suspect in [true, false] {
            let turns = Arc::new(Turns::default());
            if all_suspect {
                (0..=OTHERS).for_each(|last| suspect(&turns, peer(last)));
            }
            let attempt = |last| waits(turns.attempt(peer(last)));
            let mut others: Vec<_> = (1..=OTHERS).map(attempt).collect();
            settle().await;
            let waiting = attempt(0);
            for _ in 0..OTHERS {
                others.extend((1..=OTHERS).map(attempt));
                settle().await;
                let next = others.iter().position(JoinHandle::is_finished).unwrap();
                drop(others.swap_remove(next).await.unwrap());
            }
            settle().await;
            assert!(waiting.is_finished(), "suspects: {all_suspect}");
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
            assert_eq!(wrong(&turns, &attempt), Duration::ZERO);
        }
        assert_eq!(wrong(&turns, &attempt), HASH * PAUSE_HASHES);
        let more: Vec<_> = (0..9).map(|_| turns.attempt(peer(1))).collect();
        assert_eq!(wrong(&turns, &attempt), HASH * PAUSE_HASHES * 10);
        assert_eq!(attempt.pause(HASH * 999), LONGEST_PAUSE);
        assert_eq!(wrong(&turns, &turns.attempt(peer(2))), Duration::ZERO);
        drop(more);
        tokio::time::advance(FORGIVEN_AFTER * 99).await;
        assert_eq!(wrong(&turns, &attempt), Duration::ZERO);
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
        assert_eq!((state.running, state.queues.len()), (0, 0));
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
                wrong(&turns, &turns.attempt(address.into()));
            }
            assert!(turns.state().peers.len() <= MOST_PEERS);
        });
    }
}
