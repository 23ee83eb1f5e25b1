//! Families as bytes.
//!
//! [`TextWriter`] is a [`crate::metrics::Sink`] that writes Prometheus's text format 0.0.4, one
//! buffer per family, because a family's samples must stand together on the page while an answer
//! feeds several families at once. `escape` and `number` hold the format's small rules. This room
//! knows the formats and nothing of LivePerson.

mod escape;
mod number;
mod text;

pub use text::{CONTENT_TYPE, Chunk, TextWriter, header};
