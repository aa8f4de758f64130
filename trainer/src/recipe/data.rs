//! Settings of the training data.

use corpusmill_shards::TokenBudget;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training data and batch sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Data {
    /// Length of a sequence in tokens; also the longest context that the model learns.
    pub sequence_length: u32,
    /// Batch size: sequences per step, over all ranks and accumulated micro-batches. Half a million tokens are usual for
    /// 125 M parameters (GPT-3, table 2.1), fewer for smaller models.
    pub batch_sequences: u32,
    /// Micro-batch size: sequences per forward and backward pass on one rank; `batch-sequences` must be a multiple of
    /// this times the number of ranks. Gradient accumulation: the gradients of the passes of a step are summed. Smaller
    /// values need less memory.
    pub micro_sequences: u32,
    /// Size of the shuffle window in sequences. Pieces of a long document follow each other in a corpus; shuffling
    /// separates them, so that a step sees many documents. 1 keeps the order of the corpus. A window is kept in memory:
    /// 4,096 sequences of 4,096 tokens need 67 MB on a single rank.
    pub shuffle_sequences: u32,
    /// Number of steps of the run. Without this and `tokens`, the whole schedule of the corpus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Number of tokens of the run, rounded up to whole steps; an alternative to `steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TokenBudget>")]
    pub tokens: Option<TokenBudget>,
    /// Begin each document with the token that ends the document before it, as GPT-2 does, so that the first token of a
    /// document is predicted too and the model can write from an empty prompt. Only for the causal objective.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub begin_documents: bool,
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
            begin_documents: false,
            objective: Objective::default(),
        }
    }
}

impl Data {
    /// The requested number of steps of `batch` sequences each; `None` for the whole schedule.
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
    /// Predict each token from the preceding tokens of its document.
    #[default]
    Causal,
    /// Predict masked tokens from all other tokens of their document.
    Masked(Masked),
}

/// The masked objective (BERT, Devlin et al. 2018, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Masked {
    /// Share of the tokens that are predicted, above 0 and below 1. Of these 80 % are replaced by `mask-token`, 10 % by
    /// a random token, and 10 % stay unchanged.
    pub share: f64,
    /// Id of the mask token; by default the last row of the embedding. It must be a special token other than the end of
    /// a document, or an id beyond the vocabulary, so that it never occurs in text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_token: Option<u32>,
}

impl Default for Masked {
    fn default() -> Self {
        Self { share: 0.15, mask_token: None }
    }
}
