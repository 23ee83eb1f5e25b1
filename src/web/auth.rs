//! Who may ask, and how often: basic authentication against bcrypt hashes, and the rate limit.
//!
//! bcrypt is slow on purpose, so it runs off the executor and only a few times at once, and a
//! password that was proven once is compared directly from then on. Neither the time of an answer
//! nor the log tells whether a user exists.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// bcrypt runs at once. One would do for a scraper; a second lets it in while somebody guesses.
const BCRYPT_AT_ONCE: usize = 2;

/// Salt and digest of no password: 53 zero digits in bcrypt's alphabet.
const NO_DIGEST: &str = ".....................................................";

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
    /// What unknown users' passwords are checked against, as slow as the slowest real hash.
    nobody: Arc<SecretString>,
    gate: Arc<Semaphore>,
}

struct User {
    hash: Arc<SecretString>,
    /// The password that last matched the hash. One entry per user bounds the cache, and it
    /// goes when the file is read anew.
    proven: Mutex<Option<SecretSlice<u8>>>,
}

impl Users {
    /// Users by name, with hashes that [`hash_cost`] accepts.
    pub(super) fn new(hashes: BTreeMap<String, SecretString>) -> Self {
        let cost = hashes
            .values()
            .filter_map(|hash| hash_cost(hash.expose_secret()).ok())
            .max()
            .unwrap_or(10);
        let users = hashes.into_iter().map(|(name, hash)| {
            let user = User {
                hash: Arc::new(hash),
                proven: Mutex::new(None),
            };
            (name, user)
        });
        Self {
            users: users.collect(),
            nobody: Arc::new(format!("$2b${cost:02}${NO_DIGEST}").into()),
            gate: Arc::new(Semaphore::new(BCRYPT_AT_ONCE)),
        }
    }

    /// Checks an `Authorization` header, waiting at most `patience` for its turn.
    pub(super) async fn check(&self, header: Option<&HeaderValue>, patience: Duration) -> Verdict {
        let Some((name, password)) = header.and_then(credentials) else {
            return Verdict::Denied;
        };
        let user = self.users.get(&name);
        if user.is_some_and(|user| user.is_proven(&password)) {
            return Verdict::Granted;
        }
        let turn = timeout(patience, Arc::clone(&self.gate).acquire_owned());
        let Ok(Ok(permit)) = turn.await else {
            return Verdict::Busy;
        };
        // Many scrapes can have queued with the same password.
        if user.is_some_and(|user| user.is_proven(&password)) {
            return Verdict::Granted;
        }
        let hash = Arc::clone(user.map_or(&self.nobody, |user| &user.hash));
        let run = tokio::task::spawn_blocking(move || {
            // Held in here: an impatient client must not make room for one more run.
            let _permit = permit;
            let right = bcrypt::verify(password.expose_secret(), hash.expose_secret());
            (password, right.unwrap_or(false))
        });
        match (user, run.await) {
            (Some(user), Ok((password, true))) => {
                *user.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(password);
                Verdict::Granted
            }
            _ => Verdict::Denied,
        }
    }
}

impl User {
    fn is_proven(&self, password: &SecretSlice<u8>) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven
            .as_ref()
            .is_some_and(|proven| alike(password.expose_secret(), proven.expose_secret()))
    }
}

/// Whether `given` is `stored`, in a time that depends on `given` alone.
fn alike(given: &[u8], stored: &[u8]) -> bool {
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
    let mut decoded = decode_base64(token.trim())?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.pop();
    Some((String::from_utf8(decoded).ok()?, password.into()))
}

/// Padded standard base64 (RFC 4648, section 4).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer & 0xff) << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let [.., byte] = (buffer >> bits).to_be_bytes();
            bytes.push(byte);
        }
    }
    Some(bytes)
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

/// The `rate_limit` of the web configuration file: a bucket of tokens, one of which comes back
/// every `interval`.
pub(super) struct RateLimit {
    interval: Duration,
    burst: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl RateLimit {
    /// A full bucket. `interval` is more than zero.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        let burst = f64::from(burst);
        Self {
            interval,
            burst,
            bucket: Mutex::new((burst, Instant::now())),
        }
    }

    /// Takes a token if there is one.
    pub(super) fn allow(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = *bucket;
        let now = Instant::now();
        let gained = (now - last).as_secs_f64() / self.interval.as_secs_f64();
        let tokens = (tokens + gained).min(self.burst);
        let allowed = tokens >= 1.0;
        *bucket = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn users() -> Users {
        let hash = bcrypt::hash("pässword:x", 4).unwrap();
        Users::new(BTreeMap::from([("alice".to_owned(), hash.into())]))
    }

    fn basic(token: &str) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {token}")).unwrap()
    }

    #[test]
    fn base64_as_in_the_rfc() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Zg", "Zg=", "Z===", "====", "Zm9v!A==", "Zm=v", "Zm9_"] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
        assert_eq!(decode_base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn comparison() {
        assert!(alike(b"abc", b"abc") && alike(b"", b""));
        for (a, b) in [
            ("abc", "abd"),
            ("", "a"),
            ("a", ""),
            ("aa", "a"),
            ("a", "aa"),
        ] {
            assert!(!alike(a.as_bytes(), b.as_bytes()), "{a} {b}");
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
            assert_eq!(users.check(header.as_ref(), PATIENCE).await, verdict);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_proven_password_needs_no_bcrypt_and_the_queue_has_a_limit() {
        let users = users();
        let right = basic("YWxpY2U6cMOkc3N3b3JkOng=");
        assert_eq!(users.check(Some(&right), PATIENCE).await, Verdict::Granted);
        let _all = Arc::clone(&users.gate).acquire_many_owned(2).await.unwrap();
        assert_eq!(users.check(Some(&right), PATIENCE).await, Verdict::Granted);
        let wrong = basic("YWxpY2U6d3Jvbmc=");
        assert_eq!(users.check(Some(&wrong), PATIENCE).await, Verdict::Busy);
    }

    #[test]
    fn unknown_users_cost_as_much_as_known_ones() {
        let hash = bcrypt::hash("x", 5).unwrap();
        let users = Users::new(BTreeMap::from([("a".to_owned(), hash.into())]));
        assert_eq!(hash_cost(users.nobody.expose_secret()), Ok(5));
        assert!(!bcrypt::verify("", users.nobody.expose_secret()).unwrap());
    }

    #[test]
    fn hashes_are_judged_without_being_repeated() {
        let steep = format!("$2y$31${NO_DIGEST}");
        for (hash, word) in [("secret", "not a bcrypt"), (&steep, "cost 31")] {
            let error = hash_cost(hash).unwrap_err();
            assert!(error.contains(word) && !error.contains(hash), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_bucket_refills() {
        let limit = RateLimit::new(Duration::from_secs(1), 2);
        assert!(limit.allow() && limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!limit.allow());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(limit.allow() && !limit.allow());
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(limit.allow() && limit.allow() && !limit.allow());
    }
}
