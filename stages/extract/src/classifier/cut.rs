//! Turns a choice of blocks into cuts in the tree, each with the name of a rule.
//!
//! Invariant: every block that is not kept is inside a cut node, no kept block is, and what a rule cut keeps that
//! rule's name.

use super::block::{Block, BlockKind, is_never_text};
use super::page_blocks::PageBlocks;
use crate::heuristic_result::HeuristicResult;
use crate::math::is_tex_script;
use crate::prune::Pruned;
use crate::rule::CutRule;
use crate::tree::Tree;
use corpusmill_html::tag::Tag;

/// An image is kept if one of this many ancestors contains a kept block.
const IMAGE_LEVELS: usize = 3;

/// Returns the cuts; `keep` has one value per block.
pub(crate) fn cut_blocks(page_blocks: &PageBlocks<'_, '_>, heuristics: &HeuristicResult, keep: &[bool]) -> Pruned {
    let tree = &page_blocks.page.tree;
    let mut cutter = Cutter { tree, page_blocks, kept: kept_before(keep), pruned: Pruned::new(tree) };
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

    /// Cuts elements that are never text, elements that the rules cut and that contain no kept block, and images far
    /// from kept text.
    fn elements(&mut self, heuristics: &HeuristicResult) {
        let mut id = 1;
        while id < self.tree.nodes.len() {
            let tag = self.tree.node(id).tag;
            let rule = if is_never_text(tag) && !(tag == Tag::Script && is_tex_script(self.tree, id)) {
                Some(CutRule::NotText)
            } else if tag == Tag::Img {
                let near = self.tree.ancestors(id).take(IMAGE_LEVELS).any(|above| self.keeps(above));
                (!near).then_some(CutRule::NotText)
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
