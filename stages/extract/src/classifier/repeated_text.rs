//! Text that is repeated on a page: quoted posts, labels of cards, duplicate menus.
//!
//! Words are hashes of letters and digits, in any language. A run is three consecutive words of one block.
//!
//! Invariant: time and memory are linear in the page, and bounded, since the number of words compared is.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::row::FeatureRow;
use super::shape::Shape;
use super::words::{HASH_MULTIPLIER, WordHashes};

/// Number of words of a run.
pub(super) const RUN_WORDS: usize = 3;
/// Number of words at the beginning of a block that are compared.
const START_WORDS: usize = 4;

/// How much of one block is repeated elsewhere on the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Repetition {
    /// Number of blocks with the same letters before and after it. The first is a column of its own, among those of the
    /// text.
    pub(super) before: u32,
    after: u32,
    /// Distance in blocks to the last such block and to the next; −1 if there is none.
    from_last: i64,
    to_next: i64,
    /// 1 if the rules keep the last such block, 0 if not, −1 if there is none.
    last_kept: i64,
    /// Number of blocks before and after it that begin with the same words.
    same_start_before: u32,
    same_start_after: u32,
    /// Share of runs (‰) that also occur in an earlier block, and share that first occur in this block and occur again;
    /// −1 if it has no runs.
    runs_before: i64,
    runs_after: i64,
    /// Share of words (‰) that also occur in an earlier block, and share that occur once on the page; −1 if it has no
    /// words.
    words_before: i64,
    words_once: i64,
    /// Average number of occurrences of its words on the page, in tenths.
    frequency: i64,
}

impl Repetition {
    /// Appends all values but the first.
    pub(super) fn write(&self, row: &mut FeatureRow<'_>) {
        for count in [self.after, self.same_start_before, self.same_start_after] {
            row.count(count);
        }
        for value in [self.from_last, self.to_next, self.last_kept, self.runs_before, self.runs_after] {
            row.push(value);
        }
        for value in [self.words_before, self.words_once, self.frequency] {
            row.push(value);
        }
    }
}

/// Compares the blocks of a page with each other; `kept` is whether the rules keep each block.
pub(super) fn find_repetitions(shapes: &[Shape], words: &WordHashes, kept: &[bool]) -> Vec<Repetition> {
    let mut all = vec![Repetition { from_last: -1, to_next: -1, last_kept: -1, ..Repetition::default() }; shapes.len()];
    count_repeated_blocks(shapes, kept, &mut all);
    count_beginnings(words, &mut all);
    let runs = KeyIndex::new(words, |block| block.windows(RUN_WORDS).map(key).collect());
    let single = KeyIndex::new(words, |block| block.iter().map(|word| u64::from(*word)).collect());
    for (at, own) in all.iter_mut().enumerate() {
        (own.runs_before, own.runs_after) =
            (runs.share(at, |first, _| first < at), runs.share(at, |first, count| first >= at && count > 1));
        (own.words_before, own.words_once) =
            (single.share(at, |first, _| first < at), single.share(at, |_, count| count == 1));
        own.frequency = single.frequency(at);
    }
    all
}

/// A hash of consecutive words.
pub(super) fn key(words: &[u32]) -> u64 {
    words.iter().fold(0, |key, word| (key ^ u64::from(*word)).wrapping_mul(HASH_MULTIPLIER).rotate_left(29))
}

fn count_repeated_blocks(shapes: &[Shape], kept: &[bool], all: &mut [Repetition]) {
    let mut last: HashMap<u64, usize, Xxh3DefaultBuilder> = HashMap::default();
    for (at, shape) in shapes.iter().enumerate() {
        if let Some(earlier) = last.insert(shape.hash, at) {
            let apart = i64::try_from(at - earlier).unwrap_or(i64::MAX);
            all[at].before = all[earlier].before + 1;
            (all[at].from_last, all[earlier].to_next) = (apart, apart);
            all[at].last_kept = i64::from(kept[earlier]);
        }
    }
    for (at, shape) in shapes.iter().enumerate() {
        all[at].after = last.get(&shape.hash).map_or(0, |last| all[*last].before - all[at].before);
    }
}

