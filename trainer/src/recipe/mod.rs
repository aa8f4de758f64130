//! The training recipe: corpus, model, training settings and outputs.
//!
//! `corpusmill-train pretrain` loads it first. Invariant: loading reports every error in a recipe before any work, with
//! its position in the file.

mod check;
mod data;
mod optimizer;
mod outputs;

use std::path::{Path, PathBuf};

use corpusmill_recipe::{Overrides, RecipeError, find, load};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use data::{Data, Masked, Objective};
pub use optimizer::{AdamW, Muon, Optimizer, Schedule, ScheduleShape};
pub use outputs::{Checkpoint, Metrics, Samples, Validation};

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
    /// The optimiser.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The learning rate schedule.
    #[serde(default)]
    pub schedule: Schedule,
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
    /// Seed of the initial weights, of the shuffle order, and of the masks of the masked objective. The corpus has its
    /// own seed for the order of its documents.
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

/// The sizes of a new Llama; everything else is as in Llama 3 (SwiGLU, RMSNorm, rotary positions, no biases).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NewModel {
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream; a multiple of `heads`.
    pub hidden_size: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; must divide `heads`. Equal to `heads` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_heads: Option<usize>,
    /// Width of the feed-forward layer; by default 8/3 of `hidden-size`, rounded up to a multiple of 32 (Llama's rule).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Share the weights of the output head and the embedding; usual below about 1 B parameters, as in SmolLM and Llama
    /// 3.2.
    #[serde(default = "default_true")]
    pub tie_embeddings: bool,
    /// Base of the rotary positions; 10,000 as in Llama 2.
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

/// The loss: cross-entropy with optional terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Loss {
    /// Factor of the squared logarithm of the softmax's denominator, which keeps logits small; 0 disables it, PaLM uses
    /// 1e-4 (Chowdhery et al. 2022, section 5).
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
    /// Number type for computing blocks; weights, optimiser, norms, softmax and loss always use 32 bits.
    pub precision: Precision,
    /// What to recompute in the backward pass instead of keeping it in memory.
    pub recompute: Recompute,
    /// Shard the optimiser's state: each of several devices keeps the state of its own share of the weights (ZeRO stage
    /// 1, Rajbhandari et al. 2020). Needs less memory per device and an exchange of weights in each step. No effect on
    /// one device.
    pub shard_optimizer: bool,
}

/// Number type for computing blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits everywhere.
    #[default]
    F32,
    /// 16 bits with the range of 32, for devices with fast 16-bit arithmetic.
    Bf16,
}

/// What to recompute in the backward pass instead of keeping it in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// Nothing; fastest, with the activations of every block in memory.
    #[default]
    None,
    /// Each block (Chen et al. 2016); keeps the activations of one block and the inputs of all, and computes about a
    /// third more.
    Blocks,
}

impl Recipe {
    /// Loads and checks a recipe given as a path, or as the name of a file in `recipes/train/`. Each of `set` is a
    /// change `path.to.key=value`, with the value in YAML.
    ///
    /// # Errors
    /// With file, line, column and the allowed values.
    pub fn load(given: &Path, set: &[String]) -> Result<Self, RecipeError> {
        let path = find(given, Path::new("recipes/train"))?;
        Ok(load(&path, &Overrides::set(set))?.recipe)
    }

    /// The folder of checkpoints, metrics and the final model.
    pub fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| Path::new("runs").join(&self.name))
    }

    /// Tokens of one step, over all ranks.
    pub fn step_tokens(&self) -> u64 {
        u64::from(self.data.sequence_length) * u64::from(self.data.batch_sequences)
    }
}

/// The JSON Schema of training recipes.
///
/// # Errors
/// Never in practice.
pub fn json_schema() -> Result<String, serde_json::Error> {
    let mut schema = schemars::schema_for!(Recipe);
    schema.insert("title".into(), "corpusmill training recipe".into());
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

#[cfg(test)]
mod tests;
