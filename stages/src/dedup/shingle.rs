//! Computes rolling 64-bit hashes of word n-grams (shingles).
//!
//! A shingle is n consecutive words. Its hash is the polynomial Σ h(wᵢ)·Mⁿ⁻¹⁻ⁱ mod 2⁶⁴ of the words' XXH3 hashes, which
//! rolls with one multiplication per word (Karp & Rabin 1987), followed by the 64-bit finaliser of MurmurHash3, since
//! the linear permutations that use it need well-mixed input.
//!
//! Invariant: a text of w words has max(0, w − n + 1) shingles, in order; equal n-grams have equal hashes at any
//! position.

use xxhash_rust::xxh3::xxh3_64;

use super::normalise::WordNormaliser;

/// Number of words per shingle, as in FineWeb (`examples/fineweb.py`: `n_grams=5`).
pub(super) const SHINGLE_WORDS: usize = 5;

/// The base M of the polynomial: odd, and 3 modulo 4, so M − 1 loses only one bit (a swap of two words is a factor
/// M − 1). The fractional bits of the golden ratio, ⌊2⁶⁴/φ⌋, with the last two bits set.
const BASE: u64 = 0x9E37_79B9_7F4A_7C17;

/// Computes the shingle hashes of texts. Reuses its buffers from one text to the next.
#[derive(Debug)]
pub(super) struct Shingler {
    words: WordNormaliser,
    window: Vec<u64>,
    /// `BASE` to the power of the window's length: the factor of the word that leaves the window.
    outgoing_factor: u64,
}

impl Shingler {
    /// A shingler of n-grams with `words` words (0 counts as 1).
    pub(super) fn new(words: usize) -> Self {
        let words = words.max(1);
        let outgoing_factor = (0..words).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self { words: WordNormaliser::default(), window: vec![0; words], outgoing_factor }
    }

    /// Calls `visit` with the hash of each shingle of `text`, in order, including repeats.
    #[inline]
    pub(super) fn for_each(&mut self, text: &str, mut visit: impl FnMut(u64)) {
        let Self { words, window, outgoing_factor } = self;
        window.fill(0);
        let (mut sum, mut slot, mut missing) = (0_u64, 0_usize, window.len());
        words.for_each(text, |word| {
            let hash = xxh3_64(word);
            sum = sum.wrapping_mul(BASE).wrapping_add(hash).wrapping_sub(window[slot].wrapping_mul(*outgoing_factor));
            window[slot] = hash;
            slot += 1;
            if slot == window.len() {
                slot = 0;
            }
            missing = missing.saturating_sub(1);
            if missing == 0 {
                visit(mix(sum));
            }
        });
    }
}

/// The 64-bit finaliser of MurmurHash3 (Appleby, public domain): a bijection in which each bit affects all others.
#[inline]
fn mix(mut value: u64) -> u64 {
    value ^= value >> 33;
    value = value.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    value ^= value >> 33;
    value = value.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shingles(words: usize, text: &str) -> Vec<u64> {
        let mut shingles = Vec::new();
        Shingler::new(words).for_each(text, |shingle| shingles.push(shingle));
        shingles
    }

    #[test]
    fn a_text_of_four_words_has_no_shingle_of_five() {
        assert!(shingles(5, "one two three four").is_empty());
        assert_eq!(shingles(5, "one two three four five").len(), 1);
    }

    #[test]
    fn word_order_and_word_boundaries_matter() {
        assert_ne!(shingles(2, "a b"), shingles(2, "b a"));
        assert_ne!(shingles(2, "ab c"), shingles(2, "a bc"));
    }

    proptest! {
        #[test]
        fn rolling_hash_equals_the_hash_of_each_window(words in prop::collection::vec("[a-c]{1,2}", 0..30), n in 1_usize..7) {
            let all = shingles(n, &words.join(" "));
            let each: Vec<u64> = words.windows(n).flat_map(|window| shingles(n, &window.join(" "))).collect();
            prop_assert_eq!(all, each);
        }
    }
}
