//! The bytes of a page, handed over without being copied.

use std::fmt;

use bytes::Bytes;

/// The bytes of a page, in chunks that may be produced while they are written.
pub struct Chunks {
    length: u64,
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
}

impl Chunks {
    /// Chunks of a known total length in bytes. If the iterator ends early, the connection is
    /// aborted, so that the reader knows that the page is incomplete.
    pub fn new(length: u64, chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        let chunks = Box::new(chunks);
        Self { length, chunks }
    }

    /// No bytes at all.
    pub(super) fn empty() -> Self {
        Self::new(0, std::iter::empty())
    }

    /// The length of all chunks together, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.chunks.next()
    }
}

impl From<Vec<Bytes>> for Chunks {
    fn from(chunks: Vec<Bytes>) -> Self {
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self::new(length, chunks.into_iter())
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}
