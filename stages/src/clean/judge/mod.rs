//! The learned judge: which blocks of a page are content.
//!
//! Where it stands: behind the rules (`prune`, `choose`), before `render`. `block` splits the page; `shape`, `context` and `page` read it;
//! `features` writes a row of whole numbers for each block, the rules' own verdict among them; a `forest` gives an opinion; `decide`
//! chooses; `cut` hands the choice to the renderer.
//!
//! The weights were learned by `scripts/train_clean.py`, which says from what.
//!
//! Invariant: no word of any language and no site's name is looked at; time is linear in the page; equal pages are judged equally on
//! every machine.

pub(crate) mod block;
pub(crate) mod board;
mod context;
mod copies;
mod cut;
mod decide;
mod features;
mod forest;
pub mod learn;
mod page;
mod shape;

use std::sync::LazyLock;

pub use forest::{BadWeights, Model};

use super::CleanSettings;
use super::ladder::Ruled;
use super::prune::Pruned;
use super::rule::Rule;
use super::tree::Tree;
use block::Kind;
use board::Board;
use decide::{Choice, decide};

/// The weights that the program carries.
static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::from_bytes(include_bytes!("weights.bin")).expect("a test reads the weights that the program carries")
});

/// A page with more blocks is left to the rules: the judge's memory, about 400 bytes a block, stays bounded.
const MOST_BLOCKS: usize = 100_000;

/// Rows that are held at once.
const ROWS: usize = 256;

/// What the judge made of a page.
pub(crate) struct Judged {
    /// What is cut.
    pub(crate) pruned: Pruned,
    /// The expected F1 of the words kept, 0 to 1.
    pub(crate) confidence: f64,
}

/// Judges a page; `None` for one that has too many blocks.
pub(crate) fn judge(tree: &Tree<'_>, ruled: &Ruled, settings: &CleanSettings, model: &Model) -> Option<Judged> {
    let blocks = block::blocks(tree, ruled.has_tex_scripts);
    if blocks.len() > MOST_BLOCKS {
        return None;
    }
    let board = Board::new(tree, ruled, blocks);
    let likely = opinions(&board, model);
    let Choice { mut keep, confidence } = decide(&likely, &board.words());
    for (at, keep) in keep.iter_mut().enumerate() {
        *keep |= settings.comments && board.is_named(at, Rule::Comments) && board.is_prose(at);
        // Code that the rules keep stays: no code is lost to a guess.
        *keep |= board.blocks[at].kind == Kind::Code && board.kept[at];
        *keep &= settings.tables || board.blocks[at].kind != Kind::Table || board.is_prose(at);
    }
    Some(Judged { pruned: cut::cuts(&board, ruled, &keep), confidence })
}

/// The judge that the program carries.
pub fn model() -> &'static Model {
    &MODEL
}

/// How likely each block is content, in thousandths.
fn opinions(board: &Board<'_, '_>, model: &Model) -> Vec<i16> {
    let mut likely = Vec::with_capacity(board.blocks.len());
    let mut rows = Vec::with_capacity(ROWS * model.columns());
    for from in (0..board.blocks.len()).step_by(ROWS) {
        rows.clear();
        for at in from..board.blocks.len().min(from + ROWS) {
            board.row(at, &mut rows);
        }
        likely.append(&mut model.opinions(&rows));
    }
    likely
}

#[cfg(test)]
mod tests;