fn count_beginnings(words: &WordHashes, all: &mut [Repetition]) {
    let mut counts: HashMap<u64, u32, Xxh3DefaultBuilder> = HashMap::default();
    let begins = || words.blocks().enumerate().filter_map(|(at, block)| Some((at, key(block.get(..START_WORDS)?))));
    for (at, begin) in begins() {
        let count = counts.entry(begin).or_insert(0);
        all[at].same_start_before = *count;
        *count += 1;
    }
    for (at, begin) in begins() {
        all[at].same_start_after = counts.get(&begin).map_or(0, |count| count - 1 - all[at].same_start_before);
    }
}

/// The first occurrence and the count of each distinct key (a word or a run).
struct KeyIndex {
    /// The first block and the count of each distinct key.
    entries: Vec<(u32, u32)>,
    /// The indices of the keys of all blocks, concatenated.
    indices: Vec<u32>,
    /// Where the keys of each block end.
    ends: Vec<usize>,
}

impl KeyIndex {
    fn new(words: &WordHashes, keys: impl Fn(&[u32]) -> Vec<u64>) -> Self {
        let mut seen = Self { entries: Vec::new(), indices: Vec::new(), ends: Vec::new() };
        let mut known: HashMap<u64, u32, Xxh3DefaultBuilder> = HashMap::default();
        for (at, block) in (0_u32..).zip(words.blocks()) {
            for key in keys(block) {
                let next = u32::try_from(seen.entries.len()).unwrap_or(u32::MAX);
                let index = *known.entry(key).or_insert(next);
                if index == next {
                    seen.entries.push((at, 0));
                }
                seen.entries[index as usize].1 += 1;
                seen.indices.push(index);
            }
            seen.ends.push(seen.indices.len());
        }
        seen
    }

    fn of(&self, at: usize) -> impl Iterator<Item = (usize, u32)> {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.indices[begin..self.ends[at]].iter().map(|index| {
            let (first, count) = self.entries[*index as usize];
            (first as usize, count)
        })
    }

    /// Share (‰) of a block's keys for which `holds` returns true; −1 if it has none.
    fn share(&self, at: usize, holds: impl Fn(usize, u32) -> bool) -> i64 {
        let (mut all, mut held) = (0, 0);
        for (first, count) in self.of(at) {
            all += 1;
            held += i64::from(holds(first, count));
        }
        (held * 1000_i64).checked_div(all).unwrap_or(-1)
    }

    fn frequency(&self, at: usize) -> i64 {
        let (sum, all) = self.of(at).fold((0, 0), |(sum, all), (_, count)| (sum + i64::from(count), all + 1));
        (sum * 10_i64).checked_div(all).unwrap_or(-1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_text_is_found() {
        let mut words = WordHashes::default();
        let mut shapes = Vec::new();
        for block in [[1_u32, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4], [9, 2, 3, 4]] {
            for word in block {
                words.push(u64::from(word));
            }
            words.end_block();
            shapes.push(Shape { hash: key(&block), ..Shape::default() });
        }
        let all = find_repetitions(&shapes, &words, &[true, false, false, false]);
        assert_eq!((all[0].before, all[0].after, all[0].to_next), (0, 1, 2));
        assert_eq!((all[2].before, all[2].from_last, all[2].last_kept), (1, 2, 1));
        assert_eq!((all[2].same_start_before, all[3].same_start_before), (1, 0));
        assert_eq!((all[0].runs_after, all[2].runs_before, all[3].runs_before), (1000, 1000, 500));
        assert_eq!((all[1].words_once, all[3].words_once, all[1].runs_before), (1000, 250, 0));
        assert_eq!(all[3].frequency, 25);
    }
}
