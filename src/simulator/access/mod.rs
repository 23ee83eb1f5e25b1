//! Who may call: tokens, logins and signatures.

pub(crate) mod oauth1;
pub(crate) mod secrets;
pub(crate) mod tokens;
