//! Trains or loads a byte-level BPE vocabulary, and encodes documents as tokens.
//!
//! Runs after the last step, before mixing. It has three stages: `tokenize-count` (counts the words of each partition),
//! `tokenize-learn` (learns one vocabulary from all counts), `tokenize` (encodes each document).
//!
//! Invariant: the vocabulary depends only on the documents and the settings; document text is never encoded as a
//! special token.

mod alphabet;
mod bpe;
mod cache;
pub mod count;
mod count_stage;
pub mod encode;
mod encode_stage;
#[cfg(test)]
mod encode_tests;
pub mod learn;
mod learn_stage;
#[cfg(test)]
mod learn_tests;
mod merges;
mod pairs;
mod shared_encoder;
pub mod special;
pub mod split;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use count_stage::CountStage;
pub use encode_stage::EncodeStage;
pub(crate) use encode_stage::schema as tokens_schema;
pub use learn_stage::LearnStage;

/// The origin of the vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Tokenizer {
    /// Train a byte-level BPE vocabulary on the final documents, weighted as in the mixture.
    Train(Train),
    /// Load the `tokenizer.json` at this path, relative to the recipe.
    Load(PathBuf),
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::Train(Train::default())
    }
}

/// Settings of tokenizer training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Train {
    /// Number of tokens in the vocabulary, including the special tokens and the 256 bytes. Up to 65,536, shards use two
    /// bytes per token.
    #[arg(long, default_value_t = Train::default().vocab_size)]
    pub vocab_size: u32,
    /// Minimum number of occurrences for a pair of tokens to be merged.
    #[arg(long, default_value_t = Train::default().min_frequency)]
    pub min_frequency: u64,
    /// Maximum length in bytes of a word used for training; longer words are ignored.
    #[arg(long, default_value_t = Train::default().max_word_bytes)]
    pub max_word_bytes: usize,
}

impl Default for Train {
    fn default() -> Self {
        Self { vocab_size: 32_768, min_frequency: 2, max_word_bytes: 128 }
    }
}

/// The schema of a tokenizer dataset: one column with the content of `tokenizer.json`.
pub(crate) fn tokenizer_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("json", DataType::Utf8, false)]))
}

/// A batch of one row, with the content of a `tokenizer.json`.
pub(crate) fn tokenizer_row(json: &str) -> Result<RecordBatch, StageError> {
    let column = Arc::new(arrow_array::StringArray::from(vec![json]));
    Ok(RecordBatch::try_new(tokenizer_schema(), vec![column])?)
}

impl Tokenizer {
    /// Adds the stages; returns the tokenizer and the tokens of the documents.
    ///
    /// # Errors
    /// If the tokenizer cannot be loaded or required columns are missing.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        documents: &Dataset,
        weights: &BTreeMap<String, f64>,
        recipe_dir: &std::path::Path,
    ) -> Result<(Dataset, Dataset), StageError> {
        let encode = EncodeStage::default();
        let tokenizer = match self {
            Self::Train(train) => {
                let counts =
                    plan.add("tokenize/count", CountStage { max_word_bytes: train.max_word_bytes }, &[documents])?;
                let learn = LearnStage { train: train.clone(), weights: weights.clone() };
                plan.add("tokenize/learn", learn, &[&counts])?
            }
            Self::Load(path) => {
                let path = recipe_dir.join(path);
                let json = fs_err::read_to_string(&path)?;
                // The tasks share the encoder of this check.
                let checked = encode.encoder.get(&json);
                checked.map_err(|error| StageError::settings(format!("{}: {error}", path.display())))?;
                plan.add(
                    "tokenize/load",
                    InMemorySource::new(tokenizer_schema(), vec![vec![tokenizer_row(&json)?]])?,
                    &[],
                )?
            }
        };
        let tokens = plan.add("tokenize", encode, &[documents, &tokenizer])?;
        Ok((tokenizer, tokens))
    }
}
