//! What a model is trained to predict.
//!
//! Invariant: a batch is a pure function of its sequences and a [`Prediction`].

use crate::recipe::Objective;

/// The objective, with the settings of masking.
#[derive(Debug, Clone, Copy)]
pub struct Prediction {
    /// What is predicted.
    pub objective: Objective,
    /// Number of token ids to draw random replacements from.
    pub vocabulary: u32,
    /// The mask token.
    pub mask_token: u32,
    /// Seed of the masks and of the shuffle order.
    pub seed: u64,
    /// The token that ends a document and begins the next one; `None` if documents begin with their own first token.
    /// Only for the causal objective.
    pub begin: Option<u32>,
}
