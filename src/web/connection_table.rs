//! Which connections are open, and who makes room when they are too many.
//!
//! When a limit is met, a newcomer is let in and another one goes, so that neither silent nor slow
//! clients can lock anybody out. A peer that holds more than its share goes first. Of connections,
//! one that waits for its client goes (silent, slow, or resting): of the peer that holds most the
//! one that has waited longest, so that many who hold little more than others lock nobody out
//! either. Of responses, the one whose reader has taken nothing for the longest time.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::activity::{Activity, Standing};
use super::peer::Peer;

/// The part of a limit that one peer may hold while others want in.
const SHARE: usize = 4;

/// The open connections, and the responses of the metrics page among them.
pub(super) struct Connections {
    most_connections: usize,
    most_responses: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    peer: Peer,
    activity: Arc<Activity>,
    /// Metrics pages that are not written out.
    responses: usize,
    cut: Arc<Notify>,
}

/// What a connection's place in the table was had for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// There was room.
    Free,
    /// Another connection had to go.
    Displaced,
}

impl Connections {
    pub(super) fn new(most_connections: usize, most_responses: usize) -> Arc<Self> {
        Arc::new(Self {
            most_connections,
            most_responses,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in, if need be in the place of another one.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: Peer,
        activity: Arc<Activity>,
    ) -> (Registration, Admission) {
        let mut state = self.state();
        let mut admission = Admission::Free;
        while state.open.len() >= self.most_connections {
            let Some(id) = state.connection_to_cut(peer, self.most_connections) else {
                break;
            };
            state.cut(id);
            admission = Admission::Displaced;
        }
        let id = state.next;
        state.next += 1;
        let cut = Arc::new(Notify::new());
        state.open.insert(
            id,
            Open {
                peer,
                activity,
                responses: 0,
                cut: Arc::clone(&cut),
            },
        );
        let registration = Registration {
            connections: Arc::clone(self),
            id,
            peer,
            cut,
        };
        (registration, admission)
    }
}

/// A connection's entry in the table; dropped with the connection.
pub(super) struct Registration {
    connections: Arc<Connections>,
    id: u64,
    peer: Peer,
    cut: Arc<Notify>,
}

impl Registration {
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Resolves when the connection has to make room.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// Permission to write a metrics page, if need be in the place of another connection's. None
    /// when only this connection's own are under way, or it was cut off.
    pub(super) fn begin_response(self: &Arc<Self>) -> Option<ResponsePermit> {
        let mut state = self.connections.state();
        let most = self.connections.most_responses;
        if !state.open.contains_key(&self.id) {
            return None;
        }
        while state.responses() >= most {
            let id = state.response_to_cut(self.id, self.peer, most)?;
            tracing::debug!("a stalled response was cut off to make room for another one");
            state.cut(id);
        }
        state.open.get_mut(&self.id)?.responses += 1;
        Some(ResponsePermit(Arc::clone(self)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.state().open.remove(&self.id);
    }
}

/// Held while a metrics page is written.
pub(super) struct ResponsePermit(Arc<Registration>);

impl Drop for ResponsePermit {
    fn drop(&mut self) {
        // Absent when the connection was cut off.
        if let Some(open) = self.0.connections.state().open.get_mut(&self.0.id) {
            open.responses -= 1;
        }
    }
}

impl State {
    fn cut(&mut self, id: u64) {
        if let Some(open) = self.open.remove(&id) {
            open.cut.notify_one();
        }
    }

    fn responses(&self) -> usize {
        self.open.values().map(|open| open.responses).sum()
    }

    /// Of the peer that holds more than its share, one that is not answered. Else one that waits
    /// for its client, if there is one, of the peer that holds most.
    fn connection_to_cut(&self, newcomer: Peer, most: usize) -> Option<u64> {
        let held = held(self.open.values().map(|open| (open.peer, 1)), newcomer);
        let greedy = greedy(&held, most);
        let order = |(id, open): (&u64, &Open)| {
            let phase = open.activity.phase();
            let standing = phase.standing();
            let too_much = greedy == Some(open.peer) && standing < Standing::Answered;
            let count = held.get(&open.peer).copied().unwrap_or_default();
            (!too_much, standing, Reverse(count), phase.since(), *id)
        };
        let (.., id) = self.open.iter().map(order).min()?;
        Some(id)
    }

    fn response_to_cut(&self, own: u64, newcomer: Peer, most: usize) -> Option<u64> {
        let holders = self.open.values().map(|open| (open.peer, open.responses));
        let greedy = greedy(&held(holders, newcomer), most);
        let others = |all: bool| {
            let open = self.open.iter();
            let others = open.filter(move |(id, open)| {
                let counts = all || greedy.is_none_or(|peer| open.peer == peer);
                **id != own && open.responses > 0 && counts
            });
            others
                .map(|(id, open)| (open.activity.phase().since(), *id))
                .min()
        };
        others(false).or_else(|| others(true)).map(|(_, id)| id)
    }
}

/// How much each peer holds. The newcomer counts as if it were in.
fn held(holders: impl Iterator<Item = (Peer, usize)>, newcomer: Peer) -> HashMap<Peer, usize> {
    let mut held = HashMap::from([(newcomer, 1)]);
    for (peer, count) in holders {
        *held.entry(peer).or_insert(0) += count;
    }
    held
}

/// The peer that holds most, when that is more than its share of `most`.
fn greedy(held: &HashMap<Peer, usize>, most: usize) -> Option<Peer> {
    let (peer, count) = held.iter().max_by_key(|(_, count)| **count)?;
    (*count > (most / SHARE).max(1)).then_some(*peer)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    fn peer(last: u8) -> Peer {
        SocketAddr::from(([192, 0, 2, last], 1)).into()
    }

    struct Client {
        activity: Arc<Activity>,
        registration: Arc<Registration>,
    }

    impl Client {
        fn is_open(&self) -> bool {
            let state = self.registration.connections.state();
            state.open.contains_key(&self.registration.id)
        }

        fn answering(self) -> Self {
            self.activity.request_started();
            self.activity.admitted();
            self
        }
    }

    /// A connection that comes a second after the one before.
    async fn connect(table: &Arc<Connections>, last: u8) -> Client {
        tokio::time::advance(Duration::from_secs(1)).await;
        let activity = Activity::new(false);
        let (registration, _) = table.admit(peer(last), Arc::clone(&activity));
        Client {
            activity,
            registration: Arc::new(registration),
        }
    }

    fn open(clients: &[Client]) -> Vec<bool> {
        clients.iter().map(Client::is_open).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_waiting_goes_and_one_that_is_answered_stays() {
        let table = Connections::new(3, 9);
        let answered = connect(&table, 1).await.answering();
        let rested = connect(&table, 2).await.answering();
        let silent = connect(&table, 3).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        rested.activity.response_written();
        let mut clients = vec![answered, rested, silent, connect(&table, 4).await];
        assert_eq!(open(&clients), [true, true, false, true]);
        clients.push(connect(&table, 5).await);
        assert_eq!(open(&clients), [true, false, false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_more_than_its_share_makes_room_first() {
        let table = Connections::new(8, 9);
        let resting = connect(&table, 1).await;
        let mut greedy = Vec::new();
        for _ in 0..7 {
            greedy.push(connect(&table, 2).await);
        }
        for newcomer in [3, 1, 2] {
            greedy.push(connect(&table, newcomer).await);
        }
        assert!(resting.is_open(), "the oldest, but within its share");
        let first_four = open(&greedy)[..4].to_vec();
        assert_eq!(first_four, [false, false, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_peers_within_their_share_the_one_that_holds_most_makes_room() {
        let table = Connections::new(16, 9);
        let resting = connect(&table, 1).await;
        let mut flood = Vec::new();
        for last in [2, 3, 4, 5, 6].repeat(3) {
            flood.push(connect(&table, last).await);
        }
        let newcomers = [connect(&table, 7).await, connect(&table, 8).await];
        assert!(resting.is_open(), "the oldest, but it holds least");
        assert_eq!(open(&newcomers), [true, true]);
        let first_three = open(&flood)[..3].to_vec();
        assert_eq!(first_three, [false, false, true], "ties go to the oldest");
        let again = connect(&table, 4).await;
        assert!(!flood[2].is_open() && again.is_open(), "its own oldest");
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_password_is_hashed_stays_before_those_who_wait_for_their_clients() {
        let table = Connections::new(8, 9);
        let checked = connect(&table, 1).await;
        checked.activity.request_started();
        checked.activity.set_checking(true);
        let mut silent = Vec::new();
        for last in 2..=20 {
            silent.push(connect(&table, last).await);
        }
        assert!(checked.is_open());
        checked.activity.set_checking(false);
        connect(&table, 21).await;
        assert!(!checked.is_open(), "its body or its pause is waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn one_peer_does_not_keep_more_than_its_share_by_passwords_in_wait() {
        let table = Connections::new(8, 9);
        let resting = connect(&table, 1).await;
        let mut guesses = Vec::new();
        for _ in 0..20 {
            let guess = connect(&table, 2).await;
            guess.activity.request_started();
            guess.activity.set_checking(true);
            guesses.push(guess);
        }
        let newcomers = [connect(&table, 3).await, connect(&table, 4).await];
        assert!(resting.is_open());
        assert_eq!(open(&newcomers), [true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_answered_the_one_without_progress_goes() {
        let table = Connections::new(2, 9);
        let moving = connect(&table, 1).await.answering();
        let stuck = connect(&table, 1).await.answering();
        tokio::time::advance(Duration::from_secs(1)).await;
        moving.activity.bytes_written();
        let new = connect(&table, 1).await;
        assert_eq!(open(&[moving, stuck, new]), [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_response_that_progressed_least_makes_room_for_another() {
        let table = Connections::new(99, 2);
        let moving = connect(&table, 1).await.answering();
        let stuck = connect(&table, 1).await.answering();
        let _first = moving.registration.begin_response().unwrap();
        let _second = stuck.registration.begin_response().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        moving.activity.bytes_written();
        let new = connect(&table, 1).await.answering();
        let third = new.registration.begin_response();
        assert!(third.is_some());
        assert!(stuck.registration.begin_response().is_none(), "it is cut");
        assert_eq!(open(&[moving, stuck, new]), [true, false, true]);
        drop(third);
        assert_eq!(table.state().responses(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_more_than_its_share_of_responses_loses_one_first() {
        let table = Connections::new(99, 4);
        let mut clients = vec![connect(&table, 1).await.answering()];
        for _ in 0..3 {
            clients.push(connect(&table, 2).await.answering());
        }
        let mut permits = Vec::new();
        for client in &clients {
            permits.push(client.registration.begin_response().unwrap());
        }
        for client in &clients[1..] {
            client.activity.bytes_written();
        }
        let new = connect(&table, 3).await.answering();
        assert!(new.registration.begin_response().is_some());
        assert_eq!(open(&clients), [true, false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_cannot_displace_itself_by_pipelining() {
        let table = Connections::new(9, 2);
        let one = connect(&table, 1).await.answering();
        let _permits = [(); 2].map(|()| one.registration.begin_response().unwrap());
        assert!(one.registration.begin_response().is_none());
        assert!(one.is_open());
    }
}
