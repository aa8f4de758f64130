//! How an archive is packed, told from its bytes.
//!
//! Invariant: a damaged beginning still tells the packing if a record or member begins within the bytes looked at.

use super::record::find;

/// How the bytes of an archive are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// Gzip members: one a record, as the standard recommends, or any other way.
    Gzip,
    /// Zstandard frames, with the dictionary of the first skippable frame if there is one (IIPC, "WARC-zstd").
    Zstd,
}

impl Compression {
    /// Tells the compression from the first bytes of an archive; if these are damaged, from the first trace of a record.
    pub fn detect(beginning: &[u8]) -> Self {
        let text = beginning.trim_ascii_start();
        if text.starts_with(b"WARC/") {
            return Self::Plain;
        }
        if beginning.starts_with(&[0x1f, 0x8b]) {
            return Self::Gzip;
        }
        let number = beginning.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        if number == ZSTD_MAGIC || is_skippable(number) {
            return Self::Zstd;
        }
        let first = |needle: &[u8]| find(beginning, needle).unwrap_or(usize::MAX);
        let traces = [
            (first(b"\nWARC/1."), Self::Plain),
            (first(&GZIP_MAGIC), Self::Gzip),
            (first(&ZSTD_MAGIC.to_le_bytes()), Self::Zstd),
        ];
        traces.into_iter().min_by_key(|&(at, _)| at).map_or(Self::Plain, |(_, kind)| kind)
    }
}

pub(super) const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
pub(super) const ZSTD_MAGIC: u32 = 0xfd2f_b528;
pub(super) const ZSTD_DICTIONARY_MAGIC: u32 = 0x184d_2a5d;

pub(super) fn is_skippable(number: u32) -> bool {
    number & 0xffff_fff0 == 0x184d_2a50
}
