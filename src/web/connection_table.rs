//! Which connections are open, and which one is evicted when there are too many.
//!
//! When a limit is reached, a new client is let in and another one is evicted, so that neither
//! silent nor slow clients can lock others out. A peer that holds more than its share is evicted
//! first. Of connections, one that waits for its client is evicted (silent, slow, or idle): of the
//! peer that holds most the one that has waited longest, so that many peers which hold little more
//! than others cannot lock those out either. Of scrapes, the one whose reader has taken nothing for the
//! longest time.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::activity::{Activity, EvictionClass};
use super::peer::Peer;

/// While the table is full, one peer keeps at most the limit divided by this.
const SHARE_DIVISOR: usize = 4;

/// The open connections, and the scrapes that are being written on them.
pub(super) struct ConnectionTable {
    max_connections: usize,
    max_scrapes: usize,
    /// Guards the entries of all open connections. Held for one change, never while waiting.
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next_id: u64,
    open: HashMap<u64, Entry>,
}

struct Entry {
    peer: Peer,
    activity: Arc<Activity>,
    /// Metrics pages that are not written out.
    scrapes: usize,
    evicted: Arc<Notify>,
}

/// How a connection came into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// There was a free entry.
    Free,
    /// Another connection was evicted for it.
    Evicted,
}

impl ConnectionTable {
    pub(super) fn new(max_connections: usize, max_scrapes: usize) -> Arc<Self> {
        Arc::new(Self {
            max_connections,
            max_scrapes,
            entries: Mutex::default(),
        })
    }

    /// Registers a connection, evicting another one if the table is full.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: Peer,
        activity: Arc<Activity>,
    ) -> (Registration, Admission) {
        let mut entries = self.entries.lock();
        let mut admission = Admission::Free;
        while entries.open.len() >= self.max_connections {
            let Some(id) = entries.connection_to_evict(peer, self.max_connections) else {
                break;
            };
            entries.evict(id);
            admission = Admission::Evicted;
        }
        let registration = Registration {
            table: Arc::clone(self),
            id: entries.next_id,
            peer,
            activity: Arc::clone(&activity),
            evicted: Arc::default(),
        };
        entries.next_id += 1;
        entries.open.insert(
            registration.id,
            Entry {
                peer,
                activity,
                scrapes: 0,
                evicted: Arc::clone(&registration.evicted),
            },
        );
        (registration, admission)
    }
}

/// A connection's entry in the table; dropped with the connection.
pub(super) struct Registration {
    table: Arc<ConnectionTable>,
    id: u64,
    peer: Peer,
    activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

impl Registration {
    /// Who is at the other end.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// What the connection is doing.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Resolves when the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Permission to write a metrics page, evicting another connection with one if there are too
    /// many. None when only this connection's own are being written, or it was evicted.
    pub(super) fn begin_scrape(self: &Arc<Self>) -> Option<ScrapePermit> {
        let mut entries = self.table.entries.lock();
        let limit = self.table.max_scrapes;
        if !entries.open.contains_key(&self.id) {
            return None;
        }
        while entries.scrapes() >= limit {
            let id = entries.scrape_to_evict(self, limit)?;
            tracing::debug!("evicted a connection with a stalled scrape for a new scrape");
            entries.evict(id);
        }
        entries.open.get_mut(&self.id)?.scrapes += 1;
        Some(ScrapePermit(Arc::clone(self)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.table.entries.lock().open.remove(&self.id);
    }
}

/// Held while a metrics page is written.
pub(super) struct ScrapePermit(Arc<Registration>);

impl Drop for ScrapePermit {
    fn drop(&mut self) {
        let Registration { table, id, .. } = &*self.0;
        // Absent when the connection was evicted.
        if let Some(entry) = table.entries.lock().open.get_mut(id) {
            entry.scrapes -= 1;
        }
    }
}

/// Of all connections, the one with the smallest value is evicted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct EvictionOrder {
    /// Whether its peer holds no more than its share, or it is being responded to.
    protected: bool,
    class: EvictionClass,
    /// How many connections its peer holds.
    held_by_peer: Reverse<usize>,
    since: Instant,
    id: u64,
}

impl Entries {
    fn evict(&mut self, id: u64) {
        if let Some(entry) = self.open.remove(&id) {
            entry.evicted.notify_one();
        }
    }

    fn scrapes(&self) -> usize {
        self.open.values().map(|entry| entry.scrapes).sum()
    }

    /// Of the peer that holds more than its share, one that is not being responded to. Otherwise
    /// one that waits for its client, if there is one, of the peer that holds most.
    fn connection_to_evict(&self, newcomer: Peer, limit: usize) -> Option<u64> {
        let held = count_by_peer(self.open.values().map(|entry| (entry.peer, 1)), newcomer);
        let greedy = peer_above_share(&held, limit);
        let order = |(id, entry): (&u64, &Entry)| {
            let phase = entry.activity.phase();
            let class = phase.eviction_class();
            let above_share = greedy == Some(entry.peer) && class < EvictionClass::Responding;
            EvictionOrder {
                protected: !above_share,
                class,
                held_by_peer: Reverse(held.get(&entry.peer).copied().unwrap_or_default()),
                since: phase.since(),
                id: *id,
            }
        };
        Some(self.open.iter().map(order).min()?.id)
    }

    /// The scrape that has made no progress for the longest time: one of the peer that holds more
    /// than its share if there is such a one, but never one of the connection that asks.
    fn scrape_to_evict(&self, asking: &Registration, limit: usize) -> Option<u64> {
        let holders = self.open.values().map(|entry| (entry.peer, entry.scrapes));
        let greedy = peer_above_share(&count_by_peer(holders, asking.peer), limit);
        greedy
            .and_then(|peer| self.most_stalled_scrape(asking.id, |entry| entry.peer == peer))
            .or_else(|| self.most_stalled_scrape(asking.id, |_| true))
    }

    fn most_stalled_scrape(&self, except: u64, matches: impl Fn(&Entry) -> bool) -> Option<u64> {
        let candidates = self
            .open
            .iter()
            .filter(|(id, entry)| **id != except && entry.scrapes > 0 && matches(entry));
        let since = candidates.map(|(id, entry)| (entry.activity.phase().since(), *id));
        since.min().map(|(_, id)| id)
    }
}

/// How much each peer holds. The newcomer counts as if it were admitted.
fn count_by_peer(
    holders: impl Iterator<Item = (Peer, usize)>,
    newcomer: Peer,
) -> HashMap<Peer, usize> {
    let mut held = HashMap::from([(newcomer, 1)]);
    for (peer, count) in holders {
        *held.entry(peer).or_insert(0) += count;
    }
    held
}

/// The peer that holds most, when that is more than its share of `limit`.
fn peer_above_share(held: &HashMap<Peer, usize>, limit: usize) -> Option<Peer> {
    let (peer, count) = held.iter().max_by_key(|(_, count)| **count)?;
    (*count > (limit / SHARE_DIVISOR).max(1)).then_some(*peer)
}

#[cfg(test)]
mod tests;
