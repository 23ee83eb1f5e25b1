//! Segments: pieces of the page, compressed when they are made.
//!
//! A compressed page is its segments one after the other. Frames of Zstandard may simply be joined.
//! So may members of gzip, says its standard, but curl and browsers stop after the first one;
//! therefore a segment is kept as deflate blocks that begin and end on a byte and look back at
//! nothing before them, and the page is one single gzip member around all of them. Its checksum is
//! combined from those of the segments, without a look at the text.
//!
//! The plain text is not kept: it is more than ten times as large, and the rare reader that takes
//! nothing else gets it inflated as a stream, faster than its socket takes it. Zstandard frames are
//! made for every poll once somebody has asked for them, and not before: no Prometheus does.
//! `docs/performance.md` has the measurements behind this and behind the levels and sizes here.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::negotiate::Encoding;

/// gzip's level: the next ones take a quarter of the time more and save as much of the size.
const GZIP_LEVEL: u32 = 1;
/// Zstandard's level: higher ones pack this text no better.
const ZSTD_LEVEL: i32 = 1;

/// The beginning of a gzip page: no name, no time, no particular system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Checksum and length at its end.
const GZIP_TRAILER: usize = 8;

/// An immutable piece of the page; cloning shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Deflate blocks, the last of which is not marked as such.
    deflate: Bytes,
    /// A Zstandard frame, as soon as it is wanted.
    zstd: Arc<OnceLock<Bytes>>,
    /// Length of the plain text, in bytes.
    length: usize,
    /// Checksum of the plain text.
    crc: u32,
}

/// Whether anybody has asked for Zstandard since the program started.
static ZSTD_ASKED: AtomicBool = AtomicBool::new(false);

impl Segment {
    /// Length of the plain text, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The bytes in a compressed encoding. `None` for [`Encoding::Identity`], which only an
    /// [`Inflater`] has, and for Zstandard before [`Zstd::prepare`].
    pub fn compressed(&self, encoding: Encoding) -> Option<&Bytes> {
        match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(&self.deflate),
            Encoding::Zstd => self.zstd.get(),
        }
    }

    /// The plain text.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn plain(&self) -> io::Result<Bytes> {
        Inflater::new().plain(self)
    }
}

/// Makes Zstandard frames.
pub struct Zstd {
    compressor: zstd::bulk::Compressor<'static>,
    inflater: Inflater,
}

impl Zstd {
    /// A compressor. From now on frames are made when segments are.
    ///
    /// # Errors
    /// Out of memory.
    pub fn asked() -> io::Result<Self> {
        ZSTD_ASKED.store(true, Ordering::Relaxed);
        Self::new()
    }

    fn new() -> io::Result<Self> {
        Ok(Self {
            compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
            inflater: Inflater::new(),
        })
    }

    /// Makes sure that a segment has its frame.
    ///
    /// # Errors
    /// Out of memory.
    pub fn prepare(&mut self, segment: &Segment) -> io::Result<()> {
        if segment.zstd.get().is_none() {
            let text = self.inflater.plain(segment)?;
            let frame = self.frame(&text)?;
            // Another scrape may have been faster.
            segment.zstd.get_or_init(|| frame);
        }
        Ok(())
    }

    fn frame(&mut self, text: &[u8]) -> io::Result<Bytes> {
        Ok(self.compressor.compress(text)?.into())
    }
}

/// Makes segments. Costly to make itself and cheap to use again.
pub struct Compressor {
    deflate: Compress,
    zstd: Option<Zstd>,
    inflater: Inflater,
    /// What the compressor writes into, reused.
    buffer: Vec<u8>,
}

impl Compressor {
    /// A compressor.
    ///
    /// # Errors
    /// Out of memory.
    pub fn new() -> io::Result<Self> {
        let asked = ZSTD_ASKED.load(Ordering::Relaxed);
        Ok(Self {
            deflate: Compress::new(Compression::new(GZIP_LEVEL), false),
            zstd: asked.then(Zstd::new).transpose()?,
            inflater: Inflater::new(),
            buffer: Vec::new(),
        })
    }

