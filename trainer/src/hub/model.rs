//! A model with all that belongs to it, from a Hugging Face folder or a GGUF file.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::gguf::{Gguf, TokenizerFiles};
use super::{Export, Folder, HubError};
use crate::model::{Decoder, ModelConfig};

/// A model that was read.
#[derive(Debug)]
pub struct Model {
    /// Its sizes and habits.
    pub config: ModelConfig,
    /// Its weights.
    pub decoder: Decoder,
    origin: Origin,
}

/// Where the files beside the weights are.
#[derive(Debug)]
enum Origin {
    Folder(PathBuf),
    /// The tokenizer inside a GGUF file, or why it cannot be used.
    Gguf(PathBuf, Result<Box<TokenizerFiles>, String>),
}

impl Model {
    /// Reads a Hugging Face folder, or a GGUF file.
    ///
    /// # Errors
    /// As [`super::load`] and [`Gguf::open`].
    pub fn read(path: &Path, device: &Device) -> Result<Self, HubError> {
        if path.is_dir() {
            let (config, decoder) = super::load(path, device)?;
            return Ok(Self { config, decoder, origin: Origin::Folder(path.to_owned()) });
        }
        let mut gguf = Gguf::open(path)?;
        let decoder = gguf.decoder(device)?;
        let tokenizer = gguf.tokenizer().map(Box::new).map_err(|error| error.to_string());
        Ok(Self { config: gguf.config().clone(), decoder, origin: Origin::Gguf(path.to_owned(), tokenizer) })
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// When there is none, or it is of a kind that is not read.
    pub fn tokenizer(&self) -> Result<Tokenizer, HubError> {
        match &self.origin {
            Origin::Gguf(_, Ok(files)) => Ok(files.tokenizer.clone()),
            Origin::Gguf(path, Err(what)) => Err(HubError::broken(path, what)),
            Origin::Folder(folder) => {
                let path = folder.join("tokenizer.json");
                let text = fs_err::read(&path)?;
                Tokenizer::from_bytes(text).map_err(|error| HubError::broken(&path, error))
            }
        }
    }

    /// Why the model comes without its tokenizer, if it does.
    pub fn tokenizer_fault(&self) -> Option<&str> {
        match &self.origin {
            Origin::Gguf(_, Err(what)) => Some(what),
            _ => None,
        }
    }

    /// Tokens that end a text: those of `generation_config.json`, else of `config.json`.
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

    /// Writes the model as a Hugging Face folder; it must be published.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Folder, export: &Export) -> Result<(), HubError> {
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
