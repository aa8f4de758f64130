//! GGUF, the file format of llama.cpp, versions 2 and 3: a model, its settings and its tokenizer in one file.
//!
//! `header` reads settings and the table of tensors, `quant` turns blocks into f32, `names` finds a tensor of Hugging
//! Face among those of llama.cpp, `config` and `tokenizer` translate the rest. Invariant: no length or count of the
//! file is believed before it was compared with what is left of the file.
//!
//! Source: `docs/gguf.md` of ggml.

mod config;
mod header;
mod names;
mod quant;
mod tokenizer;

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use self::header::Header;
use self::quant::BlockType;
use super::HubError;
use crate::model::config::Family;
use crate::model::weights::Weights;
use crate::model::{Decoder, ModelConfig};

pub use tokenizer::TokenizerFiles;

/// An opened GGUF file.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: fs_err::File,
    header: Header,
    config: ModelConfig,
    asked: std::collections::BTreeSet<String>,
}

impl Gguf {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// Names what is wrong: no GGUF, another version, damaged, an architecture that is not supported.
    pub fn open(path: &Path) -> Result<Self, HubError> {
        let file = fs_err::File::open(path)?;
        let size = file.metadata()?.len();
        let header = header::read(&file, size).map_err(|what| HubError::broken(path, what))?;
        let mut gguf = Self {
            path: path.to_owned(),
            file,
            // Stands in until the tensors of the rotation were read.
            config: config::config(&header, None).map_err(|what| HubError::broken(path, what))?,
            header,
            asked: std::collections::BTreeSet::new(),
        };
        if let Some(tensor) = gguf.header.tensors.get("rope_freqs.weight") {
            let count = tensor.elements();
            let divisors = gguf.read("rope_freqs.weight", count)?;
            gguf.config = config::config(&gguf.header, Some(&divisors)).map_err(|what| HubError::broken(path, what))?;
        }
        Ok(gguf)
    }

    /// The configuration of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The tokenizer and chat template, as files of a Hugging Face folder.
    ///
    /// # Errors
    /// When the tokenizer is of a kind that is not translated.
    pub fn tokenizer(&self) -> Result<TokenizerFiles, HubError> {
        tokenizer::files(&self.header, &self.config).map_err(|what| HubError::broken(&self.path, what))
    }

    /// Builds the model.
    ///
    /// # Errors
    /// Names the tensor that is missing, of another shape, of a type that is not read, or unknown to the model.
    pub fn decoder(&mut self, device: &Device) -> Result<Decoder, HubError> {
        let config = self.config.clone();
        let decoder = Decoder::load(&config, self, device)?;
        let known = |name: &str| name == "rope_freqs.weight" || (config.tie_word_embeddings && name == "output.weight");
        let mut tensors: Vec<String> =
            self.header.tensors.keys().filter(|&name| !self.asked.contains(name) && !known(name)).cloned().collect();
        tensors.truncate(5);
        if tensors.is_empty() {
            return Ok(decoder);
        }
        Err(HubError::Unexpected { path: self.path.clone(), tensors })
    }

    /// The `count` values of a tensor.
    fn read(&mut self, name: &str, count: usize) -> Result<Vec<f32>, HubError> {
        let missing = || HubError::Missing { path: self.path.clone(), tensor: name.to_owned() };
        let tensor = self.header.tensors.get(name).ok_or_else(missing)?;
        let fault =
            |found: String| HubError::Broken { path: self.path.clone(), what: format!("tensor `{name}` {found}") };
        let kind = BlockType::of(tensor.kind)
            .ok_or_else(|| fault(format!("is of ggml type {}; {} are read", tensor.kind, BlockType::NAMES)))?;
        let bytes = kind.bytes(count).ok_or_else(|| fault(format!("has {count} values, which is no whole block")))?;
        let start = self.header.data.checked_add(tensor.offset);
        let start = start.filter(|start| self.header.size.checked_sub(*start).is_some_and(|left| left >= bytes as u64));
        let start = start.ok_or_else(|| fault("reaches beyond the file; fetch it again".to_owned()))?;
        let mut buffer = vec![0; bytes];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut buffer)?;
        Ok(kind.decode(&buffer))
    }
}

impl Weights for Gguf {
    type Error = HubError;

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, HubError> {
        let missing = || HubError::Missing { path: self.path.clone(), tensor: name.to_owned() };
        let theirs = names::theirs(name, self.config.has_post_norms()).ok_or_else(missing)?;
        let tensor = self.header.tensors.get(&theirs);
        let found =
            tensor.ok_or_else(|| HubError::Missing { path: self.path.clone(), tensor: theirs.clone() })?.shape();
        if found != shape {
            let expected = shape.to_vec();
            return Err(HubError::Shape { path: self.path.clone(), tensor: theirs, found, expected });
        }
        let mut values = self.read(&theirs, shape.iter().product())?;
        self.asked.insert(theirs);
        let permuted = matches!(self.config.family, Family::Llama | Family::Mistral);
        if permuted && (name.contains("q_proj.") || name.contains("k_proj.")) {
            values = names::unpermuted(&values, shape[0], self.config.head_dim);
        }
        if self.config.family.is_gemma() && name.ends_with("norm.weight") {
            // llama.cpp stores what the elements are multiplied with.
            for value in &mut values {
                *value -= 1.0;
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
