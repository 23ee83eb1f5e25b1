//! Families as bytes, in every format, compressed once.
//!
//! [`SegmentWriter`] is a [`crate::metrics::Sink`] that writes samples family by family, because a
//! family's samples must stand together on the page while an answer feeds several families at
//! once. What it has written becomes [`Segment`]s: parts of the page that are compressed when they
//! are made and only ever concatenated. `header` writes HELP, TYPE and UNIT from the catalogue,
//! `self_metrics` writes the families of the `prometheus` crate, `protobuf` makes the format of
//! that name of the lines of OpenMetrics, `negotiate` reads the headers of a scrape, `read` reads
//! samples back, `history` writes samples with times of their own, `escape` and `number` hold the
//! formats' small rules. This module knows the formats and nothing of LivePerson.

mod chunk;
mod compress;
mod compressor_pool;
mod crc;
mod escape;
mod header;
mod history;
mod lines;
mod negotiate;
mod number;
mod protobuf;
mod read;
mod self_metrics;
mod text_on_demand;
mod writer;

pub use chunk::Chunk;
pub use compress::{Compressor, GzipFraming, Inflater, Segment};
pub use compressor_pool::{CompressorPool, LastSegment};
pub use header::{Header, header};
pub use history::{FamilyWriter, HistoryWriter, Points};
pub use negotiate::{Encoding, Format};
pub use read::Sample;
pub use self_metrics::write_self_metrics;
pub use writer::SegmentWriter;

/// The last line of a page, after everything else.
pub fn page_end(format: Format) -> &'static [u8] {
    match format {
        Format::Text | Format::Protobuf => b"",
        Format::OpenMetrics => b"# EOF\n",
    }
}
