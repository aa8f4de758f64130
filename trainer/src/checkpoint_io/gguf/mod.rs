//! Reads GGUF versions 2 and 3, the file format of llama.cpp: weights, metadata and tokenizer in one file.
//!
//! `header` reads metadata and tensor infos, `quant` dequantises blocks to f32, `tensor_names` maps Hugging Face tensor
//! names to those of llama.cpp, `config` and `tokenizer` convert the metadata. Invariant: every length or count in the
//! file is checked against the remaining bytes before it is used.
//!
//! Source: `docs/gguf.md` of ggml.

mod config;
mod header;
mod quant;
mod tensor_names;
mod tokenizer;

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use self::header::Header;
use self::quant::GgmlType;
use super::error::CheckpointError;
use super::finite::FiniteWeights;
use crate::model::config::Family;
use crate::model::weights::TensorSource;
use crate::model::{Decoder, ModelConfig};

pub(crate) use header::MAGIC;
pub use tokenizer::TokenizerFiles;

/// An open GGUF file.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: fs_err::File,
    header: Header,
    config: ModelConfig,
    loaded: std::collections::BTreeSet<String>,
}

impl Gguf {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If the file is not GGUF or is damaged, or its version or architecture is not supported.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = fs_err::File::open(path)?;
        let size = file.metadata()?.len();
        let header = header::read(&file, size).map_err(|what| CheckpointError::invalid(path, what))?;
        let mut gguf = Self {
            path: path.to_owned(),
            file,
            // Preliminary: the RoPE divisors are read below.
            config: config::config(&header, None).map_err(|what| CheckpointError::invalid(path, what))?,
            header,
            loaded: std::collections::BTreeSet::new(),
        };
        if let Some(tensor) = gguf.header.tensors.get("rope_freqs.weight") {
            let count = tensor.elements();
            let divisors = gguf.read("rope_freqs.weight", count)?;
            gguf.config =
                config::config(&gguf.header, Some(&divisors)).map_err(|what| CheckpointError::invalid(path, what))?;
        }
        Ok(gguf)
    }

    /// The configuration of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Converts the tokenizer and chat template to files of a Hugging Face folder.
    ///
    /// # Errors
    /// If the kind of tokenizer is not supported.
    pub fn tokenizer(&self) -> Result<TokenizerFiles, CheckpointError> {
        tokenizer::convert(&self.header, &self.config).map_err(|what| CheckpointError::invalid(&self.path, what))
    }

    /// Builds the model.
    ///
    /// # Errors
    /// If a tensor is missing, has the wrong shape, an unsupported type or a value that is not finite, or is not part
    /// of the model; the error names it.
    pub fn decoder(&mut self, device: &Device) -> Result<Decoder, CheckpointError> {
        let (config, path) = (self.config.clone(), self.path.clone());
        let decoder = Decoder::load(&config, &mut FiniteWeights { source: self, path: &path }, device)?;
        let unknown = |name: &&String| !self.loaded.contains(*name) && *name != "rope_freqs.weight";
        let mut tensors: Vec<String> = self.header.tensors.keys().filter(unknown).cloned().collect();
        tensors.truncate(5);
        if tensors.is_empty() {
            return Ok(decoder);
        }
        Err(CheckpointError::Unexpected { path, tensors })
    }

    /// Reads the `count` values of a tensor.
    fn read(&mut self, name: &str, count: usize) -> Result<Vec<f32>, CheckpointError> {
        let missing = || CheckpointError::Missing { path: self.path.clone(), tensor: name.to_owned() };
        let tensor = self.header.tensors.get(name).ok_or_else(missing)?;
        let fault = |found: String| CheckpointError::Invalid {
            path: self.path.clone(),
            what: format!("tensor `{name}` {found}"),
        };
        let kind = GgmlType::of(tensor.kind).ok_or_else(|| {
            let name = GgmlType::unsupported_name(tensor.kind).unwrap_or("unknown");
            fault(format!("has type {name} (ggml type {}); supported are {}", tensor.kind, GgmlType::SUPPORTED))
        })?;
        let bytes =
            kind.bytes(count).ok_or_else(|| fault(format!("has {count} values, not a multiple of the block size")))?;
        let start = self.header.data.checked_add(tensor.offset);
        let start = start.filter(|start| self.header.size.checked_sub(*start).is_some_and(|left| left >= bytes as u64));
        let start = start.ok_or_else(|| fault("extends beyond the file; download it again".to_owned()))?;
        let mut buffer = vec![0; bytes];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut buffer)?;
        Ok(kind.decode(&buffer))
    }
}

impl TensorSource for Gguf {
    type Error = CheckpointError;

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let missing = || CheckpointError::Missing { path: self.path.clone(), tensor: name.to_owned() };
        let theirs = tensor_names::gguf_name(name, self.config.has_post_norms()).ok_or_else(missing)?;
        let tensor = self.header.tensors.get(&theirs);
        let found =
            tensor.ok_or_else(|| CheckpointError::Missing { path: self.path.clone(), tensor: theirs.clone() })?.shape();
        if found != shape {
            let expected = shape.to_vec();
            return Err(CheckpointError::Shape { path: self.path.clone(), tensor: theirs, found, expected });
        }
        let mut values = self.read(&theirs, shape.iter().product())?;
        self.loaded.insert(theirs);
        let permuted = matches!(self.config.family, Family::Llama | Family::Mistral);
        if permuted && (name.contains("q_proj.") || name.contains("k_proj.")) {
            values = tensor_names::unpermute(&values, shape[0], self.config.head_dim);
        }
        if self.config.family.is_gemma() && name.ends_with("norm.weight") {
            // llama.cpp stores norm weights with the offset added.
            for value in &mut values {
                *value -= 1.0;
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
pub(crate) mod tests;
