//! Who may ask: basic authentication against bcrypt hashes.
//!
//! bcrypt is slow on purpose, so it runs off the executor and in turns (see `guesses`), and a
//! password that was proven once is compared directly from then on. Neither the time of an answer
//! nor the log tells whether a user exists.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::time::{sleep, timeout};

use super::hash_queue::Turns;
use super::peer::Peer;

/// Salt and digest of no password: 53 zero digits in bcrypt's alphabet.
const NO_DIGEST: &str = ".....................................................";

/// The cost that `htpasswd` is advised with.
const DEFAULT_COST: u32 = 10;

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is right.
    Granted,
    /// There is none, or it is wrong.
    Denied,
    /// Too many passwords are waiting to be checked.
    Busy,
}

/// The users of the web configuration file.
pub(super) struct Users {
    users: BTreeMap<String, User>,
    /// The highest cost of all hashes. Every wrong guess costs this much, whoever it is about.
    cost: u32,
    turns: Arc<Turns>,
}

struct User {
    hash: Arc<SecretString>,
    /// The password that last matched the hash. One entry per user bounds the cache.
    proven: Mutex<Option<SecretSlice<u8>>>,
}

impl Users {
    /// Users by name, with hashes that [`hash_cost`] accepts. What was proven before stays proven
    /// for those whose hash is still the same, and who guessed stays known.
    pub(super) fn new(hashes: BTreeMap<String, SecretString>, before: Option<&Self>) -> Self {
        let costs = hashes.values().map(cost_of);
        let cost = costs.max().unwrap_or(DEFAULT_COST);
        let users = hashes.into_iter().map(|(name, hash)| {
            let same = before
                .and_then(|before| before.users.get(&name))
                .filter(|user| user.hash.expose_secret() == hash.expose_secret());
            let user = User {
                hash: Arc::new(hash),
                proven: Mutex::new(same.and_then(User::proven)),
            };
            (name, user)
        });
        Self {
            users: users.collect(),
            cost,
            turns: before.map_or_else(Arc::default, |before| Arc::clone(&before.turns)),
        }
    }

    /// Whether a password of this user has been proven.
    #[cfg(test)]
    pub(super) fn has_proven(&self, name: &str) -> bool {
        self.users[name].proven().is_some()
    }

    /// Checks an `Authorization` header of a peer, waiting at most `patience` for its turn.
    /// `hashing` hears whether the password is hashed or waits for that; a pause does not count.
    pub(super) async fn check(
        &self,
        header: Option<&HeaderValue>,
        peer: Peer,
        patience: Duration,
        hashing: impl Fn(bool),
    ) -> Verdict {
        let Some((name, password)) = header.and_then(credentials) else {
            return Verdict::Denied;
        };
        let user = self.users.get(&name);
        if user.is_some_and(|user| user.is_proven(&password)) {
            return Verdict::Granted;
        }
        let attempt = self.turns.attempt(peer);
        hashing(true);
        let Ok(Some(turn)) = timeout(patience, attempt.turn()).await else {
            hashing(false);
            return Verdict::Busy;
        };
        // Many scrapes can have queued with the same password.
        if user.is_some_and(|user| user.is_proven(&password)) {
            hashing(false);
            return Verdict::Granted;
        }
        let (hash, cost) = (user.map(|user| Arc::clone(&user.hash)), self.cost);
        let run = tokio::task::spawn_blocking(move || {
            // Held in here: an impatient client must neither make room for one more run nor guess
            // without being counted.
            let mut turn = turn;
            turn.hashing();
            let began = std::time::Instant::now();
            let right = verify(&password, hash.as_deref(), cost);
            if right {
                turn.right();
            }
            (password, right, began.elapsed())
        });
        let outcome = run.await;
        hashing(false);
        match (user, outcome) {
            (Some(user), Ok((password, true, _))) => {
                user.prove(password);
                Verdict::Granted
            }
            (_, Ok((_, _, took))) => {
                sleep(attempt.pause(took)).await;
                Verdict::Denied
            }
            (_, Err(_)) => Verdict::Denied,
        }
    }
}

/// Whether the password is the hash's. A wrong one takes the work of one hash of `cost`, whatever
/// the cost of its own hash is and whether there is one.
fn verify(password: &SecretSlice<u8>, hash: Option<&SecretString>, cost: u32) -> bool {
    let matches = |hash: &str| bcrypt::verify(password.expose_secret(), hash).unwrap_or(false);
    if hash.is_some_and(|hash| matches(hash.expose_secret())) {
        return true;
    }
    for more in remaining_costs(hash.map(cost_of), cost) {
        // Nothing matches it.
        black_box(matches(&format!("$2b${more:02}${NO_DIGEST}")));
    }
    false
}

/// The costs of the hashes that bring one of `done` up to the work of one of `wanted`. Each cost is
/// twice the work of the one below: 4 and 4, 5, 6 make 7.
fn remaining_costs(done: Option<u32>, wanted: u32) -> std::ops::Range<u32> {
    match done {
        Some(done) => done..wanted,
        None => wanted..wanted + 1,
    }
}

fn cost_of(hash: &SecretString) -> u32 {
    hash_cost(hash.expose_secret()).unwrap_or(DEFAULT_COST)
}

