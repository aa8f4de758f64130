//! Estimates the memory of a run on one device, by part.
//!
//! The figures of weights, gradients and optimizer state are exact. Activations count what this crate's blocks keep for
//! the backward pass without fused kernels, as on GPUs; the CPU keeps less. A test compares the estimate with the
//! measured memory of the process. Invariant: parts add up to the total.

use crate::model::ModelConfig;
use crate::recipe::{Precision, Recipe, Recompute};

/// A use of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryPart {
    /// 4 bytes per weight.
    Weights,
    /// 4 bytes per weight.
    Gradients,
    /// 8 bytes per weight for AdamW, 4 for Muon; divided by the ranks if sharded.
    Optimizer,
    /// Tensors that blocks keep for the backward pass.
    Activations,
    /// Logits of one chunk and the tensors computed from them.
    Loss,
}

impl MemoryPart {
    /// The name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer",
            Self::Activations => "activations",
            Self::Loss => "loss",
        }
    }
}

/// Bytes by part.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryEstimate(pub Vec<(MemoryPart, f64)>);

impl MemoryEstimate {
    /// The memory of a recipe's run on each of `devices` devices.
    pub fn new(config: &ModelConfig, recipe: &Recipe, devices: u32) -> Self {
        let weights = to_float(config.parameters());
        let embedding = to_float((config.vocab_size * config.hidden_size) as u64);
        let tables = if config.tie_word_embeddings { embedding } else { 2.0 * embedding };
        let optimizer = match recipe.optimizer.muon {
            Some(_) => 8.0 * tables + 4.0 * (weights - tables),
            None => 8.0 * weights,
        };
        let shards = if recipe.compute.shard_optimizer { f64::from(devices.max(1)) } else { 1.0 };
        let tokens = f64::from(recipe.data.micro_sequences) * f64::from(recipe.data.sequence_length);
        let block = tokens * block_bytes(config, recipe.data.sequence_length, recipe.compute.precision);
        let layers = to_float(config.num_hidden_layers as u64);
        let hidden = to_float(config.hidden_size as u64) * 4.0;
        let activations = match recipe.compute.recompute {
            Recompute::None => layers * block,
            Recompute::Blocks => layers * tokens * hidden + block,
        };
        let chunk = to_float(recipe.loss.chunk_tokens as u64).min(tokens);
        Self(vec![
            (MemoryPart::Weights, 4.0 * weights),
            (MemoryPart::Gradients, 4.0 * weights),
            (MemoryPart::Optimizer, optimizer / shards),
            (MemoryPart::Activations, activations + 4.0 * tokens * hidden),
            (MemoryPart::Loss, chunk * to_float(config.vocab_size as u64) * LOGIT_BYTES),
        ])
    }

    /// Sum of all parts.
    pub fn total(&self) -> f64 {
        self.0.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Logits, exponentials and their gradient, in 32 bits.
const LOGIT_BYTES: f64 = 12.0;

/// Bytes per token that one block keeps for the backward pass.
fn block_bytes(config: &ModelConfig, context: u32, precision: Precision) -> f64 {
    let number = match precision {
        Precision::F32 => 4.0,
        Precision::Bf16 => 2.0,
    };
    let [hidden, query, key, intermediate] =
        [config.hidden_size, config.query_width(), config.key_width(), config.intermediate_size]
            .map(|width| to_float(width as u64));
    // The residual stream before attention and before feed-forward, and what the norms keep, in 32 bits.
    let stream = 4.0 * hidden * STREAM_COPIES;
    // q, k and v before and after RoPE, repeated heads, and the output of attention.
    let heads = number * (HEAD_COPIES * query + 2.0 * key);
    // Scores and their softmax: one number per head and token of context.
    let scores = 4.0 * to_float(config.num_attention_heads as u64) * f64::from(context) * SCORE_COPIES;
    // Gate, up, their product, and what the activation function keeps.
    let feed_forward = number * intermediate * FEED_COPIES;
    stream + heads + scores + feed_forward
}

/// Number of tensors of the residual stream's width that a block keeps.
const STREAM_COPIES: f64 = 8.0;
/// Number of tensors of the query's width.
const HEAD_COPIES: f64 = 6.0;
/// Number of tensors of the scores' size.
const SCORE_COPIES: f64 = 3.0;
/// Number of tensors of the feed-forward layer's width.
const FEED_COPIES: f64 = 5.0;

/// A size as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
pub(crate) fn to_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Compute;

    #[test]
    fn only_the_sharded_optimiser_is_divided() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yaml");
        fs_err::write(&path, "name: t\nmodel: { new: { layers: 2, hidden-size: 64, heads: 2 } }\n").unwrap();
        let recipe = Recipe::load(&path, &[]).unwrap();
        let sharded = Recipe { compute: Compute { shard_optimizer: true, ..Compute::default() }, ..recipe.clone() };
        let config = ModelConfig::llama(1000, 64, 2, 2, 2);
        let whole = MemoryEstimate::new(&config, &recipe, 4);
        assert_eq!(whole, MemoryEstimate::new(&config, &sharded, 1));
        let shared = MemoryEstimate::new(&config, &sharded, 4);
        let optimizer = 8.0 * to_float(config.parameters());
        assert!((whole.total() - shared.total() - 0.75 * optimizer).abs() < 1.0);
    }
}
