//! Compressors that wait for the next scrape.
//!
//! A compressor has a quarter of a megabyte of tables, and setting those up takes longer than all else
//! that a scrape of a small page does.

use std::io;

use parking_lot::Mutex;

use super::compress::{Compressor, Segment};

/// How many are kept: more scrapes at once are rare.
const KEPT: usize = 4;

/// Compressors for work that begins with nothing and ends with nothing.
#[derive(Default)]
pub struct CompressorPool(Mutex<Vec<Compressor>>);

impl CompressorPool {
    /// Lends a compressor to `work`.
    pub fn with<T>(&self, work: impl FnOnce(&mut Compressor) -> T) -> T {
        let kept = self.0.lock().pop();
        let mut compressor = kept.unwrap_or_default();
        let result = work(&mut compressor);
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(compressor);
        }
        result
    }
}

/// The text that was compressed last, and its segment: two scrapes between two polls have the same.
#[derive(Default)]
pub struct LastSegment(Mutex<Option<(Vec<u8>, Segment)>>);

impl LastSegment {
    /// The longest text that is kept, in bytes: some ten accounts. Beside the page of more of them
    /// compressing theirs is little.
    const LONGEST: usize = 128 * 1024;

    /// The segment of such lines.
    ///
    /// # Errors
    /// Out of memory.
    pub fn of(&self, text: &[u8], compressor: &mut Compressor) -> io::Result<Segment> {
        if let Some((last, segment)) = &*self.0.lock()
            && last == text
        {
            return Ok(segment.clone());
        }
        let segment = compressor.compress(text)?;
        if text.len() <= Self::LONGEST {
            *self.0.lock() = Some((text.to_vec(), segment.clone()));
        }
        Ok(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::GzipFraming;

    #[test]
    fn what_a_compressor_did_before_does_not_show() {
        let pool = CompressorPool::default();
        let end = |text: &str| {
            let finish = |compressor: &mut Compressor| {
                compressor.finish(text.as_bytes(), GzipFraming::default())
            };
            pool.with(finish).unwrap()
        };
        let first = end("some text, some text");
        end("another text altogether");
        assert_eq!(end("some text, some text"), first);
        assert_eq!(pool.0.lock().len(), 1);
    }

    #[test]
    fn a_text_is_compressed_again_only_when_it_changed() {
        let (last, mut compressor) = (LastSegment::default(), Compressor::new());
        let mut of = |text: &str| last.of(text.as_bytes(), &mut compressor).unwrap();
        let first = of("up 1\n");
        let address = |segment: &Segment| segment.compressed().as_ptr();
        assert_eq!(address(&of("up 1\n")), address(&first));
        let other = of("up 0\n");
        assert_eq!(other.plain().unwrap(), "up 0\n");
        assert_eq!(of("up 1\n").plain().unwrap(), "up 1\n");
        let long = "up 1\n".repeat(LastSegment::LONGEST);
        assert_ne!(address(&of(&long)), address(&of(&long)));
    }
}
