//! Settings of the optimizer and the learning rate schedule.
//!
//! Invariant: the doc comment of a setting names the source of its default, if it has one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The optimizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Optimizer {
    /// Peak learning rate of AdamW.
    pub learning_rate: f64,
    /// Settings of AdamW, which updates every weight that Muon does not.
    pub adamw: AdamW,
    /// Update the weight matrices of the transformer blocks with Muon; `muon: {}` for its defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muon: Option<Muon>,
    /// Maximum global L2 norm of the gradients (PyTorch's `clip_grad_norm_`); larger gradients are scaled down. 1 as in
    /// GPT-3 and Llama; `null` disables clipping.
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
    /// Decay rate of the first moment (beta 1); 0.9 as in GPT-3 and Llama.
    pub beta_1: f32,
    /// Decay rate of the second moment (beta 2); 0.95 as in GPT-3 and Llama.
    pub beta_2: f32,
    /// Added to the square root of the second moment; 1e-8 as in Llama.
    pub epsilon: f32,
    /// Decoupled weight decay: each step subtracts `learning-rate x weight-decay x weight`; 0.1 as in GPT-3 and Llama.
    /// Norms and biases are not decayed.
    pub weight_decay: f32,
    /// Apply weight decay to embeddings too. False by default, as in OLMo 2: decay shrinks the embeddings of rare
    /// tokens towards zero.
    pub decay_embeddings: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.95, epsilon: 1e-8, weight_decay: 0.1, decay_embeddings: false }
    }
}

/// Muon (Jordan et al. 2024) for the weight matrices of the transformer blocks. Its update is scaled to the size of
/// AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so both can share the learning rate; both use the
/// weight decay of `adamw`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Muon {
    /// Peak learning rate of Muon; by default that of AdamW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Momentum coefficient; 0.95 as in both papers.
    pub momentum: f64,
    /// Newton–Schulz iterations that orthogonalize the update; 5 as in both papers.
    pub iterations: usize,
}

impl Default for Muon {
    fn default() -> Self {
        Self { learning_rate: None, momentum: 0.95, iterations: 5 }
    }
}

/// The learning rate schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LearningRateSchedule {
    /// Steps of linear warm-up from 0. A run that is shorter does not reach the peak learning rate.
    pub warmup_steps: u64,
    /// Shape of the schedule after the warm-up.
    pub shape: LearningRateShape,
}

impl Default for LearningRateSchedule {
    fn default() -> Self {
        Self { warmup_steps: 20, shape: LearningRateShape::Cosine { final_share: 0.1 } }
    }
}

/// Shape of the schedule after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum LearningRateShape {
    /// Constant.
    Constant,
    /// Half a cosine down to `final-share` of the peak learning rate (Loshchilov and Hutter 2017); Llama uses 0.1.
    Cosine {
        /// Final learning rate as a share of the peak, 0 to 1 (`min_lr_rate` in Hugging Face transformers).
        final_share: f64,
    },
    /// Constant, then a linear decay over the last steps (warm-up, stable, decay; Hu et al. 2024, MiniCPM).
    Wsd {
        /// Share of all steps over which the learning rate decays, above 0 and up to 1; 0.2 is usual (Hägele et al.
        /// 2024).
        decay_share: f64,
        /// Final learning rate as a share of the peak, 0 to 1 (`min_lr_ratio` in Hugging Face transformers).
        final_share: f64,
    },
}
