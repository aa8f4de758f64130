//! Cuts paragraphs or lines that stand in many documents, such as the boilerplate of a site.
//!
//! The step has three stages: `paragraph-count` counts the documents of each paragraph in one partition,
//! `paragraph-merge` adds the counts up, bucket by bucket, and selects the frequent ones, `dedup-paragraphs` cuts them.
//! Paragraphs are compared by a 64-bit hash of their normalised words, those of near-duplicate detection. (Wenzek
//! et al. 2020 remove repeated paragraphs by such hashes, Raffel et al. 2020 repeated spans of sentences.)
//!
//! Invariant: what is cut depends only on the documents and the settings, and each cut is recorded as an edit.

mod count;
mod cut;
mod merge;
mod settings;
mod split;
#[cfg(test)]
mod tests;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};

pub use settings::{DedupParagraphs, ParagraphScope, ParagraphUnit};

use crate::rule::{EditRule, Rule};

/// The rules by which the step cuts.
pub(crate) const EDIT_RULES: [EditRule; 2] = [cut::REPEATED_PARAGRAPH, cut::REPEATED_LINE];

/// The rules by which the step rejects documents.
pub(crate) const RULES: [Rule; 1] = [cut::NO_UNIQUE_TEXT];

impl DedupParagraphs {
    /// Adds the stages. Returns the documents without what they cut.
    ///
    /// # Errors
    /// If the settings are out of range or the documents lack a required column.
    pub fn add_to(&self, plan: &mut PlanBuilder, path: &str, documents: &Dataset) -> Result<Dataset, StageError> {
        self.check()?;
        let counts = plan.add(format!("{path}/count"), count::CountStage { settings: self.clone() }, &[documents])?;
        let merge = merge::MergeStage { min_documents: self.min_documents, buckets: self.buckets };
        let frequent = plan.add(format!("{path}/merge"), merge, &[&counts])?;
        plan.add(path, cut::CutStage { settings: self.clone() }, &[documents, &frequent])
    }
}