    /// Compresses a text.
    ///
    /// # Errors
    /// Out of memory.
    pub fn compress(&mut self, text: &[u8]) -> io::Result<Segment> {
        self.compress_new(text, checksum(text))
    }

    fn compress_new(&mut self, text: &[u8], crc: u32) -> io::Result<Segment> {
        let segment = Segment {
            deflate: self.deflate(text, FlushCompress::Full)?,
            zstd: Arc::default(),
            length: text.len(),
            crc,
        };
        if let Some(zstd) = &mut self.zstd {
            let frame = zstd.frame(text)?;
            segment.zstd.get_or_init(|| frame);
        }
        Ok(segment)
    }

    /// The last piece of a page, which is made fresh for every scrape, with the page's end.
    /// `framing` has seen all the segments before.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(
        &mut self,
        text: &[u8],
        framing: GzipFraming,
        encoding: Encoding,
    ) -> io::Result<Bytes> {
        match encoding {
            Encoding::Identity => Ok(Bytes::copy_from_slice(text)),
            Encoding::Zstd => match &mut self.zstd {
                Some(zstd) => zstd.frame(text),
                None => Zstd::new()?.frame(text),
            },
            Encoding::Gzip => {
                let blocks = self.deflate(text, FlushCompress::Finish)?;
                let mut crc = framing.crc;
                crc.update(text);
                let length = framing.length + text.len() as u64;
                let mut out = Vec::with_capacity(blocks.len() + GZIP_TRAILER);
                out.extend_from_slice(&blocks);
                out.extend_from_slice(&crc.finalize().to_le_bytes());
                // Four bytes of the length, as the format has it.
                out.extend_from_slice(&length.to_le_bytes()[..4]);
                Ok(out.into())
            }
        }
    }

    fn deflate(&mut self, text: &[u8], flush: FlushCompress) -> io::Result<Bytes> {
        let before = self.deflate.total_in();
        self.buffer.clear();
        self.buffer.reserve(text.len() / 8 + 64);
        loop {
            let read = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            let rest = text.get(read..).unwrap_or_default();
            let status = self.deflate.compress_vec(rest, &mut self.buffer, flush);
            let ended = status.map_err(io::Error::other)? == Status::StreamEnd;
            // Capacity left over means that nothing is left to be written.
            if ended || self.buffer.len() < self.buffer.capacity() {
                // A full flush forgets all that came before; only an end needs a new beginning.
                if ended {
                    self.deflate.reset();
                }
                return Ok(Bytes::copy_from_slice(&self.buffer));
            }
            self.buffer.reserve(text.len() / 8 + 64);
        }
    }

    /// [`Compressor::compress`], but a `previous` segment of equal text stays what it is.
    pub(super) fn reuse_or_compress(
        &mut self,
        text: &[u8],
        previous: Option<&Segment>,
    ) -> io::Result<Segment> {
        // Whatever comes of it, the checksum is needed once.
        let crc = checksum(text);
        match previous {
            Some(previous) if self.has_text(text, crc, previous)? => Ok(previous.clone()),
            _ => self.compress_new(text, crc),
        }
    }

    fn has_text(&mut self, text: &[u8], crc: u32, segment: &Segment) -> io::Result<bool> {
        if segment.length != text.len() || segment.crc != crc {
            return Ok(false);
        }
        // The checksum is a short cut to "no"; "yes" takes the text itself.
        Ok(self.inflater.plain(segment)? == text)
    }
}

fn checksum(text: &[u8]) -> u32 {
    crc32fast::hash(text)
}

/// What a page has around and besides its segments.
#[derive(Clone, Debug, Default)]
pub struct GzipFraming {
    crc: Hasher,
    length: u64,
}

impl GzipFraming {
    /// Takes note of the next segment.
    pub fn add(&mut self, segment: &Segment) {
        let length = segment.length as u64;
        self.crc
            .combine(&Hasher::new_with_initial_len(segment.crc, length));
        self.length += length;
    }

