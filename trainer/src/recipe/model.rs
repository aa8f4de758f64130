//! Settings of the model: a new one, or an existing one to continue training.
//!
//! Invariant: a new model has the vocabulary of its corpus.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The source of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSource {
    /// A new Llama of these sizes, with the corpus's vocabulary.
    New(NewModel),
    /// A new model as described by this `config.json`; its `vocab_size` must be at least the size of the corpus's
    /// vocabulary.
    Config(PathBuf),
    /// Continued pretraining of the model in this Hugging Face folder, whose tokenizer must be the corpus's.
    From(PathBuf),
}

/// The sizes of a new Llama; everything else is as in Llama 3 (SwiGLU, RMSNorm, RoPE, no biases).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NewModel {
    /// Number of transformer blocks (`num_hidden_layers`).
    pub layers: usize,
    /// Hidden size, the width of the residual stream; a multiple of twice `heads`.
    pub hidden_size: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Number of key/value heads (grouped-query attention); must divide `heads`. Equal to `heads` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_heads: Option<usize>,
    /// Intermediate size, the width of the feed-forward layer; by default 8/3 of `hidden-size`, rounded up to a multiple
    /// of 32 (Llama's rule).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Share the weights of the output head and the embedding; common below about 1 B parameters, as in SmolLM and
    /// Llama 3.2.
    #[serde(default = "default_true")]
    pub tie_embeddings: bool,
    /// Base of the rotary position embeddings (RoPE theta); 10,000 as in Llama 2.
    #[serde(default = "default_rope_theta")]
    pub rope_theta: f64,
    /// Pad the number of embedding rows to a multiple of this; the added rows are never used. 64 as in nanoGPT.
    #[serde(default = "default_vocabulary_multiple")]
    pub vocabulary_multiple: u32,
}

fn default_true() -> bool {
    true
}

fn default_rope_theta() -> f64 {
    10_000.0
}

fn default_vocabulary_multiple() -> u32 {
    64
}
