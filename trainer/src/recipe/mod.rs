//! A training recipe: which corpus, which model, how it is trained, and what is kept.
//!
//! Stands before everything else that `corpusmill-train pretrain` does. Invariant: what is wrong in a recipe is found
//! by [`load`], before any work, with the place in the file.

mod check;
mod data;
mod kept;
mod optimizer;

use std::path::{Path, PathBuf};

use corpusmill_pipeline::recipe::{RecipeError, Source, set};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use data::{Data, Masked, Objective};
pub use kept::{Checkpoint, Metrics, Samples, Validation};
pub use optimizer::{AdamW, Muon, Optimizer, Schedule, Shape};

/// A recipe for a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// The run's name: without `output`, it is written to `runs/NAME`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What the recipe is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The folder of the corpus, relative to the working directory; `--corpus` replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<PathBuf>,
    /// The folder of checkpoints, metrics and the final model; `runs/NAME` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// A new model, or one to go on with.
    pub model: Model,
    /// What a model learns from, and how much at once.
    #[serde(default)]
    pub data: Data,
    /// What is minimised.
    #[serde(default)]
    pub loss: Loss,
    /// How weights change.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// How the learning rate moves over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Speed against memory.
    #[serde(default)]
    pub compute: Compute,
    /// What is kept on the way.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// The loss on held-out documents.
    #[serde(default)]
    pub validation: Validation,
    /// Texts that the model writes at the end.
    #[serde(default)]
    pub samples: Samples,
    /// What is measured and where it is written.
    #[serde(default)]
    pub metrics: Metrics,
    /// Decides the first weights and the masks of the masked objective; the corpus's own seed decides its order.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Steps in a row whose loss or gradient is not finite after which the run stops; each is skipped and counted.
    #[serde(default = "default_non_finite_limit")]
    pub non_finite_limit: u32,
}

fn default_seed() -> u64 {
    42
}

fn default_non_finite_limit() -> u32 {
    10
}

/// Where the model comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// A new Llama of these sizes, with the corpus's vocabulary.
    New(NewModel),
    /// A new model as this `config.json` describes it; its `vocab_size` must hold the corpus's vocabulary.
    Config(PathBuf),
    /// Continued pretraining of the model in this Hugging Face directory, whose tokenizer must be the corpus's.
    From(PathBuf),
}

/// The sizes of a new Llama; what is not here is as in Llama 3 (`SwiGLU`, `RMSNorm`, rotary positions, no biases).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NewModel {
    /// Blocks.
    pub layers: usize,
    /// Width of the residual stream; a multiple of `heads`.
    pub hidden_size: usize,
    /// Heads of the query.
    pub heads: usize,
    /// Heads of key and value; divides `heads`. Equal to `heads` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_heads: Option<usize>,
    /// Width of the feed-forward part; by default 8/3 of `hidden-size`, rounded up to a multiple of 32 (Llama's rule).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Whether the head shares the embedding's weights: yes below about 1 B parameters, as `SmolLM` and Llama 3.2 do.
    #[serde(default = "yes")]
    pub tie_embeddings: bool,
    /// Base of the rotary positions; 10,000 as in Llama 2.
    #[serde(default = "default_rope_theta")]
    pub rope_theta: f64,
    /// Rows of the embedding beyond the vocabulary are never used, but make it a multiple of this; 64 as in nanoGPT.
    #[serde(default = "default_vocabulary_multiple")]
    pub vocabulary_multiple: u32,
}

fn yes() -> bool {
    true
}

fn default_rope_theta() -> f64 {
    10_000.0
}

fn default_vocabulary_multiple() -> u32 {
    64
}

/// What is minimised: cross-entropy, and what is added to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Loss {
    /// Factor of the squared logarithm of the softmax's denominator, which keeps logits small; 0 is off, `PaLM` has
    /// 1e-4 (Chowdhery et al. 2022, section 5).
    pub z_loss: f64,
    /// Tokens whose logits are in memory at once: `chunk-tokens` × vocabulary × 4 bytes, about three times.
    pub chunk_tokens: usize,
}

impl Default for Loss {
    fn default() -> Self {
        Self { z_loss: 0.0, chunk_tokens: 1024 }
    }
}

/// Speed against memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Compute {
    /// The type in which blocks are computed; weights, optimiser, norms, softmax and loss are in 32 bits in any case.
    pub precision: Precision,
    /// What is computed a second time instead of being kept for the backward pass.
    pub recompute: Recompute,
    /// Of several devices, each keeps the optimiser's state of its own share of the weights (ZeRO stage 1, Rajbhandari
    /// et al. 2020): less memory a device, for an exchange of weights each step. Without effect on one device.
    pub shard_optimizer: bool,
}

/// The type in which blocks are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits everywhere.
    #[default]
    F32,
    /// 16 bits with the range of 32, for devices that compute them fast.
    Bf16,
}

/// What is computed a second time instead of being kept for the backward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// Nothing: the fastest, with the activations of every block in memory.
    #[default]
    None,
    /// Each block (Chen et al. 2016): the activations of one block and the inputs of all, for about a third more work.
    Blocks,
}

/// A recipe with the text to which errors point.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The recipe.
    pub recipe: Recipe,
    /// Its file.
    pub path: PathBuf,
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

/// Reads and checks a recipe with its changes, each `path.to.key=value` with the value in YAML.
///
/// # Errors
/// With file, line, column and what is allowed.
pub fn load(path: &Path, changes: &[String]) -> Result<Loaded, RecipeError> {
    let source = Source::read(path)?;
    let empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.text.lines().all(empty) {
        return Err(RecipeError::whole(&source.file, "the recipe is empty")
            .with_hint("a training recipe has at least `name` and `model`; see recipes/train/tiny.yaml"));
    }
    let written: Recipe = source.parse()?;
    let mut recipe = written.clone();
    for change in changes {
        recipe = set(&recipe, change, "optimizer.learning-rate=3e-4")?;
    }
    check::check(&recipe, &source).map_err(|error| {
        // What the command line broke does not stand in the file.
        let own = check::check(&written, &source).err().is_some_and(|own| own == error);
        let set: Vec<&str> = changes.iter().flat_map(|change| [" --set ", change]).collect();
        if own { error } else { RecipeError { file: format!("{}{}", source.file, set.concat()), place: None, ..error } }
    })?;
    Ok(Loaded { recipe, path: path.to_owned() })
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
