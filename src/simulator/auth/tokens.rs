//! Bearer tokens: issuing, checking and revoking them.
//!
//! Tokens carry their own expiry and a keyed hash, so that none needs to be stored and those of an
//! earlier process are refused. The hash is not cryptographic: the tokens protect nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use subtle::ConstantTimeEq;

/// What the hash of a login's bearer is made over.
const LOGIN: &str = "login";

/// Issues tokens and recognises them.
#[derive(Default)]
pub(crate) struct Tokens {
    key: RandomState,
    /// Counts revocations: tokens of an earlier generation are refused.
    generation: AtomicU64,
}

/// What a JWT says, in the RFC's terms.
pub(crate) struct JwtClaims<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) account: &'a str,
    /// In seconds since the epoch.
    pub(crate) issued_at: i64,
    /// In seconds since the epoch.
    pub(crate) expires_at: i64,
}

impl Tokens {
    /// Refuses every token issued so far.
    pub(crate) fn revoke_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// A token in the shape of a JWT.
    pub(crate) fn issue_jwt(&self, claims: &JwtClaims<'_>) -> String {
        let header = json!({ "typ": "JWT", "alg": "none" });
        let payload = json!({
            "iss": "sentinel",
            "sub": claims.client_id,
            "aud": format!("acc:{}", claims.account),
            "jti": format!("{:016x}", fastrand::u64(..)),
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        });
        let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let content = format!("{}.{}", encode(header), encode(payload));
        let seal = self.seal(&content, claims.expires_at);
        format!("{content}.{seal}")
    }

    /// A bearer for a user who logged in; `expires_at` is in seconds since the epoch.
    pub(crate) fn issue_bearer(&self, expires_at: i64) -> String {
        self.seal(LOGIN, expires_at)
    }

    /// Whether an `Authorization` header holds a token that is valid at `now_ms`.
    pub(crate) fn accepts(&self, header: Option<&str>, now_ms: i64) -> bool {
        let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return false;
        }
        let (content, seal) = token.rsplit_once('.').unwrap_or((LOGIN, token));
        let expiry = seal.get(..16).map(|hex| i64::from_str_radix(hex, 16));
        let Some(Ok(expires_at)) = expiry else {
            return false;
        };
        let expected = self.seal(content, expires_at);
        bool::from(expected.as_bytes().ct_eq(seal.as_bytes())) && now_ms / 1000 < expires_at
    }

    /// 32 hexadecimal digits: the expiry, and a hash over it and `content`.
    fn seal(&self, content: &str, expires_at: i64) -> String {
        let generation = self.generation.load(Ordering::SeqCst);
        let hash = self.key.hash_one((content, expires_at, generation));
        format!("{expires_at:016x}{hash:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn jwt(tokens: &Tokens) -> String {
        tokens.issue_jwt(&JwtClaims {
            client_id: "demo",
            account: "12345678",
            issued_at: 1_000,
            expires_at: 4_600,
        })
    }

    #[test]
    fn tokens_end_with_their_lifetime_or_a_revocation() {
        let tokens = Tokens::default();
        check_each([jwt(&tokens), tokens.issue_bearer(4_600)], |token| {
            let header = format!("Bearer {token}");
            assert!(tokens.accepts(Some(&header), 4_599_999));
            assert!(!tokens.accepts(Some(&header), 4_600_000));
            assert!(!Tokens::default().accepts(Some(&header), 1_000_000));
            let forged = header.replace("11f8", "22f8");
            assert!(forged != header && !tokens.accepts(Some(&forged), 1_000_000));
        });
        let header = format!("Bearer {}", jwt(&tokens));
        tokens.revoke_all();
        assert!(!tokens.accepts(Some(&header), 1_000_000));
        let cases = [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer x"),
            Some("Basic eA=="),
            Some("Bearer é.é"),
        ];
        check_each(cases, |bad| {
            assert!(!tokens.accepts(bad, 0), "{bad:?}");
        });
    }
}
