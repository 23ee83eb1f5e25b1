//! Which connections and scrapes are evicted, under paused time.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;

fn peer(last: u8) -> Peer {
    SocketAddr::from(([192, 0, 2, last], 1)).into()
}

trait TestConnection: Sized {
    fn is_open(&self) -> bool;
    fn responding(self) -> Self;
}

impl TestConnection for Arc<Registration> {
    fn is_open(&self) -> bool {
        self.table.entries.lock().open.contains_key(&self.id)
    }

    fn responding(self) -> Self {
        self.activity.request_started();
        self.activity.request_admitted();
        self
    }
}

/// A connection that comes a second after the one before.
async fn connect(table: &Arc<ConnectionTable>, last: u8) -> Arc<Registration> {
    tokio::time::advance(Duration::from_secs(1)).await;
    let (registration, _) = table.admit(peer(last), Activity::new(false));
    Arc::new(registration)
}

fn open(clients: &[Arc<Registration>]) -> Vec<bool> {
    clients.iter().map(TestConnection::is_open).collect()
}

#[tokio::test(start_paused = true)]
async fn the_longest_waiting_is_evicted_and_a_responding_one_stays() {
    let table = ConnectionTable::new(3, 9);
    let responding = connect(&table, 1).await.responding();
    let idle = connect(&table, 2).await.responding();
    let silent = connect(&table, 3).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    idle.activity.response_written();
    let mut clients = vec![responding, idle, silent, connect(&table, 4).await];
    assert_eq!(open(&clients), [true, true, false, true]);
    clients.push(connect(&table, 5).await);
    assert_eq!(open(&clients), [true, false, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_above_its_share_of_connections_is_evicted_first() {
    let table = ConnectionTable::new(8, 9);
    let idle = connect(&table, 1).await;
    let mut greedy = Vec::new();
    for _ in 0..7 {
        greedy.push(connect(&table, 2).await);
    }
    for newcomer in [3, 1, 2] {
        greedy.push(connect(&table, newcomer).await);
    }
    assert!(idle.is_open(), "the oldest, but within its share");
    let first_four = open(&greedy)[..4].to_vec();
    assert_eq!(first_four, [false, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn of_peers_within_their_share_the_largest_holder_is_evicted() {
    let table = ConnectionTable::new(16, 9);
    let idle = connect(&table, 1).await;
    let mut flood = Vec::new();
    for last in [2, 3, 4, 5, 6].repeat(3) {
        flood.push(connect(&table, last).await);
    }
    let newcomers = [connect(&table, 7).await, connect(&table, 8).await];
    assert!(idle.is_open(), "the oldest, but it holds least");
    assert_eq!(open(&newcomers), [true, true]);
    let first_three = open(&flood)[..3].to_vec();
    assert_eq!(first_three, [false, false, true], "ties go to the oldest");
    let again = connect(&table, 4).await;
    assert!(!flood[2].is_open() && again.is_open(), "its own oldest");
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_password_being_hashed_is_kept() {
    let table = ConnectionTable::new(8, 9);
    let hashed = connect(&table, 1).await;
    hashed.activity.request_started();
    hashed.activity.set_hashing(true);
    let mut silent = Vec::new();
    for last in 2..=20 {
        silent.push(connect(&table, last).await);
    }
    assert!(hashed.is_open());
    hashed.activity.set_hashing(false);
    connect(&table, 21).await;
    assert!(!hashed.is_open(), "its body or its pause is waited for");
}

#[tokio::test(start_paused = true)]
async fn queued_passwords_do_not_give_a_peer_more_than_its_share() {
    let table = ConnectionTable::new(8, 9);
    let idle = connect(&table, 1).await;
    let mut guesses = Vec::new();
    for _ in 0..20 {
        let guess = connect(&table, 2).await;
        guess.activity.request_started();
        guess.activity.set_hashing(true);
        guesses.push(guess);
    }
    let newcomers = [connect(&table, 3).await, connect(&table, 4).await];
    assert!(idle.is_open());
    assert_eq!(open(&newcomers), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_responding_the_one_without_progress_is_evicted() {
    let table = ConnectionTable::new(2, 9);
    let moving = connect(&table, 1).await.responding();
    let stuck = connect(&table, 1).await.responding();
    tokio::time::advance(Duration::from_secs(1)).await;
    moving.activity.bytes_written();
    let new = connect(&table, 1).await;
    assert_eq!(open(&[moving, stuck, new]), [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn the_scrape_without_progress_is_evicted_for_a_new_one() {
    let table = ConnectionTable::new(99, 2);
    let moving = connect(&table, 1).await.responding();
    let stuck = connect(&table, 1).await.responding();
    let _first = moving.begin_scrape().unwrap();
    let _second = stuck.begin_scrape().unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    moving.activity.bytes_written();
    let new = connect(&table, 1).await.responding();
    let third = new.begin_scrape();
    assert!(third.is_some());
    assert!(stuck.begin_scrape().is_none(), "it is evicted");
    assert_eq!(open(&[moving, stuck, new]), [true, false, true]);
    drop(third);
    assert_eq!(table.entries.lock().scrapes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_above_its_share_of_scrapes_is_evicted_first() {
    let table = ConnectionTable::new(99, 4);
    let mut clients = vec![connect(&table, 1).await.responding()];
    for _ in 0..3 {
        clients.push(connect(&table, 2).await.responding());
    }
    let mut permits = Vec::new();
    for client in &clients {
        permits.push(client.begin_scrape().unwrap());
    }
    for client in &clients[1..] {
        client.activity.bytes_written();
    }
    let new = connect(&table, 3).await.responding();
    assert!(new.begin_scrape().is_some());
    assert_eq!(open(&clients), [true, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn one_connection_cannot_evict_itself_by_pipelining() {
    let table = ConnectionTable::new(9, 2);
    let one = connect(&table, 1).await.responding();
    let _permits = [(); 2].map(|()| one.begin_scrape().unwrap());
    assert!(one.begin_scrape().is_none());
    assert!(one.is_open());
}
