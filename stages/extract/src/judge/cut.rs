//! Turns a choice of blocks into cuts in the tree, each with the name of a rule.
//!
//! Invariant: every block that is not kept is inside a cut node, no kept block is, and what a rule cut keeps that
//! rule's name.

use super::super::ladder::Ruled;
use super::super::prune::{Pruned, is_tex};
use super::super::rule::Rule;
use super::super::tree::Tree;
use super::block::{Block, Kind, is_never_text};
use super::board::Board;
use corpusmill_html::tag::Tag;

/// An image is kept if one of this many ancestors contains a kept block.
const PICTURE_LEVELS: usize = 3;

/// Returns the cuts; `keep` has one value per block.
pub(crate) fn cuts(board: &Board<'_, '_>, ruled: &Ruled, keep: &[bool]) -> Pruned {
    let mut cutter = Cutter { tree: board.tree, board, kept: kept_before(keep), pruned: Pruned::new(board.tree) };
    cutter.elements(ruled);
    for (at, block) in board.blocks.iter().enumerate() {
        if !keep[at] {
            cutter.block(block, rule_of(board, at));
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
fn rule_of(board: &Board<'_, '_>, at: usize) -> Rule {
    match board.verdict(at) {
        Some(rule) => rule,
        None if board.kept[at] => Rule::Unlikely,
        None => Rule::OutsideMain,
    }
}

struct Cutter<'b, 't, 'a> {
    tree: &'t Tree<'a>,
    board: &'b Board<'t, 'a>,
    kept: Vec<u32>,
    pruned: Pruned,
}

impl Cutter<'_, '_, '_> {
    /// Whether an element is inside a kept block, which is kept as a whole, whatever the element's name.
    fn is_in_kept(&self, id: usize) -> bool {
        let Some(last) = self.board.range(id).0.checked_sub(1) else { return false };
        id < self.board.blocks[last].end && self.kept[last + 1] > self.kept[last]
    }

    fn keeps(&self, id: usize) -> bool {
        let (from, to) = self.board.range(id);
        self.kept[to] > self.kept[from]
    }

    /// Cuts elements that are never text, elements that the rules cut and that contain no kept block, and images far
    /// from kept text.
    fn elements(&mut self, ruled: &Ruled) {
        let mut id = 1;
        while id < self.tree.nodes.len() {
            let tag = self.tree.node(id).tag;
            let rule = if is_never_text(tag) && !(tag == Tag::Script && is_tex(self.tree, id)) {
                Some(Rule::NotText)
            } else if tag == Tag::Img {
                let near = self.tree.ancestors(id).take(PICTURE_LEVELS).any(|above| self.keeps(above));
                (!near).then_some(Rule::NotText)
            } else {
                ruled.pruned.rule(id).filter(|rule| !self.keeps(id) && (*rule == Rule::NotText || !self.is_in_kept(id)))
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

    fn block(&mut self, block: &Block, rule: Rule) {
        let (from, to) = self.board.range(block.owner);
        let whole = block.kind != Kind::Text || to - from == 1 && self.tree.node(block.owner).tag != Tag::Body;
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
