//! A recipe: sources, each with its own steps, then steps for all, a tokenizer, a mixture, and examples.
//!
//! Invariant: everything that can be wrong in a recipe is found by [`load`], before any work, with the place in the file.

mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpusmill_pipeline::recipe::{RecipeError, Source};
use corpusmill_pipeline::shard::MixtureSettings;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::step::{Acquire, Step};
use crate::tokenize::Tokenizer;

/// A recipe for a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// The corpus's name: it is written to `corpus/NAME`. Letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What the recipe is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Partitions into which each source is divided by a hash of its origins.
    #[serde(default = "default_partitions")]
    pub partitions: u32,
    /// The sources, each a list of steps: the first acquires, the others work on its documents. When two sources hold
    /// one document, that of the source named first survives.
    #[schemars(with = "BTreeMap<String, Vec<Step>>")]
    pub sources: IndexMap<String, Vec<Step>>,
    /// Steps through which the documents of all sources go, in this order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// How text becomes tokens: `train` a vocabulary or `load` one.
    #[serde(default)]
    pub tokenizer: Tokenizer,
    /// How many tokens of which source, in which phases.
    #[serde(default)]
    pub mixture: MixtureSettings,
    /// Training shards of each source.
    #[serde(default = "default_shards")]
    pub shards: u32,
    /// Documents and their expected fate; `corpusmill check` runs them.
    #[serde(default)]
    pub examples: Vec<Example>,
}

fn default_partitions() -> u32 {
    64
}

fn default_shards() -> u32 {
    4
}

/// A document and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// The document's text (or HTML, with `media-type: text/html`).
    pub text: String,
    /// The source whose steps it goes through; the first by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Such as `text/html` or `text/x-rust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// ISO 639-3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// What must become of it.
    pub expect: Expect,
}

/// The fate of an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// It stays.
    Kept,
    /// It leaves by this rule, such as `filter.too-few-words`.
    Rejected(String),
}

/// A recipe with the text to which errors point.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The recipe.
    pub recipe: Recipe,
    /// Its file.
    pub path: PathBuf,
    /// Its text.
    pub source: Source,
}

/// Changes to a recipe made on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `path.to.key=value`, the value in YAML.
    pub set: Vec<String>,
    /// Another name: a variant of the recipe.
    pub name: Option<String>,
}

impl Overrides {
    /// The recipe's file and these changes, as on the command line.
    fn describe(&self, file: &str) -> String {
        let set = self.set.iter().map(|change| format!(" --set {change}"));
        let name = self.name.iter().map(|name| format!(" --name {name}"));
        std::iter::once(file.to_owned()).chain(set).chain(name).collect()
    }
}

/// Reads and checks a recipe.
///
/// # Errors
/// With file, line, column and what is allowed.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, RecipeError> {
    let source = Source::read(path)?;
    check::bare_steps(&source)?;
    let written: Recipe = source.parse()?;
    let mut recipe = written.clone();
    let order: Vec<String> = recipe.sources.keys().cloned().collect();
    for change in &overrides.set {
        recipe = set(&recipe, change)?;
    }
    // The detour through JSON sorts keys; the order of sources has a meaning.
    recipe.sources.sort_by(|a, _, b, _| {
        let place = |name: &String| order.iter().position(|known| known == name).unwrap_or(order.len());
        place(a).cmp(&place(b))
    });
    if let Some(name) = &overrides.name {
        recipe.name.clone_from(name);
    }
    check::check(&recipe, &source).map_err(|error| {
        // What the command line broke does not stand in the file.
        let own = check::check(&written, &source).err().is_some_and(|own| own == error);
        if own { error } else { RecipeError { file: overrides.describe(&source.file), place: None, ..error } }
    })?;
    Ok(Loaded { recipe, path: path.to_owned(), source })
}

/// Settings with one key replaced (`path.to.key=value`), types and names checked.
///
/// # Errors
/// When the path leads nowhere or the value does not fit.
pub fn set<T: Serialize + serde::de::DeserializeOwned>(settings: &T, set: &str) -> Result<T, RecipeError> {
    corpusmill_pipeline::recipe::set(settings, set, "tokenizer.train.vocab-size=4096")
}

impl Recipe {
    /// The acquisition of a source; [`load`] has seen to it that there is one.
    pub fn acquire(&self, source: &str) -> Option<Acquire> {
        self.sources.get(source)?.first()?.acquires()
    }

    /// The weight of each source in the first phase: what the tokenizer is trained for.
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
