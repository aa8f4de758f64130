//! Prepares the model and its batches from a recipe and a corpus.
//!
//! Invariant: every mismatch is detected here, before the first step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use corpusmill_shards::{Corpus, Manifest};

use super::error::PretrainError;
use super::provenance::weight_digests;
use crate::checkpoint_io::{self, model_path};
use crate::data::Prediction;
use crate::gradient::{Pass, compute_type};
use crate::loss::LossSettings;
use crate::model::{Decoder, ModelConfig};
use crate::recipe::{ModelSource, NewModel, Objective, Recipe};

/// A model before its first step.
#[derive(Debug)]
pub(super) struct InitialState {
    /// Its sizes.
    pub(super) config: ModelConfig,
    /// The folder of the initial weights; `None` for a new model.
    pub(super) from: Option<PathBuf>,
    /// BLAKE3 of each initial weights file, by name.
    pub(super) initial_weights: BTreeMap<String, String>,
    /// The objective, with the settings of masking.
    pub(super) prediction: Prediction,
}

impl InitialState {
    /// Determines the model's sizes and checks them against the corpus.
    ///
    /// # Errors
    /// When a file cannot be read, or model and corpus do not match.
    pub(super) fn new(recipe: &Recipe, folder: &Path, corpus: &Corpus) -> Result<Self, PretrainError> {
        let manifest = corpus.manifest();
        check_tokenizer(folder, &manifest.tokenizer.digest)?;
        let from = match &recipe.model {
            ModelSource::From(folder) => {
                model_path::check_folder(folder)?;
                check_tokenizer(folder, &manifest.tokenizer.digest)?;
                Some(folder.clone())
            }
            ModelSource::New(_) | ModelSource::Config(_) => None,
        };
        let vocabulary = manifest.tokenizer.vocabulary_size;
        let mut config = model_config(recipe, vocabulary, manifest.tokenizer.end_of_document)?;
        let begin = begin_token(recipe, manifest)?;
        // An empty prompt then begins with it.
        config.special.bos = config.special.bos.or(begin);
        config.validate()?;
        check_vocabulary(&config, vocabulary)?;
        let initial_weights = from.as_deref().map(weight_digests).transpose()?.unwrap_or_default();
        let prediction = Prediction { begin, ..prediction(recipe, &config, manifest)? };
        Ok(Self { config, from, initial_weights, prediction })
    }

    /// Creates or loads the weights, which require gradients.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn model(&self, seed: u64, device: &Device) -> Result<Decoder, PretrainError> {
        let device = device.clone().autodiff();
        match &self.from {
            Some(folder) => Ok(checkpoint_io::load(folder, &device)?.1),
            None => Ok(Decoder::new(&self.config, seed, &device)?),
        }
    }
}

/// Checks that `tokenizer.json` in `folder` is the tokenizer of the corpus.
///
/// # Errors
/// When the file is missing or has another digest.
pub fn check_tokenizer(folder: &Path, expected: &str) -> Result<(), PretrainError> {
    let path = folder.join("tokenizer.json");
    let found = blake3::hash(&fs_err::read(&path)?).to_hex().to_string();
    if found == expected {
        return Ok(());
    }
    Err(PretrainError::OtherTokenizer { path, found, expected: expected.to_owned() })
}

/// The configuration of the recipe's model; a new one has `vocabulary` token ids, of which `end` ends a document.
///
/// # Errors
/// When a model that the recipe names cannot be read, or its sizes do not fit together.
pub fn model_config(recipe: &Recipe, vocabulary: u32, end: Option<u32>) -> Result<ModelConfig, PretrainError> {
    let config = match &recipe.model {
        ModelSource::New(sizes) => new_config(sizes, recipe, vocabulary, end),
        ModelSource::Config(path) => ModelConfig::read(path)?,
        ModelSource::From(folder) => {
            model_path::check_folder(folder)?;
            ModelConfig::read(&folder.join("config.json"))?
        }
    };
    config.validate()?;
    Ok(config)
}

