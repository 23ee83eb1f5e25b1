//! Who may call: the secrets that are accepted, the tokens that are valid, the signatures of
//! OAuth 1.0, and a record of what was issued and presented.

mod credentials;
mod oauth1;
mod tokens;

pub use credentials::Secrets;
pub(super) use credentials::{Credentials, equals};
pub(super) use oauth1::SignedRequest;
pub(super) use tokens::JwtClaims;
