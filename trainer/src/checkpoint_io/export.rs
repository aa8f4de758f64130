//! Writes safetensors: one file, or several of a maximum size with an index.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::json;

use super::dtype::WeightType;
use super::error::CheckpointError;
use super::staged_folder::StagedFolder;
use crate::model::weights::NamedTensor;
use crate::model::{Decoder, ModelConfig};

/// Options for writing a model.
#[derive(Debug, Clone, Copy)]
pub struct ExportOptions {
    /// The type of the weights.
    pub dtype: WeightType,
    /// Maximum bytes of weights per file; a larger tensor gets its own file.
    pub max_shard_bytes: u64,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { dtype: WeightType::F32, max_shard_bytes: 5_000_000_000 }
    }
}

impl ExportOptions {
    /// Writes `config.json`, the weights and, unless copied from `source`, `generation_config.json` into the folder;
    /// copies the tokenizer, chat template and generation settings from `source`.
    ///
    /// # Errors
    /// If a file cannot be written, or a tensor cannot be read from the device.
    pub fn write(
        &self,
        folder: &StagedFolder,
        config: &ModelConfig,
        decoder: &Decoder,
        source: Option<&Path>,
    ) -> Result<(), CheckpointError> {
        config.write(&folder.path().join("config.json"), self.dtype.torch_name())?;
        if let Some(source) = source {
            folder.copy_companions(source)?;
        }
        let generation = folder.path().join("generation_config.json");
        if !generation.exists() {
            let special = &config.special;
            let mut settings = json!({ "_from_model_config": true, "do_sample": false });
            for (key, id) in [("bos_token_id", special.bos), ("pad_token_id", special.pad)] {
                if let Some(id) = id {
                    settings[key] = json!(id);
                }
            }
            if !special.eos.is_empty() {
                settings["eos_token_id"] = json!(special.eos);
            }
            fs_err::write(generation, format!("{settings:#}\n"))?;
        }
        write_weights(folder.path(), &decoder.weights(config), *self)
    }
}

/// Writes `tensors` into `folder`: `model.safetensors`, or `model-00001-of-0000N.safetensors` and the index.
///
/// # Errors
/// If a file cannot be written, a tensor cannot be read from the device, or a weight is beyond the range of the type.
pub fn write_weights(folder: &Path, tensors: &[NamedTensor], export: ExportOptions) -> Result<(), CheckpointError> {
    let shards = split(tensors, export);
    if let [single] = shards.as_slice() {
        return write_file(&folder.join("model.safetensors"), single, export.dtype);
    }
    let mut map = BTreeMap::new();
    let mut total = 0;
    for (index, shard) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", index + 1, shards.len());
        for tensor in *shard {
            map.insert(tensor.name(), name.clone());
            total += size(tensor, export.dtype);
        }
        write_file(&folder.join(&name), shard, export.dtype)?;
    }
    let index = json!({ "metadata": { "total_size": total }, "weight_map": map });
    fs_err::write(folder.join("model.safetensors.index.json"), format!("{index:#}\n"))?;
    Ok(())
}

fn size(tensor: &NamedTensor, dtype: WeightType) -> u64 {
    (tensor.shape().iter().product::<usize>() * dtype.bytes()) as u64
}

/// Splits the tensors, in order, into files of at most the maximum size.
fn split(tensors: &[NamedTensor], export: ExportOptions) -> Vec<&[NamedTensor]> {
    let mut shards = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (index, tensor) in tensors.iter().enumerate() {
        let size = size(tensor, export.dtype);
        if filled > 0 && filled + size > export.max_shard_bytes {
            shards.push(&tensors[start..index]);
            (start, filled) = (index, 0);
        }
        filled += size;
    }
    shards.push(&tensors[start..]);
    shards
}

/// Writes one file, one tensor at a time.
fn write_file(path: &Path, tensors: &[NamedTensor], dtype: WeightType) -> Result<(), CheckpointError> {
    let mut offset = 0;
    let infos = tensors.iter().map(|tensor| {
        let start = offset;
        offset += tensor.shape().iter().product::<usize>() * dtype.bytes();
        let info =
            TensorInfo { dtype: dtype.safetensors(), shape: tensor.shape().to_vec(), data_offsets: (start, offset) };
        (tensor.name().to_owned(), info)
    });
    let infos = infos.collect();
    // transformers rejects files without this key.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(format), infos).map_err(|error| CheckpointError::invalid(path, error))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| CheckpointError::invalid(path, error))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = BufWriter::with_capacity(1 << 20, fs_err::File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors {
        let values =
            tensor.values().map_err(|what| CheckpointError::Device { tensor: tensor.name().to_owned(), what })?;
        if let Some(value) = dtype.overflow(&values) {
            let (tensor, dtype) = (tensor.name().to_owned(), dtype.torch_name());
            return Err(CheckpointError::OutOfRange { tensor, value, dtype });
        }
        file.write_all(&dtype.encode(&values))?;
    }
    file.flush()?;
    Ok(())
}
