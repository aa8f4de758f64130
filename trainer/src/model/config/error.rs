//! Errors of a `config.json`.
//!
//! Invariant: every error names the file and, if a key is at fault, the key.

use std::path::PathBuf;

/// Error from reading, validating or writing a `config.json`.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The file is not valid JSON, or a value has the wrong type.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A key is missing, or its value is invalid or not supported.
    #[error("{path}: `{key}`: {what}")]
    Key {
        /// The file, or `model config` for a value that is not from a file.
        path: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and which values are allowed.
        what: String,
    },
}

/// An invalid key, before the name of the file is known.
#[derive(Debug)]
pub(super) struct InvalidKey {
    key: &'static str,
    what: String,
}

impl InvalidKey {
    pub(super) fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }

    pub(super) fn at(self, path: impl Into<String>) -> ConfigError {
        ConfigError::Key { path: path.into(), key: self.key, what: self.what }
    }
}
