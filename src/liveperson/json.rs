//! What a parser of LivePerson's JSON needs: the envelope, and readers that forgive what gateways and
//! older versions do to the documents.

use super::redactor::Redactor;

pub use super::envelope::{Content, ReadError, read};
pub use super::lenient::{Count, Fields, Keyed, Object, Trail};

/// What is wrong with a body that is read without a call, with an excerpt of it.
pub fn describe(error: &ReadError, body: &[u8]) -> String {
    error.describe(body, &Redactor::default())
}
