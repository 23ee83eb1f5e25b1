//! The credentials of one account as they stand: secrets that may be rotated, the present token,
//! and what they put into a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use url::Url;

use super::{Token, TokenLifetime, login, oauth1, oauth2};
use crate::clock::{SystemClock, WallClock as _};
use crate::config::Auth;
use crate::config::files::READ_TIMEOUT;
use crate::liveperson::error::ApiError;
use crate::liveperson::json::{Content, ReadError};
use crate::liveperson::paths;
use crate::liveperson::redactor::Redactor;
use crate::vocabulary::Service;

/// Secrets and token. Each lock guards one value, which is replaced whole.
pub(in crate::liveperson) struct Credentials {
    auth: Mutex<Auth>,
    token: Mutex<Option<Arc<Token>>>,
    /// Whether the files of secrets are being read, which may never end.
    reload_in_progress: Arc<AtomicBool>,
}

/// What authorises one request, and what keeps it out of errors.
pub(in crate::liveperson) struct Authorization {
    pub(in crate::liveperson) header: HeaderValue,
    pub(in crate::liveperson) redactor: Redactor,
}

/// Reads the token in an answer.
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
            reload_in_progress: Arc::default(),
        }
    }

    /// Where tokens come from; `None` when every request is signed instead.
    pub(in crate::liveperson) fn token_service(&self) -> Option<Service> {
        match *self.auth.lock() {
            Auth::OAuth2 { .. } => Some(Service::SENTINEL),
            Auth::Login { .. } => Some(Service::AGENT_VEP),
            Auth::OAuth1 { .. } => None,
        }
    }

    /// Hides every secret of the account as it stands.
    pub(in crate::liveperson) fn redactor(&self) -> Redactor {
        let auth = self.auth.lock().clone();
        self.redactor_for(&auth, None)
    }

    /// Nothing is copied: secrets and token are shared.
    fn redactor_for(&self, auth: &Auth, more: Option<Bytes>) -> Redactor {
        let token = self.token.lock().clone();
        let mut secrets = super::secrets(auth);
        secrets.extend(token.map(|token| token.share()));
        secrets.extend(more);
        Redactor::new(secrets)
    }

    /// What authorises a GET of this URL.
    ///
    /// # Errors
    /// There is no token yet.
    pub(in crate::liveperson) fn authorization(
        &self,
        url: &Url,
    ) -> Result<Authorization, ApiError> {
        let auth = self.auth.lock().clone();
        match &auth {
            Auth::OAuth1 {
                app_key,
                app_secret,
                access_token,
                access_token_secret,
            } => {
                let key = oauth1::Key {
                    consumer_key: app_key,
                    consumer_secret: app_secret.expose(),
                    token: access_token.expose(),
                    token_secret: access_token_secret.expose(),
                };
                self.signed(url, &key, &auth)
            }
            Auth::OAuth2 { .. } | Auth::Login { .. } => self.with_token(&auth),
        }
    }

    fn with_token(&self, auth: &Auth) -> Result<Authorization, ApiError> {
        let token = self.token.lock().clone();
        let token = token.ok_or_else(|| refused("there is no token yet"))?;
        Ok(Authorization {
            header: token
                .header()
                .ok_or_else(|| refused("the token does not fit into a header"))?,
            redactor: self.redactor_for(auth, Some(token.share())),
        })
    }

    fn signed(
        &self,
        url: &Url,
        key: &oauth1::Key<'_>,
        auth: &Auth,
    ) -> Result<Authorization, ApiError> {
        let stamp = oauth1::RequestStamp::new(SystemClock.now().into());
        let signed = oauth1::sign("GET", url, key, &stamp);
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(signed.header))
            .map_err(|_| refused("the key does not fit into a header"))?;
        header.set_sensitive(true);
        Ok(Authorization {
            header,
            redactor: self.redactor_for(auth, Some(signed.signature.into())),
        })
    }

    /// How to ask for a token; `None` when there is none to ask for.
    pub(in crate::liveperson) fn token_request(&self, account: &str) -> Option<TokenRequest> {
        let auth = self.auth.lock().clone();
        let redactor = self.redactor_for(&auth, None);
        match auth {
            Auth::OAuth2 {
                client_id,
                client_secret,
            } => Some(TokenRequest {
                path: paths::token(account),
                content_type: "application/x-www-form-urlencoded",
                body: oauth2::form(&client_id, client_secret.expose()),
                read: |body| oauth2::read(body, SystemClock.now().into()),
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
    pub(in crate::liveperson) fn store_token(&self, token: Token) {
        *self.token.lock() = Some(Arc::new(token));
    }

    /// Reads the secrets that came from files again. When that fails the old ones stay.
    ///
    /// # Errors
    /// The reason, to be appended to another message.
    pub(in crate::liveperson) async fn reload_secrets(&self) -> Result<(), String> {
        self.try_reload()
            .await
            .map_err(|problem| format!("; the secret could not be read again: {problem}"))
    }

    async fn try_reload(&self) -> Result<(), String> {
        let old = self.auth.lock().clone();
        let redactor = self.redactor_for(&old, None);
        // On a blocking thread and with a time limit: a file on a network drive may hang. One thread
        // may hang with it; one more at every token would in the end leave none for other work.
        if self.reload_in_progress.swap(true, Ordering::Acquire) {
            return Err("an earlier attempt to read its file has not ended yet".to_owned());
        }
        let in_progress = Arc::clone(&self.reload_in_progress);
        let reload = tokio::task::spawn_blocking(move || {
            let reloaded = super::reload_files(&old);
            in_progress.store(false, Ordering::Release);
            reloaded
        });
        match tokio::time::timeout(READ_TIMEOUT, reload).await {
            Ok(Ok(Ok(fresh))) => {
                *self.auth.lock() = fresh;
                Ok(())
            }
            Ok(Ok(Err(problem))) => Err(redactor.line(&problem, 200)),
            // The program is ending.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(format!("its file did not answer within {READ_TIMEOUT:?}")),
        }
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::Refused {
        status: 401,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    #[tokio::test]
    async fn a_file_that_hangs_blocks_one_thread_only() {
        let credentials = Credentials::new(Auth::Login {
            username: "u".to_owned(),
            password: Secret::from_value("password".to_owned()),
        });
        credentials
            .reload_in_progress
            .store(true, Ordering::Relaxed);
        let error = credentials.reload_secrets().await.unwrap_err();
        assert!(error.contains("has not ended yet"), "{error}");
        credentials
            .reload_in_progress
            .store(false, Ordering::Relaxed);
        assert_eq!(credentials.reload_secrets().await, Ok(()));
        assert_eq!(
            credentials.reload_secrets().await,
            Ok(()),
            "the attempt has ended"
        );
    }
}
