//! The classifier: a learned model that decides which blocks of a page are content.
//!
//! Runs after the rules (`fallback`), before `render`, in these steps:
//!
//! 1. `block` splits the page into blocks.
//! 2. `page_blocks` measures each of them: its text (`shape`, `words`), the elements around it (`context`), the page
//!    (`page_summary`), what is repeated (`repeated_text`) and what the page declares (`declared_text`).
//! 3. `text_column`, `cards` and `links` say how a block lies on the page and where it leads.
//! 4. `features` writes all this as a `row` of integers for each block, including the result of the rules.
//! 5. The trees of `gbdt` predict how likely each block is content.
//! 6. `decide` chooses the blocks to keep, and this module applies the settings to the choice.
//! 7. `cut` turns it into cuts for the renderer.
//!
//! `tools/train_clean.py` trains the weights and documents the training data.
//!
//! Invariant: features use no word of any language and no site's name; time is linear in the page; equal pages give
//! equal results on every machine.

pub(crate) mod block;
mod cards;
mod context;
mod cut;
mod decide;
mod declared_text;
mod features;
mod gbdt;
mod links;
pub(crate) mod page_blocks;
mod page_summary;
mod repeated_text;
mod row;
mod shape;
mod text_column;
pub mod training_rows;
mod words;

use std::sync::LazyLock;

pub use gbdt::{GradientBoostedTrees, WeightsError};

use crate::heuristic_result::HeuristicResult;
use crate::page::Page;
use crate::prune::Pruned;
use crate::rule::CutRule;
use crate::settings::{CleanSettings, Comments, Profile};
use block::BlockKind;
use decide::{Choice, decide};
use features::RowWriter;
use page_blocks::PageBlocks;

/// The built-in weights, parsed at the first use.
static MODEL: LazyLock<GradientBoostedTrees> = LazyLock::new(|| {
    GradientBoostedTrees::from_bytes(include_bytes!("weights.bin")).expect("a test reads the built-in weights")
});

/// Maximum number of blocks; a page with more is left to the rules, so that memory, about 400 bytes per block, stays
/// bounded.
const MAX_BLOCKS: usize = 100_000;

/// Minimum probability of a kept block in [`Profile::Precision`], in thousandths. Chosen on the development sets: a
/// higher threshold loses more snippets of articles than it cuts.
const MIN_PRECISE: i16 = 600;

/// Rows in memory at a time.
const BATCH_ROWS: usize = 256;

/// The classifier's result for a page.
pub(crate) struct Classification {
    /// What to cut.
    pub(crate) pruned: Pruned,
    /// The expected F1 of the words kept, 0 to 1.
    pub(crate) confidence: f64,
}

/// Classifies the blocks of a page; `None` if the page has too many blocks.
pub(crate) fn classify(
    page: &Page<'_>,
    heuristics: &HeuristicResult,
    settings: &CleanSettings,
    model: &GradientBoostedTrees,
) -> Option<Classification> {
    let blocks = block::blocks(page, heuristics.has_tex_scripts);
    if blocks.len() > MAX_BLOCKS {
        return None;
    }
    let page_blocks = PageBlocks::new(page, heuristics, blocks);
    let probabilities = predict(&page_blocks, model);
    let Choice { mut keep, confidence } = decide(&probabilities, &page_blocks.words());
    for (at, keep) in keep.iter_mut().enumerate() {
        *keep &= settings.profile == Profile::Balanced || probabilities[at] >= MIN_PRECISE;
        if page_blocks.is_named(at, CutRule::Comments) {
            match settings.comments {
                Comments::Keep => *keep |= page_blocks.is_prose(at),
                Comments::Drop => *keep = false,
                Comments::Auto => *keep &= heuristics.forum || !heuristics.article,
            }
        }
        *keep &= settings.tables || page_blocks.blocks[at].kind != BlockKind::Table || page_blocks.is_prose(at);
        // Code and formulas that the rules keep are always kept: none is lost to a prediction.
        *keep |= page_blocks.kept[at] && (page_blocks.blocks[at].has_code(&page.tree) || page_blocks.is_formula(at));
        *keep &= !page_blocks.is_hidden(at);
    }
    Some(Classification { pruned: cut::cut_blocks(&page_blocks, heuristics, &keep), confidence })
}

/// The built-in model; the first call parses the weights.
#[must_use]
pub fn model() -> &'static GradientBoostedTrees {
    &MODEL
}

/// The probability that each block is content, in thousandths; 0 for a block that a browser does not show.
fn predict(page_blocks: &PageBlocks<'_, '_>, model: &GradientBoostedTrees) -> Vec<i16> {
    let mut probabilities = Vec::with_capacity(page_blocks.blocks.len());
    let mut rows = Vec::with_capacity(BATCH_ROWS * model.columns());
    let writer = RowWriter::new(page_blocks);
    for from in (0..page_blocks.blocks.len()).step_by(BATCH_ROWS) {
        rows.clear();
        for at in from..page_blocks.blocks.len().min(from + BATCH_ROWS) {
            writer.write(at, &mut rows);
        }
        probabilities.append(&mut model.predict(&rows));
    }
    for (at, probability) in probabilities.iter_mut().enumerate() {
        if page_blocks.is_hidden(at) {
            *probability = 0;
        }
    }
    probabilities
}

#[cfg(test)]
mod tests;
