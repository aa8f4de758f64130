//! The digest of a text, byte for byte: the key of exact deduplication.
//!
//! Invariant: no normalisation; two texts share a digest only if they are equal, or with probability 2⁻¹²⁸ per
//! pair.

use xxhash_rust::xxh3::xxh3_128;

/// XXH3-128 of the UTF-8 bytes of `text`, big-endian (the canonical form of the xxHash specification, 0.1.1).
///
/// Not a cryptographic hash: collisions can be forged, which at worst removes the forger's own document.
pub fn exact_digest(text: &str) -> [u8; 16] {
    xxh3_128(text.as_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_has_the_published_digest() {
        assert_eq!(u128::from_be_bytes(exact_digest("")), 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
    }

    #[test]
    fn a_space_changes_the_digest() {
        assert_ne!(exact_digest("a b"), exact_digest("a  b"));
    }
}
