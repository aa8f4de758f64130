//! Settings of the loss, and trade-offs between speed and memory.
//!
//! Invariant: trade-offs change results only within rounding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The loss: cross-entropy with optional terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Loss {
    /// Weight of the z-loss, the squared logarithm of the softmax's denominator, which keeps logits small. 0 disables
    /// it; PaLM uses 1e-4 (Chowdhery et al. 2022, section 5).
    pub z_loss: f64,
    /// Number of tokens whose logits are in memory at once; needs about three times `chunk-tokens` × vocabulary × 4
    /// bytes.
    pub chunk_tokens: usize,
}

impl Default for Loss {
    fn default() -> Self {
        Self { z_loss: 0.0, chunk_tokens: 1024 }
    }
}

/// Trade-offs between speed and memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Compute {
    /// Floating-point type of matrix products; weights, optimizer state, norms, softmax and loss always use 32 bits.
    pub precision: Precision,
    /// Activation checkpointing: what to recompute in the backward pass instead of keeping it in memory.
    pub recompute: Recompute,
    /// Shard the optimizer state: each of several devices keeps the state of its share of the weights (ZeRO stage 1,
    /// Rajbhandari et al. 2020). Needs less memory per device, and an exchange of weights in each step. No effect on
    /// one device.
    pub shard_optimizer: bool,
}

/// Floating-point type of matrix products.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits everywhere.
    #[default]
    F32,
    /// bfloat16: 16 bits with the range of f32, for devices with fast 16-bit arithmetic.
    Bf16,
}

/// Activation checkpointing: what to recompute in the backward pass instead of keeping it in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// No activation checkpointing; fastest, with the activations of every block in memory.
    #[default]
    None,
    /// Checkpoint each block (Chen et al. 2016); keeps the activations of one block and the inputs of all, for about a
    /// third more computation.
    Blocks,
}
