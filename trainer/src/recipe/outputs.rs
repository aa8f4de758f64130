//! Settings of the outputs of a run; none of them changes the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Checkpoint {
    /// Steps between checkpoints; 0 saves only after the last step.
    pub every_steps: u64,
    /// Number of newest checkpoints to keep, at least 1.
    pub keep: usize,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every_steps: 100, keep: 2 }
    }
}

/// Validation on held-out documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Validation {
    /// Steps between validations; 0 validates only at the end.
    pub every_steps: u64,
    /// Sequences per validation during the run, spread evenly over the held-out documents.
    pub sequences: u64,
    /// Sequences of the validation at the end of the run, spread evenly over the held-out documents; `null` measures
    /// all of them. By default 1,024, which takes about as long as training on a third as many.
    pub final_sequences: Option<u64>,
}

impl Default for Validation {
    fn default() -> Self {
        Self { every_steps: 100, sequences: 32, final_sequences: Some(1024) }
    }
}

/// Sample texts, generated at the end of the run; causal models only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Samples {
    /// Prompts, one per text.
    pub prompts: Vec<String>,
    /// Maximum number of tokens to generate per text.
    pub tokens: usize,
    /// Sampling temperature; 0 always selects the most likely token, 1 samples from the model's distribution.
    pub temperature: f64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { prompts: Vec::new(), tokens: 64, temperature: 0.7 }
    }
}

/// Metrics and where they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Metrics {
    /// Steps between lines of `metrics.jsonl` and points of the curves.
    pub every_steps: u64,
    /// Peak of the device in 10^12 floating-point operations per second, used to compute the model FLOPs utilisation
    /// (MFU); without it, no MFU is reported. An H100 has 989 in bf16 without sparsity (NVIDIA's data sheet).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_teraflops: Option<f64>,
    /// Write event files for TensorBoard.
    pub tensorboard: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { every_steps: 10, peak_teraflops: None, tensorboard: true }
    }
}
