//! Whether bytes can be text in an encoding: what refutes a declaration, and what proves one.
//!
//! Runs on the bytes of a page or file, before `charset` chooses the encoding.
//!
//! The thresholds separate two groups that are far apart: of the sequences of a text in GBK or EUC-JP, less than a
//! third are valid UTF-8, by chance, and next to none in encodings with one byte per character; in damaged UTF-8,
//! nearly all.
//!
//! Invariant: counts of the bytes only, no word of any language.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_16BE, UTF_16LE};
use memchr::memmem;

/// Bytes are UTF-8 if they have at least this many valid multi-byte sequences per invalid one.
const MIN_VALID_PER_INVALID: usize = 4;
/// The same threshold for a text file, which comes from one program, so that damage is rarer than in a page.
const MIN_VALID_PER_INVALID_IN_FILE: usize = 100;
/// Number of multi-byte sequences that prove UTF-8 against a declared encoding whose own characters could form them.
const MIN_SEQUENCES: usize = 8;
/// An encoding does not fit if more than one in this many non-ASCII characters is malformed.
const MAX_MALFORMED_ONE_IN: usize = 10;

/// How much of some bytes is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Utf8Count {
    /// Valid sequences of two bytes and more.
    sequences: usize,
    /// Invalid sequences.
    invalid: usize,
}

impl Utf8Count {
    /// Counts the sequences of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let lead_bytes = |text: &str| text.bytes().filter(|byte| *byte >= 0xc0).count();
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self { sequences: lead_bytes(text), invalid: 0 };
        }
        let mut count = Self { sequences: 0, invalid: 0 };
        for chunk in bytes.utf8_chunks() {
            count.sequences += lead_bytes(chunk.valid());
            count.invalid += usize::from(!chunk.invalid().is_empty());
        }
        count
    }

    /// Whether the bytes of a page are UTF-8, perhaps with some damage; true for ASCII.
    pub(super) fn fits_page(self) -> bool {
        self.invalid * MIN_VALID_PER_INVALID <= self.sequences
    }

    /// Whether the bytes of a file are UTF-8, perhaps with little damage.
    pub(super) fn fits_file(self) -> bool {
        self.invalid * MIN_VALID_PER_INVALID_IN_FILE <= self.sequences
    }

    /// Whether a page that declares `encoding` is UTF-8 all the same.
    ///
    /// One valid sequence is enough where the encoding has one byte per character: its letters are in the range of lead
    /// bytes and are next to other letters, not next to the symbols in the range of continuation bytes.
    pub(super) fn refutes(self, encoding: &'static Encoding) -> bool {
        let least = if encoding.is_single_byte() && self.invalid == 0 { 1 } else { MIN_SEQUENCES };
        self.sequences >= least && self.fits_page()
    }
}

/// Whether this is an encoding with two bytes per unit.
pub(super) fn is_utf_16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// Whether bytes can be UTF-16 in this byte order: markup is ASCII, whose second byte is 0.
pub(super) fn has_utf_16_ascii(bytes: &[u8], encoding: &'static Encoding) -> bool {
    bytes.chunks_exact(2).any(|unit| {
        let (low, high) = if encoding == UTF_16LE { (unit[0], unit[1]) } else { (unit[1], unit[0]) };
        low != 0 && high == 0
    })
}

/// Whether few enough characters of a decoded text are malformed.
pub(super) fn is_readable(text: &str) -> bool {
    let high = text.chars().filter(|character| !character.is_ascii()).count();
    let malformed = text.chars().filter(|character| *character == '\u{fffd}').count();
    malformed * MAX_MALFORMED_ONE_IN <= high
}

/// Whether the bytes of a file are ISO-2022-JP: ASCII whose escape sequences switch to Japanese, all of them valid.
pub(super) fn is_iso_2022_jp(bytes: &[u8]) -> bool {
    let switches = |escape: &[u8]| memmem::find(bytes, escape).is_some();
    (switches(b"\x1b$B") || switches(b"\x1b$@"))
        && bytes.is_ascii()
        && !ISO_2022_JP.decode_without_bom_handling(bytes).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GBK, WINDOWS_1252};

    #[test]
    fn sequences_are_counted() {
        assert_eq!(Utf8Count::of("aé中😀".as_bytes()), Utf8Count { sequences: 3, invalid: 0 });
        assert_eq!(Utf8Count::of(b"\xe9t\xc3\xa9 \xe4\xb8"), Utf8Count { sequences: 1, invalid: 2 });
    }

    #[test]
    fn damage_is_tolerated_up_to_a_share() {
        let count = |sequences, invalid| Utf8Count { sequences, invalid };
        assert!(count(0, 0).fits_page() && count(4, 1).fits_page() && !count(3, 1).fits_page());
        assert!(count(100, 1).fits_file() && !count(99, 1).fits_file());
        assert!(count(1, 0).refutes(WINDOWS_1252) && !count(7, 1).refutes(WINDOWS_1252));
        assert!(count(8, 2).refutes(GBK) && !count(7, 0).refutes(GBK) && !count(0, 0).refutes(WINDOWS_1252));
    }

    #[test]
    fn utf_16_is_recognised_by_its_ascii() {
        let little: Vec<u8> = "<p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(has_utf_16_ascii(&little, UTF_16LE) && !has_utf_16_ascii(&little, UTF_16BE));
        assert!(!has_utf_16_ascii(b"<p>text", UTF_16LE));
    }

    #[test]
    fn escape_sequences_of_terminals_are_not_japanese() {
        assert!(is_iso_2022_jp(b"\x1b$B$3\x1b(B"));
        assert!(!is_iso_2022_jp(b"\x1b[31mred\x1b[0m"));
        assert!(!is_iso_2022_jp(b"PS1='\x1b$BX'\x1b[0m"), "an escape sequence of another kind follows");
    }
}
