//! Loads a model with its tokenizer and settings from a Hugging Face folder or a GGUF file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;
use tokenizers::Tokenizer;

use super::error::CheckpointError;
use super::export::ExportOptions;
use super::gguf::{Gguf, TokenizerFiles};
use super::load::load;
use super::model_path;
use super::staged_folder::StagedFolder;
use crate::model::{Decoder, ModelConfig};
use crate::tokenizer;

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
    /// When the path is neither, and as [`load`] and [`Gguf::open`].
    pub fn read(path: &Path, device: &Device) -> Result<Self, CheckpointError> {
        model_path::check(path)?;
        if path.is_dir() {
            let (config, decoder) = load(path, device)?;
            return Ok(Self { config, decoder, origin: Origin::Folder(path.to_owned()) });
        }
        let mut gguf = Gguf::open(path)?;
        let decoder = gguf.decoder(device)?;
        let tokenizer = gguf.tokenizer().map(Box::new).map_err(|error| error.to_string());
        Ok(Self { config: gguf.config().clone(), decoder, origin: Origin::Gguf(path.to_owned(), tokenizer) })
    }

    /// The content of `tokenizer.json`, and the path to name in errors about it.
    ///
    /// # Errors
    /// If the tokenizer is missing or not supported.
    pub fn tokenizer_json(&self) -> Result<(PathBuf, String), CheckpointError> {
        match &self.origin {
            Origin::Gguf(path, Ok(files)) => Ok((path.clone(), files.json().to_owned())),
            Origin::Gguf(path, Err(what)) => Err(CheckpointError::invalid(path, what)),
            Origin::Folder(folder) => {
                let path = folder.join("tokenizer.json");
                let text = fs_err::read_to_string(&path)?;
                Ok((path, text))
            }
        }
    }

    /// Reads the tokenizer.
    ///
    /// # Errors
    /// If the tokenizer is missing or not supported.
    pub fn tokenizer(&self) -> Result<Tokenizer, CheckpointError> {
        let (path, text) = self.tokenizer_json()?;
        Ok(tokenizer::parse(&path, &text)?)
    }

    /// The reason why the tokenizer of a GGUF file cannot be used, if there is one.
    pub fn tokenizer_error(&self) -> Option<&str> {
        match &self.origin {
            Origin::Gguf(_, Err(what)) => Some(what),
            _ => None,
        }
    }

    /// Ids of the tokens that end a text, from `generation_config.json` or else `config.json`.
    ///
    /// # Errors
    /// If `generation_config.json` exists and cannot be read.
    pub fn eos(&self) -> Result<Vec<u32>, CheckpointError> {
        let ids = match &self.origin {
            Origin::Folder(folder) => generation_eos(&folder.join("generation_config.json"))?,
            Origin::Gguf(..) => Vec::new(),
        };
        Ok(if ids.is_empty() { self.config.special.eos.clone() } else { ids })
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

/// The `eos_token_id` of a `generation_config.json`; empty if there is no such file or key.
fn generation_eos(path: &Path) -> Result<Vec<u32>, CheckpointError> {
    let text = match fs_err::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let settings: Value = serde_json::from_str(&text).map_err(|error| CheckpointError::invalid(path, error))?;
    if !settings.is_object() {
        return Err(CheckpointError::invalid(path, "it is not a JSON object"));
    }
    let ids = match &settings["eos_token_id"] {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(Value::as_i64).collect(),
        one => one.as_i64().map(|id| vec![id]),
    };
    let what = "`eos_token_id` is neither a token id nor a list of token ids";
    let ids: Vec<i64> = ids.ok_or_else(|| CheckpointError::invalid(path, what))?;
    // As in config.json, a negative id means none.
    Ok(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect())
}
