//! A recipe: sources, each with its own steps, then shared steps, a tokenizer, a mixture, and examples.
//!
//! Invariant: loading finds every error in a recipe before any work starts, and reports its position in the file.

mod check;
mod renamed;
mod source;

use std::collections::BTreeMap;

use corpusmill_recipe::{Checked, Loaded, RecipeError};
use corpusmill_shards::MixtureSettings;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::check::{acquire_error, compile_error};
pub use self::source::Source;

use crate::step::Step;
use crate::tokenize::Tokenizer;

/// A recipe for a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Name of the corpus, which is written to `corpus/NAME`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Purpose of the recipe, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Number of partitions of each source; documents are assigned by a hash of their origins.
    #[serde(default = "default_partitions")]
    pub partitions: u32,
    /// Sources, each a list of steps: the first step acquires input, the others process its documents. If two sources
    /// hold the same document, the copy of the source listed first survives.
    #[schemars(with = "BTreeMap<String, Source>")]
    pub sources: IndexMap<String, Source>,
    /// Steps that process the documents of all sources, in this order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Tokenizer: `train` a vocabulary or `load` one.
    #[serde(default)]
    pub tokenizer: Tokenizer,
    /// Number of tokens from each source, in phases.
    #[serde(default)]
    pub mixture: MixtureSettings,
    /// Number of training shards per source.
    #[serde(default = "default_shards")]
    pub shards: u32,
    /// Example documents with their expected outcome; `corpusmill check` runs them.
    #[serde(default)]
    pub examples: Vec<Example>,
}

fn default_partitions() -> u32 {
    64
}

fn default_shards() -> u32 {
    4
}

/// A document and its expected outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// Text of the document (or HTML, with `media-type: text/html`).
    pub text: String,
    /// Source whose steps process the document; the first source by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Media type of the document, such as `text/html` or `text/x-rust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Language of the document, as an ISO 639-3 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Licence of the document, as an SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Expected outcome.
    pub expect: Expect,
}

/// The expected outcome of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// The document is kept.
    Kept,
    /// The document is rejected by this rule, such as `filter.too-few-words`.
    Rejected(String),
}

/// A recipe with its file.
pub type LoadedRecipe = Loaded<Recipe>;

/// Returns the settings with one key replaced (`path.to.key=value`), and checks names and types.
///
/// # Errors
/// If the path does not exist or the value has the wrong type.
pub fn set<T: Serialize + serde::de::DeserializeOwned>(settings: &T, set: &str) -> Result<T, RecipeError> {
    corpusmill_recipe::apply_override(settings, set, Recipe::OVERRIDE_EXAMPLE).map_err(renamed::explain)
}

impl Recipe {
    /// The weight of each source in the first phase, by which the tokenizer is trained.
    pub fn weights(&self) -> BTreeMap<String, f64> {
        self.mixture.phases.first().map(|phase| phase.weights.clone()).unwrap_or_default()
    }
}

/// The JSON Schema of recipes.
///
/// # Errors
/// Never in practice.
pub fn json_schema() -> Result<String, serde_json::Error> {
    let mut schema = schemars::schema_for!(Recipe);
    schema.insert("title".into(), "corpusmill recipe".into());
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
