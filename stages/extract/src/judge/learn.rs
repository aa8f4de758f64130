//! Training data from a page: its blocks as text and as feature rows. Only the program `clean_features` calls it.
//!
//! Invariant: rows are exactly those that the classifier reads.

use super::super::ladder::rule;
use super::super::{CleanSettings, build};
use super::block::blocks;
use super::board::Board;

/// A page's blocks as training data.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The text of each block, with white space collapsed.
    pub texts: Vec<String>,
    /// The rows, concatenated.
    pub rows: Vec<i16>,
    /// Whether the rules keep each block.
    pub kept: Vec<bool>,
}

/// Computes the training data of a page.
pub fn sample(html: &str) -> Sample {
    let settings = CleanSettings::default();
    let tree = build::parse(html, settings.max_depth as usize);
    let ruled = rule(&tree, &settings);
    let board = Board::new(&tree, &ruled, blocks(&tree, ruled.has_tex_scripts));
    let mut sample = Sample { kept: board.kept.clone(), ..Sample::default() };
    for (at, block) in board.blocks.iter().enumerate() {
        sample.texts.push(tree.squashed_range(block.first, block.end, usize::MAX));
        board.row(at, &mut sample.rows);
    }
    sample
}
