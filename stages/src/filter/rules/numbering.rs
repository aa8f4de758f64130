//! Numbers the distinct words or pairs of one text: an open-addressing table of 64-bit keys.
//!
//! A standard map from words hashes and compares strings, which costs most of the time of the repetition rules. Here a
//! word of up to seven bytes is its own key, so that no string is compared; only longer words are hashed, and compared
//! when their hashes are equal.
//!
//! Invariant: equal keys have equal numbers, different ones have different numbers, and numbers count up from 0 in the
//! order of first appearance. Nothing depends on the place of a key in the table.

use xxhash_rust::xxh3::xxh3_64;

/// Marks an empty slot.
const EMPTY: u32 = u32::MAX;
/// Size of a new table, a power of two.
const MIN_SLOTS: usize = 256;
/// The top byte of the key of a word of eight bytes and more; shorter words have their length there.
const LONG: u64 = 0xff << 56;
/// Bytes of a word that is its own key.
const MAX_SHORT: usize = 7;

/// The distinct keys so far.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// The numbers by the place of their keys: small, so that the table of an ordinary text stays in the first cache.
    slots: Vec<u32>,
    /// The keys by their numbers.
    keys: Vec<u64>,
    /// Number of occurrences of each key, by its number.
    pub(super) counts: Vec<u32>,
}

impl Numbering {
    /// Forgets all keys; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
        self.keys.clear();
        self.slots.fill(EMPTY);
    }

    /// The number of `key`; counts the occurrence.
    pub(super) fn number(&mut self, key: u64) -> u32 {
        self.find(key, |_| true)
    }

    /// The number of the word with `key`; `is_equal` tells whether the word with a number is the same, where the key does
    /// not.
    pub(super) fn number_of_word(&mut self, key: u64, is_equal: impl Fn(u32) -> bool) -> u32 {
        if key & LONG == LONG { self.find(key, is_equal) } else { self.find(key, |_| true) }
    }

    fn find(&mut self, key: u64, is_equal: impl Fn(u32) -> bool) -> u32 {
        if self.keys.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = spread(key) & mask;
        loop {
            let Some(slot) = self.slots.get_mut(at) else { return EMPTY };
            if *slot == EMPTY {
                let number = u32::try_from(self.counts.len()).unwrap_or(EMPTY);
                *slot = number;
                self.keys.push(key);
                self.counts.push(1);
                return number;
            }
            let number = *slot;
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            if self.keys.get(index) == Some(&key) && is_equal(number) {
                if let Some(count) = self.counts.get_mut(index) {
                    *count = count.saturating_add(1);
                }
                return number;
            }
            at = (at + 1) & mask;
        }
    }

    /// Doubles the table.
    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(MIN_SLOTS);
        self.slots.clear();
        self.slots.resize(size, EMPTY);
        for (key, number) in self.keys.iter().zip(0_u32..) {
            let mut at = spread(*key) & (size - 1);
            while self.slots.get(at).is_some_and(|slot| *slot != EMPTY) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = number;
            }
        }
    }
}

/// The place of a key before the mask: the high bits of a product (Knuth, vol. 3, 6.4).
fn spread(key: u64) -> usize {
    let product = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(product >> 32).unwrap_or(0)
}

/// The key of the word of `text` at `start` with `length` bytes, and its number of characters.
pub(super) fn word_key(text: &str, start: usize, length: usize) -> (u64, usize) {
    let bytes = text.as_bytes();
    if length > MAX_SHORT {
        let word = &text[start..start + length];
        return (xxh3_64(word.as_bytes()) | LONG, word.chars().count());
    }
    let packed = match bytes[start..].first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight) & ((1 << (8 * length)) - 1),
        None => bytes[start..start + length].iter().rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte)),
    };
    // Bytes `10xxxxxx` continue a character.
    let continuations = ((packed >> 7) & !(packed >> 6) & 0x0101_0101_0101_0101).count_ones();
    (packed | (length as u64) << 56, length - usize::try_from(continuations).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_words_are_their_own_keys() {
        for text in ["a", "ab", "seven77", "é", "日本"] {
            let padded = format!("{text} and more text");
            assert_eq!(word_key(text, 0, text.len()), word_key(&padded, 0, text.len()), "{text}");
            assert_eq!(word_key(text, 0, text.len()).1, text.chars().count(), "{text}");
        }
        assert_ne!(word_key("ab", 0, 2).0, word_key("ab\0", 0, 3).0, "the length is part of the key");
        assert_eq!(word_key("longword", 0, 8).0 & LONG, LONG);
    }

    #[test]
    fn words_with_equal_hashes_differ() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.number_of_word(LONG, |_| false), 0);
        assert_eq!(numbering.number_of_word(LONG, |_| false), 1);
        assert_eq!(numbering.number_of_word(LONG, |number| number == 1), 1);
        assert_eq!(numbering.counts, [1, 2]);
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_a_map(keys in proptest::collection::vec(0_u64..400, 0..600)) {
            let mut numbering = Numbering::default();
            let mut map: HashMap<u64, u32> = HashMap::new();
            for key in keys.iter().map(|key| key << 30) {
                let next = u32::try_from(map.len()).unwrap();
                let expected = *map.entry(key).or_insert(next);
                prop_assert_eq!(numbering.number(key), expected);
            }
            let total: u32 = numbering.counts.iter().sum();
            prop_assert_eq!(total as usize, keys.len());
        }
    }
}
