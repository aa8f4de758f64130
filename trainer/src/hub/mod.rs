//! Checkpoints in and out: the folders of Hugging Face, and GGUF files.
//!
//! A folder holds `config.json`, weights in one or more safetensors files, and what tells how to use them (tokenizer,
//! chat template, generation settings), which is carried over untouched. Invariant: a folder that is written is whole
//! or absent, and loading it gives the bits that were written.

mod dtype;
mod error;
mod export;
mod folder;
pub mod gguf;
mod model;
mod reader;

use std::path::Path;

use burn::tensor::Device;

pub use dtype::WeightType;
pub use error::HubError;
pub use export::{Export, write_weights};
pub use folder::Folder;
pub use model::Model;
pub use reader::Checkpoint;

use crate::model::{Decoder, ModelConfig};

/// Reads the model in a Hugging Face folder: its configuration, and the decoder with its weights as f32.
///
/// # Errors
/// Names the file, and the key or tensor: what is missing, of another shape, of a type that is not read, or unknown to
/// the model.
pub fn load(folder: &Path, device: &Device) -> Result<(ModelConfig, Decoder), HubError> {
    let config = ModelConfig::read(&folder.join("config.json"))?;
    let mut checkpoint = Checkpoint::open(folder)?;
    let decoder = Decoder::load(&config, &mut checkpoint, device)?;
    checkpoint.finish(config.tie_word_embeddings)?;
    Ok((config, decoder))
}

#[cfg(test)]
mod tests;
