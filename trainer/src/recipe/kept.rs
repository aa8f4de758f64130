//! Settings of what is kept and shown of a run; none of them changes the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is kept on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Checkpoint {
    /// Steps between checkpoints; 0 keeps only the last step.
    pub every_steps: u64,
    /// Newest checkpoints that stay, at least 1.
    pub keep: usize,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every_steps: 100, keep: 2 }
    }
}

/// The loss on held-out documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Validation {
    /// Steps between validations; 0 validates only at the end.
    pub every_steps: u64,
    /// Sequences of each validation during the run, spread evenly over the held-out documents.
    pub sequences: u64,
    /// The same at the end of the run; all of them by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_sequences: Option<u64>,
}

impl Default for Validation {
    fn default() -> Self {
        Self { every_steps: 100, sequences: 32, final_sequences: None }
    }
}

/// Texts that the model writes at the end; causal models only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Samples {
    /// What each text begins with.
    pub prompts: Vec<String>,
    /// Tokens to add, at most.
    pub tokens: usize,
    /// 0 takes the likeliest token each time; 1 draws as the model says.
    pub temperature: f64,
}

impl Default for Samples {
    fn default() -> Self {
        Self { prompts: Vec::new(), tokens: 64, temperature: 0.7 }
    }
}

/// What is measured and where it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Metrics {
    /// Steps between lines of `metrics.jsonl` and points of the curves.
    pub every_steps: u64,
    /// What the device computes at most, in 10^12 floating-point operations a second, for the share of it that is
    /// used (MFU); without it no share is stated. An H100 has 989 in bf16 without sparsity (NVIDIA's data sheet).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_teraflops: Option<f64>,
    /// Whether event files for `TensorBoard` are written.
    pub tensorboard: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { every_steps: 10, peak_teraflops: None, tensorboard: true }
    }
}
