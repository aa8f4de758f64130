//! Detects the compression of an archive from its bytes.
//!
//! Invariant: detection succeeds on a damaged beginning if a record or member begins within the bytes inspected.

use super::record::find;

/// The compression of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    Plain,
    /// Gzip members: one per record, as the standard recommends, or divided in any other way.
    Gzip,
    /// Zstandard frames, with the dictionary in the first skippable frame, if any (IIPC, "WARC-zstd").
    Zstd,
}

impl Compression {
    /// Detects the compression from the first bytes of an archive, or, if these are damaged, from the first magic
    /// number or version line in them.
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
