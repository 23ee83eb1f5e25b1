//! The order in which passwords are hashed.
//!
//! Hashing is slow on purpose and runs only a few times at once, so a client that guesses passwords
//! could keep all others waiting. Therefore:
//!
//! - Waiting peers take turns, and of one peer's attempts the newest is hashed first.
//! - A peer with several wrong passwords is throttled. Throttled peers share one of the concurrent
//!   hashes; the others stay free for the remaining peers.
//! - A throttled peer gets the answer to a wrong password after a delay that grows with its pending
//!   attempts, so that a peer that waits for answers uses a quarter of that one hash at most,
//!   however many connections it opens.
//!
//! A right password thus never waits for more than one hash of each other peer of its kind.
//!
//! An attempt counts as wrong from the moment it is hashed, until it turns out right: a client that
//! does not wait for the answer has guessed as well.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::peer::Peer;

/// Concurrent hashes.
const MAX_HASHES: usize = 2;
/// Concurrent hashes of throttled peers.
const MAX_THROTTLED_HASHES: usize = 1;
/// Wrong passwords without consequence: a user mistypes, or a scraper has the previous password.
const FREE_FAILURES: u32 = 5;
/// The time after which one wrong password is forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(10);
/// A throttled peer's delay, in hash times for each of its pending attempts.
const DELAY_HASHES: u32 = 4;
const MAX_DELAY: Duration = Duration::from_secs(30);
/// Peers that are remembered; an attacker may have any number of addresses.
const MAX_PEERS: usize = 4096;

/// Hands out permits to hash.
#[derive(Default)]
pub(super) struct HashQueue {
    /// Guards the queues, the running hashes and what is remembered of peers. Held for one change,
    /// never while hashing or waiting.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    running_throttled: usize,
    /// One for each peer that waits. The first is next; a peer whose attempt was hashed moves to the end.
    queues: VecDeque<PeerQueue>,
    peers: HashMap<Peer, PeerRecord>,
}

/// The waiting attempts of one peer.
struct PeerQueue {
    peer: Peer,
    /// At least one, the newest last.
    waiting: Vec<oneshot::Sender<HashPermit>>,
}

/// What is remembered of a peer.
struct PeerRecord {
    failures: u32,
    /// The time up to which failures have been forgotten.
    forgotten_until: Instant,
    /// Attempts without an answer.
    pending: u32,
}

/// An attempt to log in, from its beginning to its answer.
pub(super) struct Attempt {
    queue: Arc<HashQueue>,
    peer: Peer,
}

/// Permission to hash one password. Dropping it lets the next attempt be hashed.
pub(super) struct HashPermit {
    queue: Arc<HashQueue>,
    peer: Peer,
    throttled: bool,
    /// What this attempt added to the peer's failures when the permit was given.
    counted: u32,
    /// Whether the password was hashed, and is not known to be right.
    failed: bool,
}

/// The attempt that is hashed next.
struct Next {
    peer: Peer,
    waiting: oneshot::Sender<HashPermit>,
    throttled: bool,
}

impl HashQueue {
    /// Begins an attempt of a peer.
    pub(super) fn attempt(self: &Arc<Self>, peer: Peer) -> Attempt {
        self.state.lock().record(peer).pending += 1;
        Attempt {
            queue: Arc::clone(self),
            peer,
        }
    }

    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.state.lock().running
    }

    #[cfg(test)]
    pub(super) fn failures(&self, peer: Peer) -> u32 {
        self.state.lock().record(peer).failures
    }

    /// Hands out permits while there are any.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let mut state = self.state.lock();
            state.remove_abandoned();
            let Some(next) = state.pop_next() else {
                return;
            };
            state.running += 1;
            state.running_throttled += usize::from(next.throttled);
            let permit = HashPermit {
                queue: Arc::clone(self),
                peer: next.peer,
                throttled: next.throttled,
                // At once, so that simultaneous attempts are not all free.
                counted: state.record(next.peer).count_failure(),
                failed: false,
            };
            drop(state);
            // If the attempt was abandoned, the permit is dropped here, which returns it.
            let _ = next.waiting.send(permit);
        }
    }
}

impl State {
    fn record(&mut self, peer: Peer) -> &mut PeerRecord {
        let now = Instant::now();
        if self.peers.len() >= MAX_PEERS {
            self.forget_peers(now);
        }
        let record = self.peers.entry(peer).or_insert(PeerRecord {
            failures: 0,
            forgotten_until: now,
            pending: 0,
        });
        record.forget_failures(now);
        record
    }

