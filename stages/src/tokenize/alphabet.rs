//! The byte-level alphabet: one printable character per byte, in which vocabulary files write tokens.
//!
//! Printable Latin-1 bytes map to themselves, the others to the characters from U+0100, in order (GPT-2's
//! `bytes_to_unicode`).
//!
//! Invariant: a bijection between bytes and 256 characters, none of them white space.

use std::sync::OnceLock;

/// The character of each byte.
pub(super) fn characters() -> &'static [char; 256] {
    static ALPHABET: OnceLock<[char; 256]> = OnceLock::new();
    ALPHABET.get_or_init(|| {
        let mut others = '\u{100}'..='\u{143}';
        std::array::from_fn(|index| {
            let latin = u8::try_from(index).map_or('\0', char::from);
            match latin {
                '!'..='~' | '¡'..='¬' | '®'..='ÿ' => latin,
                _ => others.next().unwrap_or('\0'),
            }
        })
    })
}

/// Encodes a token for a vocabulary file.
pub(super) fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| characters()[byte as usize]).collect()
}

/// Decodes a token of a vocabulary file to bytes; `None` if it has a character outside the alphabet.
pub(super) fn bytes(spelled: &str) -> Option<Vec<u8>> {
    static INVERSE: OnceLock<Vec<Option<u8>>> = OnceLock::new();
    let inverse = INVERSE.get_or_init(|| {
        let mut inverse = vec![None; 0x144];
        for (byte, &character) in (0..=255).zip(characters()) {
            inverse[character as usize] = Some(byte);
        }
        inverse
    });
    spelled.chars().map(|character| inverse.get(character as usize).copied().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    #[test]
    fn alphabet_matches_reference() {
        let mut ours: Vec<char> = characters().to_vec();
        let mut theirs: Vec<char> = ByteLevel::alphabet().into_iter().collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn spelling_matches_reference() {
        for text in ["Hello wörld\n\t", "中文 🦀\u{0}\u{7F}\u{AD}"] {
            let mut pieces = PreTokenizedString::from(text);
            ByteLevel::new(false, true, false).pre_tokenize(&mut pieces).unwrap();
            let splits = pieces.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
            let theirs: String = splits.iter().map(|(piece, _, _)| *piece).collect();
            assert_eq!(spell(text.as_bytes()), theirs);
            assert_eq!(bytes(&theirs).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(bytes("a b"), None);
    }
}
