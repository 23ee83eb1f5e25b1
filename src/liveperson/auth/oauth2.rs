//! OAuth 2.0 client credentials: the form that asks for a token, and how long a token is valid.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::{LifetimeSource, Token, TokenLifetime};
use crate::liveperson::json::{self, Content, Fault, Ignored, MaybeNumber, ReadError, text};

/// Taken when neither the answer nor the token says how long it is valid.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// Longer lifetimes are cut to this one, so that no later sum of times can overflow.
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// The body of the request.
pub(in crate::liveperson) fn form(client_id: &str, client_secret: &str) -> Zeroizing<String> {
    // Large enough for every character in its longest form: growing would leave copies behind.
    let buffer = String::with_capacity(100 + 3 * (client_id.len() + client_secret.len()));
    let form = url::form_urlencoded::Serializer::new(buffer)
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret)
        .append_pair("grant_type", "client_credentials")
        .finish();
    Zeroizing::new(form)
}

/// Reads the answer; `now` is the wall clock.
///
/// # Errors
/// No token in it, or one that no header can carry.
pub(in crate::liveperson) fn read(
    body: &[u8],
    now: SystemTime,
) -> Result<Content<(Token, TokenLifetime)>, ReadError> {
    let mut content = json::read::<RawToken>(body)?;
    if content.value.expires_in == MaybeNumber::NotANumber {
        content.ignored = Some(unreadable_lifetime());
    }
    content.try_map(|answer| token(answer, now))
}

/// The token is good without its lifetime. What stands in the place of a number may be the token
/// itself, and is not repeated.
fn unreadable_lifetime() -> Ignored {
    let first = Fault {
        path: "expires_in".to_owned(),
        found: "another value".to_owned(),
        problem: json::Problem::Expected("a number".to_owned()),
    };
    Ignored { count: 1, first }
}

fn token(answer: RawToken, now: SystemTime) -> Result<(Token, TokenLifetime), ReadError> {
    let missing = |what: &str| ReadError::Missing(what.to_owned());
    let text = answer
        .access_token
        .ok_or_else(|| missing("the answer has no access_token"))?;
    let (lifetime, source) = answer
        .expires_in
        .value()
        .and_then(seconds)
        .map(|lifetime| (lifetime, LifetimeSource::ExpiresIn))
        .or_else(|| from_jwt(&text, now))
        .unwrap_or((UNKNOWN_LIFETIME, LifetimeSource::Unknown));
    let token = Token::new(text).map_err(|reason| missing(&format!("access_token {reason}")))?;
    Ok((
        token,
        TokenLifetime {
            lifetime: Some(lifetime),
            source,
        },
    ))
}

/// A lifetime from seconds. None from 0 or fewer: a token that has already expired would be fetched
/// again and again.
fn seconds(value: f64) -> Option<Duration> {
    if value <= 0.0 {
        return None;
    }
    let lifetime = Duration::try_from_secs_f64(value).unwrap_or(LONGEST_LIFETIME);
    Some(lifetime.min(LONGEST_LIFETIME))
}

