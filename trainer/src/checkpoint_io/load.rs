//! Loads the model of a Hugging Face folder.
//!
//! Invariant: every tensor of the folder is used, and every weight of the model is in the folder and finite.

use std::path::Path;

use burn::tensor::Device;

use super::error::CheckpointError;
use super::finite::FiniteWeights;
use super::safetensors_reader::SafetensorsReader;
use crate::model::{Decoder, ModelConfig};

/// Reads the model in a Hugging Face folder: its configuration, and the decoder with its weights as f32.
///
/// # Errors
/// If a key or tensor is missing or not supported, or a tensor has the wrong shape, is unknown to the model or has a
/// value that is not finite. The error names the file and the key or tensor.
pub fn load(folder: &Path, device: &Device) -> Result<(ModelConfig, Decoder), CheckpointError> {
    let config = ModelConfig::read(&folder.join("config.json"))?;
    let mut checkpoint = SafetensorsReader::open(folder)?;
    let decoder = Decoder::load(&config, &mut FiniteWeights { source: &mut checkpoint, path: folder }, device)?;
    if config.tie_word_embeddings {
        checkpoint.check_tied_head(&[config.vocab_size, config.hidden_size])?;
    }
    checkpoint.check_all_loaded(config.tie_word_embeddings)?;
    Ok((config, decoder))
}
