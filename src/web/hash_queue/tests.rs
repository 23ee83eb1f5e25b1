//! The order of hashes under paused time.

use std::net::SocketAddr;

use tokio::task::JoinHandle;

use super::*;
use crate::cases::check_each_async;

const HASH: Duration = Duration::from_millis(50);

fn peer(last: u8) -> Peer {
    SocketAddr::from(([192, 0, 2, last], 1)).into()
}

fn wait(attempt: Attempt) -> JoinHandle<Option<HashPermit>> {
    tokio::spawn(async move { attempt.permit().await })
}

/// Runs all tasks until they wait.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// A wrong password, with no other attempt before it.
fn fail(queue: &Arc<HashQueue>, attempt: &Attempt) -> Duration {
    queue.state.lock().record(attempt.peer).count_failure();
    attempt.failure_delay(HASH)
}

fn throttle(queue: &Arc<HashQueue>, peer: Peer) {
    let attempt = queue.attempt(peer);
    for _ in 0..=FREE_FAILURES {
        fail(queue, &attempt);
    }
}

#[tokio::test(start_paused = true)]
async fn only_hashed_wrong_passwords_count_in_the_end() {
    let queue = Arc::new(HashQueue::default());
    let counted = || queue.state.lock().record(peer(1)).failures;
    let cases = [(false, false, 0), (true, true, 0), (true, false, 1)];
    check_each_async(cases, async |(hashed, right, more)| {
        let before = counted();
        // Its client disconnects while the permit is in use.
        let attempt = queue.attempt(peer(1));
        let mut permit = attempt.permit().await.unwrap();
        drop(attempt);
        assert_eq!(counted(), before + 1, "all count while they run");
        if hashed {
            permit.hashing_started();
        }
        if right {
            permit.password_verified();
        }
        drop(permit);
        assert_eq!(counted(), before + more, "{hashed} {right}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn simultaneous_attempts_are_not_all_free() {
    let queue = Arc::new(HashQueue::default());
    let mut attempts: Vec<_> = (0..50).map(|_| wait(queue.attempt(peer(1)))).collect();
    let mut free = 0;
    while !attempts.is_empty() {
        settle().await;
        let ended = attempts.extract_if(.., |attempt| attempt.is_finished());
        for attempt in ended.collect::<Vec<_>>() {
            let mut permit = attempt.await.unwrap().unwrap();
            permit.hashing_started();
            free += u32::from(!permit.throttled);
        }
    }
    assert_eq!(free, FREE_FAILURES + 1);
}

/// Each of the others has a newer attempt waiting whenever a hash ends.
#[tokio::test(start_paused = true)]
async fn a_peer_waits_for_one_hash_of_each_other_peer_at_most() {
    const OTHERS: u8 = 20;
    check_each_async([true, false], async |all_throttled| {
        let queue = Arc::new(HashQueue::default());
        if all_throttled {
            (0..=OTHERS).for_each(|last| throttle(&queue, peer(last)));
        }
        let start = |last| wait(queue.attempt(peer(last)));
        let mut others: Vec<_> = (1..=OTHERS).map(start).collect();
        settle().await;
        let waiting = start(0);
        for _ in 0..OTHERS {
            others.extend((1..=OTHERS).map(start));
            settle().await;
            let next = others.iter().position(JoinHandle::is_finished).unwrap();
            drop(others.swap_remove(next).await.unwrap());
        }
        settle().await;
        assert!(waiting.is_finished(), "throttled: {all_throttled}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_attempt_waits_only_for_running_hashes() {
    let queue = Arc::new(HashQueue::default());
    throttle(&queue, peer(1));
    let attempts: Vec<_> = (0..300).map(|_| wait(queue.attempt(peer(1)))).collect();
    settle().await;
    assert_eq!(
        queue.state.lock().running,
        1,
        "throttled peers share one hash"
    );

    let other_peer = wait(queue.attempt(peer(2)));
    let same_peer = wait(queue.attempt(peer(1)));
    settle().await;
    assert!(
        other_peer.is_finished(),
        "one hash is reserved for the others"
    );
    assert!(!same_peer.is_finished());
    let running = attempts.iter().position(JoinHandle::is_finished).unwrap();
    let mut attempts = attempts;
    drop(attempts.swap_remove(running).await.unwrap());
    settle().await;
    assert!(same_peer.is_finished(), "it waited for more than one hash");
}

#[tokio::test(start_paused = true)]
async fn the_first_failures_are_free_and_forgotten_in_time() {
    let queue = Arc::new(HashQueue::default());
    let attempt = queue.attempt(peer(1));
    for _ in 0..FREE_FAILURES {
        assert_eq!(fail(&queue, &attempt), Duration::ZERO);
    }
    assert_eq!(fail(&queue, &attempt), HASH * DELAY_HASHES);
    let more: Vec<_> = (0..9).map(|_| queue.attempt(peer(1))).collect();
    assert_eq!(fail(&queue, &attempt), HASH * DELAY_HASHES * 10);
    assert_eq!(attempt.failure_delay(HASH * 999), MAX_DELAY);
    assert_eq!(fail(&queue, &queue.attempt(peer(2))), Duration::ZERO);
    drop(more);
    tokio::time::advance(FORGET_INTERVAL * 99).await;
    assert_eq!(fail(&queue, &attempt), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn abandoned_attempts_leave_nothing_behind() {
    let queue = Arc::new(HashQueue::default());
    let running = [(); MAX_HASHES].map(|()| wait(queue.attempt(peer(1))));
    settle().await;
    let abandoned = wait(queue.attempt(peer(1)));
    settle().await;
    abandoned.abort();
    settle().await;
    for permit in running {
        drop(permit.await.unwrap());
    }
    let state = queue.state.lock();
    assert_eq!((state.running, state.queues.len()), (0, 0));
    assert!(state.peers.values().all(|record| record.pending == 0));
}

#[test]
fn a_flood_of_addresses_is_not_remembered() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let queue = Arc::new(HashQueue::default());
        for address in 0..20_000_u32 {
            let address = SocketAddr::from((std::net::Ipv4Addr::from(address), 1));
            fail(&queue, &queue.attempt(address.into()));
        }
        assert!(queue.state.lock().peers.len() <= MAX_PEERS);
    });
}