impl User {
    fn proven(&self) -> Option<SecretSlice<u8>> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.clone()
    }

    fn prove(&self, password: SecretSlice<u8>) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(password);
    }

    fn is_proven(&self, password: &SecretSlice<u8>) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.as_ref().is_some_and(|proven| {
            constant_time_eq(password.expose_secret(), proven.expose_secret())
        })
    }
}

/// Whether `given` is `stored`, in a time that depends on `given` alone.
fn constant_time_eq(given: &[u8], stored: &[u8]) -> bool {
    let mut difference = u8::from(given.len() != stored.len());
    for (index, byte) in given.iter().enumerate() {
        let other = stored.get(index % stored.len().max(1)).unwrap_or(&0);
        difference = black_box(difference | (byte ^ other));
    }
    black_box(difference) == 0
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
    let advice = "make one with: htpasswd -nBC 10 \"\"";
    let parts: bcrypt::HashParts = hash
        .parse()
        .map_err(|_| format!("is not a bcrypt hash; {advice}"))?;
    match parts.get_cost() {
        cost @ 4..=18 => Ok(cost),
        cost => Err(format!(
            "has the bcrypt cost {cost}; allowed are 4 to 18, as a check takes minutes beyond; \
             {advice}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

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
    fn comparison() {
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
    async fn right_wrong_unknown_and_malformed() {
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
                users.check(header.as_ref(), peer(), PATIENCE, |_| ()).await,
                verdict
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_proven_password_needs_no_bcrypt_and_the_queue_has_a_limit() {
        let users = users();
        let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
        let wrong = basic("YWxpY2U6d3Jvbmc=");
        let check = |header| users.check(Some(header), peer(), PATIENCE, |_| ());
        assert_eq!(check(&right).await, Verdict::Granted);
        let others = [(); 2].map(|()| users.turns.attempt(peer()));
        let _all = [others[0].turn().await, others[1].turn().await];
        assert_eq!(check(&right).await, Verdict::Granted);
        assert_eq!(check(&wrong).await, Verdict::Busy);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_of_a_suspect_is_no_part_of_the_hashing() {
        let users = users();
        let wrong = basic("YWxpY2U6d3Jvbmc=");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let told = std::cell::RefCell::new(Vec::new());
            let hashing = |now| told.borrow_mut().push((now, tokio::time::Instant::now()));
            users.check(Some(&wrong), peer(), PATIENCE, hashing).await;
            let told = told.into_inner();
            let states: Vec<_> = told.iter().map(|(now, _)| *now).collect();
            assert_eq!(states, [true, false]);
            pauses.push(told[1].1.elapsed());
        }
        assert!(pauses[0].is_zero() && !pauses[7].is_zero(), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_guess_counts_though_its_client_leaves_before_the_answer() {
        let users = users();
        for header in [
            "YWxpY2U6cMOkc3N3b3JkOng=", // alice:pässword:x
            "YWxpY2U6d3Jvbmc=",         // alice:wrong
            "Ym9iOnDDpHNzd29yZDp4",     // bob:pässword:x
        ] {
            let header = basic(header);
            let check = users.check(Some(&header), peer(), PATIENCE, |_| ());
            // Polls it once, which is up to the hashing.
            let _ = timeout(Duration::ZERO, check).await;
            while users.turns.running() > 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(users.turns.wrong_guesses(peer()), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_proven_stays_so_when_the_file_is_read_again_with_the_same_hash() {
        let old = users();
        let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
        let verdict = old.check(Some(&right), peer(), PATIENCE, |_| ()).await;
        assert_eq!(verdict, Verdict::Granted);
        let hash = old.users["alice"].hash.expose_secret().to_owned();
        let others = [(); 2].map(|()| old.turns.attempt(peer()));
        let _all = [others[0].turn().await, others[1].turn().await];
        for (hash, verdict) in [
            (hash, Verdict::Granted),
            (bcrypt::hash("new", 4).unwrap(), Verdict::Busy),
        ] {
            let hashes = BTreeMap::from([("alice".to_owned(), hash.into())]);
            let new = Users::new(hashes, Some(&old));
            assert_eq!(
                new.check(Some(&right), peer(), PATIENCE, |_| ()).await,
                verdict
            );
        }
    }

    #[test]
    fn every_wrong_guess_is_as_much_work_as_the_costliest_hash() {
        let work = |cost: u32| 1_u64 << cost;
        for wanted in 4..=18 {
            for done in (4..=wanted).map(Some).chain([None]) {
                let more: u64 = remaining_costs(done, wanted).map(work).sum();
                assert_eq!(done.map_or(0, work) + more, work(wanted), "{done:?}");
            }
        }
        let hashes = [("a", 4), ("b", 6)].map(|(name, cost)| {
            let hash = bcrypt::hash(name, cost).unwrap();
            (name.to_owned(), hash.into())
        });
        let users = Users::new(BTreeMap::from(hashes), None);
        assert_eq!(users.cost, 6);
        let dummy = format!("$2b$06${NO_DIGEST}");
        assert!(hash_cost(&dummy).is_ok() && !bcrypt::verify("", &dummy).unwrap());
    }

    #[test]
    fn hashes_are_judged_without_being_repeated() {
        let steep = format!("$2y$31${NO_DIGEST}");
        for (hash, word) in [("secret", "not a bcrypt"), (&steep, "cost 31")] {
            let error = hash_cost(hash).unwrap_err();
            assert!(error.contains(word) && !error.contains(hash), "{error}");
        }
    }
}
