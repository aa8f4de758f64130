//! The lockfile of a recipe: the snapshot that each source is pinned to.
//!
//! Read before acquisition, and written after a source was fetched again.
//!
//! The file lies beside the recipe, often under version control, which may change line ends: its digest covers the
//! canonical JSON, not the bytes.
//!
//! Invariant: an unchanged lockfile is not rewritten; a lockfile is used only if its digest is right.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::atomic::write_atomically;
use crate::key::canonical_json;
use crate::{Digest, StoreError};

/// `RECIPE.lock`: the snapshot that each source of a recipe is pinned to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lockfile {
    /// Pinned snapshots, by source.
    pub sources: BTreeMap<String, PinnedSnapshot>,
}

/// A pinned snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedSnapshot {
    /// The snapshot's digest.
    pub snapshot: Digest,
    /// See [`Snapshot::variant`](super::Snapshot::variant).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// See [`Snapshot::revisions`](super::Snapshot::revisions).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
    /// Number of items in the snapshot.
    pub items: u64,
    /// Digest of the acquisition settings: changed settings need a new snapshot.
    pub settings: Digest,
}

impl Lockfile {
    /// Reads a lockfile; a missing file gives an empty one.
    ///
    /// # Errors
    /// When it cannot be read or is not a lockfile.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        match fs_err::read(path) {
            Ok(bytes) => Self::parse(&bytes).map_err(|problem| {
                let hint = "restore it from version control, or delete it: the next run pins every source again";
                StoreError::Damaged { path: path.to_owned(), problem, hint }
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let stated = value.as_object_mut().and_then(|file| file.remove("digest"));
        let stated = stated.as_ref().and_then(Value::as_str).ok_or("the lock file has no digest")?;
        let found = Digest::of(canonical_json(&value).as_bytes()).to_string();
        if found != stated {
            return Err("the lock file was changed after it was written: its digest is another".to_owned());
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// Writes the lockfile atomically if it differs from the existing file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        if Self::read(path).is_ok_and(|old| old == *self) && path.exists() {
            return Ok(());
        }
        let mut value = serde_json::to_value(self).map_err(io::Error::from)?;
        let digest = Digest::of(canonical_json(&value).as_bytes());
        if let Some(file) = value.as_object_mut() {
            file.insert("digest".to_owned(), digest.to_string().into());
        }
        let mut bytes = serde_json::to_vec_pretty(&value).map_err(io::Error::from)?;
        bytes.push(b'\n');
        write_atomically(path, &bytes)
    }
}
