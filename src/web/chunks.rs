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

/// Chunks below this size, in bytes, are copied together. Each one of its own would cost more than the
/// copy, and a page of many small families would need several system calls, each waking its reader.
const SMALL: usize = 4 * 1024;
/// How large they become together, in bytes.
const JOINED: usize = 32 * 1024;

/// The chunks of a page as they are written: small ones together, none of them empty.
pub(super) struct Joined {
    chunks: Chunks,
    /// The one that did not fit.
    next: Option<Bytes>,
}

impl Joined {
    pub(super) fn new(chunks: Chunks) -> Self {
        Self { chunks, next: None }
    }

    /// The next chunk, if it is small and leaves the others within the limit.
    fn next_small(&mut self, present: usize) -> Option<Bytes> {
        let chunk = self.chunks.next()?;
        if chunk.len() < SMALL && present + chunk.len() <= JOINED {
            return Some(chunk);
        }
        self.next = Some(chunk);
        None
    }
}

impl Iterator for Joined {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let waiting = self.next.take();
        let first = waiting.or_else(|| self.chunks.find(|chunk| !chunk.is_empty()))?;
        if first.len() >= SMALL {
            return Some(first);
        }
        let Some(second) = self.next_small(first.len()) else {
            return Some(first);
        };
        let mut joined = Vec::with_capacity(2 * SMALL);
        joined.extend_from_slice(&first);
        joined.extend_from_slice(&second);
        while let Some(chunk) = self.next_small(joined.len()) {
            joined.extend_from_slice(&chunk);
        }
        Some(joined.into())
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_chunks_are_joined_and_large_ones_not_copied() {
        let large = Bytes::from(vec![1; SMALL]);
        let small = |length| Bytes::from(vec![2; length]);
        let chunks = vec![small(0), small(3), small(4), large.clone(), small(5)];
        let joined: Vec<Bytes> = Joined::new(chunks.into()).collect();
        let lengths: Vec<usize> = joined.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [7, SMALL, 5]);
        assert_eq!(joined[1].as_ptr(), large.as_ptr(), "it was copied");
    }

    proptest! {
        #[test]
        fn joined_chunks_are_the_same_bytes(lengths in prop::collection::vec(0..2 * SMALL, 0..60)) {
            let numbers = (0_u8..=250).cycle();
            let chunks: Vec<Bytes> = lengths
                .iter()
                .map(|length| numbers.clone().take(*length).collect::<Vec<u8>>().into())
                .collect();
            let joined: Vec<Bytes> = Joined::new(chunks.clone().into()).collect();
            prop_assert!(joined.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= JOINED));
            prop_assert_eq!(joined.concat(), chunks.concat());
        }
    }
}
