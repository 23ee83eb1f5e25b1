//! User login: a user name and a password for a session that ends when it is idle.

use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::Token;
use crate::liveperson::json::{self, Content, ReadError, text};

/// The body of the request.
pub(in crate::liveperson) fn json(username: &str, password: &str) -> Zeroizing<String> {
    let quoted = |text: &str| {
        // Large enough for every character in its longest form: growing would leave copies behind.
        let mut json = Vec::with_capacity(2 + 6 * text.len());
        // Writing a string to memory cannot fail.
        let _ = serde_json::to_writer(&mut json, text);
        Zeroizing::new(String::from_utf8(json).unwrap_or_default())
    };
    let (username, password) = (quoted(username), quoted(password));
    Zeroizing::new(format!(
        "{{\"username\":{},\"password\":{}}}",
        *username, *password
    ))
}

/// Reads the answer.
///
/// # Errors
/// No bearer in it, or one that no header can carry.
pub(in crate::liveperson) fn read(body: &[u8]) -> Result<Content<Token>, ReadError> {
    json::read::<RawLogin>(body)?.try_map(token)
}

fn token(answer: RawLogin) -> Result<Token, ReadError> {
    let missing = |what: &str| ReadError::Missing(what.to_owned());
    let bearer = answer
        .bearer
        .ok_or_else(|| missing("the answer has no bearer"))?;
    Token::new(bearer).map_err(|reason| missing(&format!("bearer {reason}")))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawLogin {
    #[serde(deserialize_with = "text")]
    bearer: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn the_body_is_json() {
        let body = json("u\"", "p\\\n");
        assert_eq!(*body, r#"{"username":"u\"","password":"p\\\n"}"#);
    }

    #[test]
    fn bearers() {
        let token = read(br#"{"csrf":"c","bearer":"b1","config":{"x":[]}}"#);
        let token = token.unwrap().value;
        assert_eq!(token.share(), "b1");
        assert_eq!(token.header().unwrap(), "Bearer b1");
        let cases = ["{}", r#"{"bearer":""}"#, r#"{"bearer":"a b"}"#, "[]", ""];
        check_each(cases, |bad| {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        });
    }
}
