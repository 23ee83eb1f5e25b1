//! Segments: parts of the page, compressed when they are made.
//!
//! A compressed page is its segments, concatenated. Members of gzip may be concatenated, says its
//! standard, but curl and browsers stop after the first one; therefore a segment is kept as deflate
//! blocks that begin and end on a byte boundary and refer to nothing before them, and the page is
//! one single gzip member around all of them. Its checksum is combined from those of the segments,
//! without reading the text.
//!
//! The plain text is not kept: it is more than ten times as large, and the rare reader that accepts
//! nothing else gets it decompressed as a stream, faster than its socket takes it.
//! `docs/performance.md` has the measurements behind this and behind the level and sizes here.

use std::io;

use bytes::{Bytes, BytesMut};
use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::crc::Shift;

/// gzip's level: the next ones take a quarter more time and save as much of the size.
const GZIP_LEVEL: u32 = 1;

/// The beginning of a gzip page: no name, no time, no particular system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Length of checksum and size at its end, in bytes.
const GZIP_TRAILER: usize = 8;

/// An immutable part of the page; cloning shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Deflate blocks, none of which is marked as the last one.
    deflate: Bytes,
    /// Length of the plain text, in bytes.
    length: usize,
    /// Checksum of the plain text.
    crc: u32,
    /// What appending it does to the checksum of a page.
    shift: Shift,
}

impl Segment {
    /// Length of the plain text, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The text as deflate blocks, none of which is marked as the last one.
    pub fn compressed(&self) -> &Bytes {
        &self.deflate
    }

    /// The plain text.
    ///
    /// # Errors
    /// Corrupt memory.
    pub fn plain(&self) -> io::Result<Bytes> {
        Inflater::new().plain(self)
    }
}

/// Makes segments. Expensive to create and cheap to reuse.
pub struct Compressor {
    deflate: Compress,
    inflater: Inflater,
    /// What the compressor writes into, reused.
    buffer: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor.
    pub fn new() -> Self {
        Self {
            deflate: Compress::new(Compression::new(GZIP_LEVEL), false),
            inflater: Inflater::new(),
            buffer: Vec::new(),
        }
    }

    /// Compresses a segment's text.
    ///
    /// # Errors
    /// Out of memory.
    pub fn compress(&mut self, text: &[u8]) -> io::Result<Segment> {
        self.compress_as(text, crc32fast::hash(text))
    }

    /// [`Compressor::compress`], except that a `previous` segment of the same text is returned as it
    /// is.
    pub(super) fn reuse_or_compress(
        &mut self,
        text: &[u8],
        previous: Option<&Segment>,
    ) -> io::Result<Segment> {
        // Needed in both cases.
        let crc = crc32fast::hash(text);
        match previous {
            Some(previous) if self.has_text(previous, text, crc)? => Ok(previous.clone()),
            _ => self.compress_as(text, crc),
        }
    }

    /// The end of a gzip page: a further `text`, such as what is rendered for every scrape, and
    /// the trailer. `framing` has been given all segments before.
    ///
    /// # Errors
    /// Out of memory.
    pub fn finish(&mut self, text: &[u8], framing: GzipFraming) -> io::Result<Bytes> {
        let blocks = self.deflate(text, FlushCompress::Finish)?;
        let mut crc = Hasher::new_with_initial_len(framing.crc, framing.plain_length);
        crc.update(text);
        let length = framing.plain_length + text.len() as u64;
        let mut out = Vec::with_capacity(blocks.len() + GZIP_TRAILER);
        out.extend_from_slice(&blocks);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        // The format has four bytes for the length.
        out.extend_from_slice(&length.to_le_bytes()[..4]);
        Ok(out.into())
    }

    fn compress_as(&mut self, text: &[u8], crc: u32) -> io::Result<Segment> {
        Ok(Segment {
            deflate: self.deflate(text, FlushCompress::Full)?,
            length: text.len(),
            crc,
            shift: Shift::of(text.len()),
        })
    }

