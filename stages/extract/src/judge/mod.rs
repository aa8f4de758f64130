//! The classifier: a learned model that decides which blocks of a page are content.
//!
//! On a document's path: after the rules (`prune`, `choose`), before `render`. `block` splits the page into blocks;
//! `shape`, `context` and `page` measure them; `features` writes a row of integers for each block, including the result
//! of the rules; gradient-boosted trees predict how likely each block is content; `decide` chooses the blocks to keep;
//! `cut` turns the choice into cuts for the renderer.
//!
//! `tools/train_clean.py` trains the weights and documents the training data.
//!
//! Invariant: features use no word of any language and no site's name; time is linear in the page; equal pages give
//! equal results on every machine.

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

/// The built-in weights.
static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::from_bytes(include_bytes!("weights.bin")).expect("a test reads the built-in weights"));

/// Maximum number of blocks; a page with more is left to the rules, so that memory, about 400 bytes per block, stays
/// bounded.
const MOST_BLOCKS: usize = 100_000;

/// Rows in memory at a time.
const ROWS: usize = 256;

/// The classifier's result for a page.
pub(crate) struct Judged {
    /// What to cut.
    pub(crate) pruned: Pruned,
    /// The expected F1 of the words kept, 0 to 1.
    pub(crate) confidence: f64,
}

/// Classifies the blocks of a page; `None` if the page has too many blocks.
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
        // Code that the rules keep is always kept: no code is lost to a prediction.
        *keep |= board.blocks[at].kind == Kind::Code && board.kept[at];
        *keep &= settings.tables || board.blocks[at].kind != Kind::Table || board.is_prose(at);
    }
    Some(Judged { pruned: cut::cuts(&board, ruled, &keep), confidence })
}

/// The built-in model.
pub fn model() -> &'static Model {
    &MODEL
}

/// The probability that each block is content, in thousandths.
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
