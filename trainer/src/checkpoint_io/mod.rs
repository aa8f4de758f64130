//! Reads and writes checkpoints: Hugging Face folders and, read-only, GGUF files.
//!
//! A folder contains `config.json`, weights in one or more safetensors files, and companion files (tokenizer, chat
//! template, generation settings), which are copied unchanged. Invariant: a written folder is complete or absent, and
//! loading it restores the written values bit for bit.

mod dtype;
mod error;
mod export;
mod finite;
pub mod gguf;
mod load;
mod loaded_model;
pub(crate) mod model_path;
mod safetensors_reader;
mod staged_folder;

pub use dtype::WeightType;
pub use error::CheckpointError;
pub use export::{ExportOptions, write_weights};
pub use load::load;
pub use loaded_model::LoadedModel;
pub use safetensors_reader::SafetensorsReader;
pub use staged_folder::StagedFolder;
pub(crate) use staged_folder::TEMPORARY_PREFIX;

#[cfg(test)]
mod tests;
