//! Reads and writes checkpoints: Hugging Face folders and, read-only, GGUF files.
//!
//! A folder holds `config.json`, weights in one or more safetensors files, and companion files (tokenizer, chat
//! template, generation settings), which are copied unchanged. Invariant: a written folder is complete or absent, and
//! loading it gives the written bits.

mod dtype;
mod error;
mod export;
pub mod gguf;
mod loaded_model;
mod safetensors_reader;
mod staged_folder;

use std::path::Path;

use burn::tensor::Device;

pub use dtype::WeightType;
pub use error::CheckpointError;
pub use export::{ExportOptions, write_weights};
pub use loaded_model::LoadedModel;
pub use safetensors_reader::SafetensorsReader;
pub use staged_folder::StagedFolder;

use crate::model::{Decoder, ModelConfig};

/// Reads the model in a Hugging Face folder: its configuration, and the decoder with its weights as f32.
///
/// # Errors
/// If a key or tensor is missing or not supported, or a tensor has the wrong shape or is unknown to the model. The
/// error names the file and the key or tensor.
pub fn load(folder: &Path, device: &Device) -> Result<(ModelConfig, Decoder), CheckpointError> {
    let config = ModelConfig::read(&folder.join("config.json"))?;
    let mut checkpoint = SafetensorsReader::open(folder)?;
    let decoder = Decoder::load(&config, &mut checkpoint, device)?;
    checkpoint.finish(config.tie_word_embeddings)?;
    Ok((config, decoder))
}

#[cfg(test)]
mod tests;
