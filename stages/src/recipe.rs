//! A recipe: sources, each with its own steps, then shared steps, a tokenizer, a mixture, and examples.
//!
//! Invariant: [`load`] finds every error in a recipe before any work starts, and reports its position in the file.

mod check;
mod renamed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpusmill_recipe::{NamedSource, RecipeError};
use corpusmill_shards::MixtureSettings;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::step::{Acquire, Step};
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
    #[schemars(with = "BTreeMap<String, Vec<Step>>")]
    pub sources: IndexMap<String, Vec<Step>>,
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

/// A recipe with its source text, for error messages.
#[derive(Debug, Clone)]
pub struct LoadedRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// The recipe file.
    pub path: PathBuf,
    /// The text of the file.
    pub source: NamedSource,
}

/// Changes to a recipe made on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `path.to.key=value`, the value in YAML.
    pub set: Vec<String>,
    /// Name of a variant of the recipe.
    pub name: Option<String>,
}

impl Overrides {
    /// Formats the recipe's file and these changes, as on the command line.
    fn describe(&self, file: &str) -> String {
        let set = self.set.iter().map(|change| format!(" --set {change}"));
        let name = self.name.iter().map(|name| format!(" --name {name}"));
        std::iter::once(file.to_owned()).chain(set).chain(name).collect()
    }
}

/// Reads and checks a recipe.
///
/// # Errors
/// If the recipe is invalid; the message has file, line, column and the allowed values.
pub fn load(path: &Path, overrides: &Overrides) -> Result<LoadedRecipe, RecipeError> {
    let source = NamedSource::read(path)?;
    check::check_bare_steps(&source)?;
    let written: Recipe = source.parse().map_err(renamed::explain)?;
    let mut recipe = written.clone();
    let order: Vec<String> = recipe.sources.keys().cloned().collect();
    for change in &overrides.set {
        recipe = set(&recipe, change)?;
    }
    // `set` converts through JSON, which sorts keys; restores the order of the sources, which is significant.
    recipe.sources.sort_by(|a, _, b, _| {
        let place = |name: &String| order.iter().position(|known| known == name).unwrap_or(order.len());
        place(a).cmp(&place(b))
    });
    if let Some(name) = &overrides.name {
        recipe.name.clone_from(name);
    }
    check::check(&recipe, &source).map_err(|error| {
        // An error caused by the command line has no position in the file.
        let own = check::check(&written, &source).err().is_some_and(|own| own == error);
        if own { error } else { RecipeError { file: overrides.describe(&source.file), span: None, ..error } }
    })?;
    Ok(LoadedRecipe { recipe, path: path.to_owned(), source })
}

/// Returns the settings with one key replaced (`path.to.key=value`), and checks names and types.
///
/// # Errors
/// If the path does not exist or the value has the wrong type.
pub fn set<T: Serialize + serde::de::DeserializeOwned>(settings: &T, set: &str) -> Result<T, RecipeError> {
    corpusmill_recipe::apply_override(settings, set, "tokenizer.train.vocab-size=4096").map_err(renamed::explain)
}

impl Recipe {
    /// The acquisition step of a source; [`load`] ensures that it exists.
    pub fn acquire(&self, source: &str) -> Option<Acquire> {
        self.sources.get(source)?.first()?.as_acquire()
    }

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
