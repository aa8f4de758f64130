//! Finds the repeated word n-grams of one text, exactly and in linear time.
//!
//! An (n+1)-gram can only be repeated where both n-grams inside it are repeated. So each step reads only the positions
//! that the previous step kept, and identifies an (n+1)-gram by the numbers of those two n-grams: no text is read
//! twice and different n-grams never collide (the naming scheme of Karp, Miller and Rosenberg 1972, with n growing by
//! one).
//!
//! Invariant: after each step `positions` has, in order, the word positions whose n-gram occurs at least twice.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::numbering::{Numbering, word_key};
use super::numbers::share;
use crate::words;

/// Hashes words and pairs of numbers. Has no random seed, so maps are the same in every run; their order is never read.
#[derive(Debug, Default)]
pub(super) struct FixedHasher(u64);

impl Hasher for FixedHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15); // 2⁶⁴ / golden ratio (Knuth, vol. 3, 6.4)
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(super) type Set<T> = HashSet<T, BuildHasherDefault<FixedHasher>>;
/// Marks a position where no repeated n-gram begins.
const NONE: u32 = u32::MAX;

/// The repeated n-grams of a text, for one n at a time.
#[derive(Debug)]
pub(super) struct NGrams {
    length: usize,
    /// Number of the n-gram at each word, or `NONE`.
    numbers: Vec<u32>,
    numbering: Numbering,
    positions: Vec<usize>,
    /// Characters in the words before each word; the last entry is the total.
    characters: Vec<usize>,
}

impl NGrams {
    /// The repeated words of `text` (n = 1).
    pub(super) fn new(text: &str) -> Self {
        let (mut numbers, mut characters, mut total) = (Vec::new(), vec![0], 0);
        let mut numbering = Numbering::default();
        // The place of the first occurrence of each word, by its number.
        let mut first: Vec<(usize, usize)> = Vec::new();
        for word in words::spans(text) {
            let (start, length) = (word.start, word.text.len());
            let (key, count) = word_key(text, start, length);
            let number = numbering.number_of_word(key, |number| {
                let place = usize::try_from(number).ok().and_then(|number| first.get(number));
                place.is_some_and(|&(start, length)| text.get(start..start + length) == Some(word.text))
            });
            if numbering.counts.len() > first.len() {
                first.push((start, length));
            }
            numbers.push(number);
            total += count;
            characters.push(total);
        }
        let mut positions = Vec::with_capacity(numbers.len());
        for (position, number) in numbers.iter_mut().enumerate() {
            if count_of(&numbering.counts, *number) > 1 {
                positions.push(position);
            } else {
                *number = NONE;
            }
        }
        Self { length: 1, numbers, numbering, positions, characters }
    }

    /// Advances from n to n + 1.
    pub(super) fn grow(&mut self) {
        self.numbering.clear();
        for &position in &self.positions {
            let next = self.numbers.get(position + 1).copied().unwrap_or(NONE);
            let Some(number) = self.numbers.get_mut(position) else { continue };
            if next == NONE {
                *number = NONE;
            } else {
                *number = self.numbering.number(u64::from(*number) << 32 | u64::from(next));
            }
        }
        self.length += 1;
        self.drop_unique();
    }

