//! The three ways to authorise a call, and what they have in common: tokens that cannot be
//! printed, and secrets that are read again once they are refused.

mod credentials;
mod login;
mod oauth1;
mod oauth2;

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

pub(super) use credentials::Credentials;

use crate::config::Auth;
use crate::config::secret::Secret;

/// How long the token that [`super::Client::authorise`] stored is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLifetime {
    /// From its issue on; `None` when it is good until a call is refused.
    pub lifetime: Option<Duration>,
    /// Where the length comes from, which says how far it can be trusted.
    pub source: LifetimeSource,
}

impl TokenLifetime {
    /// Of a session, or where there is no token at all.
    pub const UNTIL_REFUSED: Self = Self {
        lifetime: None,
        source: LifetimeSource::Unknown,
    };
}

/// Where the length of a token's life comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeSource {
    /// `expires_in` of the answer: LivePerson's own word.
    ExpiresIn,
    /// `exp` less `iat` of the JWT: LivePerson's clock alone, so ours does not matter.
    Jwt,
    /// `exp` of the JWT less the time on our own clock: as wrong as that clock is.
    OwnClock,
    /// Nobody said: five minutes for an OAuth 2.0 token, none for a session.
    Unknown,
}

/// How long the token in an answer of the token endpoint is good for, as the client reads it at
/// `now` on the wall clock; `None` for an answer without a usable token. For simulations, which
/// have no client.
pub fn oauth2_token_lifetime(body: &[u8], now: SystemTime) -> Option<TokenLifetime> {
    Some(oauth2::read(body, now).ok()?.1)
}

/// A bearer token.
pub(super) struct Token {
    value: SecretString,
    header: HeaderValue,
}

impl Token {
    /// `None` for a token that no header can carry.
    pub(super) fn new(value: String) -> Option<Self> {
        if value.is_empty() || !value.chars().all(|c| c.is_ascii_graphic()) {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {value}")).ok()?;
        header.set_sensitive(true);
        Some(Self {
            value: value.into(),
            header,
        })
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The token itself, to be looked for in texts that must not hold it.
    pub(super) fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Every secret of an account's credentials.
fn secrets(auth: &Auth) -> Vec<&str> {
    match auth {
        Auth::OAuth2 { client_secret, .. } => vec![client_secret.expose()],
        Auth::OAuth1 {
            app_secret,
            access_token,
            access_token_secret,
            ..
        } => vec![
            app_secret.expose(),
            access_token.expose(),
            access_token_secret.expose(),
        ],
        Auth::Login { password, .. } => vec![password.expose()],
    }
}

/// The credentials with every secret that came from a file read again.
///
/// # Errors
/// A file that cannot be read any more, in words without its content.
fn reloaded(auth: &Auth) -> Result<Auth, String> {
    let again = |secret: &mut Secret| -> Result<(), String> {
        if let Some(fresh) = secret.reload().map_err(|error| error.to_string())? {
            tracing::info!("a secret was rotated; its file was read again");
            if let Some(warning) = fresh.warning() {
                tracing::warn!("{warning}");
            }
            *secret = fresh;
        }
        Ok(())
    };
    let mut auth = auth.clone();
    match &mut auth {
        Auth::OAuth2 { client_secret, .. } => again(client_secret)?,
        Auth::OAuth1 {
            app_secret,
            access_token,
            access_token_secret,
            ..
        } => {
            again(app_secret)?;
            again(access_token)?;
            again(access_token_secret)?;
        }
        Auth::Login { password, .. } => again(password)?,
    }
    Ok(auth)
}

/// Both kinds of token answers, for the tests of what no body may do.
#[cfg(test)]
pub(super) fn read_any_token(body: &[u8], now: std::time::SystemTime) -> (bool, bool) {
    (oauth2::read(body, now).is_ok(), login::read(body).is_ok())
}
