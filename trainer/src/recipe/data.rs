//! Settings of what a model learns from.

use corpusmill_pipeline::shard::TokenBudget;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a model learns from, and how much at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Data {
    /// Tokens in a sequence, and the longest context that the model learns.
    pub sequence_length: u32,
    /// Sequences in one step, over all ranks and accumulated batches. Half a million tokens are usual for 125 M
    /// parameters (GPT-3, table 2.1), fewer for smaller models.
    pub batch_sequences: u32,
    /// Sequences that go through the model at once on one rank; must divide `batch-sequences` by the ranks. The rest
    /// is accumulated. Fewer need less memory.
    pub micro_sequences: u32,
    /// Sequences that are read and shuffled together. Pieces of a long document follow each other in a corpus; this
    /// parts them, so that a step sees many documents. 1 keeps the corpus's order. A window is held in memory: 4,096
    /// sequences of 4,096 tokens take 67 MB on a rank that reads them alone.
    pub shuffle_sequences: u32,
    /// Steps of the run; without it and `tokens`, the whole schedule of the corpus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Tokens of the run, rounded up to whole steps; instead of `steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TokenBudget>")]
    pub tokens: Option<TokenBudget>,
    /// What is predicted.
    pub objective: Objective,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            sequence_length: 256,
            batch_sequences: 16,
            micro_sequences: 8,
            shuffle_sequences: 4096,
            steps: None,
            tokens: None,
            objective: Objective::default(),
        }
    }
}

impl Data {
    /// The steps asked for, of `batch` sequences each; `None` takes the whole schedule.
    pub fn steps_of(&self, batch: u64) -> Option<u64> {
        let step = u64::from(self.sequence_length) * batch;
        self.steps.or(self.tokens.map(|tokens| tokens.0.div_ceil(step.max(1))))
    }
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[derive(Default)]
pub enum Objective {
    /// Each token from those before it in its document.
    #[default]
    Causal,
    /// Hidden tokens from all others of their document.
    Masked(Masked),
}

/// The masked objective (BERT, Devlin et al. 2018, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Masked {
    /// Share of the tokens that are predicted, above 0 and below 1. Of these 80 % are replaced by `mask-token`, 10 %
    /// by a random token, and 10 % stay.
    pub share: f64,
    /// Id of the token that hides another; by default the last row of the embedding, which must be beyond the
    /// vocabulary or a token that texts do not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_token: Option<u32>,
}

impl Default for Masked {
    fn default() -> Self {
        Self { share: 0.15, mask_token: None }
    }
}
