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
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Checksum and length at its end.
const GZIP_TAIL: usize = 8;

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
    /// Want of memory.
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
    /// Want of memory.
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
pub struct Packer {
    deflate: Compress,
    zstd: Option<Zstd>,
    inflater: Inflater,
    /// Room that the compressor may fill, used again and again.
    room: Vec<u8>,
}

impl Packer {
    /// A packer.
    ///
    /// # Errors
    /// Want of memory.
    pub fn new() -> io::Result<Self> {
        let asked = ZSTD_ASKED.load(Ordering::Relaxed);
        Ok(Self {
            deflate: Compress::new(Compression::new(GZIP_LEVEL), false),
            zstd: asked.then(Zstd::new).transpose()?,
            inflater: Inflater::new(),
            room: Vec::new(),
        })
    }

    /// Compresses a text.
    ///
    /// # Errors
    /// Want of memory.
    pub fn pack(&mut self, text: &[u8]) -> io::Result<Segment> {
        self.pack_whole(text, checksum(text))
    }

    fn pack_whole(&mut self, text: &[u8], crc: u32) -> io::Result<Segment> {
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
    /// `frame` has seen all the segments before.
    ///
    /// # Errors
    /// Want of memory.
    pub fn last(&mut self, text: &[u8], frame: Frame, encoding: Encoding) -> io::Result<Bytes> {
        match encoding {
            Encoding::Identity => Ok(Bytes::copy_from_slice(text)),
            Encoding::Zstd => match &mut self.zstd {
                Some(zstd) => zstd.frame(text),
                None => Zstd::new()?.frame(text),
            },
            Encoding::Gzip => {
                let blocks = self.deflate(text, FlushCompress::Finish)?;
                let mut crc = frame.crc;
                crc.update(text);
                let length = frame.length + text.len() as u64;
                let mut out = Vec::with_capacity(blocks.len() + GZIP_TAIL);
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
        self.room.clear();
        self.room.reserve(text.len() / 8 + 64);
        loop {
            let read = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            let rest = text.get(read..).unwrap_or_default();
            let status = self.deflate.compress_vec(rest, &mut self.room, flush);
            let ended = status.map_err(io::Error::other)? == Status::StreamEnd;
            // Room left over means that nothing is left to be written.
            if ended || self.room.len() < self.room.capacity() {
                // A full flush forgets all that came before; only an end needs a new beginning.
                if ended {
                    self.deflate.reset();
                }
                return Ok(Bytes::copy_from_slice(&self.room));
            }
            self.room.reserve(text.len() / 8 + 64);
        }
    }

    /// [`Packer::pack`], but an `earlier` segment of equal text stays what it is.
    pub(super) fn keep_or_pack(
        &mut self,
        text: &[u8],
        earlier: Option<&Segment>,
    ) -> io::Result<Segment> {
        // Whatever comes of it, the checksum is needed once.
        let crc = checksum(text);
        match earlier {
            Some(earlier) if self.is_text_of(text, crc, earlier)? => Ok(earlier.clone()),
            _ => self.pack_whole(text, crc),
        }
    }

    fn is_text_of(&mut self, text: &[u8], crc: u32, segment: &Segment) -> io::Result<bool> {
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
pub struct Frame {
    crc: Hasher,
    length: u64,
}

impl Frame {
    /// Takes note of the next segment.
    pub fn add(&mut self, segment: &Segment) {
        let length = segment.length as u64;
        self.crc
            .combine(&Hasher::new_with_initial_len(segment.crc, length));
        self.length += length;
    }

    /// What stands before the first segment.
    pub fn head(encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Gzip => Bytes::from_static(&GZIP_HEAD),
            Encoding::Identity | Encoding::Zstd => Bytes::new(),
        }
    }
}

/// Gives back plain texts.
pub struct Inflater {
    inflate: Decompress,
    /// Room for the next text; taken back when the one before has been written.
    room: BytesMut,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater.
    pub fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            room: BytesMut::new(),
        }
    }

    /// The text of a segment.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn plain(&mut self, segment: &Segment) -> io::Result<Bytes> {
        self.inflate.reset(false);
        self.room.resize(segment.length, 0);
        let flush = FlushDecompress::Sync;
        let status = self
            .inflate
            .decompress(&segment.deflate, &mut self.room, flush);
        status.map_err(io::Error::other)?;
        if self.inflate.total_out() != segment.length as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.room.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TEXT: &str = "liveperson_window_account_chats{account=\"1\",window=\"5m\"} 7\n";

    #[test]
    fn segments_and_a_last_piece_are_one_stream() {
        let mut packer = Packer::new().unwrap();
        let random: String = (0..300_000).map(|_| fastrand::alphanumeric()).collect();
        let texts = [TEXT.repeat(1000), random, String::new(), TEXT.to_owned()];
        let segments = texts
            .each_ref()
            .map(|text| packer.pack(text.as_bytes()).unwrap());
        let mut whole = texts.concat();
        whole.push_str(TEXT);
        let mut page = |encoding| -> Vec<u8> {
            let mut frame = Frame::default();
            let mut zstd = Zstd::asked().unwrap();
            for segment in &segments {
                frame.add(segment);
                zstd.prepare(segment).unwrap();
            }
            let mut page = Frame::head(encoding).to_vec();
            for segment in &segments {
                page.extend_from_slice(segment.compressed(encoding).unwrap());
            }
            page.extend_from_slice(&packer.last(TEXT.as_bytes(), frame, encoding).unwrap());
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
        let mut packer = Packer::new().unwrap();
        let first = packer.pack(TEXT.as_bytes()).unwrap();
        let again = packer.keep_or_pack(TEXT.as_bytes(), Some(&first)).unwrap();
        assert_eq!(
            again.deflate.as_ptr(),
            first.deflate.as_ptr(),
            "compressed again"
        );
        let other = TEXT.replace('7', "8");
        let other = packer.keep_or_pack(other.as_bytes(), Some(&first)).unwrap();
        assert_ne!(other.deflate, first.deflate);
        // The same checksum and length must not be enough.
        let forged = Segment {
            crc: checksum(TEXT.as_bytes()),
            ..other
        };
        let kept = packer.keep_or_pack(TEXT.as_bytes(), Some(&forged)).unwrap();
        assert_eq!(kept.plain().unwrap(), TEXT.as_bytes());
    }
}
