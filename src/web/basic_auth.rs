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
use crate::clock::real_time;

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
            // A pause of tokio's clock does not make hashing faster.
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
mod tests;
