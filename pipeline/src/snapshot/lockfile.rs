//! The lockfile of a recipe: the snapshot that each source is pinned to.
//!
//! Read before acquisition, and written after a source was fetched again.
//!
//! Invariant: an unchanged lockfile is not rewritten.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::write_atomically;
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
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| crate::store::with_path(path, &error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the lockfile atomically if it differs from the existing file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        if Self::read(path).is_ok_and(|old| old == *self) && path.exists() {
            return Ok(());
        }
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| crate::store::with_path(path, &error.into()))?;
        bytes.push(b'\n');
        write_atomically(path, &bytes)
    }
}