/// `exp` of a JWT's payload, from its `iat` if it has one, so that a wrong clock on this side does
/// not matter. The signature is not checked: LivePerson checks it itself.
fn from_jwt(token: &str, now: SystemTime) -> Option<(Duration, LifetimeSource)> {
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = json::read(&payload).ok()?.value;
    let (from, source) = match claims.iat.value() {
        Some(iat) => (iat, LifetimeSource::Jwt),
        None => (
            now.duration_since(UNIX_EPOCH).ok()?.as_secs_f64(),
            LifetimeSource::OwnClock,
        ),
    };
    Some((seconds(claims.exp.value()? - from)?, source))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawToken {
    #[serde(deserialize_with = "text")]
    access_token: Option<String>,
    expires_in: MaybeNumber,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    exp: MaybeNumber,
    iat: MaybeNumber,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn lifetime(body: &str) -> u64 {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let (_, lifetime) = read(body.as_bytes(), now).unwrap().value;
        lifetime.lifetime.unwrap().as_secs()
    }

    fn jwt(payload: &str) -> String {
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload));
        format!(r#"{{"access_token":"{token}","token_type":"Bearer"}}"#)
    }

    #[test]
    fn lifetimes() {
        assert_eq!(lifetime(r#"{"access_token":"t","expires_in":3600}"#), 3600);
        assert_eq!(lifetime(r#"{"expires_in":"60","access_token":"t"}"#), 60);
        assert_eq!(lifetime(r#"{"access_token":"opaque"}"#), 300);
        assert_eq!(lifetime(&jwt(r#"{"exp":1000900}"#)), 900);
        assert_eq!(lifetime(&jwt(r#"{"exp":5000,"iat":4000}"#)), 1000);
        assert_eq!(lifetime(&jwt(r#"{"exp":1000900.5,"sub":{}}"#)), 900);
    }

    #[test]
    fn a_lifetime_says_where_it_comes_from() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let cases = [
            (
                r#"{"access_token":"t","expires_in":3600}"#.to_owned(),
                LifetimeSource::ExpiresIn,
            ),
            (jwt(r#"{"exp":5000,"iat":4000}"#), LifetimeSource::Jwt),
            (jwt(r#"{"exp":1000900}"#), LifetimeSource::OwnClock),
            (jwt(r#"{"exp":999}"#), LifetimeSource::Unknown),
            (
                r#"{"access_token":"opaque"}"#.to_owned(),
                LifetimeSource::Unknown,
            ),
        ];
        check_each(cases, |(body, source)| {
            let (_, lifetime) = read(body.as_bytes(), now).unwrap().value;
            assert_eq!(lifetime.source, source, "{body}");
        });
    }

    #[test]
    fn nonsense_lifetimes_become_five_minutes_or_a_year() {
        let cases = [
            r#"{"access_token":"t","expires_in":0}"#.to_owned(),
            r#"{"access_token":"t","expires_in":-5}"#.to_owned(),
            r#"{"access_token":"a.%%.c"}"#.to_owned(),
            r#"{"access_token":"a.b.c"}"#.to_owned(),
            jwt("{}"),
            jwt("[1]"),
            jwt(r#"{"exp":"soon"}"#),
            jwt(r#"{"exp":999}"#),
            jwt(r#"{"exp":4000,"iat":5000}"#),
        ];
        check_each(cases, |body| {
            assert_eq!(lifetime(&body), 300, "{body}");
        });
        let year = 365 * 86_400;
        assert_eq!(lifetime(r#"{"access_token":"t","expires_in":1e300}"#), year);
        assert_eq!(lifetime(&jwt(r#"{"exp":9223372036854775807}"#)), year);
    }

    #[test]
    fn a_bad_lifetime_does_not_lose_the_token() {
        let cases = [
            r#""soon""#,
            "[3600]",
            "{}",
            "true",
            "1e999",
            r#""\ud800""#,
            r#""t.o.k""#,
        ];
        check_each(cases, |bad| {
            for body in [
                format!(r#"{{"access_token":"t.o.k","expires_in":{bad}}}"#),
                format!(r#"{{"expires_in":{bad},"access_token":"t.o.k"}}"#),
            ] {
                let content = read(body.as_bytes(), UNIX_EPOCH).unwrap();
                assert_eq!(content.value.0.share(), "t.o.k", "{body}");
                assert_eq!(content.value.1.source, LifetimeSource::Unknown, "{body}");
                let ignored = content.ignored.unwrap();
                assert_eq!(ignored.first.found, "another value", "{body}");
                assert_eq!(ignored.first.path, "expires_in", "{body}");
            }
        });
        let token = jwt(r#"{"exp":1000900,"iat":"then"}"#);
        assert_eq!(lifetime(&token), 900);
    }

    #[test]
    fn tokens_that_cannot_be_used() {
        let cases = [
            r#"{}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":"ü"}"#,
            r#"{"access_token":["t"]}"#,
        ];
        check_each(cases, |body| {
            assert!(read(body.as_bytes(), UNIX_EPOCH).is_err(), "{body}");
        });
    }

    #[test]
    fn the_form_is_encoded() {
        assert_eq!(
            *form("a b", "p&=+%/ü"),
            "client_id=a+b&client_secret=p%26%3D%2B%25%2F%C3%BC&grant_type=client_credentials"
        );
    }
}
