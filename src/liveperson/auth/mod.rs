//! The three methods to authorise a call, and what they share: tokens that cannot be printed, and
//! secrets that are read again after they were refused.

mod credentials;
mod login;
mod oauth1;
mod oauth2;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

pub(super) use credentials::Credentials;

use crate::config::Auth;
use crate::config::secret::Secret;

/// How long the token that [`super::Client::authorise`] stored is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLifetime {
    /// From its issue on; `None` when it is valid until a call is refused.
    pub lifetime: Option<Duration>,
    /// Where the length comes from, which says how far it can be trusted.
    pub source: LifetimeSource,
}

impl TokenLifetime {
    /// A session's, and that of signatures, which need no token.
    pub const UNTIL_REFUSED: Self = Self {
        lifetime: None,
        source: LifetimeSource::Unknown,
    };
}

/// Where the length of a token's life comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeSource {
    /// `expires_in` of the answer.
    ExpiresIn,
    /// `exp` less `iat` of the JWT: both by LivePerson's clock, so the machine's does not matter.
    Jwt,
    /// `exp` of the JWT less the time on the machine's clock: as wrong as that clock is.
    OwnClock,
    /// Not given: five minutes for an OAuth 2.0 token, no end for a session.
    Unknown,
}

/// How long the token in an answer of the token endpoint is valid, as the client reads it at
/// `now` on the wall clock; `None` for an answer without a usable token. For simulations, which
/// have no client.
pub fn oauth2_token_lifetime(body: &[u8], now: SystemTime) -> Option<TokenLifetime> {
    Some(oauth2::read(body, now).ok()?.value.1)
}

/// The part of the header before the token.
const SCHEME: &str = "Bearer ";
/// Far above any token that LivePerson issues, and still what a header can hold. It is sent with
/// every call, held all the time and looked for in every error.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A bearer token: a single copy, wiped when the last call that uses it has ended.
pub(super) struct Token {
    /// Scheme and token, as headers hold them.
    header: Bytes,
}

impl Token {
    /// # Errors
    /// A token that no header can carry, or one that is far too long. The message continues a
    /// sentence that names the field.
    pub(super) fn new(value: String) -> Result<Self, String> {
        let value = Zeroizing::new(value);
        if value.len() > MAX_TOKEN_BYTES {
            return Err(format!(
                "has {} characters, and a token of more than {MAX_TOKEN_BYTES} is refused",
                value.len()
            ));
        }
        if value.is_empty() || !value.chars().all(|c| c.is_ascii_graphic()) {
            return Err("is not a token that a header can carry".to_owned());
        }
        let mut header = Zeroizing::new(Vec::with_capacity(SCHEME.len() + value.len()));
        header.extend_from_slice(SCHEME.as_bytes());
        header.extend_from_slice(value.as_bytes());
        Ok(Self {
            header: Bytes::from_owner(header),
        })
    }

    /// The value of `Authorization`; shares the token's memory.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut header = HeaderValue::from_maybe_shared(self.header.clone()).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The token itself, for a redactor; shares its memory.
    pub(super) fn share(&self) -> Bytes {
        self.header.slice(SCHEME.len()..)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Every secret of an account's credentials, shared.
fn secrets(auth: &Auth) -> Vec<Bytes> {
    let secrets = match auth {
        Auth::OAuth2 { client_secret, .. } => vec![client_secret],
        Auth::OAuth1 {
            app_secret,
            access_token,
            access_token_secret,
            ..
        } => vec![app_secret, access_token, access_token_secret],
        Auth::Login { password, .. } => vec![password],
    };
    let shared = |secret: &Secret| Bytes::from_owner(SecretBytes(secret.share()));
    secrets.into_iter().map(shared).collect()
}

/// A secret as the owner of its bytes.
struct SecretBytes(Arc<SecretString>);

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// The credentials with every secret that came from a file read again.
///
/// # Errors
/// A file that cannot be read any more; the message does not hold its content.
fn reload_files(auth: &Auth) -> Result<Auth, String> {
    let mut auth = auth.clone();
    match &mut auth {
        Auth::OAuth2 { client_secret, .. } => reload(client_secret)?,
        Auth::OAuth1 {
            app_secret,
            access_token,
            access_token_secret,
            ..
        } => {
            reload(app_secret)?;
            reload(access_token)?;
            reload(access_token_secret)?;
        }
        Auth::Login { password, .. } => reload(password)?,
    }
    Ok(auth)
}

/// Tokens as plain strings, for [`crate::liveperson::fuzzing`].
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing {
    use std::time::{Duration, SystemTime};

    use super::{Token, login, oauth2};
    use crate::liveperson::json::{Content, ReadError};

    type Read<T> = Result<Content<T>, ReadError>;

    fn plain(token: &Token) -> String {
        String::from_utf8_lossy(&token.share()).into_owned()
    }

    pub(in crate::liveperson) fn oauth2(
        body: &[u8],
        now: SystemTime,
    ) -> Read<(String, Option<Duration>)> {
        let content = oauth2::read(body, now)?;
        Ok(content.map(|(token, lifetime)| (plain(&token), lifetime.lifetime)))
    }

    pub(in crate::liveperson) fn login(body: &[u8]) -> Read<String> {
        Ok(login::read(body)?.map(|token| plain(&token)))
    }
}

fn reload(secret: &mut Secret) -> Result<(), String> {
    let Some(fresh) = secret.reload().map_err(|error| error.to_string())? else {
        return Ok(());
    };
    tracing::info!("a secret was rotated; its file was read again");
    for warning in fresh.warnings() {
        tracing::warn!("{warning}");
    }
    *secret = fresh;
    Ok(())
}

/// Reads both kinds of token answers, for tests with arbitrary bodies.
#[cfg(test)]
pub(super) fn read_any_token(body: &[u8], now: std::time::SystemTime) -> (bool, bool) {
    (oauth2::read(body, now).is_ok(), login::read(body).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_token_is_refused() {
        let longest = "t".repeat(MAX_TOKEN_BYTES);
        let token = Token::new(longest.clone()).unwrap();
        assert_eq!(token.share(), longest);
        let error = Token::new(longest + "t").unwrap_err();
        let expected = "has 16385 characters, and a token of more than 16384 is refused";
        assert_eq!(error, expected);
    }

    #[test]
    fn header_and_redactor_share_one_copy() {
        let token = Token::new("the-token".to_owned()).unwrap();
        let header = token.header().unwrap();
        assert_eq!(header, "Bearer the-token");
        assert_eq!(format!("{token:?} {header:?}"), "[secret] Sensitive");
        let share = token.share();
        assert_eq!(share, "the-token");
        assert_eq!(share.as_ptr(), header.as_bytes()[SCHEME.len()..].as_ptr());
        let secret = Secret::from_value("hush!".to_owned());
        let login = Auth::Login {
            username: "u".to_owned(),
            password: secret.clone(),
        };
        assert_eq!(secrets(&login)[0].as_ptr(), secret.expose().as_ptr());
    }
}
