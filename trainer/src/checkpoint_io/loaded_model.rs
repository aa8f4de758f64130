//! Loads a model with its tokenizer and settings from a Hugging Face folder or a GGUF file.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::error::CheckpointError;
use super::export::ExportOptions;
use super::gguf::{Gguf, TokenizerFiles};
use super::load::load;
use super::staged_folder::StagedFolder;
use crate::model::{Decoder, ModelConfig};

/// A loaded model.
#[derive(Debug)]
pub struct LoadedModel {
    /// The configuration.
    pub config: ModelConfig,
    /// The decoder with its weights.
    pub decoder: Decoder,
    origin: Origin,
}

/// The origin of the tokenizer and other companion files.
#[derive(Debug)]
enum Origin {
    Folder(PathBuf),
    /// The path and the tokenizer of a GGUF file, or the reason why the tokenizer cannot be used.
    Gguf(PathBuf, Result<Box<TokenizerFiles>, String>),
}

impl LoadedModel {
    /// Reads a Hugging Face folder or a GGUF file.
    ///
    /// # Errors
    /// As [`load`] and [`Gguf::open`].
    pub fn read(path: &Path, device: &Device) -> Result<Self, CheckpointError> {
        if path.is_dir() {
            let (config, decoder) = load(path, device)?;
            return Ok(Self { config, decoder, origin: Origin::Folder(path.to_owned()) });
        }
        let mut gguf = Gguf::open(path)?;
        let decoder = gguf.decoder(device)?;
        let tokenizer = gguf.tokenizer().map(Box::new).map_err(|error| error.to_string());
        Ok(Self { config: gguf.config().clone(), decoder, origin: Origin::Gguf(path.to_owned(), tokenizer) })
    }

    /// Reads the tokenizer.
    ///
    /// # Errors
    /// If the tokenizer is missing or not supported.
    pub fn tokenizer(&self) -> Result<Tokenizer, CheckpointError> {
        match &self.origin {
            Origin::Gguf(_, Ok(files)) => Ok(files.tokenizer.clone()),
            Origin::Gguf(path, Err(what)) => Err(CheckpointError::invalid(path, what)),
            Origin::Folder(folder) => {
                let path = folder.join("tokenizer.json");
                let text = fs_err::read(&path)?;
                Tokenizer::from_bytes(text).map_err(|error| CheckpointError::invalid(&path, error))
            }
        }
    }

    /// The reason why the tokenizer of a GGUF file cannot be used, if there is one.
    pub fn tokenizer_error(&self) -> Option<&str> {
        match &self.origin {
            Origin::Gguf(_, Err(what)) => Some(what),
            _ => None,
        }
    }

    /// Ids of the tokens that end a text, from `generation_config.json` or else `config.json`.
    pub fn eos(&self) -> Vec<u32> {
        let Origin::Folder(folder) = &self.origin else { return self.config.special.eos.clone() };
        let text = fs_err::read_to_string(folder.join("generation_config.json")).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let id = |value: &serde_json::Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids: Vec<u32> = match &value["eos_token_id"] {
            serde_json::Value::Array(list) => list.iter().filter_map(id).collect(),
            other => id(other).into_iter().collect(),
        };
        if ids.is_empty() { self.config.special.eos.clone() } else { ids }
    }

    /// Writes the model into a Hugging Face folder; the caller publishes the folder.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &StagedFolder, export: &ExportOptions) -> Result<(), CheckpointError> {
        match &self.origin {
            Origin::Folder(source) => export.write(folder, &self.config, &self.decoder, Some(source)),
            Origin::Gguf(_, tokenizer) => {
                if let Ok(files) = tokenizer {
                    files.write(folder.path())?;
                }
                export.write(folder, &self.config, &self.decoder, None)
            }
        }
    }
}
