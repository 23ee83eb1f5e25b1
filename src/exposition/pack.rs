//! Segments: pieces of the page, compressed when they are made.
//!
//! Members of gzip and frames of Zstandard may simply be joined, so a compressed page is the
//! segments one after the other. The plain text is not kept: it is fifteen to twenty times as large,
//! and the rare reader that takes nothing else gets it from the Zstandard frames, which inflate
//! faster than a socket takes the text. `docs/performance.md` has the measurements behind this
//! and behind the levels and sizes here.

use std::io;

use bytes::{Bytes, BytesMut};
use libdeflater::{CompressionLvl, Compressor as Deflater, Crc};

use super::negotiate::Encoding;

/// gzip's level: level 1 of libdeflate takes the time of zlib's level 1 and packs a third better.
const GZIP_LEVEL: i32 = 1;
/// Zstandard's level: higher ones pack this text no better.
const ZSTD_LEVEL: i32 = 1;

/// An immutable piece of the page; cloning shares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// A gzip member; empty for a piece that is to be joined with others first.
    gzip: Bytes,
    /// A Zstandard frame.
    zstd: Bytes,
    /// Length of the plain text, in bytes.
    length: usize,
    /// Checksum of the plain text.
    crc: u32,
}

impl Segment {
    /// Length in an encoding, in bytes.
    pub fn length(&self, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Identity => self.length,
            Encoding::Gzip => self.gzip.len(),
            Encoding::Zstd => self.zstd.len(),
        }
    }

    /// The bytes in a compressed encoding; `None` for [`Encoding::Identity`], which only an
    /// [`Inflater`] has.
    pub fn compressed(&self, encoding: Encoding) -> Option<&Bytes> {
        match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(&self.gzip),
            Encoding::Zstd => Some(&self.zstd),
        }
    }

    /// Whether this can be served as it is.
    pub(super) fn is_whole(&self) -> bool {
        !self.gzip.is_empty()
    }

    /// The plain text.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn plain(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(self.length);
        Inflater::new()?.append(self, &mut text)?;
        Ok(text)
    }
}

/// Makes segments. Costly to make itself and cheap to use again.
pub struct Packer {
    gzip: Deflater,
    zstd: zstd::bulk::Compressor<'static>,
    inflater: Inflater,
    /// Room that compressors may fill, used again and again.
    room: Vec<u8>,
    /// Room for an earlier text that is compared.
    earlier: Vec<u8>,
}

impl Packer {
    /// A packer.
    ///
    /// # Errors
    /// Want of memory.
    pub fn new() -> io::Result<Self> {
        let level = CompressionLvl::new(GZIP_LEVEL).unwrap_or_default();
        Ok(Self {
            gzip: Deflater::new(level),
            zstd: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
            inflater: Inflater::new()?,
            room: Vec::new(),
            earlier: Vec::new(),
        })
    }

    /// Compresses a text in every way in which it will be served.
    ///
    /// # Errors
    /// Want of memory.
    pub fn pack(&mut self, text: &[u8]) -> io::Result<Segment> {
        let mut segment = self.pack_loosely(text)?;
        segment.gzip = self.gzip(text)?;
        Ok(segment)
    }

    /// Compresses a text that will be joined with others before it is served.
    pub(super) fn pack_loosely(&mut self, text: &[u8]) -> io::Result<Segment> {
        self.room.clear();
        self.room
            .reserve(zstd::zstd_safe::compress_bound(text.len()));
        self.zstd.compress_to_buffer(text, &mut self.room)?;
        Ok(Segment {
            gzip: Bytes::new(),
            zstd: Bytes::copy_from_slice(&self.room),
            length: text.len(),
            crc: checksum(text),
        })
    }