    /// The current n.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    fn drop_unique(&mut self) {
        let (numbers, counts) = (&mut self.numbers, &self.numbering.counts);
        self.positions.retain(|&position| {
            let Some(number) = numbers.get_mut(position) else { return false };
            let kept = count_of(counts, *number) > 1;
            if !kept {
                *number = NONE;
            }
            kept
        });
    }

    /// Share of the words' characters that the most frequent n-gram covers, counting each character once. Of equally
    /// frequent n-grams, the longest counts. 0 if none occurs twice.
    pub(super) fn top_share(&self) -> f64 {
        let Some(max_count) = self.numbering.counts.iter().copied().max() else { return 0.0 };
        let most_frequent = self
            .positions
            .iter()
            .copied()
            .filter(|&position| count_of(&self.numbering.counts, self.number(position)) == max_count);
        let best = most_frequent
            .max_by_key(|&position| (self.span(position, position + self.length), std::cmp::Reverse(position)));
        best.map_or(0.0, |best| self.cover(|position| self.number(position) == self.number(best)))
    }

    /// Share of the words' characters in n-grams that occur earlier in the text, counting each character once.
    pub(super) fn repeated_share(&self) -> f64 {
        let mut seen = vec![false; self.numbering.counts.len()];
        self.cover(|position| {
            let slot = usize::try_from(self.number(position)).ok().and_then(|number| seen.get_mut(number));
            slot.is_some_and(|slot| std::mem::replace(slot, true))
        })
    }

    fn number(&self, position: usize) -> u32 {
        self.numbers.get(position).copied().unwrap_or(NONE)
    }

    /// Characters of the words `from..to`.
    fn span(&self, from: usize, to: usize) -> usize {
        let before = |position| self.characters.get(position).copied().unwrap_or_default();
        before(to).saturating_sub(before(from))
    }

    fn cover(&self, mut selected: impl FnMut(usize) -> bool) -> f64 {
        let (mut covered, mut end) = (0, 0);
        for &position in &self.positions {
            if selected(position) {
                covered += self.span(position.max(end), position + self.length);
                end = position + self.length;
            }
        }
        share(covered, self.characters.last().copied().unwrap_or_default())
    }
}

fn count_of(counts: &[u32], number: u32) -> u32 {
    usize::try_from(number).ok().and_then(|number| counts.get(number).copied()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn grown(text: &str, length: usize) -> NGrams {
        let mut grams = NGrams::new(text);
        while grams.length() < length {
            grams.grow();
        }
        grams
    }

    #[test]
    fn shares_of_known_bigrams() {
        // 12 characters; "ab cd" occurs at words 0 and 3, "cd ef" once, "cd gh" once.
        let grams = grown("ab cd ef, ab cd gh", 2);
        assert_eq!(grams.positions, [0, 3]);
        assert_eq!((grams.top_share(), grams.repeated_share()), (8.0 / 12.0, 4.0 / 12.0));
        // Overlapping occurrences are counted once: all four characters, and the last three of them repeat.
        let grams = grown("a a a a", 2);
        assert_eq!((grams.top_share(), grams.repeated_share()), (1.0, 0.75));
        assert_eq!((grown("", 5).top_share(), grown("a b", 5).repeated_share()), (0.0, 0.0));
        assert_eq!(Some(grown("a b c d", 2).top_share()), Some(0.0));
    }

    proptest! {
        #[test]
        fn agrees_with_counting_every_n_gram(text in "[abc]{1,2}( [abc]{1,2}){0,60}", length in 1_usize..8) {
            let words: Vec<&str> = text.split(' ').collect();
            let mut counts: BTreeMap<&[&str], usize> = BTreeMap::new();
            let mut repeated = vec![false; words.len()];
            for (position, gram) in words.windows(length).enumerate() {
                let count = counts.entry(gram).or_default();
                *count += 1;
                if *count > 1 {
                    repeated[position..position + length].fill(true);
                }
            }
            let positions: Vec<usize> = words.windows(length).enumerate()
                .filter(|(_, gram)| counts[gram] > 1).map(|(position, _)| position).collect();
            let grams = grown(&text, length);
            prop_assert_eq!(&grams.positions, &positions);
            let total: usize = words.iter().map(|word| word.len()).sum();
            let part: usize = words.iter().zip(&repeated).filter(|(_, is)| **is).map(|(word, _)| word.len()).sum();
            prop_assert_eq!(Some(grams.repeated_share()), Some(share(part, total)));
            prop_assert!(grams.top_share() <= 1.0);
            prop_assert_eq!(grams.top_share() > 0.0, !positions.is_empty());
        }
    }
}
