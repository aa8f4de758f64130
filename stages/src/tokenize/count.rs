//! Counts how often each word occurs, which is the only input of tokenizer training.
//!
//! Counts are made per partition, merged, and returned in byte order of the words.
//!
//! Invariant: without a cap, counts are exact and do not depend on the order of texts or merges. Omitted words (long or
//! pruned ones) are counted too.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::split::words;

/// Limits of counting.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CountSettings {
    /// Maximum length of a counted word in bytes. Longer ones (base64, minified code, lines of dashes) do not improve a
    /// vocabulary and use memory. No learned token is longer. Our choice; the longest token of Llama 3 has 128 bytes.
    pub max_word_bytes: usize,
    /// Maximum number of distinct words in memory; no limit by default. Beyond it, the rarest words are dropped, those
    /// seen once first, then twice and so on, until half of the limit is left (word2vec's `ReduceVocab`). The counts of
    /// rare words are then lower bounds that depend on the order of the texts, which is fixed within a partition.
    pub max_words: Option<usize>,
}

impl Default for CountSettings {
    fn default() -> Self {
        Self { max_word_bytes: 128, max_words: None }
    }
}

/// Words and their counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WordCounts {
    settings: CountSettings,
    counts: HashMap<Box<str>, u64, BuildHasherDefault<WordHasher>>,
    omitted: OmittedWords,
}

/// Occurrences that are not in the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OmittedWords {
    /// Occurrences of words longer than [`CountSettings::max_word_bytes`].
    pub long_words: u64,
    /// The total bytes of these occurrences.
    pub long_bytes: u64,
    /// Occurrences that were counted and later pruned because of [`CountSettings::max_words`].
    pub pruned_words: u64,
}

impl WordCounts {
    /// No counts yet.
    pub fn new(settings: CountSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Counts the words of a text, split as by the tokenizer.
    pub fn add_text(&mut self, text: &str) {
        for word in words(text) {
            self.add(word, 1);
        }
    }

    /// Counts `count` occurrences of a word.
    pub fn add(&mut self, word: &str, count: u64) {
        if word.len() > self.settings.max_word_bytes {
            self.omitted.long_words = self.omitted.long_words.saturating_add(count);
            self.omitted.long_bytes = self.omitted.long_bytes.saturating_add(count.saturating_mul(word.len() as u64));
            return;
        }
        if let Some(known) = self.counts.get_mut(word) {
            *known = known.saturating_add(count);
            return;
        }
        self.counts.insert(word.into(), count);
        self.prune();
    }

    /// Adds the counts of another part of the corpus, in word order.
    pub fn merge(&mut self, other: Self) {
        self.omitted.long_words = self.omitted.long_words.saturating_add(other.omitted.long_words);
        self.omitted.long_bytes = self.omitted.long_bytes.saturating_add(other.omitted.long_bytes);
        self.omitted.pruned_words = self.omitted.pruned_words.saturating_add(other.omitted.pruned_words);
        for (word, count) in other.into_sorted() {
            self.add(&word, count);
        }
    }

    /// The number of distinct words.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The occurrences that are not in the counts.
    pub fn omitted(&self) -> OmittedWords {
        self.omitted
    }

    /// The words and their counts, in byte order.
    pub fn into_sorted(self) -> std::vec::IntoIter<(Box<str>, u64)> {
        let mut sorted: Vec<(Box<str>, u64)> = self.counts.into_iter().collect();
        sorted.sort_unstable();
        sorted.into_iter()
    }

    fn prune(&mut self) {
        let Some(cap) = self.settings.max_words.filter(|&cap| self.counts.len() > cap) else {
            return;
        };
        while self.counts.len() > cap.div_ceil(2) {
            let least = self.counts.values().copied().min().unwrap_or(0);
            let pruned = &mut self.omitted.pruned_words;
            self.counts.retain(|_, count| {
                let keep = *count > least;
                if !keep {
                    *pruned = pruned.saturating_add(*count);
                }
                keep
            });
        }
    }
}

/// XXH3 of the bytes, which is fast on short words. Hash values never leave the map.
#[derive(Debug, Default, Clone)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// Ignores the end marker of a string: a key has only one field.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(counts: WordCounts) -> Vec<(String, u64)> {
        counts.into_sorted().map(|(word, count)| (word.into(), count)).collect()
    }

    #[test]
    fn words_are_counted_in_order() {
        let mut counts = WordCounts::new(CountSettings::default());
        counts.add_text("a b a\n a");
        let expected = [("\n", 1), (" a", 2), (" b", 1), ("a", 1)];
        assert_eq!(sorted(counts), expected.map(|(word, count)| (word.to_owned(), count)));
    }

    #[test]
    fn long_words_are_reported_as_left_out() {
        let mut counts = WordCounts::new(CountSettings { max_word_bytes: 3, ..CountSettings::default() });
        counts.add_text("abc abcd");
        assert_eq!(counts.omitted(), OmittedWords { long_words: 1, long_bytes: 5, pruned_words: 0 });
        assert_eq!(sorted(counts), [("abc".to_owned(), 1)]);
    }

    #[test]
    fn a_cap_drops_the_rarest_first() {
        let mut counts = WordCounts::new(CountSettings { max_words: Some(4), ..CountSettings::default() });
        for (word, count) in [("a", 5), ("b", 1), ("c", 2), ("d", 1), ("e", 3)] {
            counts.add(word, count);
        }
        assert_eq!(counts.omitted().pruned_words, 4);
        assert_eq!(sorted(counts), [("a".to_owned(), 5), ("e".to_owned(), 3)]);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(texts in prop::collection::vec("[ab \n1]{0,20}", 1..8), cut in 0_usize..8, cap in prop::option::of(1_usize..6)) {
            let total = |counts: &WordCounts| counts.counts.values().sum::<u64>() + counts.omitted().pruned_words;
            let settings = CountSettings { max_words: cap, ..CountSettings::default() };
            let count = |texts: &[String]| {
                let mut counts = WordCounts::new(settings.clone());
                for text in texts { counts.add_text(text); }
                counts
            };
            let whole = count(&texts);
            let (left, right) = texts.split_at(cut.min(texts.len()));
            let mut first = count(left);
            first.merge(count(right));
            let mut second = count(right);
            second.merge(count(left));
            prop_assert_eq!(total(&whole), total(&first));
            if let Some(cap) = cap {
                prop_assert!(first.len() <= cap);
            } else {
                prop_assert_eq!(sorted(whole.clone()), sorted(first));
                prop_assert_eq!(sorted(whole), sorted(second));
            }
        }
    }
}
