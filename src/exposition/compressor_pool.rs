//! Compressors that wait for the next scrape.
//!
//! A compressor has a quarter of a megabyte of tables, and setting those up takes longer than all else
//! that a scrape of a small page does.

use parking_lot::Mutex;

use super::compress::Compressor;

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
}
