//! Errors from reading and writing checkpoints.

use std::path::{Path, PathBuf};

use crate::model::ConfigError;
use crate::tokenizer::TokenizerError;

/// Error from reading or writing a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder cannot be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The tokenizer cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A path is not a model.
    #[error("`{}` {what}\nhint: {hint}", path.display())]
    NotAModel {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
        /// What to give instead.
        hint: String,
    },
    /// A file is damaged or not supported.
    #[error("{}: {what}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The folder has no weights.
    #[error("{}: found neither model.safetensors nor model.safetensors.index.json; convert pytorch_model.bin to safetensors first", .0.display())]
    NoWeights(PathBuf),
    /// The checkpoint lacks a tensor of the model.
    #[error("{}: tensor `{tensor}` is missing; check that config.json belongs to these weights", path.display())]
    Missing {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// The checkpoint has tensors that the model does not have.
    #[error("{}: unexpected tensors {}; check that config.json belongs to these weights", path.display(), tensors.join(", "))]
    Unexpected {
        /// The folder or file.
        path: PathBuf,
        /// The first five of them.
        tensors: Vec<String>,
    },
    /// A tensor has the wrong shape.
    #[error("{}: tensor `{tensor}` has shape {found:?}, but config.json requires {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The model's shape.
        expected: Vec<usize>,
    },
    /// A tensor has a type that is not supported.
    #[error("{}: tensor `{tensor}` has type {found}; convert it to F32, F16 or BF16", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// The configuration ties the LM head to the embedding, but the checkpoint has another head.
    #[error(
        "{}: config.json has `tie_word_embeddings: true`, but `lm_head.weight` differs from the embedding; set it to false to use this head, as transformers does, or remove the tensor", .0.display()
    )]
    TiedHead(PathBuf),
    /// A weight is NaN or infinite.
    #[error("{}: tensor `{tensor}` has the value {value} at position {position}; a model needs finite weights", path.display())]
    NonFinite {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The first value that is not finite.
        value: f32,
        /// Its position in row-major order, from 0.
        position: usize,
    },
    /// A weight is beyond the range of the type of the written weights.
    #[error("tensor `{tensor}` has the value {value}, which is infinite in {dtype}; use bfloat16 or float32")]
    OutOfRange {
        /// The tensor.
        tensor: String,
        /// The first such value.
        value: f32,
        /// The type, by its name in `config.json`.
        dtype: &'static str,
    },
    /// The output folder already exists.
    #[error("{} already exists; remove it or choose another folder", .0.display())]
    Exists(PathBuf),
    /// A tensor cannot be copied from the device.
    #[error("cannot read tensor `{tensor}` from the device: {what}")]
    Device {
        /// The tensor.
        tensor: String,
        /// The error of the device.
        what: String,
    },
}

impl CheckpointError {
    /// Creates the error of a damaged or unsupported file.
    pub(crate) fn invalid(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::Invalid { path: path.to_owned(), what: what.to_string() }
    }
}