    /// A gzip member of its own, for what is made fresh for every scrape.
    ///
    /// # Errors
    /// Want of memory.
    pub fn gzip(&mut self, text: &[u8]) -> io::Result<Bytes> {
        let bound = self.gzip.gzip_compress_bound(text.len());
        self.room.clear();
        self.room.resize(bound, 0);
        let length = self.gzip.gzip_compress(text, &mut self.room);
        let length = length.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Bytes::copy_from_slice(&self.room[..length]))
    }

    /// A Zstandard frame of its own, for what is made fresh for every scrape.
    ///
    /// # Errors
    /// Want of memory.
    pub fn zstd(&mut self, text: &[u8]) -> io::Result<Bytes> {
        Ok(self.pack_loosely(text)?.zstd)
    }

    /// [`Packer::pack`], but an `earlier` segment of equal text stays what it is.
    pub(super) fn keep_or_pack(
        &mut self,
        text: &[u8],
        earlier: Option<&Segment>,
        loosely: bool,
    ) -> io::Result<Segment> {
        let earlier = earlier.filter(|earlier| earlier.is_whole() != loosely);
        match earlier {
            Some(earlier) if self.is_text_of(text, earlier)? => Ok(earlier.clone()),
            _ if loosely => self.pack_loosely(text),
            _ => self.pack(text),
        }
    }

    fn is_text_of(&mut self, text: &[u8], segment: &Segment) -> io::Result<bool> {
        if segment.length != text.len() || segment.crc != checksum(text) {
            return Ok(false);
        }
        // The checksum is a short cut to "no"; "yes" takes the text itself.
        self.earlier.clear();
        self.inflater.append(segment, &mut self.earlier)?;
        Ok(self.earlier == text)
    }
}

fn checksum(text: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(text);
    crc.sum()
}

/// Gives back plain texts.
pub struct Inflater {
    zstd: zstd::bulk::Decompressor<'static>,
    /// Room for the next text; taken back when the one before has been written.
    room: BytesMut,
}

impl Inflater {
    /// An inflater.
    ///
    /// # Errors
    /// Want of memory.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            zstd: zstd::bulk::Decompressor::new()?,
            room: BytesMut::new(),
        })
    }

    /// The text of a segment.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn plain(&mut self, segment: &Segment) -> io::Result<Bytes> {
        self.room.resize(segment.length, 0);
        let length = self
            .zstd
            .decompress_to_buffer(&segment.zstd, &mut self.room[..])?;
        if length != segment.length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.room.split().freeze())
    }

    /// Appends the text of a segment.
    ///
    /// # Errors
    /// Memory that has gone bad.
    pub fn append(&mut self, segment: &Segment, out: &mut Vec<u8>) -> io::Result<()> {
        let text = self.plain(segment)?;
        out.extend_from_slice(&text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TEXT: &str = "liveperson_window_account_chats{account=\"1\",window=\"5m\"} 7\n";

    #[test]
    fn members_and_frames_of_several_segments_are_one_stream() {
        let mut packer = Packer::new().unwrap();
        let texts = [TEXT.repeat(1000), String::new(), TEXT.to_owned()];
        let segments = texts
            .each_ref()
            .map(|text| packer.pack(text.as_bytes()).unwrap());
        let joined = |encoding| -> Vec<u8> {
            let parts = segments
                .iter()
                .map(|s| &s.compressed(encoding).unwrap()[..]);
            parts.collect::<Vec<_>>().concat()
        };
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&joined(Encoding::Gzip)[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, texts.concat());
        let text = zstd::stream::decode_all(&joined(Encoding::Zstd)[..]).unwrap();
        assert_eq!(text, texts.concat().as_bytes());
        let plain: Vec<u8> = segments.iter().flat_map(|s| s.plain().unwrap()).collect();
        assert_eq!(plain, texts.concat().as_bytes());
        let lengths: usize = segments.iter().map(|s| s.length(Encoding::Identity)).sum();
        assert_eq!(lengths, texts.concat().len());
    }

    #[test]
    fn an_equal_text_keeps_its_segment_and_another_does_not() {
        let mut packer = Packer::new().unwrap();
        let first = packer.pack(TEXT.as_bytes()).unwrap();
        let again = packer
            .keep_or_pack(TEXT.as_bytes(), Some(&first), false)
            .unwrap();
        assert_eq!(again.gzip.as_ptr(), first.gzip.as_ptr(), "compressed again");
        let other = TEXT.replace('7', "8");
        let other = packer
            .keep_or_pack(other.as_bytes(), Some(&first), false)
            .unwrap();
        assert_ne!(other.gzip, first.gzip);
        // The same checksum and length must not be enough.
        let forged = Segment {
            crc: checksum(TEXT.as_bytes()),
            ..other
        };
        let kept = packer
            .keep_or_pack(TEXT.as_bytes(), Some(&forged), false)
            .unwrap();
        assert_eq!(kept.plain().unwrap(), TEXT.as_bytes());
    }
}
