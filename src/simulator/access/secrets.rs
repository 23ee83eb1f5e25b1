//! The secrets that are accepted at present, and a record of the credentials that went over the
//! wire, so that a test can prove that they went nowhere else.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use super::oauth1::{self, Key, Nonces, Signed};
use crate::simulator::options::Options;

/// How many credentials are remembered.
const REMEMBERED: usize = 10_000;

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

/// Who may come in.
pub(crate) struct Guard {
    secrets: Mutex<Secrets>,
    nonces: Nonces,
    seen: Mutex<VecDeque<String>>,
}

impl Guard {
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
            seen: Mutex::default(),
        }
    }

    /// The secrets as they are now.
    pub(crate) fn secrets(&self) -> Secrets {
        lock(&self.secrets).clone()
    }

    pub(crate) fn rotate(&self, change: impl FnOnce(&mut Secrets)) {
        change(&mut lock(&self.secrets));
    }

    /// Remembers a credential.
    pub(crate) fn note(&self, credential: &str) {
        let mut seen = lock(&self.seen);
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(credential.to_owned());
    }

    /// Remembers what an `Authorization` header holds: a bearer token, or a signature, raw and
    /// percent-encoded.
    pub(crate) fn note_header(&self, header: &str) {
        match oauth1::parameters(header) {
            Some(parameters) => {
                if let Some(signature) = parameters.get("oauth_signature") {
                    self.note(signature);
                }
                let raw = header.split("oauth_signature=\"").nth(1);
                if let Some(raw) = raw.and_then(|rest| rest.split('"').next()) {
                    self.note(raw);
                }
            }
            None => {
                if let Some((_, token)) = header.split_once(' ') {
                    self.note(token);
                }
            }
        }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        lock(&self.seen).iter().cloned().collect()
    }

    /// Checks a signed request against the real clock: the client signs by it, whatever the time of
    /// the simulated story.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_signature(
        &self,
        app_key: &str,
        header: &str,
        request: &Signed<'_>,
    ) -> Result<(), &'static str> {
        let secrets = self.secrets();
        let key = Key {
            app_key,
            app_secret: secrets.app_secret.expose_secret(),
            access_token: secrets.access_token.expose_secret(),
            access_token_secret: secrets.access_token_secret.expose_secret(),
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        oauth1::check(header, request, &key, &self.nonces, now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole by itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
