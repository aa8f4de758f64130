//! What `plan` estimates.
//!
//! Invariant: what is not known is absent, and never assumed without saying so.

use crate::model::ModelConfig;
use crate::recipe::Recipe;

/// The model and recipe to estimate.
pub(super) struct PlanInput {
    pub(super) config: ModelConfig,
    pub(super) recipe: Recipe,
    /// Where the size of the vocabulary comes from.
    pub(super) vocabulary_origin: String,
    /// Steps of the run, if they are known.
    pub(super) steps: Option<u64>,
    /// The tokens of the run, if they are known, and what states them.
    pub(super) tokens: Option<(&'static str, f64)>,
}
