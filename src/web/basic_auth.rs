//! Basic authentication against bcrypt hashes.
//!
//! bcrypt is slow on purpose, so it runs on blocking threads, in the order of [`HashQueue`], and a
//! password that was verified once is compared directly from then on. Neither the response time nor
//! the log reveals whether a user exists.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use subtle::ConstantTimeEq;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::hash_queue::{HashPermit, HashQueue};
use super::peer::Peer;

/// Salt and digest that no password has: 53 zero digits in bcrypt's alphabet.
const DUMMY_DIGEST: &str = ".....................................................";

/// The cost of dummy hashes when no user has one; `htpasswd -B` is advised with it.
const DEFAULT_COST: u32 = 10;

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is right.
    Granted,
    /// There is none, or it is wrong.
    Denied,
    /// Too many passwords are waiting to be hashed.
    Busy,
}

/// The users of the web configuration file.
pub(super) struct Users {
    users: BTreeMap<String, User>,
    /// The highest cost of all hashes. Every wrong password costs this much, whoever the user is.
    max_cost: u32,
    queue: Arc<HashQueue>,
}

struct User {
    hash: Arc<SecretString>,
    /// Guards the password that last matched the hash. One password per user bounds the cache.
    verified: Mutex<Option<SecretSlice<u8>>>,
}

/// What hashing a password gave.
struct Hashed {
    password: SecretSlice<u8>,
    matches: bool,
    hash_time: Duration,
}

impl Users {
    /// Users by name, with hashes that [`hash_cost`] accepts. Of `previous`, passwords stay verified
    /// for users whose hash is the same, and failures of peers stay known.
    pub(super) fn new(hashes: BTreeMap<String, SecretString>, previous: Option<&Self>) -> Self {
        let max_cost = hashes.values().map(cost_of).max().unwrap_or(DEFAULT_COST);
        let users = hashes.into_iter().map(|(name, hash)| {
            let same = previous
                .and_then(|previous| previous.users.get(&name))
                .filter(|user| user.hash.expose_secret() == hash.expose_secret());
            let user = User {
                hash: Arc::new(hash),
                verified: Mutex::new(same.and_then(|user| user.verified.lock().clone())),
            };
            (name, user)
        });
        Self {
            users: users.collect(),
            max_cost,
            queue: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.queue)),
        }
    }

    /// Whether a password of this user has been verified.
    #[cfg(test)]
    pub(super) fn has_verified(&self, name: &str) -> bool {
        self.users[name].verified.lock().is_some()
    }

    /// Checks an `Authorization` header of a peer, waiting at most `max_wait` for its hash to begin.
    /// `on_hashing` gets whether the password is being hashed or queued for it; the delay after a
    /// wrong password is not part of that.
    pub(super) async fn check(
        &self,
        header: Option<&HeaderValue>,
        peer: Peer,
        max_wait: Duration,
        on_hashing: impl Fn(bool),
    ) -> Verdict {
        let Some((name, password)) = header.and_then(credentials) else {
            return Verdict::Denied;
        };
        let user = self.users.get(&name);
        if user.is_some_and(|user| user.has_verified(&password)) {
            return Verdict::Granted;
        }
        let attempt = self.queue.attempt(peer);
        on_hashing(true);
        let Ok(Some(permit)) = timeout(max_wait, attempt.permit()).await else {
            on_hashing(false);
            return Verdict::Busy;
        };
        // Many scrapes can have queued with the same password.
        if user.is_some_and(|user| user.has_verified(&password)) {
            on_hashing(false);
            return Verdict::Granted;
        }
        let outcome = self.hash(user, password, permit).await;
        on_hashing(false);
        let Ok(hashed) = outcome else {
            return Verdict::Denied;
        };
        match user {
            Some(user) if hashed.matches => {
                *user.verified.lock() = Some(hashed.password);
                Verdict::Granted
            }
            _ => {
                sleep(attempt.failure_delay(hashed.hash_time)).await;
                Verdict::Denied
            }
        }
    }

    /// Hashes a password on a blocking thread, which owns the permit: a client that disconnects
    /// must neither let one more hash run nor guess without being counted.
    fn hash(
        &self,
        user: Option<&User>,
        password: SecretSlice<u8>,
        mut permit: HashPermit,
    ) -> JoinHandle<Hashed> {
        let (hash, max_cost) = (user.map(|user| Arc::clone(&user.hash)), self.max_cost);
        spawn_blocking(move || {
            permit.hashing_started();
            let start = real_time();
            let matches = verify(&password, hash.as_deref(), max_cost);
            if matches {
                permit.password_verified();
            }
            Hashed {
                password,
                matches,
                hash_time: start.elapsed(),
            }
        })
    }
}

