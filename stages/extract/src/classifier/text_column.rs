//! The text column of a page: the element whose children hold most of its prose, and how each block lies to it.
//!
//! Comments, teasers and boxes about authors are outside the column or after its last prose.
//!
//! Invariant: one pass over the blocks and one over the nodes; lengths are in weighted letters, distances in blocks.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::page_blocks::PageBlocks;
use super::row::FeatureRow;
use super::shape::Shape;
use super::words::WordHashes;

/// Minimum length of a paragraph that marks running text, in weighted letters: about 15 English words.
const LONG_PROSE_LETTERS: u32 = 100;
/// Distance of a block to a paragraph that does not exist, in blocks.
const FAR: i64 = 10_000;

/// The text column, and for each block the nearest long paragraphs.
#[derive(Debug, Clone, Default)]
pub(super) struct TextColumn {
    /// The element that holds the column.
    element: usize,
    /// The length of its prose.
    letters: u32,
    /// The first and the last block of its prose.
    first: usize,
    last: usize,
    /// For each node, the number of levels from the column up to the nearest element that contains both.
    apart: Vec<u16>,
    /// The nearest long paragraph before and after each block.
    long_before: Vec<Option<u32>>,
    long_after: Vec<Option<u32>>,
}

/// The prose that an element holds.
#[derive(Debug, Clone, Copy, Default)]
struct HeldProse {
    /// Its length, in which what the rules keep counts twice.
    weight: u32,
    letters: u32,
}

/// Whether a block is a long paragraph with few links.
fn is_long_prose(shape: &Shape) -> bool {
    shape.letters >= LONG_PROSE_LETTERS && shape.linked * 4 <= shape.letters
}

impl TextColumn {
    /// Finds the column; the sums and `kept` of the page must be complete.
    pub(super) fn find(page: &PageBlocks<'_, '_>) -> Self {
        let mut column = Self::default();
        column.choose(page);
        column.measure_distances(page);
        column.find_long_paragraphs(page);
        column
    }

    /// Chooses the element with the most prose; prose that the rules keep counts twice.
    fn choose(&mut self, page: &PageBlocks<'_, '_>) {
        let mut held = vec![HeldProse::default(); page.page.tree.nodes.len()];
        let prose = |at: &usize| page.is_prose(*at) && !page.is_hidden(*at);
        for at in (0..page.blocks.len()).filter(prose) {
            let held = &mut held[page.holder(at)];
            held.weight += page.shapes[at].letters << u32::from(page.kept[at]);
            held.letters += page.shapes[at].letters;
        }
        for (id, HeldProse { weight, letters }) in held.iter().enumerate() {
            if *weight > held[self.element].weight {
                (self.element, self.letters) = (id, *letters);
            }
        }
        let mut own = (0..page.blocks.len()).filter(prose).filter(|at| page.holder(*at) == self.element);
        self.first = own.next().unwrap_or(0);
        self.last = own.next_back().unwrap_or(self.first);
    }

    fn measure_distances(&mut self, page: &PageBlocks<'_, '_>) {
        let tree = &page.page.tree;
        self.apart = vec![u16::MAX; tree.nodes.len()];
        self.apart[self.element] = 0;
        for (level, id) in (1..).zip(tree.ancestors(self.element)) {
            self.apart[id] = level;
        }
        for id in 1..tree.nodes.len() {
            if self.apart[id] == u16::MAX {
                self.apart[id] = self.apart[tree.node(id).parent as usize];
            }
        }
    }

    fn find_long_paragraphs(&mut self, page: &PageBlocks<'_, '_>) {
        let nearest = |last: &mut Option<u32>, at: usize| {
            let found = *last;
            if is_long_prose(&page.shapes[at]) {
                *last = u32::try_from(at).ok();
            }
            Some(found)
        };
        self.long_before = (0..page.blocks.len()).scan(None, nearest).collect();
        self.long_after = (0..page.blocks.len()).rev().scan(None, nearest).collect();
        self.long_after.reverse();
    }

    /// For each block, the share of its words (‰) that occur in another block of the column's prose; −1 if it has none.
    pub(super) fn shared_words(&self, page: &PageBlocks<'_, '_>, words: &WordHashes) -> Vec<i64> {
        // The block in which each word of the column occurs; `MANY` if it occurs in several.
        const MANY: usize = usize::MAX;
        let mut known: HashMap<u32, usize, Xxh3DefaultBuilder> = HashMap::default();
        for (at, block) in words.blocks().enumerate() {
            if page.is_prose(at) && page.holder(at) == self.element {
                for word in block {
                    let place = known.entry(*word).or_insert(at);
                    *place = if *place == at { at } else { MANY };
                }
            }
        }
        let share = |(at, block): (usize, &[u32])| {
            let shared = block.iter().filter(|word| known.get(word).is_some_and(|place| *place != at)).count();
            (i64::try_from(shared).unwrap_or(0) * 1000)
                .checked_div(i64::try_from(block.len()).unwrap_or(0))
                .unwrap_or(-1)
        };
        words.blocks().enumerate().map(share).collect()
    }

    /// Appends how a block lies to the column.
    pub(super) fn write(&self, page: &PageBlocks<'_, '_>, at: usize, row: &mut FeatureRow<'_>) {
        let signed = |from: usize| i64::try_from(at).unwrap_or(FAR) - i64::try_from(from).unwrap_or(0);
        let owner = page.blocks[at].owner;
        let all = page.sums[page.blocks.len()];
        row.flag(page.holder(at) == self.element);
        row.push(i64::from(self.apart[owner]));
        row.push(i64::from(page.contexts[owner].depth) - i64::from(page.contexts[self.element].depth));
        row.share(self.letters, all.prose);
        row.share(self.letters, all.letters);
        row.push(signed(self.first));
        row.push(signed(self.last));
        let (here, after_last) = (page.sums[at], page.sums[(self.last + 1).min(page.blocks.len())]);
        row.count(here.letters.saturating_sub(after_last.letters));
        row.count(here.prose.saturating_sub(after_last.prose));
        for other in [self.long_before[at], self.long_after[at]] {
            let other = other.map(|other| other as usize);
            row.push(other.map_or(FAR, |other| signed(other).abs()));
            row.flag(other.is_some_and(|other| page.template[other] == page.template[at]));
            row.flag(other.is_some_and(|other| page.kept[other]));
        }
    }
}

impl PageBlocks<'_, '_> {
    /// The element that holds a block beside others: its parent, or its own element if that is split into blocks.
    fn holder(&self, at: usize) -> usize {
        let owner = self.blocks[at].owner;
        let is_split = |other: Option<usize>| {
            other.and_then(|other| self.blocks.get(other)).is_some_and(|other| other.owner == owner)
        };
        if is_split(at.checked_sub(1)) || is_split(at.checked_add(1)) {
            owner
        } else {
            self.page.tree.node(owner).parent as usize
        }
    }
}