/// Checks that the model has an embedding for each of the corpus's `vocabulary` token ids.
///
/// # Errors
/// When it has fewer.
pub fn check_vocabulary(config: &ModelConfig, vocabulary: u32) -> Result<(), PretrainError> {
    if config.vocab_size < vocabulary as usize {
        return Err(PretrainError::Vocabulary { model: config.vocab_size, corpus: vocabulary });
    }
    Ok(())
}

/// The configuration of a Llama of these sizes over `vocabulary` token ids, of which `end` ends a document.
pub fn new_config(sizes: &NewModel, recipe: &Recipe, vocabulary: u32, end: Option<u32>) -> ModelConfig {
    let masked = matches!(recipe.data.objective, Objective::Masked(masked) if masked.mask_token.is_none());
    let vocabulary = (vocabulary + u32::from(masked)).next_multiple_of(sizes.vocabulary_multiple) as usize;
    let mut config = ModelConfig::llama(
        vocabulary,
        sizes.hidden_size,
        sizes.layers,
        sizes.heads,
        sizes.key_value_heads.unwrap_or(sizes.heads),
    );
    config.intermediate_size =
        sizes.intermediate_size.unwrap_or_else(|| (sizes.hidden_size * 8 / 3).next_multiple_of(32));
    config.tie_word_embeddings = sizes.tie_embeddings;
    config.rope = crate::model::config::Rope::new(sizes.rope_theta);
    config.max_position_embeddings = recipe.data.sequence_length as usize;
    config.special.eos = end.into_iter().collect();
    config
}

fn prediction(recipe: &Recipe, config: &ModelConfig, manifest: &Manifest) -> Result<Prediction, PretrainError> {
    let vocabulary = manifest.tokenizer.vocabulary_size;
    let last = u32::try_from(config.vocab_size).unwrap_or(u32::MAX).saturating_sub(1);
    let mut mask_token = last;
    if let Objective::Masked(masked) = recipe.data.objective {
        mask_token = masked.mask_token.unwrap_or(last);
        let special = manifest.tokenizer.special_tokens.values().any(|id| *id == mask_token);
        let ends = manifest.tokenizer.end_of_document == Some(mask_token);
        if mask_token > last || ends || (mask_token < vocabulary && !special) {
            return Err(PretrainError::MaskToken { token: mask_token, corpus: vocabulary });
        }
    }
    Ok(Prediction { objective: recipe.data.objective, vocabulary, mask_token, seed: recipe.seed, begin: None })
}

/// The token that begins documents, if the recipe asks for one.
fn begin_token(recipe: &Recipe, manifest: &Manifest) -> Result<Option<u32>, PretrainError> {
    if !recipe.data.begin_documents {
        return Ok(None);
    }
    let end = manifest.tokenizer.end_of_document.ok_or(PretrainError::NoEndOfDocument)?;
    Ok(Some(end))
}

/// Settings of the forward and backward pass for this recipe.
pub(super) fn pass<'a>(recipe: &Recipe, config: &'a ModelConfig) -> Pass<'a> {
    let loss = LossSettings {
        z_loss: recipe.loss.z_loss,
        chunk_tokens: recipe.loss.chunk_tokens,
        softcap: config.logit_softcap,
        compute: compute_type(recipe.compute.precision),
    };
    Pass { config, loss, recompute: recipe.compute.recompute }
}

/// The text of `tokenizer_config.json` for a new model.
pub(super) fn tokenizer_config(manifest: &Manifest, context: u32) -> String {
    let end = manifest.tokenizer.end_of_document;
    let end = manifest.tokenizer.special_tokens.iter().find(|(_, id)| Some(**id) == end).map(|(token, _)| token);
    let mut config = serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
        "model_max_length": context,
    });
    if let Some(end) = end {
        config["eos_token"] = serde_json::json!(end);
    }
    format!("{config:#}\n")
}
