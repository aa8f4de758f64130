//! A cache of the tokens of words, since most words of a text repeat.
//!
//! Invariant: words are compared byte for byte, never only by hash, so the cache affects only speed. Its size is fixed:
//! about 2.6 MB for short words, and at most 4,096 long words of 256 bytes.

use xxhash_rust::xxh3::xxh3_64;

use super::pairs::halves;

/// Maximum length in bytes of a short word, which is stored as two machine words with the length in the last byte.
pub(super) const SHORT_BYTES: usize = 15;
const MAX_LONG_BYTES: usize = 256;
const SHORT_SLOTS: usize = 1 << 16;
const LONG_SLOTS: usize = 1 << 12;
/// Maximum number of cached tokens of a short word; words with more tokens are encoded each time.
const MAX_SHORT_TOKENS: usize = 4;

/// One slot per hash; the latest word replaces an earlier one.
#[derive(Debug)]
pub(super) struct Cache {
    short: Vec<Short>,
    long: Vec<Option<Box<Long>>>,
}

/// A word of at most [`SHORT_BYTES`] bytes, its length in the last: never (0, 0), which marks an empty slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key(u64, u64);

#[derive(Debug, Clone, Copy, Default)]
struct Short {
    key: Key,
    tokens: [u32; MAX_SHORT_TOKENS],
    length: u32,
}

#[derive(Debug)]
struct Long {
    word: Box<[u8]>,
    tokens: Box<[u32]>,
}

impl Key {
    /// The key of `text[start..end]`, which must not be longer than [`SHORT_BYTES`].
    #[inline]
    pub(super) fn new(text: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        let bytes = if let Some(wide) = text.get(start..).and_then(<[u8]>::first_chunk::<16>) {
            *wide
        } else {
            let mut bytes = [0; 16];
            bytes[..length].copy_from_slice(&text[start..end]);
            bytes
        };
        let word = u128::from_le_bytes(bytes) & ((1_u128 << (8 * length)) - 1);
        let word = word | (length as u128) << 120;
        let [low, high] = halves(word);
        Self(low, high)
    }

    #[inline]
    fn slot(self) -> usize {
        let mixed = (self.0 ^ self.1.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.1;
        slot_index(mixed.wrapping_mul(0xC4CE_B9FE_1A85_EC53) >> 48, SHORT_SLOTS)
    }
}

/// The slot index of a hash.
#[inline]
fn slot_index(hash: u64, slots: usize) -> usize {
    usize::try_from(hash % slots as u64).unwrap_or(0)
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            short: vec![Short::default(); SHORT_SLOTS],
            long: std::iter::repeat_with(|| None).take(LONG_SLOTS).collect(),
        }
    }

    /// Appends the tokens of a short word. On a miss, `encode` appends them, and the cache stores them.
    #[inline]
    pub(super) fn short(&mut self, key: Key, out: &mut Vec<u32>, encode: impl FnOnce(&mut Vec<u32>)) {
        let slot = &mut self.short[key.slot()];
        if slot.key == key {
            out.extend_from_slice(&slot.tokens[..slot.length as usize]);
            return;
        }
        let before = out.len();
        encode(out);
        let tokens = &out[before..];
        if let (1..=MAX_SHORT_TOKENS, Ok(length)) = (tokens.len(), u32::try_from(tokens.len())) {
            slot.key = key;
            slot.tokens[..tokens.len()].copy_from_slice(tokens);
            slot.length = length;
        }
    }

    /// The same for a longer word; words over 256 bytes are not cached.
    pub(super) fn long(&mut self, word: &[u8], out: &mut Vec<u32>, encode: impl FnOnce(&mut Vec<u32>)) {
        if word.len() > MAX_LONG_BYTES {
            return encode(out);
        }
        let slot = &mut self.long[slot_index(xxh3_64(word), LONG_SLOTS)];
        if let Some(known) = slot.as_ref().filter(|known| *known.word == *word) {
            out.extend_from_slice(&known.tokens);
            return;
        }
        let before = out.len();
        encode(out);
        *slot = Some(Box::new(Long { word: word.into(), tokens: out[before..].into() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_distinguish_lengths() {
        let text = b"ab\0\0 and something longer";
        assert_ne!(Key::new(text, 0, 2), Key::new(text, 0, 3));
        assert_eq!(Key::new(b"ab", 0, 2), Key::new(text, 0, 2));
        assert_eq!(Key::new(text, 5, 5 + SHORT_BYTES), Key::new(&text[..5 + SHORT_BYTES], 5, 5 + SHORT_BYTES));
        assert_ne!(Key::new(b"\0", 0, 1), Key::default());
    }

    #[test]
    fn latest_word_replaces_slot() {
        let (mut cache, mut out) = (Cache::new(), Vec::new());
        for round in 0..2 {
            for word in 0..200_000_u32 {
                let bytes = word.to_le_bytes();
                out.clear();
                cache.short(Key::new(&bytes, 0, 4), &mut out, |out| out.push(word));
                assert_eq!(out, [word], "round {round}");
                let long = [bytes; 5].concat();
                cache.long(&long, &mut out, |out| out.push(word));
                assert_eq!(out, [word, word], "round {round}");
            }
        }
    }
}
