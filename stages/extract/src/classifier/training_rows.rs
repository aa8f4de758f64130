//! Training data from a page: its blocks as text and as feature rows. Only the program `clean_features` calls it.
//!
//! Invariant: rows are exactly those that the classifier reads.

use super::block::blocks;
use super::features::RowWriter;
use super::page_blocks::PageBlocks;
use crate::fallback::apply_rules;
use crate::page::Page;
use crate::settings::CleanSettings;

/// A page's blocks as training data.
#[derive(Debug, Clone, Default)]
pub struct TrainingRows {
    /// The text of each block, with white space collapsed.
    pub texts: Vec<String>,
    /// The rows, concatenated.
    pub rows: Vec<i16>,
    /// Whether the rules keep each block.
    pub kept: Vec<bool>,
}

/// Computes the training data of a page.
#[must_use]
pub fn training_rows(html: &str) -> TrainingRows {
    let settings = CleanSettings::default();
    let page = Page::parse(html, settings.max_depth as usize);
    let heuristics = apply_rules(&page, &settings);
    let page_blocks = PageBlocks::new(&page, &heuristics, blocks(&page, heuristics.has_tex_scripts));
    let writer = RowWriter::new(&page_blocks);
    let mut training_rows = TrainingRows { kept: page_blocks.kept.clone(), ..TrainingRows::default() };
    for (at, block) in page_blocks.blocks.iter().enumerate() {
        training_rows.texts.push(page.tree.collapsed_range(block.first, block.end, usize::MAX));
        writer.write(at, &mut training_rows.rows);
    }
    training_rows
}
