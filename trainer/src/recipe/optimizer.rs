//! Settings of the optimiser and of the learning rate's way.
//!
//! Invariant: defaults are those of a small Llama; each names where it comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How weights change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Optimizer {
    /// The highest learning rate, of AdamW.
    pub learning_rate: f64,
    /// Settings of AdamW, which changes every weight that Muon does not.
    pub adamw: AdamW,
    /// When given, the matrices of blocks are changed by Muon: `muon: {}` for its defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muon: Option<Muon>,
    /// The longest gradient, as the root of the sum of squares over all weights together; longer ones are scaled
    /// down. 1 as in GPT-3 and Llama; `null` clips nothing.
    pub clip_norm: Option<f64>,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { learning_rate: 1e-3, adamw: AdamW::default(), muon: None, clip_norm: Some(1.0) }
    }
}

/// AdamW (Loshchilov and Hutter 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AdamW {
    /// How much of the mean gradient is kept each step; 0.9.
    pub beta_1: f32,
    /// How much of the mean squared gradient is kept each step; 0.95 as in GPT-3 and Llama.
    pub beta_2: f32,
    /// Added to the root of the mean squared gradient; 1e-8 as in Llama.
    pub epsilon: f32,
    /// Share of a weight that is taken off each step, times the learning rate; 0.1 as in GPT-3 and Llama. Norms and
    /// biases never decay.
    pub weight_decay: f32,
    /// Whether embeddings decay too. No by default, as in OLMo 2: decay makes rare tokens' rows vanish.
    pub decay_embeddings: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.95, epsilon: 1e-8, weight_decay: 0.1, decay_embeddings: false }
    }
}

/// Muon (Jordan et al. 2024) for the matrices of blocks; its step is scaled to AdamW's size (Liu et al. 2025, "Muon is
/// scalable for LLM training"), so that both can share the learning rate and share the decay of `adamw`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Muon {
    /// The highest learning rate of the matrices; without it, that of the other weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// How much of the summed gradient is kept each step; 0.95 as in both papers.
    pub momentum: f64,
    /// Iterations of Newton and Schulz that make the step orthogonal; 5 as in both papers.
    pub iterations: usize,
}

impl Default for Muon {
    fn default() -> Self {
        Self { learning_rate: None, momentum: 0.95, iterations: 5 }
    }
}

/// How the learning rate moves over the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Schedule {
    /// Steps over which the rate rises from 0, in a straight line.
    pub warmup_steps: u64,
    /// What follows.
    pub shape: Shape,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { warmup_steps: 20, shape: Shape::Cosine { final_share: 0.1 } }
    }
}

/// The way of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// It stays.
    Constant,
    /// Half a cosine down to `final-share` of the highest rate (Loshchilov and Hutter 2017); Llama has 0.1.
    Cosine {
        /// The last rate as a share of the highest, 0 to 1.
        final_share: f64,
    },
    /// It stays, and falls in a straight line over the last steps (warm-up, stable, decay; Hu et al. 2024, `MiniCPM`).
    Wsd {
        /// The share of all steps over which it falls, above 0 and up to 1; 0.2 is usual (Hägele et al. 2024).
        decay_share: f64,
        /// The last rate as a share of the highest, 0 to 1.
        final_share: f64,
    },
}
