//! Reads the weights of a Hugging Face folder: one safetensors file, or several with an index.
//!
//! Only headers stay in memory; each tensor is read on demand, so peak memory is the model plus one tensor. Invariant:
//! every length in a header is checked against the file size before anything of that size is allocated.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use super::dtype::decode;
use super::error::CheckpointError;
use crate::model::weights::TensorSource;

/// Maximum header size of the safetensors format.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The open weight files of a folder.
#[derive(Debug)]
pub struct SafetensorsReader {
    folder: PathBuf,
    files: Vec<SafetensorsFile>,
    /// File index and header entry of each tensor.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
    loaded: BTreeSet<String>,
}

#[derive(Debug)]
struct SafetensorsFile {
    path: PathBuf,
    file: fs_err::File,
    /// Start of the tensor data, in bytes.
    data_start: u64,
}

/// `model.safetensors.index.json`.
#[derive(Debug, Deserialize)]
struct SafetensorsIndex {
    weight_map: BTreeMap<String, String>,
}

impl SafetensorsReader {
    /// Opens the weights of `folder` and reads their headers. As in transformers, `model.safetensors` comes before an
    /// index, which an earlier save in several files may have left.
    ///
    /// # Errors
    /// If there are no weights, a file of the index is missing, or a header does not match its file.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let (single, index) = (folder.join("model.safetensors"), folder.join("model.safetensors.index.json"));
        let (paths, weight_map) = if single.exists() {
            (vec![single], None)
        } else if index.exists() {
            let text = fs_err::read_to_string(&index)?;
            let parsed: SafetensorsIndex =
                serde_json::from_str(&text).map_err(|error| CheckpointError::invalid(&index, error))?;
            let names: BTreeSet<&String> = parsed.weight_map.values().collect();
            if let Some(outside) = names.iter().find(|name| Path::new(name).components().count() != 1) {
                return Err(CheckpointError::invalid(&index, format!("`{outside}` is not a file of this folder")));
            }
            (names.into_iter().map(|name| folder.join(name)).collect(), Some(parsed.weight_map))
        } else {
            return Err(CheckpointError::NoWeights(folder.to_owned()));
        };
        let mut checkpoint =
            Self { folder: folder.to_owned(), files: Vec::new(), tensors: BTreeMap::new(), loaded: BTreeSet::new() };
        for path in paths {
            checkpoint.add(path)?;
        }
        for name in weight_map.iter().flat_map(BTreeMap::keys) {
            if !checkpoint.tensors.contains_key(name) {
                return Err(CheckpointError::Missing { path: index, tensor: name.clone() });
            }
        }
        Ok(checkpoint)
    }

    /// Checks that the header of one file matches the size of the file, without reading its tensors.
    ///
    /// # Errors
    /// If it does not, or the file cannot be read.
    pub fn check_file(path: &Path) -> Result<(), CheckpointError> {
        let folder = PathBuf::new();
        Self { folder, files: Vec::new(), tensors: BTreeMap::new(), loaded: BTreeSet::new() }.add(path.to_owned())
    }

    fn add(&mut self, path: PathBuf) -> Result<(), CheckpointError> {
        let mut file = fs_err::File::open(&path)?;
        let size = file.metadata()?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| {
            CheckpointError::invalid(&path, "the file ends before its 8-byte header length; it is not complete")
        })?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES || length > size - 8 {
            return Err(CheckpointError::invalid(
                &path,
                format!("the header length {length} exceeds the file; it is damaged or not complete"),
            ));
        }
        let mut header = Vec::new();
        file.by_ref().take(length).read_to_end(&mut header)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| CheckpointError::invalid(&path, error))?;
        let data_start = 8 + length;
        let expected = data_start + metadata.data_len() as u64;
        if expected != size {
            return Err(CheckpointError::invalid(
                &path,
                format!("the file has {size} bytes, but its header requires {expected}; it is damaged or not complete"),
            ));
        }
        let file_index = self.files.len();
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else { continue };
            if self.tensors.insert(name.clone(), (file_index, info.clone())).is_some() {
                return Err(CheckpointError::invalid(&path, format!("tensor `{name}` is also in another file")));
            }
        }
        self.files.push(SafetensorsFile { path, file, data_start });
        Ok(())
    }

    /// Checks that a stored copy of the tied LM head equals the embedding, both of the shape `table`.
    ///
    /// # Errors
    /// If it differs, or one of the two cannot be read.
    pub fn check_tied_head(&mut self, table: &[usize]) -> Result<(), CheckpointError> {
        if self.tensors.contains_key("lm_head.weight")
            && self.tensor("lm_head.weight", table)? != self.tensor("model.embed_tokens.weight", table)?
        {
            return Err(CheckpointError::TiedHead(self.folder.clone()));
        }
        Ok(())
    }

    /// Checks that the model has loaded every tensor of the checkpoint.
    ///
    /// # Errors
    /// If a tensor was not loaded; the error names the first five.
    pub fn check_all_loaded(&self, tied_embeddings: bool) -> Result<(), CheckpointError> {
        // Old checkpoints also store the RoPE tables, which the model computes, and a copy of the tied LM head, which
        // `check_tied_head` compares.
        let redundant =
            |name: &str| name.ends_with(".rotary_emb.inv_freq") || (tied_embeddings && name == "lm_head.weight");
        let mut tensors: Vec<String> =
            self.tensors.keys().filter(|&name| !self.loaded.contains(name) && !redundant(name)).cloned().collect();
        if tensors.is_empty() {
            return Ok(());
        }
        tensors.truncate(5);
        Err(CheckpointError::Unexpected { path: self.folder.clone(), tensors })
    }
}

impl TensorSource for SafetensorsReader {
    type Error = CheckpointError;

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let missing = || CheckpointError::Missing { path: self.folder.clone(), tensor: name.to_owned() };
        let (file_index, info) = self.tensors.get(name).ok_or_else(missing)?;
        let SafetensorsFile { path, file, data_start } = &mut self.files[*file_index];
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(CheckpointError::Shape { path: path.clone(), tensor: name.to_owned(), found, expected });
        }
        let (start, end) = info.data_offsets;
        // The offsets were checked against the file size, so the buffer is not larger than the file.
        let mut bytes = vec![0; end.saturating_sub(start)];
        file.seek(SeekFrom::Start(*data_start + start as u64))?;
        file.read_exact(&mut bytes)?;
        let values = decode(info.dtype, &bytes).ok_or_else(|| CheckpointError::Type {
            path: path.clone(),
            tensor: name.to_owned(),
            found: format!("{:?}", info.dtype),
        })?;
        self.loaded.insert(name.to_owned());
        Ok(values)
    }
}
