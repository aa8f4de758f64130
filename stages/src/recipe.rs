//! A recipe: sources, each with its own steps, then steps for all, a tokenizer, a mixture, and examples.
//!
//! Invariant: everything that can be wrong in a recipe is found by [`load`], before any work, with the place in the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpusmill_pipeline::recipe::{RecipeError, Source, did_you_mean};
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

/// Reads and checks a recipe.
///
/// # Errors
/// With file, line, column and what is allowed.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, RecipeError> {
    let source = Source::read(path)?;
    let mut recipe: Recipe = source.parse()?;
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
    check(&recipe, &source)?;
    Ok(Loaded { recipe, path: path.to_owned(), source })
}

/// Settings with one key replaced (`path.to.key=value`): through their JSON form and back, so that types and names are
/// checked.
///
/// # Errors
/// When the path leads nowhere or the value does not fit.
pub fn set<T: Serialize + serde::de::DeserializeOwned>(settings: &T, set: &str) -> Result<T, RecipeError> {
    let place = format!("--set {set}");
    let wrong = |message: String| RecipeError::whole(&place, message);
    let (path, value) = set.split_once('=').ok_or_else(|| {
        wrong("a setting has the form path.to.key=value".into())
            .with_hint("such as --set tokenizer.train.vocab-size=4096")
    })?;
    let text = Source { file: place.clone(), text: value.to_owned() };
    let value: serde_json::Value =
        if value.is_empty() { serde_json::Value::String(String::new()) } else { text.parse()? };
    let mut json = serde_json::to_value(settings).map_err(|error| wrong(error.to_string()))?;
    let mut at = &mut json;
    for key in path.split('.') {
        at = descend(at, key).map_err(wrong)?;
    }
    *at = value;
    // Through YAML again: JSON is YAML, and its errors name what is allowed.
    let text = serde_json::to_string(&json).map_err(|error| wrong(error.to_string()))?;
    Source { file: place.clone(), text }.parse().map_err(|error: RecipeError| RecipeError { place: None, ..error })
}

fn descend<'a>(at: &'a mut serde_json::Value, key: &str) -> Result<&'a mut serde_json::Value, String> {
    match at {
        serde_json::Value::Array(items) => {
            let length = items.len();
            // A list of steps is entered by a step's name, or by number from 0.
            let by_name = items.iter().position(|item| item.get(key).is_some());
            if let Some(index) = by_name {
                return Ok(&mut items[index][key]);
            }
            let index: usize = key.parse().map_err(|_| format!("`{key}` is not in this list of {length}"))?;
            items.get_mut(index).ok_or_else(|| format!("there is no item {index} in this list of {length}"))
        }
        serde_json::Value::Object(map) => Ok(map.entry(key).or_insert(serde_json::Value::Null)),
        serde_json::Value::Null => {
            *at = serde_json::json!({});
            descend(at, key)
        }
        _ => Err(format!("`{key}` cannot be set inside a single value")),
    }
}

fn check(recipe: &Recipe, source: &Source) -> Result<(), RecipeError> {
    check_name(recipe, source)?;
    if recipe.sources.is_empty() {
        return Err(source
            .at(&["sources"], "there is no source")
            .with_hint("add at least one, such as `docs: [ { files: { paths: [docs] } } ]`"));
    }
    if !(1..=65_536).contains(&recipe.partitions) {
        let message = format!("partitions is {}, allowed are 1 to 65536", recipe.partitions);
        return Err(source.at(&["partitions"], message));
    }
    if !(1..=99_999).contains(&recipe.shards) {
        return Err(source.at(&["shards"], format!("shards is {}, allowed are 1 to 99999", recipe.shards)));
    }
    for (name, steps) in &recipe.sources {
        check_source(name, steps, source)?;
    }
    for step in &recipe.steps {
        check_step(step, &["steps"], source)?;
    }
    let names = recipe.sources.keys().map(String::as_str);
    recipe.mixture.validate(names.clone()).map_err(|error| {
        let keys = mixture_place(&error.to_string());
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        source.at(&keys, format!("mixture: {error}"))
    })?;
    for example in &recipe.examples {
        if let Some(name) = example.source.as_deref().filter(|name| !recipe.sources.contains_key(*name)) {
            let error = source.at(&["examples", name], format!("the example's source `{name}` is not in the recipe"));
            return Err(match did_you_mean(name, names) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    }
    Ok(())
}

/// Where in the file a mixture's fault stands: the word that the message quotes, below `mixture`.
fn mixture_place(message: &str) -> Vec<String> {
    let mut keys = vec!["mixture".to_owned()];
    for key in ["max-epochs", "validation-share"] {
        if message.contains(key) {
            keys.push(key.to_owned());
            return keys;
        }
    }
    keys.extend(message.split('`').nth(1).map(str::to_owned));
    keys
}

fn check_name(recipe: &Recipe, source: &Source) -> Result<(), RecipeError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits =
        |name: &str| !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(allowed);
    if !fits(&recipe.name) {
        let message = format!("`{}` cannot be a name", recipe.name);
        return Err(source
            .at(&["name"], message)
            .with_hint("letters, digits, `-`, `_` and `.`, not first; 100 at most"));
    }
    for name in recipe.sources.keys() {
        if !fits(name) {
            let message = format!("`{name}` cannot be a source's name");
            return Err(source
                .at(&["sources", name], message)
                .with_hint("letters, digits, `-`, `_` and `.`, not first; 100 at most"));
        }
    }
    Ok(())
}

fn check_source(name: &str, steps: &[Step], source: &Source) -> Result<(), RecipeError> {
    let Some(first) = steps.first() else {
        let error = source.at(&["sources", name], format!("the source `{name}` has no steps"));
        return Err(error.with_hint("its first step acquires: `files`, `crates`, `rust-docs` or `crawl`"));
    };
    if first.acquires().is_none() {
        let message = format!("the first step of `{name}` is `{}`, which acquires nothing", first.name());
        let hint = "begin with `files`, `crates`, `rust-docs` or `crawl`";
        return Err(source.at(&["sources", name, first.name()], message).with_hint(hint));
    }
    for (index, step) in steps.iter().enumerate() {
        if index > 0 && step.acquires().is_some() {
            let message = format!("`{}` can only be the first step of a source", step.name());
            let hint = "make it a source of its own";
            return Err(source.at(&["sources", name, step.name()], message).with_hint(hint));
        }
        check_step(step, &["sources", name], source)?;
    }
    Ok(())
}

fn check_step(step: &Step, place: &[&str], source: &Source) -> Result<(), RecipeError> {
    if place == ["steps"] && step.acquires().is_some() {
        let message = format!("`{}` can only be the first step of a source", step.name());
        return Err(source.at(&["steps", step.name()], message).with_hint("move it to `sources`"));
    }
    step.check().map_err(|error| {
        let mut place = place.to_vec();
        place.push(step.name());
        let (message, hint) = match error.to_string().split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (error.to_string(), None),
        };
        // The key that the message names, where it stands below the step.
        let key =
            message.split([' ', '`', ':', ',']).find(|word| word.contains('-') || *word == "seeds").map(str::to_owned);
        let exact = key.as_deref().map(|key| {
            let mut place = place.clone();
            place.push(key);
            source.at(&place, message.clone())
        });
        let error = match exact {
            Some(error) if error.place.is_some() => error,
            _ => source.at(&place, message),
        };
        RecipeError { hint, ..error }
    })
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
