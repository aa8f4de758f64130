//! Learns a byte-level BPE vocabulary, or loads one, and turns documents into tokens.
//!
//! On a document's path: after the last filter. The step is three stages: `tokenize-count` (words of each partition),
//! `tokenize-learn` (one vocabulary from all counts), `tokenize` (tokens of each document).
//!
//! Invariant: the vocabulary depends on the documents and the settings alone; no text of a document ever becomes a
//! control token.

mod alphabet;
mod bpe;
mod cache;
pub mod count;
mod counting;
pub mod encode;
#[cfg(test)]
mod encode_tests;
mod encoding;
pub mod learn;
#[cfg(test)]
mod learn_tests;
mod learning;
mod merges;
mod pairs;
pub mod special;
pub mod split;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::literal::Literal;
use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use counting::Count;
pub use encoding::Encode;
pub(crate) use encoding::schema as tokens_schema;
pub use learning::Learn;

/// Where the vocabulary comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Tokenizer {
    /// Learn a byte-level BPE vocabulary from the documents that are left, weighted as the mixture is.
    Train(Train),
    /// Load the `tokenizer.json` at this path, relative to the recipe.
    Load(PathBuf),
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::Train(Train::default())
    }
}

/// How a vocabulary is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Train {
    /// Tokens in the vocabulary, control tokens and the 256 bytes included. Up to 65,536 a token takes two bytes in shards.
    #[arg(long, default_value_t = Train::default().vocab_size)]
    pub vocab_size: u32,
    /// The least number of occurrences for a pair to become a token.
    #[arg(long, default_value_t = Train::default().min_frequency)]
    pub min_frequency: u64,
    /// Words longer than this many bytes are not learned from.
    #[arg(long, default_value_t = Train::default().max_word_bytes)]
    pub max_word_bytes: usize,
}

impl Default for Train {
    fn default() -> Self {
        Self { vocab_size: 32_768, min_frequency: 2, max_word_bytes: 128 }
    }
}

/// The one column of a tokenizer's dataset: `tokenizer.json`.
pub(crate) fn tokenizer_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("json", DataType::Utf8, false)]))
}

/// A dataset of one row: this `tokenizer.json`.
pub(crate) fn tokenizer_row(json: &str) -> Result<RecordBatch, StageError> {
    let column = Arc::new(arrow_array::StringArray::from(vec![json]));
    Ok(RecordBatch::try_new(tokenizer_schema(), vec![column])?)
}

impl Tokenizer {
    /// Adds the stages; returns the tokenizer and the tokens of the documents.
    ///
    /// # Errors
    /// When a tokenizer cannot be loaded or the columns cannot work.
    pub fn add_to(
        &self,
        plan: &mut PlanBuilder,
        documents: &Dataset,
        weights: &BTreeMap<String, f64>,
        recipe_dir: &std::path::Path,
    ) -> Result<(Dataset, Dataset), StageError> {
        let tokenizer = match self {
            Self::Train(train) => {
                let counts =
                    plan.add("tokenize/count", Count { max_word_bytes: train.max_word_bytes }, &[documents])?;
                let learn = Learn { train: train.clone(), weights: weights.clone() };
                plan.add("tokenize/learn", learn, &[&counts])?
            }
            Self::Load(path) => {
                let path = recipe_dir.join(path);
                let json = fs_err::read_to_string(&path)?;
                encode::Encoder::from_json(&json)
                    .map_err(|error| StageError::Settings(format!("{}: {error}", path.display())))?;
                plan.add("tokenize/load", Literal::new(tokenizer_schema(), vec![vec![tokenizer_row(&json)?]])?, &[])?
            }
        };
        let tokens = plan.add("tokenize", Encode, &[documents, &tokenizer])?;
        Ok((tokenizer, tokens))
    }
}
