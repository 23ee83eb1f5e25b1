//! Passwords, right and wrong, and what checking them costs.

use super::*;
use crate::cases::{check_each, check_each_async};

const MAX_WAIT: Duration = Duration::from_secs(60);

fn users() -> Users {
    let hash = bcrypt::hash("pässword:x", 4).unwrap();
    Users::new(BTreeMap::from([("alice".to_owned(), hash.into())]), None)
}

fn peer() -> Peer {
    std::net::SocketAddr::from(([192, 0, 2, 1], 1)).into()
}

fn basic(token: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Basic {token}")).unwrap()
}

#[test]
fn passwords_are_compared_by_length_and_content() {
    assert!(constant_time_eq(b"abc", b"abc") && constant_time_eq(b"", b""));
    let cases = [
        ("abc", "abd"),
        ("", "a"),
        ("a", ""),
        ("aa", "a"),
        ("a", "aa"),
    ];
    check_each(cases, |(a, b)| {
        assert!(!constant_time_eq(a.as_bytes(), b.as_bytes()), "{a} {b}");
    });
}

#[tokio::test]
async fn only_the_right_password_of_a_known_user_is_granted() {
    let users = users();
    // alice:pässword:x, alice:wrong, bob:pässword:x
    let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
    let cases = [
        (Some(right.clone()), Verdict::Granted),
        (Some(right.clone()), Verdict::Granted),
        (Some(basic("YWxpY2U6d3Jvbmc=")), Verdict::Denied),
        (Some(basic("Ym9iOnDDpHNzd29yZDp4")), Verdict::Denied),
        (Some(basic("YWxpY2U=")), Verdict::Denied),
        (Some(basic("???")), Verdict::Denied),
        (
            Some(HeaderValue::from_static("Bearer abc")),
            Verdict::Denied,
        ),
        (None, Verdict::Denied),
    ];
    check_each_async(cases, async |(header, verdict)| {
        assert_eq!(
            users.check(header.as_ref(), peer(), MAX_WAIT, |_| ()).await,
            verdict
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_verified_password_is_not_hashed_again() {
    let users = users();
    let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
    let wrong = basic("YWxpY2U6d3Jvbmc=");
    let check = |header| users.check(Some(header), peer(), MAX_WAIT, |_| ());
    assert_eq!(check(&right).await, Verdict::Granted);
    let others = [(); 2].map(|()| users.queue.attempt(peer()));
    let _permits = [others[0].permit().await, others[1].permit().await];
    assert_eq!(check(&right).await, Verdict::Granted);
    assert_eq!(check(&wrong).await, Verdict::Busy);
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_a_throttled_peer_does_not_count_as_hashing() {
    let users = users();
    let wrong = basic("YWxpY2U6d3Jvbmc=");
    let mut delays = Vec::new();
    for _ in 0..8 {
        let calls = std::cell::RefCell::new(Vec::new());
        let on_hashing = |hashing| {
            calls
                .borrow_mut()
                .push((hashing, tokio::time::Instant::now()))
        };
        users
            .check(Some(&wrong), peer(), MAX_WAIT, on_hashing)
            .await;
        let calls = calls.into_inner();
        let states: Vec<_> = calls.iter().map(|(hashing, _)| *hashing).collect();
        assert_eq!(states, [true, false]);
        delays.push(calls[1].1.elapsed());
    }
    assert!(delays[0].is_zero() && !delays[7].is_zero(), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_counts_even_if_its_client_disconnects() {
    let users = users();
    for header in [
        "YWxpY2U6cMOkc3N3b3JkOng=", // alice:pässword:x
        "YWxpY2U6d3Jvbmc=",         // alice:wrong
        "Ym9iOnDDpHNzd29yZDp4",     // bob:pässword:x
    ] {
        let header = basic(header);
        let check = users.check(Some(&header), peer(), MAX_WAIT, |_| ());
        // Polls it once, which starts the hashing.
        let _ = timeout(Duration::ZERO, check).await;
        while users.queue.running() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(users.queue.failures(peer()), 2);
}

#[tokio::test(start_paused = true)]
async fn passwords_stay_verified_while_the_hash_is_the_same() {
    let old = users();
    let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
    let verdict = old.check(Some(&right), peer(), MAX_WAIT, |_| ()).await;
    assert_eq!(verdict, Verdict::Granted);
    let hash = old.users["alice"].hash.expose_secret().to_owned();
    let others = [(); 2].map(|()| old.queue.attempt(peer()));
    let _permits = [others[0].permit().await, others[1].permit().await];
    let cases = [
        (hash, Verdict::Granted),
        (bcrypt::hash("new", 4).unwrap(), Verdict::Busy),
    ];
    check_each_async(cases, async |(hash, verdict)| {
        let hashes = BTreeMap::from([("alice".to_owned(), hash.into())]);
        let new = Users::new(hashes, Some(&old));
        assert_eq!(
            new.check(Some(&right), peer(), MAX_WAIT, |_| ()).await,
            verdict
        );
    })
    .await;
}

#[test]
fn every_wrong_password_is_as_much_work_as_the_highest_cost() {
    let work = |cost: u32| 1_u64 << cost;
    for target in 4..=18 {
        for done in (4..=target).map(Some).chain([None]) {
            let more: u64 = dummy_costs(done, target).map(work).sum();
            assert_eq!(done.map_or(0, work) + more, work(target), "{done:?}");
        }
    }
    let hashes = [("a", 4), ("b", 6)].map(|(name, cost)| {
        let hash = bcrypt::hash(name, cost).unwrap();
        (name.to_owned(), hash.into())
    });
    let users = Users::new(BTreeMap::from(hashes), None);
    assert_eq!(users.max_cost, 6);
    let dummy = format!("$2b$06${DUMMY_DIGEST}");
    assert!(hash_cost(&dummy).is_ok() && !bcrypt::verify("", &dummy).unwrap());
}

#[test]
fn errors_about_hashes_do_not_repeat_them() {
    let costly = format!("$2y$31${DUMMY_DIGEST}");
    let cases = [("secret", "expected a bcrypt hash"), (&costly, "found 31")];
    check_each(cases, |(hash, word)| {
        let error = hash_cost(hash).unwrap_err();
        assert!(error.contains(word) && !error.contains(hash), "{error}");
    });
}
