//! Byte-level BPE of one word: merges the pair of lowest rank, leftmost first, until no pair merges.
//!
//! Invariant: for every word, the ids equal those of the `BPE` model of the `tokenizers` crate (tests in `encode.rs`).
//! A word of n bytes takes O(n log n) time, and the result does not depend on earlier words.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::alphabet;
use super::pairs::{Pair, PairMap};

/// A byte-level BPE vocabulary.
#[derive(Debug)]
pub(super) struct BytePairs {
    /// The token of each single byte.
    bytes: [u32; 256],
    /// Rank and resulting token of each pair that merges.
    merges: PairMap<(u32, u32)>,
    /// Words that are tokens regardless of merges (`ignore_merges`).
    whole: HashMap<Vec<u8>, u32>,
}

/// Buffers for the parts of a word while they merge, reused for each word.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    tokens: Vec<u32>,
    /// Rank and resulting token of each part with its right neighbour.
    joins: Vec<(u32, u32)>,
    /// Neighbours, for long words.
    next: Vec<u32>,
    previous: Vec<u32>,
}

/// Marks a missing merge or neighbour.
const NONE: u32 = u32::MAX;
/// Up to this many bytes, a linear search for the lowest rank is faster than a heap.
const MAX_LINEAR_SEARCH_BYTES: usize = 48;

impl BytePairs {
    /// Builds a vocabulary from the tokens (in the byte-level alphabet) with their ids, and the merges in rank order.
    /// Returns `None` if a byte has no token, or if an operand or result of a merge is not a token.
    pub(super) fn new<'a>(
        vocabulary: &HashMap<&'a str, u32>,
        merges: &[(&'a str, &'a str)],
        ignore_merges: bool,
    ) -> Option<Self> {
        let mut bytes = [NONE; 256];
        let mut buffer = [0; 4];
        for (byte, character) in alphabet::characters().iter().enumerate() {
            bytes[byte] = *vocabulary.get(&*character.encode_utf8(&mut buffer))?;
        }
        let mut table = PairMap::default();
        for (rank, (left, right)) in (0..).zip(merges) {
            let joined = [*left, *right].concat();
            let token = *vocabulary.get(joined.as_str())?;
            table.insert(Pair::new(*vocabulary.get(left)?, *vocabulary.get(right)?), (rank, token));
        }
        let spelled = |(token, &id): (&&str, &u32)| Some((alphabet::bytes(token)?, id));
        let whole = if ignore_merges { vocabulary.iter().filter_map(spelled).collect() } else { HashMap::new() };
        Some(Self { bytes, merges: table, whole })
    }

    /// Appends the tokens of `word` to `out`.
    pub(super) fn encode_word(&self, word: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        if let Some(&token) = self.whole.get(word) {
            out.push(token);
            return;
        }
        scratch.tokens.clear();
        scratch.tokens.extend(word.iter().map(|&byte| self.bytes[byte as usize]));
        scratch.joins.clear();
        scratch.joins.extend(scratch.tokens.windows(2).map(|pair| self.join(pair[0], pair[1])));
        if word.len() <= MAX_LINEAR_SEARCH_BYTES {
            self.merge_short(scratch);
            out.extend_from_slice(&scratch.tokens);
        } else {
            self.merge_long(scratch, out);
        }
    }

    #[inline]
    fn join(&self, left: u32, right: u32) -> (u32, u32) {
        self.merges.get(&Pair::new(left, right)).copied().unwrap_or((NONE, NONE))
    }

    fn merge_short(&self, Scratch { tokens, joins, .. }: &mut Scratch) {
        while let Some((place, &(rank, token))) = joins.iter().enumerate().min_by_key(|(_, (rank, _))| *rank) {
            if rank == NONE {
                break;
            }
            tokens[place] = token;
            tokens.remove(place + 1);
            joins.remove(place);
            if place > 0 {
                joins[place - 1] = self.join(tokens[place - 1], token);
            }
            if place < joins.len() {
                joins[place] = self.join(token, tokens[place + 1]);
            }
        }
    }

    /// The same with a heap and linked parts. A heap entry is stale if the join at its position has changed.
    fn merge_long(&self, scratch: &mut Scratch, out: &mut Vec<u32>) {
        let Scratch { tokens, joins, next, previous } = scratch;
        let length = u32::try_from(tokens.len()).unwrap_or(NONE);
        joins.push((NONE, NONE));
        next.clear();
        next.extend(1..=length);
        previous.clear();
        previous.extend((0..length).map(|place| place.wrapping_sub(1)));
        let mut queue: BinaryHeap<Reverse<(u32, u32)>> = joins
            .iter()
            .zip(0..)
            .filter(|((rank, _), _)| *rank != NONE)
            .map(|(&(rank, _), place)| Reverse((rank, place)))
            .collect();
        while let Some(Reverse((rank, place))) = queue.pop() {
            let here = place as usize;
            if joins[here].0 != rank {
                continue;
            }
            tokens[here] = joins[here].1;
            let gone = next[here] as usize;
            joins[gone] = (NONE, NONE);
            next[here] = next[gone];
            joins[here] = (NONE, NONE);
            if let Some(&after) = tokens.get(next[here] as usize) {
                previous[next[here] as usize] = place;
                joins[here] = self.join(tokens[here], after);
                if joins[here].0 != NONE {
                    queue.push(Reverse((joins[here].0, place)));
                }
            }
            if let Some(&before) = tokens.get(previous[here] as usize) {
                let left = previous[here] as usize;
                joins[left] = self.join(before, tokens[here]);
                if joins[left].0 != NONE {
                    queue.push(Reverse((joins[left].0, previous[here])));
                }
            }
        }
        let mut place = 0;
        while let Some(&token) = tokens.get(place) {
            out.push(token);
            place = next[place] as usize;
        }
    }
}
