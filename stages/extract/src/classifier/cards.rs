//! Cards: siblings with the same tag and class, each of which contains several blocks, such as teasers and comments.
//!
//! Invariant: passes over the nodes only; the nearest card around a block counts, and a list of cards is described by
//! sums over all its cards.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::page_blocks::PageBlocks;
use super::row::FeatureRow;
use corpusmill_html::tag::Tag;

/// Minimum number of siblings that are cards.
const MIN_CARDS: u32 = 3;

/// What a card contains, as bits.
mod bit {
    pub(super) const DATE: u8 = 1;
    pub(super) const AUTHOR: u8 = 1 << 1;
    pub(super) const IMAGE: u8 = 1 << 2;
    pub(super) const LINKED_HEADING: u8 = 1 << 3;
    pub(super) const ALL: [u8; 4] = [DATE, AUTHOR, IMAGE, LINKED_HEADING];
}

/// Sums over the cards of a list.
#[derive(Debug, Clone, Copy, Default)]
struct CardList {
    /// The first block of the first card.
    first: u32,
    cards: u32,
    blocks: u32,
    letters: u32,
    linked: u32,
    prose: u32,
    /// Number of cards with each bit.
    with: [u32; bit::ALL.len()],
}

/// The cards of a page.
#[derive(Debug, Default)]
pub(super) struct Cards {
    /// The nearest card that contains each node; 0 for none.
    nearest: Vec<u32>,
    /// The lists by the key of their cards.
    lists: HashMap<u64, CardList, Xxh3DefaultBuilder>,
}

impl Cards {
    /// Finds the cards; the sums and `repeats` of the page must be complete.
    pub(super) fn find(page: &PageBlocks<'_, '_>) -> Self {
        let mut cards = Self { nearest: nearest_cards(page), lists: HashMap::default() };
        let bits = cards.bits(page);
        for id in (1..cards.nearest.len()).filter(|id| cards.nearest[*id] as usize == *id) {
            let (from, to) = page.range(id);
            let inside = page.sums[to].minus(page.sums[from]);
            let first = u32::try_from(from).unwrap_or(u32::MAX);
            let new = CardList { first, ..CardList::default() };
            let list = cards.lists.entry(page.repeat_key(id)).or_insert(new);
            list.cards += 1;
            list.blocks += inside.blocks;
            list.letters += inside.letters;
            list.linked += inside.linked;
            list.prose += inside.prose;
            for (count, bit) in list.with.iter_mut().zip(bit::ALL) {
                *count += u32::from(bits[id] & bit != 0);
            }
        }
        cards
    }

    /// What each card contains, by node.
    fn bits(&self, page: &PageBlocks<'_, '_>) -> Vec<u8> {
        let tree = &page.page.tree;
        let mut bits = vec![0_u8; tree.nodes.len()];
        for (id, node) in tree.nodes.iter().enumerate().filter(|(_, node)| node.tag != Tag::Text) {
            let names = page.page.class_names.class_hints(id).metadata_hints;
            bits[self.nearest[id] as usize] |= match node.tag {
                Tag::Time => bit::DATE,
                Tag::Img | Tag::Picture => bit::IMAGE,
                _ => 0,
            } | if names.date { bit::DATE } else { 0 }
                | if names.author { bit::AUTHOR } else { 0 };
        }
        for (at, block) in page.blocks.iter().enumerate().filter(|(at, _)| page.heading_level(*at) > 0) {
            if page.shapes[at].linked * 2 > page.shapes[at].letters {
                bits[self.nearest[block.owner] as usize] |= bit::LINKED_HEADING;
            }
        }
        for id in (1..tree.nodes.len()).rev().filter(|id| self.nearest[*id] as usize == *id) {
            let outer = self.nearest[tree.node(id).parent as usize] as usize;
            bits[outer] |= bits[id];
        }
        bits
    }

    /// Appends the description of the nearest card around a block and of its list.
    pub(super) fn write(&self, page: &PageBlocks<'_, '_>, at: usize, row: &mut FeatureRow<'_>) {
        let owner = page.blocks[at].owner;
        let card = self.nearest[owner] as usize;
        let list = if card == 0 { None } else { self.lists.get(&page.repeat_key(card)) };
        let list = list.copied().unwrap_or_default();
        let (from, to) = if card == 0 { (at, at) } else { page.range(card) };
        row.count(list.cards);
        row.push(i64::try_from(to - from).unwrap_or(0));
        row.push(i64::try_from(at - from).unwrap_or(0));
        row.push(i64::try_from(from).unwrap_or(0) - i64::from(list.first));
        row.push(i64::from(page.contexts[owner].depth) - i64::from(page.contexts[card].depth));
        row.share(list.blocks, list.cards.saturating_mul(10));
        row.share(list.letters, list.cards.saturating_mul(1000));
        row.share(list.linked, list.letters);
        row.share(list.prose, list.letters);
        row.share(list.letters, page.sums[page.blocks.len()].letters);
        for count in list.with {
            row.share(count, list.cards);
        }
    }
}

/// The nearest card that contains each node, or that it is; 0 for none.
fn nearest_cards(page: &PageBlocks<'_, '_>) -> Vec<u32> {
    let tree = &page.page.tree;
    let mut nearest = vec![0_u32; tree.nodes.len()];
    for id in 1..tree.nodes.len() {
        let (from, to) = page.range(id);
        let is_card = tree.node(id).tag != Tag::Text
            && to - from > 1
            && page.repeats.get(&page.repeat_key(id)).is_some_and(|count| *count >= MIN_CARDS);
        nearest[id] = if is_card { u32::try_from(id).unwrap_or(0) } else { nearest[tree.node(id).parent as usize] };
    }
    nearest
}
