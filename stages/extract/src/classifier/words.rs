//! The words of a page as hashes, block by block.
//!
//! Invariant: memory is bounded: words after the first [`MAX_WORDS`] are ignored.

/// Maximum number of words of a page that are compared.
const MAX_WORDS: usize = 1 << 18;
/// 2^64 divided by the golden ratio, which spreads the bits of a product over its upper half (Knuth, TAOCP 6.4).
pub(super) const HASH_MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The words of a page, block by block.
#[derive(Debug, Default)]
pub(super) struct WordHashes {
    hashes: Vec<u32>,
    /// Where each block's words end.
    ends: Vec<usize>,
}

impl WordHashes {
    /// Adds the next word of the current block, given its 64-bit hash; 32 bits of a mixed hash are kept.
    pub(super) fn push(&mut self, word_hash: u64) {
        if self.hashes.len() < MAX_WORDS {
            self.hashes.push((word_hash.wrapping_mul(HASH_MULTIPLIER) >> 32) as u32);
        }
    }

    /// Ends the current block.
    pub(super) fn end_block(&mut self) {
        self.ends.push(self.hashes.len());
    }

    /// The words of each block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &[u32]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.hashes[begin..*end])
    }
}
