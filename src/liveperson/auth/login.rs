//! User login: a name and a password for a session that ends when idle.

use serde::de::MapAccess;

use super::Token;
use crate::liveperson::envelope::{self, ReadError};
use crate::liveperson::lenient::{Fields, Text, Trail};

/// The body of the request.
pub(in crate::liveperson) fn json(username: &str, password: &str) -> String {
    serde_json::json!({ "username": username, "password": password }).to_string()
}

/// Reads the answer.
///
/// # Errors
/// No bearer in it, or one that no header can carry.
pub(in crate::liveperson) fn read(body: &[u8]) -> Result<Token, ReadError> {
    let answer: RawLogin = envelope::read(body)?.value;
    let missing = |what: &str| ReadError::Missing(what.to_owned());
    let bearer = answer
        .bearer
        .ok_or_else(|| missing("the answer has no bearer"))?;
    Token::new(bearer).ok_or_else(|| missing("bearer is not a token that a header can carry"))
}

#[derive(Default)]
struct RawLogin {
    bearer: Option<String>,
}

impl Fields for RawLogin {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
        trail: &mut Trail,
    ) -> Result<bool, A::Error> {
        let known = key == "bearer";
        if known {
            self.bearer = trail.field(map, "bearer", Text)?;
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json() {
        assert_eq!(json("u\"", "p\\"), r#"{"password":"p\\","username":"u\""}"#);
    }

    #[test]
    fn bearers() {
        let token = read(br#"{"csrf":"c","bearer":"b1","config":{"x":[]}}"#).unwrap();
        assert_eq!(token.expose(), "b1");
        assert_eq!(token.header(), "Bearer b1");
        assert_eq!(
            format!("{token:?} {:?}", token.header()),
            "[secret] Sensitive"
        );
        for bad in ["{}", r#"{"bearer":""}"#, r#"{"bearer":"a b"}"#, "[]", ""] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
