//! The list of all steps: one variant per step, one definition for recipe keys, flags, JSON Schema and store keys.
//!
//! Invariant: [`Step::add_to`] is the only place that maps a step to its stages.

use corpusmill_extract::{CleanSettings, select::Selectors};
use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clean::Clean;
use crate::dedup::Dedup;
use crate::dedup::paragraphs::DedupParagraphs;
use crate::filter::{self, FilterSettings};

/// One step of a source or of the recipe, which processes documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Extract the main content of HTML as Markdown or plain text.
    Clean(CleanSettings),
    /// Compute quality signals of documents and filter them by thresholds; edit lines and personal data.
    Filter(Box<FilterSettings>),
    /// Remove exact and near duplicates.
    Dedup(Dedup),
    /// Cut paragraphs or lines that stand in many documents.
    DedupParagraphs(DedupParagraphs),
}

impl Step {
    /// The names of all steps, as in recipes.
    pub const NAMES: [&str; 4] = ["clean", "filter", "dedup", "dedup-paragraphs"];

    /// The step's name, as in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Clean(_) => "clean",
            Self::Filter(_) => "filter",
            Self::Dedup(_) => "dedup",
            Self::DedupParagraphs(_) => "dedup-paragraphs",
        }
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If a setting is invalid; the message says what is allowed.
    pub fn check(&self) -> Result<(), StageError> {
        match self {
            Self::Dedup(dedup) => dedup.check(),
            Self::DedupParagraphs(paragraphs) => paragraphs.check(),
            Self::Filter(filter) => filter.check(),
            Self::Clean(clean) => {
                Selectors::new(clean).map(|_| ()).map_err(|error| StageError::settings(format!("clean: {error}")))
            }
        }
    }

    /// Adds this step's stages after `documents`; `path` is its path in the plan, such as `rust-docs/clean`.
    ///
    /// # Errors
    /// If the settings or the columns are invalid.
    pub fn add_to(&self, plan: &mut PlanBuilder, path: &str, documents: &Dataset) -> Result<Dataset, StageError> {
        match self {
            Self::Clean(settings) => plan.add(path, Clean { settings: settings.clone() }, &[documents]),
            Self::Filter(settings) => filter::stages::add_to(settings, plan, path, documents),
            Self::Dedup(dedup) => Ok(dedup.add_to(plan, path, documents)?.documents),
            Self::DedupParagraphs(paragraphs) => paragraphs.add_to(plan, path, documents),
        }
    }
}