/// Hashing takes real time, also where tokio's clock is paused.
#[allow(
    clippy::disallowed_methods,
    reason = "with a paused clock hashing would seem to take no time"
)]
fn real_time() -> std::time::Instant {
    std::time::Instant::now()
}

/// Whether the password matches the hash. A wrong one takes as long as one hash of `cost`, whatever
/// the cost of its own hash is and whether there is one.
fn verify(password: &SecretSlice<u8>, hash: Option<&SecretString>, cost: u32) -> bool {
    let matches = |hash: &str| bcrypt::verify(password.expose_secret(), hash).unwrap_or(false);
    if hash.is_some_and(|hash| matches(hash.expose_secret())) {
        return true;
    }
    for dummy_cost in dummy_costs(hash.map(cost_of), cost) {
        // No password matches it.
        black_box(matches(&format!("$2b${dummy_cost:02}${DUMMY_DIGEST}")));
    }
    false
}

/// The costs of the dummy hashes that make up the work of one hash of `target`, after one of `done`.
/// Each cost is twice the work of the one below: 4 and 4, 5, 6 make 7.
fn dummy_costs(done: Option<u32>, target: u32) -> std::ops::Range<u32> {
    match done {
        Some(done) => done..target,
        None => target..target + 1,
    }
}

fn cost_of(hash: &SecretString) -> u32 {
    hash_cost(hash.expose_secret()).unwrap_or(DEFAULT_COST)
}

impl User {
    /// Whether this password has been verified.
    fn has_verified(&self, password: &SecretSlice<u8>) -> bool {
        let verified = self.verified.lock();
        verified.as_ref().is_some_and(|verified| {
            constant_time_eq(password.expose_secret(), verified.expose_secret())
        })
    }
}

/// Whether the two are equal, in a time that depends on the length of `given` alone. The comparison
/// of slices in `subtle` would reveal whether the lengths are equal.
fn constant_time_eq(given: &[u8], stored: &[u8]) -> bool {
    let mut equal = given.len().ct_eq(&stored.len());
    for (index, byte) in given.iter().enumerate() {
        let other = stored.get(index % stored.len().max(1)).unwrap_or(&0);
        equal &= byte.ct_eq(other);
    }
    equal.into()
}

/// User and password of a `Basic` header.
fn credentials(header: &HeaderValue) -> Option<(String, SecretSlice<u8>)> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut decoded = STANDARD.decode(token.trim()).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.pop();
    Some((String::from_utf8(decoded).ok()?, password.into()))
}

/// The cost of a bcrypt hash, 4 to 18.
///
/// # Errors
/// What is wrong with the hash, without repeating it.
pub(super) fn hash_cost(hash: &str) -> Result<u32, String> {
    let advice = "create one with: htpasswd -nBC 10 \"\"";
    let parts: bcrypt::HashParts = hash
        .parse()
        .map_err(|_| format!("expected a bcrypt hash; {advice}"))?;
    match parts.get_cost() {
        cost @ 4..=18 => Ok(cost),
        cost => Err(format!(
            "expected a bcrypt cost from 4 to 18, found {cost}; a higher one takes minutes to check; \
             {advice}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (a, b) in [
            ("abc", "abd"),
            ("", "a"),
            ("a", ""),
            ("aa", "a"),
            ("a", "aa"),
        ] {
            assert!(!constant_time_eq(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_granted() {
        let users = users();
        // alice:pässword:x, alice:wrong, bob:pässword:x
        let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
        for (header, verdict) in [
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
        ] {
            assert_eq!(
                users.check(header.as_ref(), peer(), MAX_WAIT, |_| ()).await,
                verdict
            );
        }
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
        for (hash, verdict) in [
            (hash, Verdict::Granted),
            (bcrypt::hash("new", 4).unwrap(), Verdict::Busy),
        ] {
            let hashes = BTreeMap::from([("alice".to_owned(), hash.into())]);
            let new = Users::new(hashes, Some(&old));
            assert_eq!(
                new.check(Some(&right), peer(), MAX_WAIT, |_| ()).await,
                verdict
            );
        }
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
        for (hash, word) in [("secret", "expected a bcrypt hash"), (&costly, "found 31")] {
            let error = hash_cost(hash).unwrap_err();
            assert!(error.contains(word) && !error.contains(hash), "{error}");
        }
    }
}
