//! Parses the JSON files of a checkpoint, which have a `format_version`.
//!
//! Invariant: the version is checked first, so that a file of another version is never reported as damaged.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::PretrainError;

/// The key that every version has.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

/// Parses `text`, the content of the file at `path`.
///
/// # Errors
/// When it has another version than `expected`, or is damaged.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str, expected: u32) -> Result<T, PretrainError> {
    let damaged =
        |error: serde_json::Error| PretrainError::Damaged { path: path.to_owned(), detail: error.to_string() };
    let found = serde_json::from_str::<Version>(text).map_err(damaged)?.format_version;
    if found != expected {
        return Err(PretrainError::OtherVersion { path: path.to_owned(), found, expected });
    }
    serde_json::from_str(text).map_err(damaged)
}
