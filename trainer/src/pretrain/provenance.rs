//! `manifest.json` of a checkpoint: records what the model was made from, and links it to its corpus.
//!
//! Invariant: equal corpora, recipes, seeds and versions write equal bytes; it contains no time, host or absolute path
//! except those in the recipe itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use corpusmill_shards::Manifest;
use serde::{Deserialize, Serialize};

use super::differences::Differences;
use super::error::PretrainError;
use super::format_version::parse;
use crate::model::ModelConfig;
use crate::recipe::Recipe;

/// The version of [`Provenance`]; other versions are rejected.
const FORMAT_VERSION: u32 = 2;

/// The file's name.
pub const MANIFEST_FILE: &str = "manifest.json";

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The version of the format; [`Self::read`] rejects every other.
    pub format_version: u32,
    /// The recipe's name.
    pub name: String,
    /// The corpus.
    pub corpus: CorpusEntry,
    /// Number of steps done.
    pub step: u64,
    /// Number of steps of the run.
    pub steps: u64,
    /// Number of tokens read.
    pub tokens: u64,
    /// Number of weights.
    pub parameters: u64,
    /// The content of `config.json`.
    pub config: serde_json::Value,
    /// The seed of the recipe.
    pub seed: u64,
    /// BLAKE3 of each initial weights file, by name; empty for a new model.
    pub initial_weights: BTreeMap<String, String>,
    /// Versions of programs and libraries, by name.
    pub versions: BTreeMap<String, String>,
    /// The recipe of the run, with its defaults.
    pub recipe: serde_json::Value,
}

/// The corpus that a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusEntry {
    /// Its name.
    pub name: String,
    /// `corpus_digest` of its manifest.
    pub digest: String,
    /// BLAKE3 of `tokenizer.json`, in hex.
    pub tokenizer_digest: String,
}

impl Provenance {
    /// The provenance before the first step.
    pub fn new(
        recipe: &Recipe,
        corpus: &Manifest,
        config: &ModelConfig,
        steps: u64,
        initial_weights: BTreeMap<String, String>,
    ) -> Self {
        let versions = [
            ("corpusmill-trainer".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("burn".to_owned(), BURN_VERSION.to_owned()),
        ];
        // The output folder does not affect the results.
        let recipe_as_run = Recipe { output: None, corpus: None, ..recipe.clone() };
        Self {
            format_version: FORMAT_VERSION,
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
            initial_weights,
            versions: versions.into(),
            recipe: serde_json::to_value(recipe_as_run).unwrap_or_default(),
        }
    }

    /// Reads the manifest of a checkpoint.
    ///
    /// # Errors
    /// When it is missing or has another version.
    pub fn read(checkpoint: &Path) -> Result<Self, PretrainError> {
        let path = checkpoint.join(MANIFEST_FILE);
        parse(&path, &fs_err::read_to_string(&path)?, FORMAT_VERSION)
    }

    /// The text of the file after `step` steps of `step_tokens`.
    pub fn text(&self, step: u64, step_tokens: u64) -> String {
        let now = Self { step, tokens: step.saturating_mul(step_tokens), ..self.clone() };
        // Numbers, strings and maps always serialise.
        serde_json::to_string_pretty(&now).unwrap_or_default() + "\n"
    }

    /// Every difference from `other` that affects results: `KEY: OLD in the checkpoint, NEW now`, where `other` is the
    /// checkpoint's.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Differences::default();
        if self.corpus != other.corpus {
            differences.push("corpus", &other.corpus.to_string(), &self.corpus.to_string());
        }
        for key in ["data", "loss", "optimizer", "schedule", "compute", "seed"] {
            differences.compare(key, &other.recipe[key], &self.recipe[key]);
        }
        if self.config != other.config {
            differences.compare("model", &other.recipe["model"], &self.recipe["model"]);
        }
        // Some settings above change the model, too. Without one of them, a file that the recipe names has changed.
        if differences.0.is_empty() {
            differences.compare("config.json", &other.config, &self.config);
        }
        if differences.0.is_empty() && self.initial_weights != other.initial_weights {
            differences.0.push("the initial weights: those of the recipe are not those of the checkpoint".to_owned());
        }
        differences.0
    }
}

impl fmt::Display for CorpusEntry {
    /// The name and the beginning of the digest.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({:.12}…)", self.name, self.digest)
    }
}

/// The version of Burn in this build; a test compares it with Cargo.lock.
pub const BURN_VERSION: &str = "0.22.1";

/// BLAKE3 of each weights file in a Hugging Face folder, by name.
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
    fn burn_version_matches_cargo_lock() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"")));
    }
}
