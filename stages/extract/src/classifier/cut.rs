//! Turns a choice of blocks into cuts in the tree, each with the name of a rule.
//!
//! Invariant: every block that is not kept is inside a cut node, no kept block is, and what a rule cut keeps that
//! rule's name. What a browser does not show is cut, wherever it is.

use super::block::{Block, BlockKind, is_never_text};
use super::context::flag;
use super::page_blocks::PageBlocks;
use crate::heuristic_result::HeuristicResult;
use crate::math::is_tex_script;
use crate::prune::Pruned;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// An image is kept if one of this many ancestors contains a kept block.
const IMAGE_LEVELS: usize = 3;

/// Returns the cuts; `keep` has one value per block.
pub(crate) fn cut_blocks(page_blocks: &PageBlocks<'_, '_>, heuristics: &HeuristicResult, keep: &[bool]) -> Pruned {
    let tree = &page_blocks.page.tree;
    let mut pruned = Pruned::new(tree);
    pruned.cut_hidden(page_blocks.page);
    let read_aloud = blocks_read_aloud(page_blocks, &pruned);
    let mut cutter = Cutter { tree, page_blocks, kept: kept_before(keep), read_aloud, pruned };
    cutter.elements(heuristics);
    for (at, block) in page_blocks.blocks.iter().enumerate() {
        if !keep[at] {
            cutter.block(block, rule_of(page_blocks, at));
        }
    }
    cutter.pruned
}

/// The number of kept blocks before each block.
fn kept_before(keep: &[bool]) -> Vec<u32> {
    let mut sum = 0;
    let mut sums = vec![0];
    sums.extend(keep.iter().map(|keep| {
        sum += u32::from(*keep);
        sum
    }));
    sums
}

/// Whether a screen reader reads some text of each block.
fn blocks_read_aloud(page_blocks: &PageBlocks<'_, '_>, pruned: &Pruned) -> Vec<bool> {
    let is_read = |id: usize| {
        page_blocks.contexts[id].flags & flag::ARIA_HIDDEN == 0
            && !pruned.is_cut(id)
            && !page_blocks.page.tree.raw_text(id).trim().is_empty()
    };
    page_blocks.blocks.iter().map(|block| (block.first..block.end).any(is_read)).collect()
}

/// The rule that cut the block before the classifier ran; otherwise `Unlikely` if the rules kept it, or `OutsideMain`.
fn rule_of(page_blocks: &PageBlocks<'_, '_>, at: usize) -> CutRule {
    match page_blocks.cut_rule(at) {
        Some(rule) => rule,
        None if page_blocks.kept[at] => CutRule::Unlikely,
        None => CutRule::OutsideMain,
    }
}

struct Cutter<'b, 't, 'a> {
    tree: &'t Tree<'a>,
    page_blocks: &'b PageBlocks<'t, 'a>,
    kept: Vec<u32>,
    /// Whether a screen reader reads some text of each block.
    read_aloud: Vec<bool>,
    pruned: Pruned,
}

impl Cutter<'_, '_, '_> {
    /// Whether an element is inside a kept block, which is kept as a whole, whatever the element's name.
    fn is_in_kept(&self, id: usize) -> bool {
        let Some(last) = self.page_blocks.range(id).0.checked_sub(1) else { return false };
        id < self.page_blocks.blocks[last].end && self.kept[last + 1] > self.kept[last]
    }

    fn keeps(&self, id: usize) -> bool {
        let (from, to) = self.page_blocks.range(id);
        self.kept[to] > self.kept[from]
    }

    /// Whether an element is a part of a line that only decorates or repeats it: the rules cut it as hidden from screen
    /// readers, which read the rest of the line.
    fn is_decoration(&self, id: usize, heuristics: &HeuristicResult) -> bool {
        let is_hidden = heuristics.pruned.rule(id) == Some(CutRule::Hidden)
            && self.tree.raw_attribute(id, AttributeName::AriaHidden).is_some();
        if !is_hidden || self.tree.node(id).tag.is_block() {
            return false;
        }
        let (from, end) = (self.page_blocks.range(id).0, self.tree.end(id));
        let overlaps =
            |at: &usize| self.page_blocks.blocks.get(*at).is_some_and(|block| block.first < end && id < block.end);
        let around = from.checked_sub(1).filter(overlaps).or(Some(from).filter(overlaps));
        around.is_some_and(|at| self.read_aloud[at])
    }

    /// Cuts elements that are never text, elements that the rules cut and that contain no kept block, and images far
    /// from kept text.
    fn elements(&mut self, heuristics: &HeuristicResult) {
        let mut id = 1;
        while id < self.tree.nodes.len() {
            if self.pruned.is_cut(id) {
                id = self.tree.end(id);
                continue;
            }
            let tag = self.tree.node(id).tag;
            let rule = if is_never_text(tag) && !(tag == Tag::Script && is_tex_script(self.tree, id)) {
                Some(CutRule::NotText)
            } else if tag == Tag::Img {
                let near = self.tree.ancestors(id).take(IMAGE_LEVELS).any(|above| self.keeps(above));
                (!near).then_some(CutRule::NotText)
            } else if self.is_decoration(id, heuristics) {
                Some(CutRule::Hidden)
            } else {
                heuristics
                    .pruned
                    .rule(id)
                    .filter(|rule| !self.keeps(id) && (*rule == CutRule::NotText || !self.is_in_kept(id)))
            };
            match rule {
                Some(rule) => {
                    self.pruned.cut(id, rule);
                    id = self.tree.end(id);
                }
                None => id += 1,
            }
        }
    }

    fn block(&mut self, block: &Block, rule: CutRule) {
        let (from, to) = self.page_blocks.range(block.owner);
        let whole = block.kind != BlockKind::Text || to - from == 1 && self.tree.node(block.owner).tag != Tag::Body;
        if whole && block.owner > 0 {
            self.pruned.cut(block.owner, rule);
            return;
        }
        let mut id = block.first;
        while id < block.end {
            let tag = self.tree.node(id).tag;
            let inside = self.tree.end(id) <= block.end;
            if tag == Tag::Text || inside && matches!(tag, Tag::Math | Tag::Script | Tag::Img | Tag::Code) {
                self.pruned.cut(id, rule);
                id = self.tree.end(id);
            } else {
                id += 1;
            }
        }
    }
}
