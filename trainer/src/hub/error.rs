//! What can be wrong with a checkpoint.

use std::path::{Path, PathBuf};

use crate::model::ConfigError;

/// Why a checkpoint was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The configuration is at fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file is not what its name says.
    #[error("{}: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// There are no weights.
    #[error("{}: no model.safetensors and no model.safetensors.index.json; weights in pytorch_model.bin must first be saved as safetensors", .0.display())]
    NoWeights(PathBuf),
    /// A tensor of the model is not in the checkpoint.
    #[error("{}: tensor `{tensor}` is missing; config.json describes another model than the weights", path.display())]
    Missing {
        /// The folder or file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// Tensors that the model does not have.
    #[error("{}: unexpected tensors {}; config.json describes another model than the weights", path.display(), tensors.join(", "))]
    Unexpected {
        /// The folder or file.
        path: PathBuf,
        /// The first few of them.
        tensors: Vec<String>,
    },
    /// A tensor of another shape.
    #[error("{}: tensor `{tensor}` is {found:?}, but config.json asks for {expected:?}", path.display())]
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
    /// A tensor of a type that is not read.
    #[error("{}: tensor `{tensor}` is of type {found}; F32, F16 and BF16 are read", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// The folder to write stands already.
    #[error("{} exists; remove it, or name another folder", .0.display())]
    Exists(PathBuf),
    /// A tensor could not be copied from the device.
    #[error("tensor `{tensor}` cannot be read from the device: {what}")]
    Device {
        /// The tensor.
        tensor: String,
        /// What the device says.
        what: String,
    },
}

impl HubError {
    /// A file that is not what its name says.
    pub(crate) fn broken(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::Broken { path: path.to_owned(), what: what.to_string() }
    }
}
