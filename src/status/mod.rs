//! The state of the exporter as one document: `/api/v1/status`, and the page `/` made of the same.
//!
//! [`Status`] is the document. `daemon` fills it in; its JSON form is promised in `docs/status.md` and
//! `docs/status.schema.json`, and `page` writes it as HTML. Nothing here comes from a request, and
//! nothing here is secret: messages are redacted where they are made.

mod model;
mod page;

pub use model::*;
pub use page::{page, policy};

/// The version of the shape of the JSON. Fields are added under the same version; a field that is
/// removed or changes its meaning brings the next one.
pub const SHAPE: u32 = 1;

impl Status {
    /// The document as JSON.
    ///
    /// # Errors
    /// None: every part of it can be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(json)
    }
}