    /// What stands before the first segment.
    pub fn header(encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Gzip => Bytes::from_static(&GZIP_HEADER),
            Encoding::Identity | Encoding::Zstd => Bytes::new(),
        }
    }
}

/// Decompresses segments.
pub struct Inflater {
    inflate: Decompress,
    /// The next text; its memory is reused once the text before has been written.
    buffer: BytesMut,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// A decompressor of segments.
    pub fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            buffer: BytesMut::new(),
        }
    }

    /// The text of a segment.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn plain(&mut self, segment: &Segment) -> io::Result<Bytes> {
        self.inflate.reset(false);
        self.buffer.resize(segment.length, 0);
        let flush = FlushDecompress::Sync;
        let status = self
            .inflate
            .decompress(&segment.deflate, &mut self.buffer, flush);
        status.map_err(io::Error::other)?;
        if self.inflate.total_out() != segment.length as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.buffer.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TEXT: &str = "liveperson_window_account_chats{account=\"1\",window=\"5m\"} 7\n";

    #[test]
    fn segments_and_a_last_piece_are_one_stream() {
        let mut compressor = Compressor::new().unwrap();
        let random: String = (0..300_000).map(|_| fastrand::alphanumeric()).collect();
        let texts = [TEXT.repeat(1000), random, String::new(), TEXT.to_owned()];
        let segments = texts
            .each_ref()
            .map(|text| compressor.compress(text.as_bytes()).unwrap());
        let mut whole = texts.concat();
        whole.push_str(TEXT);
        let mut page = |encoding| -> Vec<u8> {
            let mut framing = GzipFraming::default();
            let mut zstd = Zstd::asked().unwrap();
            for segment in &segments {
                framing.add(segment);
                zstd.prepare(segment).unwrap();
            }
            let mut page = GzipFraming::header(encoding).to_vec();
            for segment in &segments {
                page.extend_from_slice(segment.compressed(encoding).unwrap());
            }
            page.extend_from_slice(
                &compressor
                    .finish(TEXT.as_bytes(), framing, encoding)
                    .unwrap(),
            );
            page
        };
        let gzip = page(Encoding::Gzip);
        let mut text = String::new();
        // A decoder that reads a single member, and checks its checksum and length.
        let mut rest = &gzip[..];
        let mut member = flate2::bufread::GzDecoder::new(&mut rest);
        member.read_to_string(&mut text).unwrap();
        assert!(text == whole && rest.is_empty());
        let text = zstd::stream::decode_all(&page(Encoding::Zstd)[..]).unwrap();
        assert!(text == whole.as_bytes());
        let plain: Vec<u8> = segments.iter().flat_map(|s| s.plain().unwrap()).collect();
        assert!(plain == texts.concat().as_bytes());
        let lengths: usize = segments.iter().map(|s| s.length()).sum();
        assert_eq!(lengths, texts.concat().len());
    }

    #[test]
    fn an_equal_text_keeps_its_segment_and_another_does_not() {
        let mut compressor = Compressor::new().unwrap();
        let first = compressor.compress(TEXT.as_bytes()).unwrap();
        let again = compressor
            .reuse_or_compress(TEXT.as_bytes(), Some(&first))
            .unwrap();
        assert_eq!(
            again.deflate.as_ptr(),
            first.deflate.as_ptr(),
            "compressed again"
        );
        let other = TEXT.replace('7', "8");
        let other = compressor
            .reuse_or_compress(other.as_bytes(), Some(&first))
            .unwrap();
        assert_ne!(other.deflate, first.deflate);
        // The same checksum and length must not be enough.
        let forged = Segment {
            crc: checksum(TEXT.as_bytes()),
            ..other
        };
        let kept = compressor
            .reuse_or_compress(TEXT.as_bytes(), Some(&forged))
            .unwrap();
        assert_eq!(kept.plain().unwrap(), TEXT.as_bytes());
    }
}