    /// Forgets peers without failures and, if there are still too many, all without an attempt.
    fn forget_peers(&mut self, now: Instant) {
        self.peers.retain(|_, record| {
            record.forget_failures(now);
            record.pending > 0 || record.failures > 0
        });
        if self.peers.len() >= MAX_PEERS {
            self.peers.retain(|_, record| record.pending > 0);
        }
    }

    fn enqueue(&mut self, peer: Peer, waiting: oneshot::Sender<HashPermit>) {
        match self.queues.iter_mut().find(|queue| queue.peer == peer) {
            Some(queue) => queue.waiting.push(waiting),
            None => self.queues.push_back(PeerQueue {
                peer,
                waiting: vec![waiting],
            }),
        }
    }

    /// Removes the attempts whose clients no longer wait.
    fn remove_abandoned(&mut self) {
        self.queues.retain_mut(|queue| {
            queue.waiting.retain(|waiting| !waiting.is_closed());
            !queue.waiting.is_empty()
        });
    }

    /// Takes the attempt that is hashed next, unless enough hashes are running.
    fn pop_next(&mut self) -> Option<Next> {
        if self.running >= MAX_HASHES {
            return None;
        }
        let unthrottled = self.queues.iter().position(|queue| {
            let record = self.peers.get(&queue.peer);
            !record.is_some_and(PeerRecord::is_throttled)
        });
        let index = match unthrottled {
            Some(index) => index,
            None if self.running_throttled < MAX_THROTTLED_HASHES => 0,
            None => return None,
        };
        let mut queue = self.queues.remove(index)?;
        let next = Next {
            peer: queue.peer,
            waiting: queue.waiting.pop()?,
            throttled: unthrottled.is_none(),
        };
        if !queue.waiting.is_empty() {
            self.queues.push_back(queue);
        }
        Some(next)
    }
}

impl PeerRecord {
    fn forget_failures(&mut self, now: Instant) {
        let past = now
            .saturating_duration_since(self.forgotten_until)
            .as_secs();
        let forgotten = u32::try_from(past / FORGET_INTERVAL.as_secs()).unwrap_or(u32::MAX);
        self.forgotten_until += FORGET_INTERVAL * forgotten;
        self.failures = self.failures.saturating_sub(forgotten);
    }

    /// Counts a failure, and returns how much that added.
    fn count_failure(&mut self) -> u32 {
        // Counting further would only prolong the wait of a scraper that was repaired.
        let added = u32::from(self.failures < 2 * FREE_FAILURES);
        self.failures += added;
        added
    }

    fn is_throttled(&self) -> bool {
        self.failures > FREE_FAILURES
    }
}

impl Attempt {
    /// Waits for permission to hash the password.
    pub(super) async fn permit(&self) -> Option<HashPermit> {
        let (sender, receiver) = oneshot::channel();
        self.queue.state.lock().enqueue(self.peer, sender);
        self.queue.dispatch();
        receiver.await.ok()
    }

    /// How long the answer to a wrong password is delayed, when its hashing took `hash_time`.
    pub(super) fn failure_delay(&self, hash_time: Duration) -> Duration {
        let mut state = self.queue.state.lock();
        let record = state.record(self.peer);
        if !record.is_throttled() {
            return Duration::ZERO;
        }
        let delay = hash_time.saturating_mul(DELAY_HASHES.saturating_mul(record.pending));
        delay.min(MAX_DELAY)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        let record = state.record(self.peer);
        record.pending = record.pending.saturating_sub(1);
    }
}

impl HashPermit {
    /// The password is being hashed: from here on the attempt counts as wrong, even if the client
    /// disconnects.
    pub(super) fn hashing_started(&mut self) {
        self.failed = true;
    }

    /// The password was right, so the attempt does not count.
    pub(super) fn password_verified(&mut self) {
        self.failed = false;
    }
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        if !self.failed {
            let record = state.record(self.peer);
            record.failures = record.failures.saturating_sub(self.counted);
        }
        state.running -= 1;
        state.running_throttled -= usize::from(self.throttled);
        drop(state);
        self.queue.dispatch();
    }
}

#[cfg(test)]
mod tests;
