//! The whole recipe.
//!
//! Invariant: a recipe with its defaults written out reads back as the same recipe.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compute::{Compute, Loss};
use super::data::Data;
use super::model::ModelSource;
use super::optimizer::{LearningRateSchedule, Optimizer};
use super::outputs::{Checkpoint, Metrics, Samples, Validation};

/// A training recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Name of the run; without `output`, results are written to `runs/NAME`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Purpose of the recipe, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Folder of the corpus, relative to the working directory; `--corpus` overrides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<PathBuf>,
    /// Folder for checkpoints, metrics and the final model; `runs/NAME` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// The model: a new one, or an existing one to continue training.
    pub model: ModelSource,
    /// Training data and batch sizes.
    #[serde(default)]
    pub data: Data,
    /// The loss.
    #[serde(default)]
    pub loss: Loss,
    /// The optimizer.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The learning rate schedule.
    #[serde(default)]
    pub schedule: LearningRateSchedule,
    /// Trade-offs between speed and memory.
    #[serde(default)]
    pub compute: Compute,
    /// Checkpoints.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// Validation on held-out documents.
    #[serde(default)]
    pub validation: Validation,
    /// Sample texts, generated at the end of the run.
    #[serde(default)]
    pub samples: Samples,
    /// Metrics and where they are written.
    #[serde(default)]
    pub metrics: Metrics,
    /// Seed of the initial weights, of the shuffle order, and of the masks of the masked objective. The corpus has a
    /// separate seed for the order of its documents.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Number of consecutive steps with a non-finite loss or gradient after which the run stops. Each such step is
    /// skipped and counted.
    #[serde(default = "default_non_finite_limit")]
    pub non_finite_limit: u32,
}

fn default_seed() -> u64 {
    42
}

fn default_non_finite_limit() -> u32 {
    10
}

impl Recipe {
    /// The folder of checkpoints, metrics and the final model.
    pub fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| Path::new("runs").join(&self.name))
    }

    /// Tokens of one step, over all ranks.
    pub fn step_tokens(&self) -> u64 {
        u64::from(self.data.sequence_length) * u64::from(self.data.batch_sequences)
    }
}
