//! `manifest.json` of a checkpoint: from what the model was made, so that data and model are one chain.
//!
//! Invariant: equal corpora, recipes, seeds and versions write equal bytes; no time, host or absolute path of this
//! machine is in it beyond what the recipe itself says.

use std::collections::BTreeMap;
use std::path::Path;

use corpusmill_pipeline::shard::Manifest;
use serde::{Deserialize, Serialize};

use super::PretrainError;
use crate::model::ModelConfig;
use crate::recipe::Recipe;

/// The file's name.
pub(super) const FILE: &str = "manifest.json";

/// What a model was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// 1.
    pub format_version: u32,
    /// The recipe's name.
    pub name: String,
    /// The corpus.
    pub corpus: CorpusEntry,
    /// Steps done.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Weights.
    pub parameters: u64,
    /// The content of `config.json`.
    pub config: serde_json::Value,
    /// Decides the first weights.
    pub seed: u64,
    /// The weights that the run began from, by file; empty for a new model.
    pub began_from: BTreeMap<String, String>,
    /// Program or library to version.
    pub versions: BTreeMap<String, String>,
    /// The recipe as it was run, with its defaults.
    pub recipe: serde_json::Value,
}

/// The corpus that a model learnt from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusEntry {
    /// Its name.
    pub name: String,
    /// `corpus_digest` of its manifest.
    pub digest: String,
    /// blake3 of `tokenizer.json`, in hex.
    pub tokenizer_digest: String,
}

impl Provenance {
    /// What is known before the first step.
    pub fn new(
        recipe: &Recipe,
        corpus: &Manifest,
        config: &ModelConfig,
        steps: u64,
        began_from: BTreeMap<String, String>,
    ) -> Self {
        let versions = [
            ("corpusmill-trainer".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("burn".to_owned(), BURN_VERSION.to_owned()),
        ];
        // Where results are put does not change them.
        let recipe_as_run = Recipe { output: None, corpus: None, ..recipe.clone() };
        Self {
            format_version: 1,
            name: recipe.name.clone(),
            corpus: CorpusEntry {
                name: corpus.name.clone(),
                digest: corpus.corpus_digest.clone(),
                tokenizer_digest: corpus.tokenizer.digest.clone(),
            },
            step: 0,
            steps,
            tokens: 0,
            parameters: config.parameters(),
            config: serde_json::to_value(config).unwrap_or_default(),
            seed: recipe.seed,
            began_from,
            versions: versions.into(),
            recipe: serde_json::to_value(recipe_as_run).unwrap_or_default(),
        }
    }

    /// The manifest of a checkpoint.
    ///
    /// # Errors
    /// When it is missing or not one of this version.
    pub fn read(checkpoint: &Path) -> Result<Self, PretrainError> {
        let path = checkpoint.join(FILE);
        let text = fs_err::read_to_string(&path)?;
        serde_json::from_str(&text).map_err(|error| PretrainError::Damaged { path, detail: error.to_string() })
    }

    /// The text of the file after `step` steps of `step_tokens`.
    pub fn text(&self, step: u64, step_tokens: u64) -> String {
        let now = Self { step, tokens: step.saturating_mul(step_tokens), ..self.clone() };
        // Numbers, texts and maps always serialise.
        serde_json::to_string_pretty(&now).unwrap_or_default() + "\n"
    }

    /// The first setting that decides results and differs from those of `other`, in words.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.corpus != other.corpus {
            return Some(format!("it was trained on the corpus {}, not {}", other.corpus.digest, self.corpus.digest));
        }
        if self.config != other.config {
            return Some("its model has other sizes than the recipe's".to_owned());
        }
        if self.began_from != other.began_from {
            return Some("its model began from other weights than the recipe's".to_owned());
        }
        let [own, its] = [&self.recipe, &other.recipe].map(|recipe| {
            let mut recipe = recipe.clone();
            // A run may be made longer.
            if let Some(data) = recipe["data"].as_object_mut() {
                data.retain(|key, _| key != "steps" && key != "tokens" && key != "micro-sequences");
            }
            recipe
        });
        ["data", "loss", "optimizer", "schedule", "compute", "seed"]
            .into_iter()
            .find(|key| own[key] != its[key])
            .map(|key| format!("it was trained with `{key}: {}`, the recipe has `{key}: {}`", its[key], own[key]))
    }
}

/// The version of Burn that this program is built with; a test holds it against Cargo.lock.
pub const BURN_VERSION: &str = "0.22.1";

/// blake3 of each weight file in a Hugging Face folder, by name.
///
/// # Errors
/// When one cannot be read.
pub(super) fn weight_digests(folder: &Path) -> Result<BTreeMap<String, String>, PretrainError> {
    let mut digests = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs_err::File::open(&path)?)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            digests.insert(name, hasher.finalize().to_hex().to_string());
        }
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_version_of_burn_is_the_one_in_the_lock() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"")));
    }
}
