//! Byte-pair merges learned from word counts: the exact loop.
//!
//! Again and again the most frequent pair of neighbouring tokens becomes a token (Sennrich, Haddow & Birch 2016), ties going
//! to the pair of the smaller ids. The result is that of `tokenizers`' `BpeTrainer` (a test compares them), with three faults
//! mended: counts are 64 bits wide (there 32, which a corpus of some gigabytes overflows); a pair that forms anew after it was
//! merged, because two merges spell one token, is merged at once, as an encoder does, instead of being listed twice; one
//! thread, no progress bar.
//!
//! Invariant: the merges depend on the multiset of (word, count) only: not on their order, nor on any table's order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::pairs::{Pair, PairMap};

/// Token ids, their bytes, and how they come together.
#[derive(Debug)]
pub(super) struct Learned {
    /// The bytes of each token from the first learned id on: the 256 bytes first, then the merged ones.
    pub(super) tokens: Vec<Vec<u8>>,
    /// Pairs of ids in the order in which they merge.
    pub(super) merges: Vec<(u32, u32)>,
}

/// Learns merges until there are `tokens` tokens (the 256 bytes included) or no pair occurs `least` times.
///
/// `order` lists the 256 bytes by id; ids here start at 0.
pub(super) fn learn_merges<'a>(
    words: impl Iterator<Item = (&'a [u8], u64)>,
    order: &[u8; 256],
    tokens: usize,
    least: u64,
) -> Learned {
    let mut learner = Learner::new(words, order);
    while learner.learned.tokens.len() < tokens {
        let Some((priority, Reverse(pair))) = learner.queue.pop() else {
            break;
        };
        let Some(occurrences) = learner.pairs.get(&pair) else {
            continue;
        };
        if priority != AT_ONCE && priority != occurrences.count {
            if occurrences.count > 0 {
                learner.queue.push((occurrences.count, Reverse(pair)));
            }
            continue;
        }
        if priority < least.max(1) {
            break;
        }
        learner.merge(pair);
    }
    learner.learned
}

/// The priority of a pair that is among the merges already.
const AT_ONCE: u64 = u64::MAX;

/// Where a pair occurs.
#[derive(Debug, Default)]
struct Occurrences {
    /// Over all words, times their counts.
    count: u64,
    /// Words that hold the pair or once did; a word may stand twice.
    words: Vec<u32>,
}

struct Learner {
    /// The tokens of all words, one after another; a word shrinks in place.
    symbols: Vec<u32>,
    /// Start, length and count of each word.
    words: Vec<(usize, usize, u64)>,
    pairs: PairMap<Occurrences>,
    /// Counts may be out of date: checked when taken.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
    ids: HashMap<Vec<u8>, u32>,
    known: PairMap<u32>,
    learned: Learned,
}

impl Learner {
    fn new<'a>(counts: impl Iterator<Item = (&'a [u8], u64)>, order: &[u8; 256]) -> Self {
        let mut ids = [0_u32; 256];
        for (id, &byte) in (0..).zip(order) {
            ids[byte as usize] = id;
        }
        let (mut symbols, mut words) = (Vec::new(), Vec::new());
        for (word, count) in counts.filter(|(word, count)| word.len() > 1 && *count > 0) {
            words.push((symbols.len(), word.len(), count));
            symbols.extend(word.iter().map(|&byte| ids[byte as usize]));
        }
        let mut pairs: PairMap<Occurrences> = PairMap::default();
        for (number, &(start, length, count)) in (0..).zip(&words) {
            for pair in symbols[start..start + length].windows(2) {
                let occurrences = pairs.entry(Pair::new(pair[0], pair[1])).or_default();
                occurrences.add(number, count);
            }
        }
        let queue = pairs.iter().map(|(&pair, occurrences)| (occurrences.count, Reverse(pair))).collect();
        let tokens: Vec<Vec<u8>> = order.iter().map(|&byte| vec![byte]).collect();
        let ids = (0..).zip(&tokens).map(|(id, token)| (token.clone(), id)).collect();
        Self {
            symbols,
            words,
            pairs,
            queue,
            ids,
            known: PairMap::default(),
            learned: Learned { tokens, merges: Vec::new() },
        }
    }

    /// Makes `pair` one token in every word.
    fn merge(&mut self, pair: Pair) {
        let token = self.token(pair);
        let Some(occurrences) = self.pairs.remove(&pair) else {
            return;
        };
        let mut formed = Vec::new();
        for number in occurrences.words {
            self.merge_in_word(number, pair, token, &mut formed);
        }
        formed.sort_unstable();
        formed.dedup();
        for pair in formed {
            let count = self.pairs.get(&pair).map_or(0, |occurrences| occurrences.count);
            if count > 0 {
                let priority = if self.known.contains_key(&pair) { AT_ONCE } else { count };
                self.queue.push((priority, Reverse(pair)));
            }
        }
    }

    /// The id of the merged token: that of the token of the same bytes if there is one. Records the merge.
    fn token(&mut self, pair: Pair) -> u32 {
        if let Some(&known) = self.known.get(&pair) {
            return known;
        }
        let Learned { tokens, merges } = &mut self.learned;
        let mut bytes = tokens[pair.left() as usize].clone();
        bytes.extend_from_slice(&tokens[pair.right() as usize]);
        let next = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(bytes).or_insert_with_key(|bytes| {
            tokens.push(bytes.clone());
            next
        });
        merges.push((pair.left(), pair.right()));
        self.known.insert(pair, id);
        id
    }

    /// Merges the pair in one word, from the left, and counts the neighbours anew.
    fn merge_in_word(&mut self, number: u32, pair: Pair, token: u32, formed: &mut Vec<Pair>) {
        let (start, length, count) = self.words[number as usize];
        let (mut read, mut write) = (start, start);
        let end = start + length;
        while read < end {
            let here = self.symbols[read];
            if here == pair.left() && read + 1 < end && self.symbols[read + 1] == pair.right() {
                if write > start {
                    let before = self.symbols[write - 1];
                    self.lose(Pair::new(before, here), count);
                    self.gain(Pair::new(before, token), number, count, formed);
                }
                if read + 2 < end {
                    let after = self.symbols[read + 2];
                    self.lose(Pair::new(pair.right(), after), count);
                    self.gain(Pair::new(token, after), number, count, formed);
                }
                self.symbols[write] = token;
                read += 2;
            } else {
                self.symbols[write] = here;
                read += 1;
            }
            write += 1;
        }
        self.words[number as usize].1 = write - start;
    }

    fn lose(&mut self, pair: Pair, count: u64) {
        // The pair being merged is out of the table already.
        if let Some(occurrences) = self.pairs.get_mut(&pair) {
            occurrences.count = occurrences.count.saturating_sub(count);
        }
    }

    fn gain(&mut self, pair: Pair, number: u32, count: u64, formed: &mut Vec<Pair>) {
        self.pairs.entry(pair).or_default().add(number, count);
        formed.push(pair);
    }
}

impl Occurrences {
    fn add(&mut self, word: u32, count: u64) {
        self.count = self.count.saturating_add(count);
        if self.words.last() != Some(&word) {
            self.words.push(word);
        }
    }
}
