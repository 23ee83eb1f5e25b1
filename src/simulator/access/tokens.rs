//! Authorisation by tokens: OAuth 2.0 client credentials (sentinel) and user login (agentVep).
//! Signed calls are the business of `oauth1`.
//!
//! Tokens carry their own expiry and a keyed hash, so that none needs to be remembered and those
//! of an earlier process are refused. That is no cryptography, and is not meant to be any.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::ExposeSecret;
use serde_json::json;
use url::form_urlencoded;

use crate::simulator::access::secrets::Guard;
use crate::simulator::options::Options;
use crate::simulator::response::Answer;

/// Gives out tokens and knows them again.
#[derive(Default)]
pub(crate) struct Tokens {
    key: RandomState,
    /// Counts revocations: tokens of an earlier generation are refused.
    generation: AtomicU64,
}

impl Tokens {
    /// Refuses every token given out so far.
    pub(crate) fn revoke(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// `POST …/app/token`: checks the form and answers with a token or the reason why not.
    pub(crate) fn grant(
        &self,
        (options, guard): (&Options, &Guard),
        content_type: Option<&str>,
        body: &[u8],
        now_ms: i64,
    ) -> Answer {
        if !is_media_type(content_type, "application/x-www-form-urlencoded") {
            let wanted = "Content-Type must be application/x-www-form-urlencoded";
            return oauth_error(415, "invalid_request", wanted);
        }
        let form: Vec<_> = form_urlencoded::parse(body).collect();
        let field = |name: &str| {
            let found = form.iter().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.as_ref())
                .filter(|value| !value.is_empty())
        };
        let (Some(grant), Some(id), Some(secret)) = (
            field("grant_type"),
            field("client_id"),
            field("client_secret"),
        ) else {
            let wanted = "grant_type, client_id and client_secret are required";
            return oauth_error(400, "invalid_request", wanted);
        };
        if grant != "client_credentials" {
            let wanted = "grant_type must be client_credentials";
            return oauth_error(400, "unsupported_grant_type", wanted);
        }
        if id != options.client_id || secret != guard.secrets().client_secret.expose_secret() {
            return oauth_error(401, "invalid_client", "Client authentication failed");
        }
        let (expires, seconds) = expiry(options, now_ms);
        let token = self.jwt(options, now_ms / 1000, expires);
        guard.note(&token);
        let mut answer = json!({
            "access_token": token,
            "token_type": "Bearer",
        });
        if !options.no_expires_in {
            answer["expires_in"] = json!(seconds);
        }
        Answer::json(200, &answer)
    }

    /// `POST …/login`: checks user and password.
    pub(crate) fn login(
        &self,
        (options, guard): (&Options, &Guard),
        content_type: Option<&str>,
        body: &[u8],
        now_ms: i64,
    ) -> Answer {
        if !is_media_type(content_type, "application/json") {
            return Answer::error(415, "Content-Type must be application/json");
        }
        let Ok(serde_json::Value::Object(login)) = serde_json::from_slice(body) else {
            return Answer::error(
                400,
                "The body must be a JSON object with username and password",
            );
        };
        let field = |name: &str| login.get(name).and_then(serde_json::Value::as_str);
        let (Some(username), Some(password)) = (field("username"), field("password")) else {
            return Answer::error(400, "username and password are required");
        };
        if username != options.username || password != guard.secrets().password.expose_secret() {
            return Answer::error(401, "Login failed: wrong user name or password");
        }
        let (expires, _) = expiry(options, now_ms);
        let bearer = self.seal("login", expires);
        let csrf = format!("{:016x}", fastrand::u64(..));
        guard.note(&bearer);
        guard.note(&csrf);
        Answer::json(
            200,
            &json!({
                "bearer": bearer,
                "csrf": csrf,
                "config": { "loginName": username, "isAdmin": false },
                "accountData": { "id": options.account },
            }),
        )
    }

    /// Whether an `Authorization` header holds a token that is valid at `now_ms`.
    pub(crate) fn accepts(&self, header: Option<&str>, now_ms: i64) -> bool {
        let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return false;
        }
        let (sealed, seal) = token.rsplit_once('.').unwrap_or(("login", token));
        let Some(expires) = seal
            .get(..16)
            .and_then(|hex| i64::from_str_radix(hex, 16).ok())
        else {
            return false;
        };
        self.seal(sealed, expires) == seal && now_ms / 1000 < expires
    }

    /// A token in the shape of a JWT; `expires` is in seconds since the epoch.
    fn jwt(&self, options: &Options, issued: i64, expires: i64) -> String {
        let header = json!({ "typ": "JWT", "alg": "none" });
        let payload = json!({
            "iss": "sentinel",
            "sub": options.client_id,
            "aud": format!("acc:{}", options.account),
            "jti": format!("{:016x}", fastrand::u64(..)),
            "iat": issued,
            "exp": expires,
        });
        let text = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(payload.to_string().as_bytes())
        );
        let seal = self.seal(&text, expires);
        format!("{text}.{seal}")
    }

    /// 32 hex digits: the expiry, and a hash over it and `text`.
    fn seal(&self, text: &str, expires: i64) -> String {
        let generation = self.generation.load(Ordering::SeqCst);
        let hash = self.key.hash_one((text, expires, generation));
        format!("{expires:016x}{hash:016x}")
    }
}

/// When a token given out now ends, in seconds since the epoch and from now.
fn expiry(options: &Options, now_ms: i64) -> (i64, u64) {
    let seconds = options.token_lifetime.as_secs();
    let lifetime = i64::try_from(seconds).unwrap_or(i64::MAX);
    ((now_ms / 1000).saturating_add(lifetime), seconds)
}

fn is_media_type(content_type: Option<&str>, wanted: &str) -> bool {
    let media_type = content_type.unwrap_or_default().split(';').next();
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}

fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}

/// Base64 with the URL alphabet and without padding, as JWTs have it.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| usize::from(chunk.get(place).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[group >> (18 - 6 * place) & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_of_the_rfc() {
        let table = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in table {
            assert_eq!(base64url(plain.as_bytes()), encoded);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn tokens_end_with_their_lifetime_and_with_a_revocation() {
        let tokens = Tokens::default();
        let options = Options::default();
        for token in [
            tokens.jwt(&options, 1_000, 4_600),
            tokens.seal("login", 4_600),
        ] {
            let header = format!("Bearer {token}");
            assert!(tokens.accepts(Some(&header), 4_599_999));
            assert!(!tokens.accepts(Some(&header), 4_600_000));
            assert!(!Tokens::default().accepts(Some(&header), 1_000_000));
            let forged = header.replace("11f8", "22f8");
            assert!(forged != header && !tokens.accepts(Some(&forged), 1_000_000));
        }
        let header = format!("Bearer {}", tokens.jwt(&options, 1_000, 4_600));
        tokens.revoke();
        assert!(!tokens.accepts(Some(&header), 1_000_000));
        for bad in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer x"),
            Some("Basic eA=="),
            Some("Bearer é.é"),
        ] {
            assert!(!tokens.accepts(bad, 0), "{bad:?}");
        }
    }
}
