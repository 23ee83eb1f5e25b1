//! The secrets that are accepted at present, and a record of the credentials that went over the
//! wire, so that a test can prove that they appear nowhere else.

use std::collections::VecDeque;

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::oauth1::{self, Key, Nonces, SignedRequest};
use super::tokens::Tokens;
use crate::clock::{SystemClock, WallClock};
use crate::simulator::options::Options;

/// How many credentials are recorded.
const RECORDED: usize = 10_000;

/// The secrets of the simulated account.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// OAuth 2.0 client secret.
    pub client_secret: SecretString,
    /// Password of the user.
    pub password: SecretString,
    /// OAuth 1.0 app secret.
    pub app_secret: SecretString,
    /// OAuth 1.0 access token.
    pub access_token: SecretString,
    /// OAuth 1.0 access token secret.
    pub access_token_secret: SecretString,
}

/// What authorises a call at present, and what has been seen of it.
pub(crate) struct Credentials {
    /// The secrets that are accepted. The lock is held to copy or change them.
    secrets: Mutex<Secrets>,
    nonces: Nonces,
    tokens: Tokens,
    /// Everything issued or presented, oldest first. The lock is held to add or copy.
    seen: Mutex<VecDeque<String>>,
}

impl Credentials {
    /// The secrets of `options`, and no tokens yet.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            secrets: Mutex::new(Secrets {
                client_secret: options.client_secret.clone(),
                password: options.password.clone(),
                app_secret: options.app_secret.clone(),
                access_token: options.access_token.clone(),
                access_token_secret: options.access_token_secret.clone(),
            }),
            nonces: Nonces::default(),
            tokens: Tokens::default(),
            seen: Mutex::default(),
        }
    }

    /// The secrets as they are now.
    pub(crate) fn secrets(&self) -> Secrets {
        self.secrets.lock().clone()
    }

    /// Changes the secrets that are accepted; tokens stay valid.
    pub(crate) fn rotate(&self, change: impl FnOnce(&mut Secrets)) {
        change(&mut self.secrets.lock());
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Records a credential.
    pub(crate) fn record(&self, credential: &str) {
        let mut seen = self.seen.lock();
        if seen.len() == RECORDED {
            seen.pop_front();
        }
        seen.push_back(credential.to_owned());
    }

    /// Records what an `Authorization` header holds: a bearer token, or a signature, raw and
    /// percent-encoded.
    pub(crate) fn record_header(&self, header: &str) {
        let Some(parameters) = oauth1::parameters(header) else {
            if let Some((_, token)) = header.split_once(' ') {
                self.record(token);
            }
            return;
        };
        if let Some(signature) = parameters.get("oauth_signature") {
            self.record(signature);
        }
        let raw = header.split("oauth_signature=\"").nth(1);
        if let Some(raw) = raw.and_then(|rest| rest.split('"').next()) {
            self.record(raw);
        }
    }

    /// Everything recorded, oldest first.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().iter().cloned().collect()
    }

    /// Whether a call carries a valid token or a correct signature; `now_ms` is the simulated time.
    ///
    /// # Errors
    /// The scheme of authorisation, and what is wrong.
    pub(crate) fn check(
        &self,
        app_key: &str,
        authorization: Option<&str>,
        request: &SignedRequest<'_>,
        now_ms: i64,
    ) -> Result<(), (&'static str, &'static str)> {
        if let Some(header) = authorization {
            self.record_header(header);
            if oauth1::parameters(header).is_some() {
                let checked = self.check_signature(app_key, header, request);
                return checked.map_err(|reason| ("OAuth", reason));
            }
        }
        if self.tokens.accepts(authorization, now_ms) {
            return Ok(());
        }
        Err(("Bearer", "missing, invalid or expired token"))
    }

    /// Checks a signed request against the machine's clock: the client signs by it, whatever the
    /// simulated time.
    fn check_signature(
        &self,
        app_key: &str,
        header: &str,
        request: &SignedRequest<'_>,
    ) -> Result<(), &'static str> {
        let secrets = self.secrets();
        let key = Key {
            app_key,
            app_secret: secrets.app_secret.expose_secret(),
            access_token: secrets.access_token.expose_secret(),
            access_token_secret: secrets.access_token_secret.expose_secret(),
        };
        let now = u64::try_from(SystemClock.now().as_second()).unwrap_or(0);
        oauth1::check(header, request, &key, &self.nonces, now)
    }
}

/// Whether `given` is the secret, without its timing saying how much of it is right.
pub(crate) fn equals(secret: &SecretString, given: &str) -> bool {
    secret
        .expose_secret()
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}
