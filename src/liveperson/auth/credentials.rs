//! The credentials of one account as they stand: secrets that may be rotated, the present token,
//! and what they put into a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use url::Url;

use super::{Token, TokenLifetime, login, oauth1, oauth2};
use crate::config::Auth;
use crate::config::files::READ_TIMEOUT;
use crate::liveperson::error::ApiError;
use crate::liveperson::json::{Content, ReadError};
use crate::liveperson::lock;
use crate::liveperson::paths;
use crate::liveperson::redactor::Redactor;
use crate::vocabulary::Service;

/// Secrets and token; both are only ever replaced whole.
pub(in crate::liveperson) struct Credentials {
    auth: Mutex<Auth>,
    token: Mutex<Option<Arc<Token>>>,
    /// Whether the files of secrets are being read, perhaps for ever.
    reading: Arc<AtomicBool>,
}

/// What authorises one request, and what keeps it out of errors.
pub(in crate::liveperson) struct Permit {
    pub(in crate::liveperson) header: HeaderValue,
    pub(in crate::liveperson) redactor: Redactor,
}

/// Finds the token in an answer.
pub(in crate::liveperson) type ReadToken =
    fn(&[u8]) -> Result<Content<(Token, TokenLifetime)>, ReadError>;

/// How a token is asked for.
pub(in crate::liveperson) struct TokenRequest {
    pub(in crate::liveperson) path: String,
    pub(in crate::liveperson) content_type: &'static str,
    /// Wiped from memory when it has been sent.
    pub(in crate::liveperson) body: Zeroizing<String>,
    pub(in crate::liveperson) read: ReadToken,
    pub(in crate::liveperson) redactor: Redactor,
}

impl Credentials {
    pub(in crate::liveperson) fn new(auth: Auth) -> Self {
        Self {
            auth: Mutex::new(auth),
            token: Mutex::default(),
            reading: Arc::default(),
        }
    }

    /// Where tokens come from; `None` when every request is signed instead.
    pub(in crate::liveperson) fn token_service(&self) -> Option<Service> {
        match *lock(&self.auth) {
            Auth::OAuth2 { .. } => Some(Service::SENTINEL),
            Auth::Login { .. } => Some(Service::AGENT_VEP),
            Auth::OAuth1 { .. } => None,
        }
    }

    /// Hides every secret of the account as it stands.
    pub(in crate::liveperson) fn redactor(&self) -> Redactor {
        let auth = lock(&self.auth).clone();
        self.hide(&auth, None)
    }

    /// Nothing is copied: secrets and token are shared.
    fn hide(&self, auth: &Auth, more: Option<Bytes>) -> Redactor {
        let token = lock(&self.token).clone();
        let mut secrets = super::secrets(auth);
        secrets.extend(token.map(|token| token.share()));
        secrets.extend(more);
        Redactor::new(secrets)
    }

    /// What authorises a GET of this URL.
    ///
    /// # Errors
    /// There is no token yet.
    pub(in crate::liveperson) fn permit(&self, url: &Url) -> Result<Permit, ApiError> {
        let refused = |message: &str| ApiError::Refused {
            status: 401,
            message: message.to_owned(),
        };
        let auth = lock(&self.auth).clone();
        let Auth::OAuth1 {
            app_key,
            app_secret,
            access_token,
            access_token_secret,
        } = &auth
        else {
            let token = lock(&self.token).clone();
            let token = token.ok_or_else(|| refused("there is no token yet"))?;
            return Ok(Permit {
                header: token
                    .header()
                    .ok_or_else(|| refused("the token does not fit into a header"))?,
                redactor: self.hide(&auth, Some(token.share())),
            });
        };
        let key = oauth1::Key {
            consumer_key: app_key,
            consumer_secret: app_secret.expose(),
            token: access_token.expose(),
            token_secret: access_token_secret.expose(),
        };
        let signed = oauth1::sign("GET", url, &key, &oauth1::Once::fresh());
        let header = Bytes::from_owner(signed.header);
        let mut header = HeaderValue::from_maybe_shared(header)
            .map_err(|_| refused("the key does not fit into a header"))?;
        header.set_sensitive(true);
        Ok(Permit {
            header,
            redactor: self.hide(&auth, Some(signed.signature.into())),
        })
    }

    /// How to ask for a token; `None` when there is none to ask for.
    pub(in crate::liveperson) fn token_request(&self, account: &str) -> Option<TokenRequest> {
        let auth = lock(&self.auth).clone();
        let redactor = self.hide(&auth, None);
        match auth {
            Auth::OAuth2 {
                client_id,
                client_secret,
            } => Some(TokenRequest {
                path: paths::token(account),
                content_type: "application/x-www-form-urlencoded",
                body: oauth2::form(&client_id, client_secret.expose()),
                read: |body| oauth2::read(body, SystemTime::now()),
                redactor,
            }),
            Auth::Login { username, password } => Some(TokenRequest {
                path: paths::login(account),
                content_type: "application/json",
                body: login::json(&username, password.expose()),
                read: |body| {
                    let content = login::read(body)?;
                    Ok(content.map(|token| (token, TokenLifetime::UNTIL_REFUSED)))
                },
                redactor,
            }),
            Auth::OAuth1 { .. } => None,
        }
    }

    /// Uses this token from now on.
    pub(in crate::liveperson) fn keep(&self, token: Token) {
        *lock(&self.token) = Some(Arc::new(token));
    }

    /// Reads the secrets that came from files again. When that cannot be done the old ones stay.
    ///
    /// # Errors
    /// What hinders it, to be put behind another message.
    pub(in crate::liveperson) async fn read_again(&self) -> Result<(), String> {
        let old = lock(&self.auth).clone();
        let redactor = self.hide(&old, None);
        // Aside, and not for ever: a file on a network drive may hang. One thread may hang with it,
        // and not one more at every token until there is none left for anything else.
        if self.reading.swap(true, Ordering::Acquire) {
            let problem = "an earlier reading of its file has not come back yet";
            return Err(format!("; the secret could not be read again: {problem}"));
        }
        let flag = Arc::clone(&self.reading);
        let reading = tokio::task::spawn_blocking(move || {
            let read = super::reloaded(&old);
            flag.store(false, Ordering::Release);
            read
        });
        let problem = match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(Ok(fresh))) => {
                *lock(&self.auth) = fresh;
                return Ok(());
            }
            Ok(Ok(Err(problem))) => redactor.line(&problem, 200),
            // The program is ending.
            Ok(Err(_)) => return Ok(()),
            Err(_) => format!("its file did not answer within {READ_TIMEOUT:?}"),
        };
        Err(format!("; the secret could not be read again: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    #[tokio::test]
    async fn a_file_that_hangs_takes_one_thread_and_not_more() {
        let credentials = Credentials::new(Auth::Login {
            username: "u".to_owned(),
            password: Secret::from_value("password".to_owned()),
        });
        credentials.reading.store(true, Ordering::Relaxed);
        let error = credentials.read_again().await.unwrap_err();
        assert!(error.contains("has not come back yet"), "{error}");
        credentials.reading.store(false, Ordering::Relaxed);
        assert_eq!(credentials.read_again().await, Ok(()));
        assert_eq!(credentials.read_again().await, Ok(()), "it has come back");
    }
}
