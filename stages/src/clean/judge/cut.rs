//! From a choice of blocks to cuts in the tree, each under the name of a rule.
//!
//! Invariant: every block that is not kept lies in a cut node, no kept block does, and what a rule had cut keeps that rule's name.

use super::super::ladder::Ruled;
use super::super::prune::{Pruned, is_tex};
use super::super::rule::Rule;
use super::super::tag::Tag;
use super::super::tree::Tree;
use super::block::{Block, Kind, is_never_text};
use super::board::Board;

/// Levels above a picture in which a kept block must stand for the picture to stay.
const PICTURE_LEVELS: usize = 3;

/// The cuts; `keep` has one answer a block of `board`.
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

/// How many blocks are kept before each.
fn kept_before(keep: &[bool]) -> Vec<u32> {
    let mut sum = 0;
    let mut sums = vec![0];
    sums.extend(keep.iter().map(|keep| {
        sum += u32::from(*keep);
        sum
    }));
    sums
}

/// The rule that cut the block before it was judged, or that it is unlikely to be content.
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
    /// Whether an element stands within a kept block: it was kept as a whole, whatever the element's name.
    fn is_in_kept(&self, id: usize) -> bool {
        let Some(last) = self.board.range(id).0.checked_sub(1) else { return false };
        id < self.board.blocks[last].end && self.kept[last + 1] > self.kept[last]
    }

    fn keeps(&self, id: usize) -> bool {
        let (from, to) = self.board.range(id);
        self.kept[to] > self.kept[from]
    }

    /// Cuts what is never text, what the rules cut and no block overruled, and pictures far from kept text.
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