    fn has_text(&mut self, segment: &Segment, text: &[u8], crc: u32) -> io::Result<bool> {
        if segment.length != text.len() || segment.crc != crc {
            return Ok(false);
        }
        // Equal checksums do not prove equal texts.
        Ok(self.inflater.plain(segment)? == text)
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
            // Unused capacity means that nothing is left to be written.
            if ended || self.buffer.len() < self.buffer.capacity() {
                // A full flush forgets all that came before; only an end needs a reset.
                if ended {
                    self.deflate.reset();
                }
                return Ok(Bytes::copy_from_slice(&self.buffer));
            }
            self.buffer.reserve(text.len() / 8 + 64);
        }
    }
}

/// What makes one gzip member of segments: header, checksum and length.
#[derive(Clone, Debug, Default)]
pub struct GzipFraming {
    /// Checksum of the plain text of all segments so far.
    crc: u32,
    /// Its length, in bytes.
    plain_length: u64,
    /// Length of the compressed segments so far, in bytes.
    compressed_length: u64,
}

impl GzipFraming {
    /// What stands before the first segment.
    pub fn header() -> Bytes {
        Bytes::from_static(&GZIP_HEADER)
    }

    /// Adds the next segment.
    pub fn add(&mut self, segment: &Segment) {
        self.crc = segment.shift.join(self.crc, segment.crc);
        self.plain_length += segment.length as u64;
        self.compressed_length += segment.deflate.len() as u64;
    }

    /// Length of the header and the compressed segments so far, in bytes.
    pub fn length(&self) -> u64 {
        GZIP_HEADER.len() as u64 + self.compressed_length
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
    /// Corrupt memory.
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
    fn segments_and_the_end_of_the_page_are_one_gzip_member() {
        let mut compressor = Compressor::new();
        let random: String = (0..300_000).map(|_| fastrand::alphanumeric()).collect();
        let texts = [TEXT.repeat(1000), random, String::new(), TEXT.to_owned()];
        let segments = texts
            .each_ref()
            .map(|text| compressor.compress(text.as_bytes()).unwrap());
        let mut framing = GzipFraming::default();
        let mut page = GzipFraming::header().to_vec();
        for segment in &segments {
            framing.add(segment);
            page.extend_from_slice(segment.compressed());
        }
        assert_eq!(framing.length(), page.len() as u64);
        page.extend_from_slice(&compressor.finish(TEXT.as_bytes(), framing).unwrap());
        // A decoder that reads a single member, and checks its checksum and length.
        let mut rest = &page[..];
        let mut member = flate2::bufread::GzDecoder::new(&mut rest);
        let mut text = String::new();
        member.read_to_string(&mut text).unwrap();
        assert!(text == texts.concat() + TEXT && rest.is_empty());
        let plain: Vec<u8> = segments.iter().flat_map(|s| s.plain().unwrap()).collect();
        assert!(plain == texts.concat().as_bytes());
        let length: usize = segments.iter().map(Segment::length).sum();
        assert_eq!(length, texts.concat().len());
    }

    #[test]
    fn an_equal_text_reuses_its_segment_and_another_does_not() {
        let mut compressor = Compressor::new();
        let first = compressor.compress(TEXT.as_bytes()).unwrap();
        let mut second = |text: &str, previous: &Segment| {
            let segment = compressor.reuse_or_compress(text.as_bytes(), Some(previous));
            segment.unwrap()
        };
        let same = second(TEXT, &first);
        assert_eq!(same.deflate.as_ptr(), first.deflate.as_ptr());
        let other = second(&TEXT.replace('7', "8"), &first);
        assert_ne!(other.deflate, first.deflate);
        // An equal checksum and length are not enough.
        let forged = Segment {
            crc: crc32fast::hash(TEXT.as_bytes()),
            ..other
        };
        assert_eq!(second(TEXT, &forged).plain().unwrap(), TEXT);
    }
}
